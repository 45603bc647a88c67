"""TLS: messages of our own, certificates, addresses that are refused, and answers that are no TLS."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.baseline.facts import tls
from guardian.baseline.facts.certificate import describe, fits
from guardian.baseline.facts.reach import check, resolve, split
from guardian.baseline.facts.reading import Unread
from guardian.baseline.facts.tls_hello import EVERY, VERSIONS, Answer, NotTlsError, client_hello

HELLO = bytes.fromhex("0303" + "ab" * 32 + "00" + "c02f" + "00" + "0005" + "ff01000100")


def record(kind: int, content: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(content).to_bytes(2, "big") + content


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def test_an_answer_is_read_whatever_the_pieces_it_comes_in() -> None:
    inner = b"certificate"
    chain = len(inner).to_bytes(3, "big") + inner
    certificates = message(11, len(chain).to_bytes(3, "big") + chain)
    data = record(21, b"\x01\x70") + record(22, message(2, HELLO)) + record(22, certificates + message(14, b""))
    answer = Answer()
    for byte in data:
        answer.take(bytes([byte]))
    assert answer.done
    said = answer.result()
    assert said is not None
    assert (said.version, said.suite, said.certificates, said.renegotiates_safely) == (
        "TLSv1.2",
        0xC02F,
        (inner,),
        True,
    )
    refused = Answer()
    refused.take(record(21, b"\x02\x46"))
    assert refused.result() is not None
    assert refused.result().alert == 70  # type: ignore[union-attr]


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_break_the_reader(data: bytes, framed: bool) -> None:
    answer = Answer()
    try:
        answer.take(record(22, data) if framed else data)
        answer.take(record(22, message(2, data)))
    except NotTlsError:
        return
    answer.result()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_is_one_record_that_names_its_version(version: str) -> None:
    hello = client_hello("例子.example", version, EVERY, os.urandom(64))
    assert hello[0] == 22
    assert int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert (b"xn--fsqu00a.example" in hello) == (version != "SSLv3")


@pytest.mark.parametrize(
    ("name", "told", "good"),
    [
        ("a.example", ["a.example"], True),
        ("A.Example.", ["a.example"], True),
        ("b.a.example", ["*.a.example"], True),
        ("c.b.a.example", ["*.a.example"], False),
        ("a.example", ["*.a.example"], False),
        ("a.example", [], False),
        ("10.0.0.1", ["10.0.0.1"], True),
        ("10.0.0.1", ["*.0.0.1"], False),
        ("::1", ["::1"], True),
    ],
)
def test_names_fit_as_browsers_have_it(name: str, told: list[str], good: bool) -> None:
    assert fits(name, told) is good


def test_what_is_no_certificate_is_unreadable() -> None:
    with pytest.raises(Unread):
        describe(b"0\x82\x01\x00" + b"\xff" * 40)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "100.100.100.200", "fd00:ec2::254", "0.0.0.0", "::",
     "224.0.0.1", "ff02::1", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1"],
)  # fmt: skip
def test_addresses_of_metadata_and_of_nobody_are_refused(address: str) -> None:
    with pytest.raises(Unread, match="refused"):
        check(address)


@pytest.mark.parametrize("endpoint", ["[169.254.169.254]:80", "169.254.169.254:80", "[fe80::1]:443"])
def test_no_way_of_writing_one_leads_there(endpoint: str) -> None:
    with pytest.raises(Unread, match=r"refused|no such host"):
        resolve(endpoint)


def test_private_and_own_addresses_are_what_is_scanned() -> None:
    for address in ("127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "2001:db8::1"):
        check(address)
    assert split("[::1]:443") == ("::1", 443)
    for bad in ("x", ":1", "x:0", "x:65536", "x:１"):
        with pytest.raises(Unread):
            split(bad)


@contextmanager
def saying(data: bytes) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(4000)
                        connection.sendall(data)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        (b"", "closed without an answer"),
        (record(22, message(2, b"\x03\x03")), "does not speak TLS"),
        (record(21, b"\x02\x70"), "alert 112"),
    ],
)
def test_what_is_no_answer_decides_nothing(data: bytes, reason: str) -> None:
    with saying(data) as address:
        found = tls.collect(tls.Options(address))["tls"]
    assert reason in found["$err"]


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = tls.collect(tls.Options(f"127.0.0.1:{silent.getsockname()[1]}", seconds=0.3))["tls"]
    assert "timeout" in found["$err"]
