"""Text and JSON in pieces, so that a scan of a hundred thousand verdicts is never there a second time."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

CHUNK: Final = 64 * 1024


def json_pieces(value: Any) -> Iterator[str]:
    """``value`` as JSON. A list may be an iterator, at any place: its items are made as they are written."""
    if isinstance(value, Iterator):
        yield "["
        for number, item in enumerate(value):
            yield ",\n" if number else "\n"
            yield from json_pieces(item)
        yield "]"
        return
    try:
        yield json.dumps(value, ensure_ascii=False, allow_nan=False)
    except TypeError:  # an iterator stands somewhere in it, and was not touched
        if not isinstance(value, dict):
            raise
        yield "{"
        for number, (key, inner) in enumerate(value.items()):
            yield f"{', ' if number else ''}{json.dumps(key, ensure_ascii=False)}: "
            yield from json_pieces(inner)
        yield "}"


def joined(pieces: Iterable[str]) -> Iterator[bytes]:
    """``pieces`` as UTF-8 in chunks worth writing. A lone surrogate becomes its escape, as JSON writes it."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield "".join(held).encode("utf-8", "backslashreplace")
            held, size = [], 0
    if held:
        yield "".join(held).encode("utf-8", "backslashreplace")
