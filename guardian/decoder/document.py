"""JSON documents of strangers: read element by element, so that a long list never stands in memory as objects."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_SPACE = re.compile(r"[ \t\n\r]*")
_AT_ONCE = 1 << 20
_HEX_ID = re.compile(r"[0-9a-f]{64}")


class NotUnderstood(ValueError):
    """The text is not the document it should be."""


def parse(data: bytes | memoryview) -> dict[str, Any]:
    """A whole JSON object. Raises NotUnderstood."""
    text = decode(data)
    value, end = _value(text, _skip(text, 0))
    if not isinstance(value, dict) or _skip(text, end) != len(text):
        raise NotUnderstood
    return value


def first(data: bytes | memoryview) -> Any:
    """The JSON value that ``data`` begins with, whatever follows. Raises NotUnderstood."""
    return _value(decode(data), 0)[0]


def members(data: bytes | memoryview, streamed: str) -> Iterator[tuple[str, Any]]:
    """Key and value of each member of a JSON object; of the list under the key ``streamed``, each element by itself.

    Raises NotUnderstood, perhaps after some members were given: act on nothing before the end.
    """
    text = decode(data)
    if len(text) <= _AT_ONCE:
        # A short one costs little memory as a whole, and half the time.
        for key, value in parse(data).items():
            if key == streamed and isinstance(value, list):
                yield from ((key, element) for element in value)
            else:
                yield key, value
    else:
        yield from _streamed(text, streamed)


def decode(data: bytes | memoryview) -> str:
    """``data`` as text. Raises NotUnderstood when it is not UTF-8: restic writes nothing else."""
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise NotUnderstood from None


def hex_id(value: object) -> bytes:
    """An id in 64 lower-case hexadecimal digits, as its 32 bytes. Raises NotUnderstood."""
    if isinstance(value, str) and _HEX_ID.fullmatch(value):
        return bytes.fromhex(value)
    raise NotUnderstood


def whole(value: object, bits: int) -> int:
    """A number from 0 that fits into ``bits`` bits; None is 0. Raises NotUnderstood."""
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << bits:
        return value
    raise NotUnderstood


def text(value: object) -> str:
    """A string; None is the empty one. Raises NotUnderstood. Half surrogates become U+FFFD, as Go reads them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _has_surrogate(value) else value
    raise NotUnderstood


def binary(value: object) -> bytes:
    """Bytes written in base64; None is none. Raises NotUnderstood."""
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return base64.b64decode(value.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            pass
    raise NotUnderstood


def strings(value: object) -> tuple[str, ...]:
    """A list of strings; None is an empty one. Raises NotUnderstood."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(text(item) for item in value)
    raise NotUnderstood


def hex_ids(value: object) -> bytes:
    """A list of ids, as their bytes one after the other; None is none. Raises NotUnderstood."""
    if value is None:
        return b""
    try:
        if isinstance(value, list) and set(map(len, value)) <= {64}:
            found = bytes.fromhex("".join(value))
            if len(found) == 32 * len(value):
                return found
    except (TypeError, ValueError):
        pass
    raise NotUnderstood


def _has_surrogate(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)


def _no_constant(name: str) -> NoReturn:
    raise NotUnderstood(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    # RecursionError for brackets without end, ValueError for a number of ten thousand digits.
    except (ValueError, RecursionError, IndexError):
        raise NotUnderstood from None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # noqa: S101  the pattern matches the empty string
    return found.end()


def _peek(text: str, at: int) -> str:
    at = _skip(text, at)
    return text[at : at + 1]


def _expect(text: str, at: int, character: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise NotUnderstood
    return at + 1


def _end(text: str, at: int) -> None:
    at = _expect(text, at, "}")
    if _skip(text, at) != len(text):
        raise NotUnderstood


def _streamed(text: str, streamed: str) -> Iterator[tuple[str, Any]]:
    at = _expect(text, 0, "{")
    if _peek(text, at) == "}":
        _end(text, at)
        return
    while True:
        key, at = _value(text, _skip(text, at))
        if not isinstance(key, str):
            raise NotUnderstood
        at = _skip(text, _expect(text, at, ":"))
        if key == streamed and text[at : at + 1] == "[":
            at += 1
            more = _peek(text, at) != "]"
            while more:
                element, at = _value(text, _skip(text, at))
                yield key, element
                more = _peek(text, at) == ","
                at = _expect(text, at, ",") if more else at
            at = _expect(text, at, "]")
        else:
            value, at = _value(text, at)
            yield key, value
        if _peek(text, at) != ",":
            _end(text, at)
            return
        at = _expect(text, at, ",")
