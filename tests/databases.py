"""Real database servers for tests: private directories, private sockets, stopped by their own handles."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp


def postgres_bin() -> Path | None:
    """Where the newest installed PostgreSQL server's programs are."""
    found = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


_INITDB = "-D data -U postgres -A scram-sha-256 --pwfile=password --no-sync -E UTF8 --locale=C.UTF-8"


@dataclass(slots=True)
class PostgresServer:
    """A server that listens on a Unix socket only. Superuser ``postgres`` with ``password``, by scram."""

    folder: Path
    bin: Path
    process: "subprocess.Popen[bytes] | None" = None
    password: str = "s3cret:with\\odd 'signs"
    port: int = 5432

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    def as_servant(self) -> dict[str, object]:
        """PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def create(self) -> None:
        self.socket.mkdir(parents=True)
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.folder, self.socket, secret):
                shutil.chown(path, "nobody")
        subprocess.run(
            [self.bin / "initdb", *_INITDB.split()],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **self.as_servant(),  # type: ignore[call-overload]
        )

    def start(self, *more: str) -> None:
        """Start it; ``more`` are settings, ``name=value``."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.socket}", "fsync=off"]
        settings += ["dynamic_shared_memory_type=mmap", "max_connections=60", "log_statement=all"]
        settings += [f"port={self.port}", *more]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", "data", *(word for each in settings for word in ("-c", each))],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self.as_servant(),  # type: ignore[call-overload]
            )
        for _attempt in range(300):
            if self.sql("select 1", check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def sql(
        self, *statements: str, database: str = "postgres", check: bool = True
    ) -> "subprocess.CompletedProcess[bytes]":
        words = [word for statement in statements for word in ("-c", statement)]
        where = ("-h", self.socket, "-p", str(self.port), "-U", "postgres", "-d", f"dbname='{_escaped(database)}'")
        done = subprocess.run(
            [self.bin / "psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", *where, *words],
            env={"PGPASSWORD": self.password, "PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def dsn(self, user: str = "postgres", password: str | None = None, **more: str) -> str:
        settings = {
            "host": str(self.socket),
            "port": str(self.port),
            "user": user,
            "password": password or self.password,
            **more,
        }
        return " ".join(f"{name}='{value}'" for name, value in ((n, _escaped(v)) for n, v in settings.items()))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server in a directory of its own, gone afterwards. Socket paths are short: /tmp, not tmp_path."""
    found = postgres_bin()
    assert found is not None, "no PostgreSQL server is installed"
    folder = Path(mkdtemp(prefix="pg-", dir="/tmp"))
    server = PostgresServer(folder, found)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
