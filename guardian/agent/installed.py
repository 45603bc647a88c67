"""What an installation made, on record, so that its removal takes exactly that away.

The record lies where only root writes: the agent's own user could otherwise choose what root removes.
"""

import hashlib
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from guardian.durable import read_capped, write_atomic
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.border import Stated

RECORD: Final = Path("/etc/guardian/installed.json")
_MAX_BYTES: Final = 64 * 1024


class Installed(Stated):
    """What was made: a user, directories (outermost first), files by path with the SHA-256 of what was written."""

    schema_: str = Field("guardian.installed/v1", alias="schema", serialization_alias="schema")
    user: str | None = None
    directories: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)


def read_record(root: Path) -> Installed:
    """What is on record; nothing where there is no record. Raises ConfigError for a record that cannot be read."""
    path = staged(root, RECORD)
    try:
        return Installed.model_validate_json(read_capped(path, _MAX_BYTES))
    except FileNotFoundError:
        return Installed()
    except ValidationError:
        raise ConfigError(
            _("{path} is no record of an installation").format(path=path),
            _("Remove it by hand; what was installed is then to be removed by hand too."),
        ) from None


def write_record(root: Path, record: Installed) -> None:
    """Put ``record`` on disk. Raises what :func:`guardian.durable.write_atomic` raises."""
    write_atomic(staged(root, RECORD), record.model_dump_json(by_alias=True, indent=2).encode() + b"\n", mode=0o644)


def staged(root: Path, path: Path) -> Path:
    """The absolute ``path`` as it lies below ``root``."""
    return root / path.relative_to("/")


def digest(data: bytes) -> str:
    """The SHA-256 that files are known by."""
    return hashlib.sha256(data).hexdigest()
