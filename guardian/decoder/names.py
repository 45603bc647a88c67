"""Names as restic writes them: Go's quoting inside JSON, so that a name of any bytes survives a format of text."""

import re

from guardian.decoder.document import NotUnderstood

_ESCAPE = re.compile(
    r"\\(?:(?P<letter>[abfnrtv\\\"])|x(?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})"
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"
)
_LETTERS = {"a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\", '"': b'"'}


def unquote(quoted: str) -> bytes:
    """The bytes of the name whose Go quoting, without its quotation marks, is ``quoted``. Raises NotUnderstood."""
    if "\\" not in quoted:
        return _plain(quoted)
    parts: list[bytes] = []
    at = 0
    for found in _ESCAPE.finditer(quoted):
        parts += (_plain(quoted[at : found.start()]), _escaped(found))
        at = found.end()
    parts.append(_plain(quoted[at:]))
    return b"".join(parts)


def _plain(text: str) -> bytes:
    # Outside an escape, none of these can stand in what Go quoted.
    if "\\" in text or '"' in text or "\n" in text:
        raise NotUnderstood
    return _encode(text)


def _escaped(found: re.Match[str]) -> bytes:
    if letter := found["letter"]:
        return _LETTERS[letter]
    if found["byte"] or found["octal"]:
        value = int(found["byte"], 16) if found["byte"] else int(found["octal"], 8)
        if value > 255:
            raise NotUnderstood
        return bytes([value])
    code = int(found["short"] or found["long"], 16)
    if code > 0x10FFFF:
        raise NotUnderstood
    return _encode(chr(code))


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotUnderstood from None
