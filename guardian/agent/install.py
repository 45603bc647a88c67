"""Installs the agent on a host: a system user, directories with exact modes, a systemd unit. Idempotent, asks nothing.

What somebody changed is left as it is and named. ``root`` other than ``/`` prepares a tree (an image, a package) and
talks to no running system.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from guardian.agent import account
from guardian.agent.installed import Installed, digest, read_record, staged, write_record
from guardian.agent.unit import NAME, UnitOptions, paths_text, unit_text
from guardian.config.loaded import Loaded
from guardian.durable import explained, read_capped, write_atomic
from guardian.errors import NotPermitted
from guardian.i18n import _
from guardian.proc import Command, capture

STATE: Final = account.HOME
CONFIGURATION: Final = Path("/etc/guardian")
UNIT: Final = Path("/etc/systemd/system") / NAME
DROP_IN: Final = UNIT.with_name(f"{NAME}.d") / "50-guardian-paths.conf"
PACKAGED: Final = Path("/usr/lib/systemd/system") / NAME
"""Where a package brings the unit; then none is installed over it."""
_RUNNING_SYSTEMD: Final = Path("/run/systemd/system")
_MAX_FILE: Final = 1 << 20

Action = Literal["made", "changed", "same", "kept", "removed", "skipped"]
"""``changed``: brought up to date. ``kept``: somebody else's change, left alone. ``skipped``: cannot be done here."""


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done, or with a dry run would be. ``detail`` is its mode, its owner or a command."""

    what: Literal["user", "directory", "file", "service"]
    name: str
    action: Action
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """How to install. ``writable``: directories the agent writes besides its state (:func:`writable_paths`).

    ``with_unit`` False leaves the unit to somebody else, a Debian package for example.
    """

    program: Path
    user: str = "guardian"
    root: Path = Path("/")
    config: Path = CONFIGURATION / "guardian.yaml"
    writable: tuple[Path, ...] = ()
    with_unit: bool = True
    dry_run: bool = False


def writable_paths(loaded: Loaded, root: Path = Path("/")) -> tuple[Path, ...]:
    """What an agent with this configuration writes outside its default state directory, each once.

    A configuration in a staging tree is read as it will be in force: as if ``root`` were ``/``.
    """
    textfile = loaded.config.agent.metrics.textfile
    wanted = [
        loaded.state_dir if loaded.config.state_dir else STATE,
        loaded.scratch_dir,
        loaded.resolve(textfile).parent if textfile else None,
        *(repository.path for repository in loaded.repositories()),
    ]
    final = (Path("/") / path.relative_to(root) if path.is_relative_to(root) else path for path in wanted if path)
    return tuple(path for path in dict.fromkeys(final) if not path.is_relative_to(STATE))


def install(options: InstallOptions) -> tuple[Done, ...]:
    """Install, or with a dry run say what that would do. Raises NotPermitted, ToolFailed, Unavailable, UsageError."""
    account.check_name(options.user)
    files = _files(options)  # first: a path that cannot stand in a unit stops us before anything was made
    may_change(options.root, dry_run=options.dry_run)
    return tuple(_Installation(options, read_record(options.root)).run(files))


def may_change(root: Path, *, dry_run: bool) -> None:
    """Raises NotPermitted when this user cannot install on this host."""
    if root == Path("/") and os.geteuid() != 0 and not dry_run:
        raise NotPermitted(_("only root can install or remove the agent"), _("Run it with sudo, or try --dry-run."))


def tell_systemd(root: Path, *argv: str) -> bool:
    """Run systemctl where a systemd runs that this is for; whether it did. Its own failure is no obstacle."""
    if root != Path("/") or not _RUNNING_SYSTEMD.is_dir():
        return False
    return capture(Command(("systemctl", *argv)), seconds=360.0).returncode == 0


def _files(options: InstallOptions) -> dict[Path, bytes]:
    unit = unit_text(UnitOptions(options.program, options.config, options.user))
    ours = options.with_unit and not staged(options.root, PACKAGED).exists()
    files = {UNIT: unit.encode()} if ours else {}
    if options.writable:
        files[DROP_IN] = paths_text(options.config, options.writable).encode()
    return files


@dataclass(slots=True)
class _Installation:
    options: InstallOptions
    record: Installed
    owner: account.Owner | None = None
    made: list[str] = field(default_factory=list)

    def run(self, files: dict[Path, bytes]) -> Iterator[Done]:
        """Step by step; the record is brought up to date after each that made something."""
        yield self._user()
        group = f"root:{self.options.user}"
        yield self._directory(CONFIGURATION, 0o750, group)
        yield self._directory(CONFIGURATION / "secrets", 0o750, group)
        yield self._directory(STATE, 0o700, f"{self.options.user}:{self.options.user}")
        yield from self._configuration()
        for path, content in files.items():
            yield self._file(path, content)
        changed = files and any(str(path) in self.made for path in files)
        if changed and not self.options.dry_run:
            told = tell_systemd(self.options.root, "daemon-reload")
            yield Done("service", NAME, "changed" if told else "skipped", "systemctl daemon-reload")

    def _remember(self, **changes: object) -> None:
        if not self.options.dry_run:
            self.record = self.record.model_copy(update=changes)
            write_record(self.options.root, self.record)

    def _user(self) -> Done:
        root, name = self.options.root, self.options.user
        self.owner = account.look_up(root, name)
        if self.owner is not None:
            return Done("user", name, "same")
        if root != Path("/") and not account.can_make(root):
            return Done("user", name, "skipped", _("no accounts below {root}").format(root=root))
        if not self.options.dry_run:
            self.owner = account.make(root, name)
            self.record = self.record.model_copy(update={"user": name})  # on disk with the first directory
        return Done("user", name, "made")

    def _directory(self, path: Path, mode: int, owner: str) -> Done:
        place, detail = staged(self.options.root, path), f"{mode:04o} {owner}"
        if place.is_symlink():
            return Done("directory", str(path), "kept", str(place.readlink()))
        there = place.is_dir()
        uid = 0 if owner.startswith("root:") else self.owner.uid if self.owner else None
        right = there and self._is_right(place, mode, uid)
        if right or self.options.dry_run:
            return Done("directory", str(path), "same" if right else "changed" if there else "made", detail)
        with explained(place, writing=True):
            if not there:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.mkdir(mode=0o700)
            if self.owner is not None and uid is not None:
                _give(place, uid, self.owner.gid, deep=path == STATE)
            place.chmod(mode)
        directories = self.record.directories
        self._remember(directories=directories if there else (*directories, str(path)))
        return Done("directory", str(path), "changed" if there else "made", detail)

    def _configuration(self) -> Iterator[Done]:
        """Let the agent's group read the configuration that root wrote for itself alone; its content is not ours."""
        place = staged(self.options.root, self.options.config)
        if self.owner is None or not place.is_file() or place.is_symlink():
            return
        found = place.stat()
        right = found.st_gid == self.owner.gid and found.st_mode & 0o040
        private = found.st_uid == 0 and found.st_mode & 0o7777 == 0o600
        if private and not self.options.dry_run:
            with explained(place, writing=True):
                os.chown(place, 0, self.owner.gid, follow_symlinks=False)
                place.chmod(0o640)
        action: Action = "changed" if private else "same" if right else "kept"
        yield Done("file", str(self.options.config), action, f"0640 root:{self.options.user}" if private else "")

    def _is_right(self, place: Path, mode: int, uid: int | None) -> bool:
        found = place.stat()
        if found.st_mode & 0o7777 != mode:
            return False
        return self.owner is None or uid is None or (found.st_uid, found.st_gid) == (uid, self.owner.gid)

    def _file(self, path: Path, content: bytes) -> Done:
        place, known = staged(self.options.root, path), self.record.files.get(str(path))
        action: Action = "made"
        if place.is_symlink():
            return Done("file", str(path), "kept", str(place.readlink()))
        if place.exists():
            found = digest(read_capped(place, _MAX_FILE))
            action = "same" if found == digest(content) else "changed" if found == known else "kept"
        if action == "same" and known is None:
            self._remember(files={**self.record.files, str(path): digest(content)})
        if action in {"made", "changed"}:
            self.made.append(str(path))
            if not self.options.dry_run:
                with explained(place, writing=True):
                    place.parent.mkdir(parents=True, exist_ok=True)
                # On record first: a crash in between leaves a file that is still known for ours.
                self._remember(files={**self.record.files, str(path): digest(content)})
                write_atomic(place, content, mode=0o644)
        return Done("file", str(path), action, "0644 root:root")


def _give(place: Path, uid: int, gid: int, *, deep: bool) -> None:
    """Make ``place`` somebody's, and with ``deep`` all that is in it; links are not followed. Raises OSError."""
    found = place.stat()
    if (found.st_uid, found.st_gid) == (uid, gid):
        return
    if deep:
        for _folder, folders, names, fd in os.fwalk(place, follow_symlinks=False):
            for name in (*folders, *names):
                os.chown(name, uid, gid, dir_fd=fd, follow_symlinks=False)
    os.chown(place, uid, gid, follow_symlinks=False)
