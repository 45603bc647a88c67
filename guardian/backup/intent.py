"""What is about to be done, written down first: so that a run cut off at any instant is found at the next start.

An intent is a small file in ``state/runs/<repository>/``. It is there from before restic starts until the run's
statement is in the log. Whoever holds the repository's lease and still finds one knows that its run died.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from guardian import durable
from guardian.model.border import Stated

_MAX_BYTES = 1 << 16


class Intent(Stated):
    """One run that has begun."""

    run_id: str
    system: str
    source: str
    repository: str
    started: str


def declare(folder: Path, intent: Intent) -> None:
    """Put ``intent`` on disk. From now on the run is found, whatever happens to this process."""
    durable.private_dir(folder)
    durable.write_new(_path(folder, intent), intent.model_dump_json().encode())


def settle(folder: Path, intent: Intent) -> None:
    """The log knows what became of ``intent``."""
    _path(folder, intent).unlink(missing_ok=True)


def pending(folder: Path) -> tuple[Intent, ...]:
    """Runs that never came to an end, oldest first. Only with the repository's lease in hand."""
    if not folder.is_dir():
        return ()
    durable.sweep(folder)
    return _read(folder, forget=True)


def peek(folder: Path) -> tuple[Intent, ...]:
    """What :func:`pending` finds, without the lease and without changing anything: a run may be under way."""
    return _read(folder, forget=False) if folder.is_dir() else ()


def _read(folder: Path, *, forget: bool) -> tuple[Intent, ...]:
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(Intent.model_validate(json.loads(durable.read_capped(path, _MAX_BYTES))))
        except FileNotFoundError:
            continue  # settled meanwhile
        except (ValueError, ValidationError):
            if forget:
                path.unlink(missing_ok=True)  # not ours: intents are written whole or not at all
    return tuple(sorted(found, key=lambda intent: intent.started))


def _path(folder: Path, intent: Intent) -> Path:
    return folder / f"{intent.run_id}.json"
