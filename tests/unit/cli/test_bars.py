"""The bar that a terminal shows, and nobody else."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from guardian.cli.bars import bar
from guardian.i18n import speaking
from guardian.model.events import Event, Phase, Progress


def drawn(*events: Event, width: int = 100) -> str:
    """The last state of a bar that took ``events``."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with bar(console) as report:
        for event in events:
            report(event)
        with console.capture() as taken:
            report._bars.refresh()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", taken.get()).strip()


def test_a_walk_tells_its_entries_and_where_it_is() -> None:
    events = (Phase("scan", "host"), Progress(1234567, unit="entries", at="/usr/\x1b[2J日志"))
    assert re.fullmatch(r"host scanning ━+ 1,234,567 so far\s+/usr/\\x1b\[2J日志", drawn(*events))
    with speaking("zh"):
        assert re.fullmatch(r"host 扫描 ━+ 已处理 1,234,567 项\s+/usr/\\x1b\[2J日志", drawn(*events))
    narrow = drawn(*events, Progress(9, unit="entries", at="/a" * 200), width=60)
    assert "9 so far" in narrow
    assert narrow.endswith("…")


def test_bytes_keep_their_units_and_other_things_are_counted() -> None:
    assert "50.0/100.0 MiB" in drawn(Phase("backup", "a/b"), Progress(50 << 20, 100 << 20))
    assert " 3/9 " in drawn(Progress(3, 9, "entries"))
    assert "bytes" not in drawn(Phase("scan", "host"))  # nothing is known yet


@pytest.mark.parametrize("asked", [(), ("--json",), ("--quiet",)])
def test_only_a_terminal_is_shown_it(tmp_path: Path, asked: tuple[str, ...]) -> None:
    (tmp_path / "etc").mkdir()
    ours, theirs = pty.openpty()
    said: list[bytes] = []

    def listen() -> None:
        try:
            while piece := os.read(ours, 4096):
                said.append(piece)
        except OSError:
            pass  # the other end is closed

    listener = threading.Thread(target=listen)
    listener.start()
    argv = [sys.executable, "-m", "guardian", *asked, "scan", "--root", str(tmp_path), "--baseline", "sshd"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", "COLUMNS": "250"}
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=theirs, env=environment, timeout=60, check=False)
    finally:
        os.close(theirs)
        listener.join(10)
        os.close(ours)
    assert done.returncode in (0, 3, 4)
    assert (b"scanning" in b"".join(said)) is (not asked)
