"""Sources: what is protected, and how it leaves the host whole.

Every kind prepares one of two jobs: :class:`FilesJob` (restic reads paths) or :class:`StreamJob` (Guardian
pumps what a producer says, and knows its digest). :func:`prepare` chooses by the kind of the specification.
"""

from guardian.sources.job import FilesJob, Job, SourceContext, SourceFailed, StreamJob
from guardian.sources.prepare import prepare

__all__ = ["FilesJob", "Job", "SourceContext", "SourceFailed", "StreamJob", "prepare"]
