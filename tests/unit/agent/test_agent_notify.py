"""What the agent tells systemd, received on real sockets."""

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.agent.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@guardian-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + name[1:] if name.startswith("@") else name)
        heard.settimeout(10)
        yield heard, name


def said(heard: socket.socket) -> list[str]:
    return heard.recv(4096).decode().split("\n")


def test_all_that_is_said(manager: tuple[socket.socket, str], clock: object) -> None:
    heard, name = manager
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "180000000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier.of(environment)
    assert notifier.watchdog_seconds == 180.0
    notifier.ready("started")
    assert said(heard) == ["READY=1", "STATUS=started"]
    notifier.reloading(clock)  # type: ignore[arg-type]
    assert said(heard) == ["RELOADING=1", "MONOTONIC_USEC=0"]
    notifier.status("二 jobs run")
    assert said(heard) == ["STATUS=二 jobs run"]
    notifier.alive()
    assert said(heard) == ["WATCHDOG=1"]
    notifier.patience(20)
    assert said(heard) == ["EXTEND_TIMEOUT_USEC=20000000"]
    notifier.stopping("ending", 2.5)
    assert said(heard) == ["STOPPING=1", "STATUS=ending", "EXTEND_TIMEOUT_USEC=2500000"]


def test_a_status_is_one_line_and_is_said_once(manager: tuple[socket.socket, str]) -> None:
    heard, name = manager
    notifier = Notifier.of({"NOTIFY_SOCKET": name})
    notifier.status("a\nREADY=1")
    assert said(heard) == ["STATUS=a READY=1"]
    notifier.status("a\nREADY=1")
    notifier.status("b")
    assert said(heard) == ["STATUS=b"]


def test_no_watchdog_for_another_process() -> None:
    assert Notifier.of({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_seconds is None


@pytest.mark.parametrize("text", ["", "-5", "x", "1e9", "0", "9" * 30])
def test_no_watchdog_of_nonsense(text: str) -> None:
    assert Notifier.of({"WATCHDOG_USEC": text}).watchdog_seconds is None


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_nobody_listens(address: str, tmp_path: Path) -> None:
    Notifier.of({"NOTIFY_SOCKET": address}).ready("started")
    Notifier.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("started")
