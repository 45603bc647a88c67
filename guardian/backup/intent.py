"""What is about to be done, written down first: so that a run cut off at any instant is found at the next start.

An intent is a small file in ``state/runs/<repository>/``. It is there from before restic starts until the run's
statement is in the log. Whoever holds the repository's lease and still finds one knows that its run died.

A run that lived to its end, but whose restic may not have, leaves its intent under another name: ``.recorded`` when
the log knows the run, ``.unrecorded`` when the log could not take it.
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
    slot: str | None = None


def declare(folder: Path, intent: Intent) -> None:
    """Put ``intent`` on disk. From now on the run is found, whatever happens to this process."""
    durable.private_dir(folder)
    durable.write_new(_path(folder, intent), intent.model_dump_json().encode())


def watch(folder: Path, intent: Intent) -> None:
    """Put on disk that restic is about to lock the repository for something else than a backup.

    Whatever happens to this process, the next run on the repository looks for the lock; :func:`settle` ends that.
    """
    durable.private_dir(folder)
    durable.write_new(_path(folder, intent).with_suffix(".recorded"), intent.model_dump_json().encode())


def settle(folder: Path, intent: Intent) -> None:
    """The log knows what became of ``intent``."""
    for suffix in (".json", ".recorded", ".unrecorded"):
        _path(folder, intent).with_suffix(suffix).unlink(missing_ok=True)


def leave(folder: Path, intent: Intent, *, recorded: bool) -> None:
    """The run is over, but restic's locks or a snapshot without a receipt may be left: the next run looks for them."""
    path = _path(folder, intent)
    for suffix in (".json", ".unrecorded"):
        try:
            path.with_suffix(suffix).rename(path.with_suffix(".recorded" if recorded else ".unrecorded"))
        except FileNotFoundError:
            continue  # never declared, so that nothing can be left; or left already


def left(folder: Path, *, recorded: bool) -> tuple[Intent, ...]:
    """The runs that :func:`leave` left, oldest first. Only with the repository's lease in hand."""
    return _read(folder, forget=True, suffix=".recorded" if recorded else ".unrecorded")


def pending(folder: Path) -> tuple[Intent, ...]:
    """Runs that never came to an end, oldest first. Only with the repository's lease in hand."""
    if not folder.is_dir():
        return ()
    durable.sweep(folder)
    return _read(folder, forget=True)


def peek(folder: Path) -> tuple[Intent, ...]:
    """What :func:`pending` finds, without the lease and without changing anything: a run may be under way."""
    return _read(folder, forget=False) if folder.is_dir() else ()


def _read(folder: Path, *, forget: bool, suffix: str = ".json") -> tuple[Intent, ...]:
    found = []
    for path in sorted(folder.glob(f"*{suffix}")):
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
