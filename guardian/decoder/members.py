"""The members of a long JSON document, one after the other, with as much of its text in memory as one of them takes."""

import codecs
from collections.abc import Iterable, Iterator
from typing import Any

from guardian.decoder.document import NotUnderstood, parse, skip, value_at

_AT_ONCE = 1 << 20
"""Bytes; a shorter document costs little memory as a whole, and half the time."""
_WINDOW = 1 << 18


def members(data: bytes | memoryview, streamed: str) -> Iterator[tuple[str, Any]]:
    """Key and value of each member of a JSON object; of the list under the key ``streamed``, each element by itself.

    Raises NotUnderstood, perhaps after some members were given: act on nothing before the end.
    """
    if len(data) <= _AT_ONCE:
        for key, value in parse(data).items():
            if key == streamed and isinstance(value, list):
                yield from ((key, element) for element in value)
            else:
                yield key, value
    else:
        view = memoryview(data)
        yield from flowing((view[at : at + _WINDOW] for at in range(0, len(view), _WINDOW)), streamed)


def flowing(
    pieces: Iterable[bytes | memoryview], streamed: str, wanted: str | None = None
) -> Iterator[tuple[str, Any]]:
    """As :func:`members`, of a document that comes in ``pieces``.

    Elements that end with the first ``]}``, as the packs of an index do, and have no ``wanted`` in them, may be left
    out without being parsed.
    """
    window = _Window(pieces)
    window.expect("{")
    more = window.peek() != "}"
    while more:
        key = window.value()
        if not isinstance(key, str):
            raise NotUnderstood
        window.expect(":")
        if key == streamed and window.peek() == "[":
            window.expect("[")
            yield from ((key, element) for element in _elements(window, wanted))
        else:
            yield key, window.value()
        more = window.peek() == ","
        if more:
            window.expect(",")
    window.expect("}")
    if window.peek():
        raise NotUnderstood


def _elements(window: "_Window", wanted: str | None) -> Iterator[Any]:
    more = window.peek() != "]"
    while more:
        if wanted is None or not window.pass_over(wanted):
            yield window.value()
        more = window.peek() == ","
        if more:
            window.expect(",")
    window.expect("]")


class _Window:
    """The text from where it is read now; what was read is let go, what is needed comes."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._at = skip(self._text, self._at)
            if self._at < len(self._text) or not self._grow():
                return self._text[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        """Read ``character``. Raises NotUnderstood for another one."""
        if self.peek() != character:
            raise NotUnderstood
        self._at += 1

    def value(self) -> Any:
        """Read a JSON value. Raises NotUnderstood."""
        self.peek()
        while True:
            try:
                value, end = value_at(self._text, self._at)
            except NotUnderstood:
                if not self._grow():
                    raise
            else:
                if not self._goes_on(end) or not self._grow():
                    self._at = end
                    return value

    def _goes_on(self, end: int) -> bool:
        """Whether what ends at ``end`` may go on in the next piece: at the end of the text, or a number cut at its
        point or exponent (``-0.``, ``1e+``)."""
        rest = self._text[end : end + 3]
        return len(rest) < 3 and all(character in "+-.0123456789Ee" for character in rest)

    def pass_over(self, wanted: str) -> bool:
        """Go behind the next ``]}``, if ``wanted`` does not come before it; False where neither is so."""
        while (end := self._text.find("]}", self._at)) < 0:
            if not self._grow():
                return False
        if self._text.find(wanted, self._at, end) >= 0:
            return False
        self._at = end + 2
        return True

    def _grow(self) -> bool:
        """Twice as much text, so that a long value is not begun too often; False at the end. Raises NotUnderstood."""
        if self._ended:
            return False
        kept = [self._text[self._at :]]
        least = len(kept[0]) + _WINDOW
        try:
            while least > 0:
                piece = next(self._pieces, None)
                if piece is None:
                    self._ended = True
                    kept.append(self._decoder.decode(b"", True))
                    break
                kept.append(self._decoder.decode(piece))
                least -= len(piece)
        except UnicodeDecodeError:
            raise NotUnderstood from None
        self._text, self._at = "".join(kept), 0
        return True
