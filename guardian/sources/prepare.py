"""From the specification of a source to its job."""

from typing import assert_never

from guardian.model.protection import (
    CommandSource,
    FilesSource,
    MysqlSource,
    PostgresqlSource,
    SourceSpec,
    SqliteSource,
)
from guardian.sources import files
from guardian.sources.command import CommandJob
from guardian.sources.job import Job, SourceContext
from guardian.sources.mysql.dump import MysqlJob
from guardian.sources.postgresql.dump import PostgresqlJob
from guardian.sources.sqlite import SqliteJob


def prepare(spec: SourceSpec, context: SourceContext) -> Job:
    """The job of ``spec``, with everything checked that can be checked before it starts.

    Raises :class:`~guardian.sources.job.SourceFailed` when the source is not there or not what it should be.
    """
    match spec:
        case FilesSource():
            return files.prepare(spec)
        case SqliteSource():
            return SqliteJob(spec, context)
        case CommandSource():
            return CommandJob(spec, context)
        case MysqlSource():
            return MysqlJob(spec, context)
        case PostgresqlSource():
            return PostgresqlJob(spec, context)
    assert_never(spec)
