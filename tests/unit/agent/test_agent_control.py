"""The agent's socket, with real clients, good and bad."""

import socket
import stat
from pathlib import Path

import pytest

from guardian.agent.control import NAME, Control, ask
from guardian.errors import Unavailable

ANSWER = b'{"schema": "x"}' * 100_000


def test_one_answer_for_each_that_asks(tmp_path: Path) -> None:
    with Control(tmp_path, lambda: ANSWER):
        assert ask(tmp_path) == ANSWER
        assert ask(tmp_path) == ANSWER
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert not (tmp_path / NAME).exists()
    assert ask(tmp_path) is None


def test_a_folder_with_a_name_longer_than_addresses(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with Control(deep, lambda: b"here"):
        assert ask(deep) == b"here"


def test_what_a_dead_agent_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / NAME))
    assert ask(tmp_path) is None
    with Control(tmp_path, lambda: b"here"):
        assert ask(tmp_path) == b"here"


def test_no_folder_no_agent(tmp_path: Path) -> None:
    assert ask(tmp_path / "nothing") is None


def test_clients_that_take_nothing_keep_no_other_from_an_answer(tmp_path: Path) -> None:
    with Control(tmp_path, lambda: ANSWER):
        slow = []
        for _client in range(5):
            slow.append(socket.socket(socket.AF_UNIX))
            slow[-1].connect(str(tmp_path / NAME))
        assert ask(tmp_path) == ANSWER
        for one in slow:
            one.close()
        assert ask(tmp_path) == ANSWER


def test_an_answer_that_cannot_be_made_ends_neither_the_agent_nor_its_socket(tmp_path: Path) -> None:
    broken = [True]

    def answer() -> bytes:
        if broken[0]:
            raise ValueError("broken")
        return b"here"

    with Control(tmp_path, answer):
        with pytest.raises(Unavailable, match="did not answer"):
            ask(tmp_path)
        broken[0] = False
        assert ask(tmp_path) == b"here"


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = sum(1 for _fd in Path("/proc/self/fd").iterdir())
    with Control(tmp_path, lambda: b"here"):
        for _time in range(20):
            ask(tmp_path)
    assert sum(1 for _fd in Path("/proc/self/fd").iterdir()) == before
