"""A real MariaDB server in a private directory, on a private socket and, where asked, a port of loopback."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

SERVER = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
INSTALL = shutil.which("mariadb-install-db")
MISSING = "" if SERVER and INSTALL else "MariaDB's server is not installed"


class MariadbServer:
    """Started with :meth:`start`, stopped by its own process; its data are gone afterwards. ``root`` has no password.

    As root it runs as ``nobody``: its directory lies in the system's temporary directory, where that user can go.
    """

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="guardian-mariadb-"))
        self.data = self.folder / "data"
        self.socket = self.folder / "s"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        prefix: tuple[str, ...] = ()
        if os.geteuid() == 0:
            os.chown(self.folder, 65534, 65534)
            prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
        self.folder.chmod(0o755)
        self._prefix = prefix

    def __enter__(self) -> Self:
        try:
            self._install()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _install(self) -> None:
        assert INSTALL
        self._run(
            *self._prefix, INSTALL, "--no-defaults", f"--datadir={self.data}", "--force", "--skip-name-resolve",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M",
            f"--tmpdir={self.folder}",  # names in the system's one are made of process ids, which others have too
        )  # fmt: skip

    def start(self, port: int = 0) -> None:
        assert SERVER
        network = (f"--port={port}", "--bind-address=127.0.0.1") if port else ("--skip-networking",)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self._prefix, SERVER, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                    f"--tmpdir={self.folder}",
                    f"--pid-file={self.folder}/pid", *network, "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--skip-log-bin", *self._options,
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text("utf-8", "replace")[-3000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        if self._process:
            self._process.wait()
            self._process = None

    def sql(self, text: str | bytes, *, database: str = "", check: bool = True) -> str:
        """What the client answers, tabs between fields."""
        data = text.encode() if isinstance(text, str) else text
        arguments = [*self._client(), *([database] if database else [])]
        done = subprocess.run(arguments, input=data, capture_output=True, check=False, timeout=120)
        if check and done.returncode:
            raise AssertionError(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "backslashreplace")

    def session(self) -> "subprocess.Popen[bytes]":
        """A client to speak with by its pipes; close its input to end it."""
        pipe = subprocess.PIPE
        return subprocess.Popen([*self._client(), "--unbuffered"], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def _client(self) -> list[str]:
        words = ["--default-character-set=utf8mb4", "--batch", "--skip-column-names", "--binary-mode"]
        return ["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", *words]

    @property
    def dsn(self) -> bytes:
        """As a source's secret."""
        return f"socket={self.socket}\nuser=root\n".encode()

    def _run(self, *argv: str) -> None:
        done = subprocess.run(argv, capture_output=True, check=False, timeout=120, cwd="/")
        if done.returncode:
            raise AssertionError(done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace"))
