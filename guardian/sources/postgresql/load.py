"""From the archive into the scratch server: roles, then each database by pg_restore.

An entry is taken out while the one before it is being loaded: pg_restore needs a file it can seek in. Directories that
the dump's programs can write to are never written to by us, so that nothing in a dump can lead us elsewhere.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guardian.durable import explained
from guardian.errors import ToolFailed, Unavailable
from guardian.i18n import _
from guardian.model.protection import PostgresqlSource
from guardian.model.reason import Reason, reason
from guardian.proc import Streams
from guardian.scratch import remove
from guardian.sources.answers import capped, short
from guardian.sources.archive import ArchiveReader
from guardian.sources.postgresql.dump import TRAILER
from guardian.sources.postgresql.scratch import HOME, ScratchServer
from guardian.sources.postgresql.session import Refused, words
from guardian.sources.servant import servant

_TAIL = 4096
_WRITABLE = "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
_TABLESPACES = re.compile(
    rb"(CREATE|ALTER|COMMENT ON|SECURITY LABEL .* ON|(GRANT|REVOKE) .* ON) TABLESPACE ", re.DOTALL
)
_ENCODING = re.compile(r"[A-Za-z0-9_]{1,40}")
_LACKING = (
    (re.compile(r'extension "?([^"]+)"? is not available|could not open extension control file'), "extension"),
    (re.compile(r'could not access file "([^"]+)"|could not load library'), "library"),
    (re.compile(r"could not create locale|invalid locale name|collation .* does not exist"), "locale"),
)
"""What a scratch server may lack that the real one had: then nothing is known about the dump."""


@dataclass(slots=True)
class Loader:
    """Takes entries out of ``archive`` into ``folder`` and loads them into ``server``."""

    archive: ArchiveReader
    folder: Path
    spec: PostgresqlSource
    heed: Callable[[], None]
    seconds: float
    taken: int = field(default=0, init=False)

    _reader: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        user = servant()
        self._reader = None if user.uid == os.geteuid() else user.gid
        self._make(self.folder)

    def fetch(self, number: int, names: tuple[str, ...]) -> Path:
        """The dump of one database as a file or a directory for pg_restore: ``names`` are its entries, in order."""
        target = self.folder / str(number)
        if len(names) == 1 and names[0].endswith(".dump"):
            self._take(names[0], target)
            return target
        self._make(target)
        for name in names:
            self._take(name, target / name.rsplit("/", 1)[1])
        return target

    def _make(self, folder: Path) -> None:
        with explained(folder, writing=True):
            folder.mkdir(mode=0o700)
            self._share(folder, 0o750)

    def _share(self, path: Path, mode: int) -> None:
        """Let the servant read it, and nobody write to it."""
        if self._reader is not None:
            os.chown(path, -1, self._reader)
            path.chmod(mode)

    def _take(self, name: str, target: Path) -> None:
        with explained(target, writing=True), target.open("xb") as file:
            for chunk in self.archive.chunks(name):
                self.heed()
                file.write(chunk)
                self.taken += len(chunk)
        self._share(target, 0o640)

    # loading

    def load_globals(self, server: ScratchServer, script: bytes) -> list[Reason]:
        """Make the roles. Tablespaces are left out: they would lead out of the scratch directory."""
        if TRAILER not in script[-_TAIL:]:
            return [reason("globals-cut")]
        kept = b"".join(line for line in script.splitlines(keepends=True) if not _TABLESPACES.match(line))
        file = self.folder / "globals"
        with explained(file, writing=True):
            file.write_bytes(kept)
        self._share(file, 0o640)
        argv = (server.programs.psql, "-X", "-q", "-w", "-f", str(file), f"--dbname={server.conninfo(HOME)}")
        finished = server.run(argv, self.seconds)
        errors = [line for line in finished.stderr if "ERROR:" in line]
        if finished.returncode != 0 and not errors:
            errors = [words(finished.stderr)]
        found = (reason("globals-error", "warning", error=short(_bare(line))) for line in errors)
        return list(capped(found, "globals-errors-more"))

    def make_roles(self, server: ScratchServer, roles: object) -> None:
        """Make the roles by name alone, where they are not in the backup: what is loaded refers to them as owners."""
        names = [name for name in roles if isinstance(name, str)] if isinstance(roles, list) else []
        with server.session(HOME, self.seconds) as session:
            for name in names[:10_000]:
                quoted = name.replace('"', '""')
                session.do(f'create role "{quoted}"')

    def load(self, server: ScratchServer, database: str, dump: Path, about: Mapping[str, Any]) -> list[Reason]:
        """Load one database; what is wrong with its dump, as reasons. The dump is removed.

        Raises Unavailable when this host lacks what the dump needs.
        """
        try:
            if found := self._not_of(server, database, dump):
                return [found]
            finished = server.run(self._restore(server, HOME, dump, "--create"), self.seconds)
            if finished.returncode == 0:
                return []
            remarks = self._in_plain_locale(server, database, about, finished.stderr)
            if remarks:
                finished = server.run(self._restore(server, database, dump), self.seconds)
            if finished.returncode == 0:
                return remarks
            self._refuse_lacking(finished.stderr, database)
            return [*remarks, reason("restore-failed", database=short(database), error=words(finished.stderr))]
        finally:
            remove(dump) if dump.is_dir() else dump.unlink()

    def _restore(self, server: ScratchServer, database: str, dump: Path, *more: str) -> tuple[str, ...]:
        fixed = ("--exit-on-error", "--no-tablespaces", "--no-password", f"--jobs={self.spec.jobs}", *more)
        conninfo = server.conninfo(database, options=_WRITABLE)
        return (server.programs.pg_restore, *fixed, f"--dbname={conninfo}", str(dump))

    def _not_of(self, server: ScratchServer, database: str, dump: Path) -> Reason | None:
        """What the dump's own list of contents says against it."""
        kept = bytearray()
        argv = (server.programs.pg_restore, "--list", str(dump))
        finished = server.run(argv, self.seconds, Streams(stdout=lambda chunk: kept.extend(chunk[: 8192 - len(kept)])))
        if finished.returncode != 0:
            return reason("restore-failed", database=short(database), error=words(finished.stderr))
        said = re.search(rb"^;\s+dbname: (.*)$", bytes(kept), re.MULTILINE)
        found = said[1].decode("utf-8", "surrogateescape") if said else None
        if found is not None and found != re.sub(r"[\r\n]", " ", database):
            return reason("dump-of-another-database", expected=short(database), found=short(found))
        return None

    def _in_plain_locale(
        self, server: ScratchServer, database: str, about: Mapping[str, Any], stderr: tuple[str, ...]
    ) -> list[Reason]:
        """Make the database without the locale that this host lacks; nothing when that was not the trouble."""
        text = " ".join(stderr)
        encoding = str(about.get("encoding"))
        if "CREATE DATABASE" not in text or not _LACKING[2][0].search(text) or not _ENCODING.fullmatch(encoding):
            return []
        quoted = database.replace('"', '""')
        sql = f"create database \"{quoted}\" template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
        try:
            with server.session(HOME, self.seconds) as session:
                session.do(sql)
        except Refused as error:
            raise ToolFailed(_("the scratch server refused a database: {why}").format(why=error)) from error
        return [reason("locale-missing", "warning", database=short(database), locale=short(about.get("collate", "")))]

    def _refuse_lacking(self, stderr: tuple[str, ...], database: str) -> None:
        text = " ".join(stderr)
        for pattern, what in _LACKING:
            if pattern.search(text):
                raise Unavailable(
                    _("this host lacks what {database} needs ({what}): {why}").format(
                        database=database, what=what, why=words(stderr)
                    ),
                    _("Install the same extensions and locales as on the server that was dumped."),
                )


def _bare(line: str) -> str:
    return re.sub(r"^.*?ERROR:\s*", "", line)
