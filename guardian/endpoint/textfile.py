"""The metrics as a file that node_exporter's textfile collector reads."""

from pathlib import Path

from guardian.durable import write_atomic
from guardian.endpoint.exposition import Exposition
from guardian.errors import GuardianError
from guardian.model.reason import Reason, reason


def write_textfile(path: Path, exposition: Exposition) -> Reason | None:
    """Put the text at ``path`` in one step, readable by everybody; None, or why it could not be written.

    What is there stays when it cannot: ``guardian_agent_status_timestamp_seconds`` tells how old it is.
    """
    if path.suffix != ".prom":
        return reason("metrics-textfile-failed", "warning", path=str(path), error="not .prom")
    try:
        write_atomic(path, exposition.text(), mode=0o644)
    except (GuardianError, FileExistsError) as error:
        return reason("metrics-textfile-failed", "warning", path=str(path), error=str(error))
    return None
