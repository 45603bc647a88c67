"""The real command line without the cost of its imports: a process that has imported everything becomes it.

Every start of ``python -m guardian`` spends a third of a second of a processor on imports, and the tests start it
thousands of times. Here one process of each test run imports all of it once, and forks for every call: the child gets
the call's own arguments, environment, directory and streams, leaves this file's frames, and runs ``guardian`` as
``python -m`` does, to the interpreter's own end. What depends on the interpreter's start (its options, its locale) or
on who the process is (its command line in /proc) is to be tested by starting the program itself: ``can`` says so of
environments, and tests of the other kind use ``Site.argv``.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LANGUAGE = "C.UTF-8"
_MOST = 64 << 10
"""Bytes of a request; a longer one is for the program itself."""


def can(argv: list[str], env: dict[str, str]) -> bool:
    """Whether this is no matter of how an interpreter starts."""
    special = [name for name in env if name.startswith(("PYTHON", "LC_", "LD_"))]
    return not special and env.get("LANG") == LANGUAGE and sum(map(len, argv)) < _MOST // 4


class Client:
    """The server of this test process, started when it is first asked for something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def run(
        self, arguments: list[str], env: dict[str, str], cwd: Path, timeout: float
    ) -> "subprocess.CompletedProcess[bytes]":
        """What ``subprocess.run`` gives for ``python -m guardian``, with ``arguments``. Raises TimeoutExpired."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as way:
            way.connect(self._address())
            return self._talk(way, arguments, (env, cwd, timeout))

    def _talk(
        self, way: socket.socket, arguments: list[str], how: tuple[dict[str, str], Path, float]
    ) -> "subprocess.CompletedProcess[bytes]":
        env, cwd, timeout = how
        out, err = os.pipe(), os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            request = json.dumps({"argv": arguments, "env": env, "cwd": str(cwd)}).encode()
            socket.send_fds(way, [request], [nothing.fileno(), out[1], err[1]])
        os.close(out[1])
        os.close(err[1])
        said: dict[int, list[bytes]] = {out[0]: [], err[0]: []}
        pid, deadline = int(way.recv(32)), time.monotonic() + timeout
        try:
            _collect(said, pid, deadline)
            way.settimeout(max(1.0, deadline - time.monotonic()))
            code = int(way.recv(32))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)  # nobody has reaped it: the server only does when it has ended
            raise subprocess.TimeoutExpired(arguments, timeout, b"".join(said[out[0]])) from None
        finally:
            os.close(out[0])
            os.close(err[0])
        return subprocess.CompletedProcess(arguments, code, b"".join(said[out[0]]), b"".join(said[err[0]]))

    @staticmethod
    def _end(server: "subprocess.Popen[bytes]") -> None:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()

    def _address(self) -> str:
        with self._lock:
            if self._folder is None or self._server is None or self._server.poll() is not None:
                self._folder = tempfile.TemporaryDirectory(prefix="guardian-fork-", ignore_cleanup_errors=True)
                address = f"{self._folder.name}/s"
                self._server = subprocess.Popen(
                    [sys.executable, __file__, address],
                    stdin=subprocess.PIPE,  # it ends when this end of it is gone
                    stdout=subprocess.PIPE,
                    env={"PATH": os.environ["PATH"], "LANG": LANGUAGE},
                )
                atexit.register(self._end, self._server)
                assert self._server.stdout is not None
                assert self._server.stdout.readline() == b"ready\n"
            return f"{self._folder.name}/s"


def _collect(said: dict[int, list[bytes]], pid: int, deadline: float) -> None:
    """Read both streams to their ends. Raises TimeoutError."""
    with selectors.DefaultSelector() as ready:
        for fd in said:
            ready.register(fd, selectors.EVENT_READ)
        while ready.get_map():
            events = ready.select(max(0.0, deadline - time.monotonic()))
            if not events:
                raise TimeoutError(f"process {pid}")
            for key, _events in events:
                if chunk := os.read(key.fd, 1 << 16):
                    said[key.fd].append(chunk)
                else:
                    ready.unregister(key.fd)


# the server


def _import_everything() -> None:
    import guardian

    for found in pkgutil.walk_packages(guardian.__path__, "guardian."):
        if not found.name.endswith("__main__") and not found.name.startswith("guardian.locale"):
            try:
                importlib.import_module(found.name)
            except ImportError:
                continue  # an extra that is not installed: whoever needs it says so
    assert threading.active_count() == 1, "a fork takes one thread along"


def _serve(address: str) -> list[str]:
    """Fork for every request; returns in the child, with its arguments."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(64)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    ready.register(0, selectors.EVENT_READ)
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for key, _events in ready.select():
            if key.fd == 0:
                os._exit(0)
            if key.fileobj is not listener:
                pid, way = running.pop(key.fd)
                ready.unregister(key.fd)
                os.close(key.fd)
                _told(way, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                way.close()
                continue
            way, _peer = listener.accept()
            request, fds, _flags, _from = socket.recv_fds(way, _MOST * 2, 3)
            pid = os.fork()
            if pid == 0:
                _become(json.loads(request), fds, [ready, listener, way, *running, *(w for _p, w in running.values())])
                return list(json.loads(request)["argv"])
            for fd in fds:
                os.close(fd)
            _told(way, pid)
            watch = os.pidfd_open(pid)
            running[watch] = (pid, way)
            ready.register(watch, selectors.EVENT_READ)


def _told(way: socket.socket, number: int) -> None:
    try:
        way.send(str(number).encode())
    except OSError:
        return  # who asked is gone


def _become(request: dict[str, object], fds: list[int], ours: list[object]) -> None:
    """This process is the call's own from now on: nothing of the server's is left open in it."""
    for one in ours:
        if isinstance(one, int):
            os.close(one)
        elif isinstance(one, socket.socket | selectors.BaseSelector):
            one.close()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(request["env"])  # type: ignore[call-overload]
    time.tzset()
    gc.unfreeze()
    gc.enable()


if __name__ == "__main__":
    _import_everything()
    gc.disable()
    gc.freeze()
    main = importlib.util.find_spec("guardian.__main__")
    assert main is not None
    sys.argv = [str(main.origin), *_serve(sys.argv[1])]
    runpy.run_module("guardian", run_name="__main__", alter_sys=True)
