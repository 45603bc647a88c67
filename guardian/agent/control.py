"""The agent's local socket: who connects is told the host's status as one JSON document, and nothing else.

Only the agent's own user (and root) may connect. Nothing is read from a client, so nothing can be asked of the agent;
one that does not take what it is told within a few seconds is let go.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from guardian import telemetry
from guardian.durable import explained
from guardian.errors import Unavailable
from guardian.i18n import _

NAME: Final = "agent.sock"
_CLIENTS: Final = 8
_SECONDS: Final = 5.0
_MOST: Final = 64 << 20


class Control:
    """Answers on ``folder``/agent.sock until it is closed."""

    def __init__(self, folder: Path, answer: Callable[[], bytes]) -> None:
        """Listen, replacing what a dead agent left. ``answer`` is called in a thread for each client.

        Raises Unavailable when the socket cannot be made. The caller holds the agent's lease.
        """
        self._answer = answer
        self._folder = folder
        self._places = threading.BoundedSemaphore(_CLIENTS)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        path = folder / NAME
        with explained(path, writing=True):
            path.unlink(missing_ok=True)
            with _short(folder) as name:
                # The mode is right from the first moment: nobody else may connect in between.
                before = os.umask(0o177)
                try:
                    self._socket.bind(name)
                finally:
                    os.umask(before)
            self._socket.listen(_CLIENTS)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop answering."""
        self.close()

    def close(self) -> None:
        """Stop answering and remove the socket."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        with suppress(OSError):
            (self._folder / NAME).unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._socket.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                client.close()  # so many wait already; it may ask again
                continue
            threading.Thread(target=self._tell, args=(client,), name="client", daemon=True).start()

    def _tell(self, client: socket.socket) -> None:
        with client:
            try:
                client.settimeout(_SECONDS)
                client.sendall(self._answer())
            except OSError:
                pass  # it went away, or it is slow
            except Exception as fault:  # noqa: BLE001  whoever asks must not end the agent
                telemetry.unexpected(fault)
            finally:
                self._places.release()


def ask(folder: Path) -> bytes | None:
    """What the agent whose state lies in ``folder`` says; None when none answers there.

    Raises Unavailable when one is there and says nothing in time, NotPermitted when this user may not ask.
    """
    path = folder / NAME
    said = bytearray()
    with explained(path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as way:
        way.settimeout(_SECONDS)
        try:
            with _short(folder) as name:
                way.connect(name)
            while (chunk := way.recv(1 << 16)) and len(said) <= _MOST:
                said += chunk
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except TimeoutError as error:
            raise Unavailable(_("the agent does not answer"), _("Look at its log.")) from error
    if not said:
        raise Unavailable(_("the agent did not answer"), _("Ask again; when it stays so, look at its log."))
    return bytes(said)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A name for the socket in ``folder`` that fits into an address: 107 bytes are the most, and paths are longer."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{NAME}"
    finally:
        os.close(fd)
