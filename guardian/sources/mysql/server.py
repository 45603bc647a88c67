"""A scratch server: made, used once and thrown away. Nothing in it is private from whoever may enter its directory.

It runs as a servant that owns nothing else, as do the clients that speak with it; it has no network where the system
lets us take it away, listens on a socket in its own directory only, and reads no option file.
What is loaded into it is hostile until proven otherwise: no file can be read or written by SQL (``secure_file_priv`` is
an empty directory, ``local_infile`` is off), no plugin or function of a library can be loaded (``plugin_dir`` is empty
too), no event runs.
"""

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from guardian.errors import Interrupted, Stalled, ToolFailed
from guardian.i18n import _
from guardian.model.protection import MysqlSource
from guardian.proc import Command, Limits, run
from guardian.proc.service import Service
from guardian.sources.mysql.programs import CLIENT, INSTALL, SERVER, find
from guardian.sources.mysql.session import Login, Refused, first_field
from guardian.sources.proof import ProofContext
from guardian.sources.servant import Servant, servant, without_network

START_SECONDS = 120.0
_POLL = 0.05
_GRACE = 0.2
"""Its data are thrown away: it need not shut down."""

_SOCKET = "mysql.sock"
_HARDENED = (
    f"--socket={_SOCKET}",
    "--skip-networking",
    "--local-infile=0",
    "--event-scheduler=OFF",  # DISABLED would refuse to load events
    "--skip-symbolic-links",
    "--skip-log-bin",
    "--skip-slave-start",
    "--character-set-server=utf8mb4",
)
_QUICK = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=64M",
    "--max-allowed-packet=1G",
)
_LOOSE = (
    "--loose-sync-frm=0",
    "--loose-skip-mysqlx",
    "--loose-performance-schema=OFF",
    "--loose-innodb-buffer-pool-dump-at-shutdown=0",
)


class ScratchServer:
    """Use it as a context manager: it runs inside, and is gone afterwards, with its directory.

    Entering raises ToolMissing when there is no server to run, ToolFailed with its last words when it will not start,
    Interrupted.
    """

    def __init__(self, spec: MysqlSource, context: ProofContext) -> None:
        """``context.folder`` gets one new directory. ``version`` is what the server says it is, once it runs."""
        self._spec, self._context = spec, context
        self._folder = context.folder / "mysql"
        self._servant: Servant = servant()
        self._isolation = without_network()
        self._service: Service | None = None
        self.version = ""
        self._client = find(CLIENT, spec.programs, "default-mysql-client")
        self._program = find(SERVER, spec.programs, "default-mysql-server")

    def __enter__(self) -> Self:
        """Install and start it."""
        self._make_folders()
        self._install()
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it. Its directory goes with ``context.folder``."""
        if self._service is not None:
            self._service.stop()

    @property
    def login(self) -> Login:
        """The way to it."""
        words = (f"--socket={_SOCKET}", "--user=root")
        return Login(self._client, words=words, cwd=self._folder / "data", prefix=self._servant.prefix)

    @property
    def isolated(self) -> bool:
        """Whether it is in a network name space of its own."""
        return bool(self._isolation)

    def look(self) -> None:
        """Raise ToolFailed when it has ended."""
        if self._service is not None and self._service.returncode is not None:
            raise self._failed(_("the scratch server ended in the middle"), self._service.last_lines(3))

    def _make_folders(self) -> None:
        self._folder.mkdir(mode=0o700)
        for name in ("data", "tmp", "files", "plugins"):
            (self._folder / name).mkdir(mode=0o700)
        if os.geteuid() == 0:
            for path in (*self._folder.iterdir(), self._folder):
                os.chown(path, self._servant.uid, self._servant.gid)

    def _options(self) -> tuple[str, ...]:
        return ("--no-defaults", f"--datadir={self._folder / 'data'}", f"--tmpdir={self._folder / 'tmp'}")

    def _install(self) -> None:
        if self._program.mariadb:
            install = find(INSTALL, self._spec.programs, "default-mysql-server")
            words = (
                "--force",  # no name of this host need be known to anybody
                "--skip-name-resolve",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                "--innodb-log-file-size=64M",
            )
            argv = (*self._servant.prefix, install.path, *self._options(), *words)
        else:
            argv = (*self._servant.prefix, self._program.path, *self._options(), "--initialize-insecure")
        limits = Limits(stall_seconds=None, total_seconds=START_SECONDS, grace_seconds=2.0, linger_seconds=1.0)
        finished = run(
            Command(argv, cwd=self._folder / "data"), limits=limits, stop=self._context.stop, clock=self._context.clock
        )
        if finished.interrupted:
            raise Interrupted(_("interrupted"))
        if finished.overran:
            raise Stalled(_("no scratch server could be made within {seconds:g} seconds").format(seconds=START_SECONDS))
        if not finished.ok or not (self._folder / "data" / "mysql").is_dir():
            raise self._failed(_("no scratch server could be made"), finished.stderr[-3:])

    def _start(self) -> None:
        hardened = (
            *_HARDENED,
            f"--secure-file-priv={self._folder / 'files'}",
            f"--plugin-dir={self._folder / 'plugins'}",
            f"--pid-file={self._folder / 'pid'}",
        )
        command = Command(
            (
                *self._isolation,
                *self._servant.prefix,
                self._program.path,
                *self._options(),
                *hardened,
                *_QUICK,
                *_LOOSE,
            ),
            cwd=self._folder / "data",
        )
        # Its log lies in our folder, not in the servant's: what it does there cannot lead us elsewhere.
        log = self._context.folder / "mysql.log"
        self._service = Service.start(command, log, grace=_GRACE, clock=self._context.clock)
        try:
            self._wait_until_ready()
        except BaseException:
            self._service.stop()
            raise

    def _wait_until_ready(self) -> None:
        assert self._service is not None  # noqa: S101  only called once it is started
        clock = self._context.clock
        deadline = clock.monotonic() + START_SECONDS
        why = ""
        while clock.monotonic() < deadline:
            if self._context.stop.requested:
                raise Interrupted(_("interrupted"))
            if self._service.returncode is not None:
                raise self._failed(_("the scratch server did not start"), self._service.last_lines(3))
            if (self._folder / "data" / _SOCKET).exists():
                try:
                    self.version = self._ask_version()
                except Refused as refused:
                    why = str(refused)
                else:
                    return
            clock.sleep(_POLL)
        raise self._failed(_("the scratch server did not start"), (why, *self._service.last_lines(3)))

    def _ask_version(self) -> str:
        return first_field(self.login, ["select version()"], self._context.stop, self._context.clock, 60.0) or ""

    def _failed(self, message: str, lines: Iterable[str]) -> ToolFailed:
        last = " / ".join(line for line in lines if line)
        return ToolFailed(
            f"{message}: {last}" if last else message,
            _("Its program is {program}; another can be named in the source's programs.").format(
                program=self._program.path
            ),
        )
