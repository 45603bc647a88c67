"""TLS' first messages, written and read here: what a server offers must not depend on what our own library still can.

A ClientHello names versions and suites; the answer is the server's choice, or an alert. Before TLS 1.3 the certificates
follow in clear. Pure. RFC 5246 and 8446; suites by https://www.iana.org/assignments/tls-parameters/.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

VERSIONS: Final = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_NAMES: Final = {number: name for name, number in VERSIONS.items()}

_NEW: Final = (0x1301, 0x1302, 0x1303, 0x1304, 0x1305, 0x00C6, 0x00C7)  # the last two are SM4 (RFC 8998)
_FORWARD: Final = (
    *(0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0xCCAA, 0x009E, 0x009F, 0xC023, 0xC024, 0xC027, 0xC028),
    *(0xC009, 0xC00A, 0xC013, 0xC014, 0x0033, 0x0039, 0x0067, 0x006B, 0xC0AC, 0xC0AD, 0xC09E, 0xC09F),
)
_STATIC: Final = (0x009C, 0x009D, 0x002F, 0x0035, 0x003C, 0x003D, 0x0041, 0x0084, 0xC09C, 0xC09D)

GROUPS: Final[dict[str, tuple[int, ...]]] = {
    "null": (0x0001, 0x0002, 0x003B, 0xC001, 0xC006, 0xC00B, 0xC010),
    "anonymous": (
        0x0018,
        0x001B,
        0x0034,
        0x003A,
        0x006C,
        0x006D,
        0x00A6,
        0x00A7,
        0xC015,
        0xC016,
        0xC017,
        0xC018,
        0xC019,
    ),
    "export": (0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019),
    "des": (0x0009, 0x000C, 0x000F, 0x0012, 0x0015, 0x001A),
    "rc4": (0x0004, 0x0005, 0x0066, 0xC002, 0xC007, 0xC00C, 0xC011),
    "3des": (0x000A, 0x000D, 0x0010, 0x0013, 0x0016, 0xC003, 0xC008, 0xC00D, 0xC012),
    "no-forward-secrecy": _STATIC,
    "forward-secrecy": _FORWARD,
}
"""Cipher suites by what is said of them; a server that picks one of a group has it."""

EVERY: Final = tuple(dict.fromkeys((*_NEW, *_FORWARD, *_STATIC, *(s for group in GROUPS.values() for s in group))))

_CURVES: Final = (0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x0029, 0x0100, 0x0101)
_SIGNATURES: Final = (0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401,
                      0x0501, 0x0601, 0x0203, 0x0201, 0x0708)  # fmt: skip
_RETRY: Final = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")
MAX_BYTES: Final = 256 << 10
"""The most that is read of an answer: a long chain of certificates has room in it."""


class NotTlsError(ValueError):
    """The bytes are no TLS."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a server answered: the version and suite it chose, or the alert with which it refused."""

    version: str | None = None
    suite: int = 0
    alert: int | None = None
    compression: int = 0
    renegotiates_safely: bool = False
    certificates: tuple[bytes, ...] = ()
    stapled: bool = False


def client_hello(name: str | None, version: str, suites: Sequence[int], random: bytes) -> bytes:
    """The record of a ClientHello that takes exactly ``version``. ``random``: 64 bytes, nobody's secret."""
    number = VERSIONS[version]
    body = struct.pack("!H", min(number, 0x0303)) + random[:32] + b"\x00"
    body += _sized(2, b"".join(struct.pack("!H", suite) for suite in (*suites, 0x00FF)))
    body += b"\x01\x00"
    if number > 0x0300:
        body += _sized(2, _extensions(name, number, random[32:64]))
    message = b"\x01" + _sized(3, body)
    return b"\x16" + struct.pack("!H", min(number, 0x0301)) + _sized(2, message)


