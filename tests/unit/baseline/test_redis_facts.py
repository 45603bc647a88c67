"""Redis: configuration files, users' rules, and answers of servers that mean no good."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.baseline.facts import redis
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.baseline.facts.redis_config import listening, options, split_words
from guardian.baseline.facts.redis_users import user


def below(root: Path, **files: str) -> Any:
    for name, text in files.items():
        (root / f"{name}.conf").write_text(text)
    return redis.collect(redis.Options(config="/main.conf", host=Host(LocalRoot(root))))["redis"]


def test_words_of_a_line() -> None:
    assert split_words(r'requirepass "a \"b\" \x41" ' + "'it\\'s' x") == ["requirepass", 'a "b" A', "it's", "x"]
    with pytest.raises(ValueError, match="quote"):
        split_words('a "b')


def test_a_file_says_what_differs_and_where(tmp_path: Path) -> None:
    found = below(
        tmp_path,
        main='  # prefixed by "-", which it doesn\'t need\n# x\u2028protected-mode no\nport 0\n'
        'requirepass "s3cret pw"\nmaxmemory 2gb\nslaveof 10.0.0.1 6379\ninclude more*.conf\n'
        'rename-command CONFIG ""\nsave 60 1\nsave 30 2',
        more="bind 10.1.2.3 -::1\nmasterauth s3cret2\nuser app on >s3cret3 ~app:* +@read\n",
    )
    assert "s3cret" not in json.dumps(found)
    config = found["config"]
    assert (config["requirepass"], config["masterauth"], config["maxmemory"]) == ("set", "set", 2 << 30)
    assert (config["replicaof"], config["protected-mode"], config["save"]) == (
        "10.0.0.1 6379",
        True,
        ["60", "1", "30", "2"],
    )
    assert found["renamed"] == {"config": ""}
    assert found["origins"]["bind"] == {"file": "/more.conf", "line": 1}
    assert found["listening"]["network"] is False  # no port at all
    assert [(each["name"], each["nopass"], each["plain_passwords"]) for each in found["users"]] == [
        ("app", False, 1), ("default", False, 0),
    ]  # fmt: skip
    assert found["state"] == {"$err": "not live: read from a tree"}
    assert found["file"]["mode"] == f"{(tmp_path / 'main.conf').stat().st_mode & 0o777:04o}"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"main": "include gone.conf"}, "no such file: /gone.conf"),
        ({"main": "include main.conf"}, "too large: more than 50 files"),
        ({"main": 'a "b'}, "cannot be understood: /main.conf line 1"),
        ({}, "no such file: /main.conf"),
    ],
)
def test_a_file_that_cannot_be_read_hides_everything(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    assert below(tmp_path, **files) == {"$err": reason}


def test_an_access_file_that_is_missing_hides_the_users_alone(tmp_path: Path) -> None:
    found = below(tmp_path, main="aclfile /users.acl")
    assert found["users"] == {"$err": "no such file: /users.acl"}
    assert found["config"]["port"] == 6379


def test_where_it_listens() -> None:
    assert listening(options([("bind", "127.0.0.1 -::1"), ("port", "1"), ("tls-port", "0")]))["network"] is False
    told = listening(options([("bind", "* -::*"), ("port", "1"), ("tls-port", "2")]))
    assert (told["everywhere"], told["network"], told["plain"], told["tls"]) == (True, True, True, True)


@pytest.mark.parametrize(
    ("rules", "dangerous"),
    [
        ("+@all", True),
        ("allcommands", True),
        ("+@all -@dangerous", False),
        ("+@all -@admin", True),
        ("-@dangerous +@all", True),
        ("+@read +@write -@dangerous", False),
        ("+@write", True),
        ("+@keyspace -flushall -flushdb -keys -migrate -restore -restore-asking -swapdb", False),
        ("+get +set", False),
        ("+config|get +info", False),
        ("+config", True),
        ("+config -config|set -config|rewrite -config|resetstat", False),
        ("+get (+@all ~tmp:*)", True),
        ("+@all reset +get", False),
        ("+@all nocommands", False),
    ],
)
def test_what_reaches_beyond_single_keys(rules: str, dangerous: bool) -> None:
    assert user(f"user app on #abc ~x {rules}")["dangerous"] is dangerous


def test_rules_are_read_in_order_and_hashes_are_left_out() -> None:
    found = user("user o'dd on nopass #" + "a" * 64 + " >plain ~* resetkeys ~a:* &* +get")
    assert "a" * 64 not in json.dumps(found)
    assert (found["nopass"], found["passwords"], found["plain_passwords"]) == (False, 2, 1)
    assert (found["keys"], found["all_keys"]) == (["~a:*"], False)
    assert user("user x on >p nopass")["nopass"] is True
    assert user("user x off")["enabled"] is False


@given(st.text(max_size=60))
def test_no_rule_list_breaks_the_reader(text: str) -> None:
    try:
        user(f"user {text}")
    except ValueError:
        pass


# servers that mean no good


@contextmanager
def answering(data: bytes, *, endless: bool = False) -> Iterator[str]:
    """A server that says ``data`` to everybody; ``endless`` says it again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(1000)
                        connection.sendall(data)
                        while endless and not ended.is_set():
                            connection.sendall(data)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("data", "endless"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"*99999999\r\n", False),
        (b"$99999999999\r\n", False),
        (b"*1\r\n" * 100, False),
        (b"$-x\r\n", False),
        (b"", False),
        (b"x" * 65536, True),
        (b"*100000\r\n" + b"$65536\r\n" + b"y" * 65536 + b"\r\n", True),
    ],
)
def test_an_answer_that_is_none_is_unreadable_and_bounded(data: bytes, endless: bool) -> None:
    with answering(data, endless=endless) as address:
        found = redis.collect(redis.Options(address=address, seconds=20))["redis"]
    whole = found if "$err" in found else found["config"]
    assert "$err" in whole, found


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        found = redis.collect(redis.Options(address=address, seconds=0.3))["redis"]
    assert "timeout" in json.dumps(found)
