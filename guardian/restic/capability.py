"""Finds out, once for each program file, what a restic can do."""

import hashlib
from pathlib import Path

from guardian.errors import ToolMissing
from guardian.i18n import _
from guardian.proc import Command, Stop, capture
from guardian.restic.versions import OLDEST, Capability, able, read_version

_known: dict[tuple[str, int, int], Capability] = {}


def probe(program: Path, *, stop: Stop | None = None) -> Capability:
    """Ask ``program`` for its version; the answer is kept for as long as the file does not change.

    Raises ToolMissing when it is older than 0.14 or does not answer as restic does.
    """
    try:
        status = program.stat()
    except OSError as error:
        raise ToolMissing(_("cannot read {path}: {why}").format(path=program, why=error.strerror), _hint()) from error
    key = (str(program), status.st_mtime_ns, status.st_size)
    if key not in _known:
        _known[key] = _ask(program, stop)
    return _known[key]


def fingerprint(program: Path) -> str:
    """SHA-256 of the program file, in hexadecimal."""
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ask(program: Path, stop: Stop | None) -> Capability:
    said = capture(Command((str(program), "version")), limit_bytes=4096, stop=stop)
    text = said.stdout.decode("utf-8", "backslashreplace").strip()
    version = read_version(text)
    if said.returncode != 0 or version is None:
        first = next(iter((text or "\n".join(said.stderr)).splitlines()), "")[:80]
        raise ToolMissing(_("{path} does not answer as restic does: {said}").format(path=program, said=first), _hint())
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ToolMissing(
            _("{path} is too old: {said}; version {oldest} or newer is needed").format(
                path=program, said=text[:80], oldest=oldest
            ),
            _hint(),
        )
    return able(program, version)


def _hint() -> str:
    return _("On Debian: apt install restic.")


__all__ = ["Capability", "fingerprint", "probe"]
