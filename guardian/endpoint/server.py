"""Serves a site: one thread, no program started, no client waited for longer than a few seconds.

An event loop and not a thread for each client: who connects and says nothing, or reads a byte a minute, holds a
descriptor until its time is up and nothing else.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guardian import telemetry
from guardian.config.metrics import is_loopback
from guardian.endpoint.access import Access, read_access
from guardian.endpoint.client import Client, Limits
from guardian.endpoint.site import Site
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.reason import Reason, reason

MAX_CONNECTIONS: Final = 256
HANDSHAKE_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 10.0
"""How often a port that somebody else has, or a file that is wrong, is tried again."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to serve, and by which rules. Port 0 is any free one. ``insecure`` allows plain HTTP beyond loopback."""

    host: str
    port: int
    web_config: Path | None = None
    insecure: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MetricsServer:
    """The endpoint of one site. What keeps it from serving is a :attr:`problem`, tried again, never an exception."""

    def __init__(self, listen: Listen, site: Site) -> None:
        self.listen = listen
        self.site = site
        self.problem: Reason | None = None
        self.port: int | None = None
        """The port that is listened on, None while there is none."""
        self.limits = Limits()
        self._access: Access | None = None
        self._tried = threading.Event()
        self._wake: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to serve; returns once the port was tried for the first time."""
        self._thread.start()
        self._tried.wait(10.0)

    def stop(self) -> None:
        """Stop serving; the port is free afterwards. Answers that are on their way are cut off."""
        try:
            self._wake()
        except RuntimeError:
            pass  # it has ended by itself
        self._thread.join(10.0)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  the agent goes on without metrics, and says so
            self._failed(type(error).__name__)
            telemetry.log("metrics").info("the metrics endpoint ended", exc_info=error)
        finally:
            self.port = None
            self._tried.set()

    async def _serve(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(stop.set)
        loop.set_exception_handler(lambda _loop, context: telemetry.log("metrics").debug("%s", context["message"]))
        text, users = ThreadPoolExecutor(1, "metrics-text"), ThreadPoolExecutor(1, "metrics-users")
        self.limits.text, self.limits.users = text, users
        try:
            while not stop.is_set():
                listener = self._open()
                self._tried.set()
                if listener is None:
                    await _pause(stop, RETRY_SECONDS)
                    continue
                with listener:
                    await self._accept(listener, stop)
        finally:
            text.shutdown(wait=False, cancel_futures=True)
            users.shutdown(wait=False, cancel_futures=True)

    def _open(self) -> socket.socket | None:
        """The listening socket, or None and the problem."""
        try:
            self._admit_by()
            listener = _listener(self.listen.host, self.listen.port)
        except ConfigError as error:
            self._failed(error.message)
        except OSError as error:
            self._failed(error.strerror or str(error))
        else:
            self.problem, self.port = None, listener.getsockname()[1]
            return listener
        return None

    def _failed(self, why: str) -> None:
        self.problem = reason("metrics-not-served", "warning", address=str(self.listen), error=why[:500])

    def _admit_by(self) -> Access:
        """The rules in force, read anew when their files have changed. Raises ConfigError when they are wrong."""
        if self._access is None or self._access.stale():
            access = read_access(self.listen.web_config) if self.listen.web_config else Access()
            if access.tls is None and not self.listen.insecure and not is_loopback(self.listen.host):
                raise ConfigError(_("metrics would be open to the network without TLS"))
            self._access = access
        return self._access

    async def _accept(self, listener: socket.socket, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.ensure_future(stop.wait())
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                accepting = asyncio.ensure_future(loop.sock_accept(listener))
                await asyncio.wait({accepting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not accepting.done():
                    accepting.cancel()
                    break
                try:
                    connection, _peer = accepting.result()
                except OSError:
                    await _pause(stop, 0.1)  # out of descriptors, or a client that was gone at once
                    continue
                self._begin(connection, tasks)
        finally:
            stopped.cancel()
            for task in tasks:
                task.cancel()
            for client in tuple(self.limits.open):
                client.abort()

    def _begin(self, connection: socket.socket, tasks: set[asyncio.Task[None]]) -> None:
        """Take a new connection in, or turn it away."""
        if len(self.limits.open) >= MAX_CONNECTIONS:
            self._turn_away(connection)
            return
        try:
            access = self._admit_by()
        except ConfigError as error:
            # A file that went wrong while we serve: who may ask is not known any more, so nobody may.
            self._failed(error.message)
            self._turn_away(connection)
            return
        self.problem = None
        client = Client(self.site, access, self.limits)
        self.limits.open.add(client)
        task = asyncio.ensure_future(self._shake_hands(connection, access, client))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _shake_hands(self, connection: socket.socket, access: Access, client: Client) -> None:
        times: dict[str, Any] = {
            "ssl": access.tls,
            "ssl_handshake_timeout": HANDSHAKE_SECONDS,
            "ssl_shutdown_timeout": 1.0,
        }
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: client, connection, **(times if access.tls else {}))
        except (OSError, asyncio.CancelledError):  # no TLS, a bad certificate, too slow; TimeoutError is an OSError
            self.limits.open.discard(client)
            self._turn_away(connection)

    def _turn_away(self, connection: socket.socket) -> None:
        self.site.refused += 1
        connection.close()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        pass


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host`` and ``port``; ``::`` takes IPv4 as well. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        if host != "::":
            raise
        host, listener = "0.0.0.0", socket.socket(socket.AF_INET, socket.SOCK_STREAM)  # noqa: S104  asked for
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(MAX_CONNECTIONS)
    except BaseException:
        listener.close()
        raise
    return listener