def _extensions(name: str | None, version: int, share: bytes) -> bytes:
    found = b""
    if name:
        found += _extension(0, _sized(2, b"\x00" + _sized(2, name.encode("idna"))))
    found += _extension(5, b"\x01\x00\x00\x00\x00")
    found += _extension(10, _sized(2, b"".join(struct.pack("!H", curve) for curve in _CURVES)))
    found += _extension(11, b"\x01\x00")
    if version >= 0x0303:
        found += _extension(13, _sized(2, b"".join(struct.pack("!H", one) for one in _SIGNATURES)))
    if version >= 0x0304:
        found += _extension(43, _sized(1, struct.pack("!H", version)))
        found += _extension(51, _sized(2, struct.pack("!H", 0x001D) + _sized(2, share)))
    return found


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack("!H", number) + _sized(2, content)


def _sized(width: int, content: bytes) -> bytes:
    return len(content).to_bytes(width, "big") + content


@dataclass(slots=True)
class Answer:
    """Takes an answer as it arrives. ``done``: it says all that it is going to say in clear."""

    records: bytearray = field(default_factory=bytearray)
    messages: bytearray = field(default_factory=bytearray)
    hello: Hello | None = None
    certificates: tuple[bytes, ...] = ()
    stapled: bool = False
    alert: int | None = None
    done: bool = False

    def take(self, data: bytes) -> None:
        """More bytes of it. Raises NotTlsError."""
        self.records += data
        if len(self.records) + len(self.messages) > MAX_BYTES:
            raise NotTlsError("too large")
        while len(self.records) >= 5 and not self.done:
            kind, major, _minor, size = struct.unpack_from("!BBBH", self.records)
            if kind not in (20, 21, 22, 23) or major != 3 or size > (1 << 14) + 2048:
                raise NotTlsError("no record of TLS")
            if len(self.records) < 5 + size:
                return
            content = bytes(self.records[5 : 5 + size])
            del self.records[: 5 + size]
            self._record(kind, content)

    def result(self) -> Hello | None:
        """What was said so far; None for nothing."""
        if self.hello is None:
            return None if self.alert is None else Hello(alert=self.alert)
        first = self.hello
        return Hello(first.version, first.suite, self.alert, first.compression, first.renegotiates_safely,
                     self.certificates, self.stapled)  # fmt: skip

    def _record(self, kind: int, content: bytes) -> None:
        if kind == 21:
            if len(content) < 2:
                raise NotTlsError("a short alert")
            # A warning is no refusal: unrecognized_name (112) comes before an answer.
            if content[0] == 2 or content[1] == 0:
                self.alert, self.done = content[1], True
        elif kind == 22:
            self.messages += content
            self._messages()
        else:
            self.done = True  # what follows is encrypted

    def _messages(self) -> None:
        while len(self.messages) >= 4 and not self.done:
            kind, size = self.messages[0], int.from_bytes(self.messages[1:4], "big")
            if len(self.messages) < 4 + size:
                return
            body = bytes(self.messages[4 : 4 + size])
            del self.messages[: 4 + size]
            if kind == 2:
                self.hello = _server_hello(body)
                self.done = self.hello.version == "TLSv1.3"
            elif kind == 11:
                self.certificates = _certificates(body)
            elif kind == 22:
                self.stapled = True
            elif kind == 14:
                self.done = True


def _server_hello(body: bytes) -> Hello:
    try:
        version, random = struct.unpack_from("!H32s", body)
        at = 34 + 1 + body[34]
        suite, compression = struct.unpack_from("!HB", body, at)
        extensions = dict(_read_extensions(body[at + 3 :]))
    except (struct.error, IndexError) as error:
        raise NotTlsError("a short answer") from error
    if 43 in extensions and len(extensions[43]) == 2:
        version = int.from_bytes(extensions[43], "big")
    elif random == _RETRY:
        version = 0x0304
    return Hello(_NAMES.get(version), suite, None, compression, 0xFF01 in extensions)


def _read_extensions(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 2
    while at + 4 <= len(data):
        number, size = struct.unpack_from("!HH", data, at)
        found.append((number, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def _certificates(body: bytes) -> tuple[bytes, ...]:
    found, at = [], 3
    while at + 3 <= len(body):
        size = int.from_bytes(body[at : at + 3], "big")
        found.append(body[at + 3 : at + 3 + size])
        at += 3 + size
    return tuple(found)
