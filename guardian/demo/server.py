"""SeaweedFS, a real S3 server in one program, on loopback for as long as we want it.

Only the S3 port asks for a signature. The ports behind it are SeaweedFS's own, bound to loopback: whoever has an
account on this machine can reach them. Good for trying and testing; a real storage stands on a machine of its own.
"""

import json
import os
import re
import secrets
import shutil
import socket
import sysconfig
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from guardian.clock import Clock, SystemClock
from guardian.durable import private_dir, read_capped, write_atomic
from guardian.errors import GuardianError, StorageUnreachable, ToolFailed, ToolMissing
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.model.secret import Secret
from guardian.objectstore.reach import reach
from guardian.objectstore.s3 import S3Store
from guardian.proc.command import Command
from guardian.proc.service import Service

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_STATUS_SECONDS = 5.0
_STATUS_BYTES = 1 << 20
# Its own graceful end waits a fixed 15 s for its own open streams. What it acknowledged is with the kernel by then, so
# that being killed loses nothing; the tests hold it to that.
_GRACE_SECONDS = 0.5
_VOLUME_MB = 256
_SOCKETS = Path("/tmp")  # noqa: S108  where SeaweedFS puts them, whatever TMPDIR says
_SERVICES = ("master", "volume", "filer", "s3")
_PORTS = 2 * len(_SERVICES)
# Below the ports that the kernel hands out to clients: one of those would come and go.
_FIRST_PORT = 20000
_PORT_SPAN = 12000
_PLAIN = re.compile(r"[A-Za-z0-9]{16,128}")


@dataclass(frozen=True, slots=True)
class _Ports:
    """One port for requests and one for gRPC for each of SeaweedFS's four services."""

    http: dict[str, int]
    grpc: dict[str, int]

    @classmethod
    def of(cls, numbers: list[int]) -> Self:
        """Eight ``numbers`` in their order."""
        half = len(_SERVICES)
        return cls(dict(zip(_SERVICES, numbers[:half], strict=True)), dict(zip(_SERVICES, numbers[half:], strict=True)))

    @classmethod
    def choose(cls, path: Path) -> Self:
        """The ports noted in ``path`` if they are free, so that the address lasts; otherwise new ones, noted there."""
        with suppress(OSError, GuardianError, ValueError, TypeError, OverflowError):
            noted = [int(number) for number in json.loads(read_capped(path, 1024))]
            ports = cls.of(noted)
            if _all_free(noted):
                return ports
        while not _all_free(numbers := [_FIRST_PORT + secrets.randbelow(_PORT_SPAN) for _service in range(_PORTS)]):
            pass
        write_atomic(path, json.dumps(numbers).encode())
        return cls.of(numbers)

    def sockets(self) -> list[Path]:
        """The Unix sockets that SeaweedFS makes beside its gRPC ports and often leaves behind."""
        return [_SOCKETS / f"seaweedfs-{name}-grpc-{port}.sock" for name, port in self.grpc.items()]


class SeaweedFS:
    """A running server whose data stay in one directory: started there again, it has them and its keys again.

    Use it as a context manager, or stop it. It dies with its owner.
    """

    def __init__(self, service: Service, ports: _Ports, keys: tuple[str, Secret]) -> None:
        """See :meth:`start`."""
        self._service = service
        self._ports = ports
        self.access_key, self.secret = keys

    @classmethod
    def start(cls, directory: Path, *, timeout: float = _START_SECONDS, clock: Clock | None = None) -> Self:
        """Start a server over ``directory`` (made with mode 0700) and wait until it answers a signed request.

        Raises ToolMissing when the program is not installed, ToolFailed with the last lines of its log when it ends or
        does not answer within ``timeout`` seconds.
        """
        clock = clock or SystemClock()
        program = find_weed()
        private_dir(directory / "data")
        identities, keys = _identities(directory)
        ports = _Ports.choose(directory / "ports.json")
        command = Command(argv=_argv(program, directory, ports, identities), cwd=directory)
        service = Service.start(command, directory / "server.log", grace=_GRACE_SECONDS, clock=clock)
        server = cls(service, ports, keys)
        try:
            server._wait_until_ready(clock.monotonic() + timeout, clock)
        except BaseException:
            server.stop()
            raise
        return server

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._ports.http['s3']}"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._service.pid

    @property
    def credentials(self) -> dict[str, Secret]:
        """The keys, as S3Store and a credentials file have them."""
        return {"AWS_ACCESS_KEY_ID": Secret(self.access_key.encode()), "AWS_SECRET_ACCESS_KEY": self.secret}

    def address(self, bucket: str, prefix: str = "") -> S3Address:
        """A place on this server."""
        return S3Address("http", "127.0.0.1", self._ports.http["s3"], bucket, prefix)

    def credentials_file(self, path: Path) -> Path:
        """Write the keys to ``path`` (mode 0600) as lines NAME=value, the form that ``credentials: file:`` names."""
        lines = [name.encode() + b"=" + secret.reveal() + b"\n" for name, secret in self.credentials.items()]
        write_atomic(path, b"".join(lines))
        return path

    def stop(self) -> None:
        """End it, and take away the sockets that it leaves in /tmp. May be called again."""
        self._service.stop()
        for path in self._ports.sockets():
            with suppress(OSError):
                path.unlink()

    def _wait_until_ready(self, deadline: float, clock: Clock) -> None:
        address = self.address("guardian-ready")
        while True:
            left = deadline - clock.monotonic()
            if self._service.returncode is not None:
                raise self._failed(_("the S3 server ended at once"))
            if left <= 0:
                raise self._failed(_("the S3 server did not become ready"))
            try:
                reach(address, timeout=left, clock=clock)
                with S3Store(address, self.credentials) as store:
                    store.check()
                if self._has_volumes():
                    return
            except StorageUnreachable:
                pass
            clock.sleep(_POLL_SECONDS)

    def _has_volumes(self) -> bool:
        """Whether the part that holds the data has reported to the part that finds it.

        The S3 port answers earlier; what was stored before would come back as an internal error until then.
        """
        connection = HTTPConnection("127.0.0.1", self._ports.http["master"], timeout=_STATUS_SECONDS)
        try:
            connection.request("GET", "/dir/status")
            status = json.loads(connection.getresponse().read(_STATUS_BYTES))
            return bool(status["Topology"]["DataCenters"])
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            return False
        finally:
            connection.close()

    def _failed(self, message: str) -> GuardianError:
        last = self._service.last_lines(8)
        why = f"{message}: {' / '.join(last)}" if last else message
        return ToolFailed(why, _("The whole log is {path}.").format(path=self._service.log_path))


