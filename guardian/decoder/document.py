"""JSON documents of strangers, and the values in them."""

import base64
import binascii
import json
import re
from typing import Any, NoReturn

_SPACE = re.compile(r"[ \t\n\r]*")
_HEX_ID = re.compile(r"[0-9a-f]{64}")


class NotUnderstood(ValueError):
    """The text is not the document it should be."""


def parse(data: bytes | memoryview) -> dict[str, Any]:
    """A whole JSON object. Raises NotUnderstood."""
    text = decode(data)
    value, end = value_at(text, skip(text, 0))
    if not isinstance(value, dict) or skip(text, end) != len(text):
        raise NotUnderstood
    return value


def first(data: bytes | memoryview) -> Any:
    """The JSON value that ``data`` begins with, whatever follows. Raises NotUnderstood."""
    return value_at(decode(data), 0)[0]


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


def value_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value at ``at``, where it begins, and where it ends. Raises NotUnderstood."""
    try:
        return _DECODER.raw_decode(text, at)
    # RecursionError for brackets without end, ValueError for a number of ten thousand digits.
    except (ValueError, RecursionError, IndexError):
        raise NotUnderstood from None


def skip(text: str, at: int) -> int:
    """Where the spaces that begin at ``at`` end."""
    found = _SPACE.match(text, at)
    assert found is not None  # noqa: S101  the pattern matches the empty string
    return found.end()
