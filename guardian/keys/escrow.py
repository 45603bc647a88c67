"""Handing sheets out as files: one holder's medium each, never two on one disk, nothing overwritten.

A disk is what holds the whole device a directory lies on: two partitions of it are one disk. Directories on a file
system in memory (tmpfs) count as a disk each, so that the procedure can be tried without a pocket full of media; what
lies there is gone when the machine is switched off, and whoever writes there is told.
"""

import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guardian.durable import explained, sync_folder, write_new
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.keys.sheet import Sheet, html, text

_MEMORY = {"tmpfs", "ramfs"}
_SYS = Path("/sys/dev/block")
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Place:
    """A directory for one holder's sheets. ``disk`` is ``major:minor`` of a whole device, None in memory."""

    path: Path
    disk: str | None


def look(path: Path) -> Place:
    """Where ``path`` really lies. Raises UsageError when it is no directory, Unavailable."""
    try:
        with explained(path):
            status = path.stat()
    except FileNotFoundError as error:
        raise UsageError(_("{path} does not exist").format(path=path), _("Mount the holder's medium there.")) from error
    if not stat.S_ISDIR(status.st_mode):
        raise UsageError(_("{path} is not a directory").format(path=path), _("Mount the holder's medium there."))
    device = status.st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    return Place(path, None if _kind(number) in _MEMORY else _whole(number))


def _kind(number: str) -> str:
    """The type of the file system on device ``number``; empty when nobody says (``man 5 proc_pid_mountinfo``)."""
    with suppress(OSError):
        for line in _MOUNTS.read_text("utf-8", "surrogateescape").splitlines():
            fields, _dash, rest = line.partition(" - ")
            if fields.split()[2:3] == [number]:
                return rest.split()[0]
    return ""


def _whole(number: str) -> str:
    """The device that ``number`` is a partition of; ``number`` itself when it is none."""
    folder = _SYS / number
    with suppress(OSError):
        if (folder / "partition").exists():
            return (folder.resolve().parent / "dev").read_text("ascii").strip()
    return number


def clash(places: Sequence[Place], beside: Place) -> tuple[Path, Path] | None:
    """Two directories that lie on one disk, of ``places`` or one of them and ``beside``; None when all are apart.

    ``beside`` is where the password itself lies. The same directory named twice clashes, in memory too.
    """
    seen: dict[str | None, Path] = {beside.disk: beside.path} if beside.disk else {}
    folders: set[Path] = {beside.path.resolve()}
    for place in places:
        real = place.path.resolve()
        if real in folders:
            return place.path, place.path
        folders.add(real)
        if place.disk is not None:
            if place.disk in seen:
                return seen[place.disk], place.path
            seen[place.disk] = place.path
    return None


def require_apart(folders: Sequence[Path], state: Path) -> tuple[Place, ...]:
    """The places of ``folders``. Raises UsageError when two of them, or one and ``state``, share a disk."""
    places = tuple(look(folder) for folder in folders)
    if found := clash(places, look(state)):
        raise UsageError(
            _("{first} and {second} lie on one disk").format(first=found[0], second=found[1]),
            _("Shares never lie on one disk, nor beside the password: give each holder a medium of their own."),
        )
    return places


def file_name(sheet: Sheet) -> str:
    """The name of a sheet's files, without the ending."""
    system = re.sub(r"[^A-Za-z0-9._@-]", "_", sheet.repository)
    return f"guardian-share-{system}-{sheet.share.number}-of-{sheet.count}"


def write(sheets: Sequence[Sheet], folders: Sequence[Path]) -> tuple[Path, ...]:
    """Each sheet as .txt and .html into its folder, mode 0600; all of them, or none is left.

    Raises UsageError when one is there already, StorageFull, Unavailable.
    """
    written: list[Path] = []
    try:
        for sheet, folder in zip(sheets, folders, strict=True):
            for ending, content in ((".txt", text(sheet)), (".html", html(sheet))):
                path = folder / (file_name(sheet) + ending)
                write_new(path, content.encode())
                written.append(path)
    except BaseException as error:
        _take_back(written)
        if isinstance(error, FileExistsError):
            raise UsageError(
                _("{path} is there already, and no share is overwritten").format(path=path),
                _("If it belongs to an escrow that was replaced, destroy it first."),
            ) from None
        raise
    return tuple(written)


def _take_back(written: Sequence[Path]) -> None:
    for path in written:
        with suppress(OSError):
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