def _all_free(numbers: list[int]) -> bool:
    """Whether the ports are free now; held together while they are looked at, so that no two are the same."""
    try:
        with ExitStack() as held:
            for number in numbers:
                listener = held.enter_context(socket.socket())
                # As servers do: connections of the last run that still fade away are not in the way.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", number))
                listener.listen()
    except OSError:
        return False
    return True


def find_weed() -> Path:
    """The ``weed`` program: the one installed beside this Python, else the one in PATH. Raises ToolMissing."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    if os.access(beside, os.X_OK):
        return beside
    if found := shutil.which("weed"):
        return Path(found)
    raise ToolMissing(
        _("program not found: {program}").format(program="weed"),
        _("Install Guardian with its demonstration part: pip install 'guardian-dr[demo]'."),
    )


def _argv(program: Path, directory: Path, ports: _Ports, identities: Path) -> tuple[str, ...]:
    addresses = [f"-{name}.port={port}" for name, port in ports.http.items()]
    # Unless told, a gRPC port is the HTTP port + 10000, which may be taken or above 65535.
    addresses += [f"-{name}.port.grpc={port}" for name, port in ports.grpc.items()]
    return (
        str(program),
        "-logtostderr=true",
        "server",
        f"-dir={directory / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *addresses,
        "-filer",
        "-s3",
        f"-s3.config={identities}",
        # In its working directory: a socket's whole path may have 107 bytes, and a directory's may have more.
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        # A bucket that nobody made must stay a fault: restic would otherwise back up into a fresh one without a lock.
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-filer.disableDirListing=true",
        "-filer.exposeDirectoryData=false",
        "-master.telemetry=false",
        # Alone, it elects itself; with the usual ten seconds every later start would wait for them.
        "-master.electionTimeout=1s",
        "-master.heartbeatInterval=100ms",
        "-master.volumePreallocate=false",
        f"-master.volumeSizeLimitMB={_VOLUME_MB}",
        "-volume.max=0",
        "-volume.preStopSeconds=0",
    )


def _identities(directory: Path) -> tuple[Path, tuple[str, Secret]]:
    """The file with the one identity that may do everything, made at the first start, and its keys."""
    path = directory / "identities.json"
    if not path.exists():
        # Letters and digits only: the secret passes through files with lines NAME=value.
        identity = {
            "name": "guardian",
            "credentials": [{"accessKey": secrets.token_hex(10), "secretKey": secrets.token_hex(32)}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_atomic(path, json.dumps({"identities": [identity]}).encode())
    try:
        pair = json.loads(read_capped(path, 65536))["identities"][0]["credentials"][0]
        access_key, secret = pair["accessKey"], pair["secretKey"]
        if not (_PLAIN.fullmatch(access_key) and _PLAIN.fullmatch(secret)):
            raise ValueError
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ToolFailed(
            _("cannot read the S3 server's identities in {path}").format(path=path),
            _("Remove the file: new keys are made at the next start."),
        ) from error
    return path, (access_key, Secret(secret.encode()))
