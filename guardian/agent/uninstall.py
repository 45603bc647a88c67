"""Removes what an installation made, and nothing else: configuration and state go only when that is said."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.agent import account
from guardian.agent.install import Done, may_change, tell_systemd
from guardian.agent.installed import RECORD, Installed, digest, read_record, staged, write_record
from guardian.agent.unit import NAME
from guardian.durable import explained, read_capped

_MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class UninstallOptions:
    """How to remove. ``purge`` takes configuration, state and keys along: without its keys a backup cannot be read."""

    root: Path = Path("/")
    purge: bool = False
    dry_run: bool = False


def uninstall(options: UninstallOptions) -> tuple[Done, ...]:
    """Remove, or with a dry run say what that would do. Raises NotPermitted, ToolFailed, Unavailable, ConfigError."""
    may_change(options.root, dry_run=options.dry_run)
    return tuple(_Removal(options, read_record(options.root)).run())


@dataclass(slots=True)
class _Removal:
    options: UninstallOptions
    record: Installed

    def run(self) -> Iterator[Done]:
        """The service first, then files, then directories that nothing is in, then the user nothing belongs to."""
        if self.record == Installed():
            return
        root, dry = self.options.root, self.options.dry_run
        if not dry and tell_systemd(root, "disable", "--now", NAME):
            yield Done("service", NAME, "removed", "systemctl disable --now")
        for name, known in self.record.files.items():
            yield self._file(Path(name), known)
        if not dry:
            tell_systemd(root, "daemon-reload")
            staged(root, RECORD).unlink(missing_ok=True)
        kept: set[str] = set()
        for name in reversed(self.record.directories):
            # Where something stays, the record of it stays too, and has to lie somewhere.
            needed = kept and Path(name) == RECORD.parent
            done = Done("directory", name, "kept") if needed else self._directory(Path(name))
            kept |= {name} if done.action == "kept" else set()
            yield done
        yield from self._user(occupied=bool(kept))
        if kept and not dry:
            # A file that somebody changed is theirs from now on; the directories may go with a later purge.
            remain = tuple(name for name in self.record.directories if name in kept)
            write_record(root, self.record.model_copy(update={"files": {}, "directories": remain}))

    def _user(self, *, occupied: bool) -> Iterator[Done]:
        """The account goes last: while something of its own is left, its number must not be given to somebody else."""
        root, user = self.options.root, self.record.user
        if user is not None and not occupied and not self.options.dry_run and account.look_up(root, user) is not None:
            account.remove(root, user)
        if user is not None:
            yield Done("user", user, "kept" if occupied else "removed")

    def _file(self, path: Path, known: str) -> Done:
        place = staged(self.options.root, path)
        if place.is_symlink() or (place.exists() and digest(read_capped(place, _MAX_FILE)) != known):
            return Done("file", str(path), "kept")
        if not self.options.dry_run:
            with explained(place, writing=True):
                place.unlink(missing_ok=True)
                if (
                    place.parent.name.endswith(".service.d")
                    and place.parent.is_dir()
                    and not any(os.scandir(place.parent))
                ):
                    place.parent.rmdir()
        return Done("file", str(path), "removed")

    def _directory(self, path: Path) -> Done:
        place = staged(self.options.root, path)
        if place.is_symlink():
            return Done("directory", str(path), "kept", str(place.readlink()))
        if place.is_dir():
            mine = {staged(self.options.root, RECORD).name, *(Path(d).name for d in self.record.directories)}
            occupied = [entry.name for entry in os.scandir(place) if not (self.options.dry_run and entry.name in mine)]
            if occupied and not self.options.purge:
                return Done("directory", str(path), "kept")
            if not self.options.dry_run:
                with explained(place, writing=True):
                    shutil.rmtree(place)
        return Done("directory", str(path), "removed")
