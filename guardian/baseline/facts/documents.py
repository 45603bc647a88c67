"""JSON or YAML of other people → plain trees, within bounds. Pure.

Scalars mean what YAML 1.1 means, since that is how Kubernetes reads its manifests (``yes`` is true); dates stay text.
Aliases are followed, and every use of one counts as much as what it stands for: a small file cannot become a large one.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_VALUES: Final = 1_000_000
MAX_DEPTH: Final = 64
_MAX_KEY: Final = 4096

_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"})
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9_]{0,30})", re.ASCII)
_OCTAL: Final = re.compile(r"[-+]?0o?[0-7]{1,20}", re.ASCII)
_HEX: Final = re.compile(r"[-+]?0x[0-9a-fA-F]{1,16}", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?([0-9][0-9_]{0,30})?\.?[0-9]{1,30}([eE][-+]?[0-9]{1,3})?", re.ASCII)


class UnreadableDocument(ValueError):
    """Why a text is no document of ours to read: a few words, without anything of its content but a line."""


def read_json(data: bytes) -> Any:
    """One JSON document. Raises UnreadableDocument."""
    _within(data)
    try:
        tree = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_number)
    except UnreadableDocument:
        raise
    except UnicodeDecodeError:
        raise UnreadableDocument("not UTF-8") from None
    except RecursionError:
        raise UnreadableDocument("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise UnreadableDocument(f"not JSON: line {error.lineno}") from None
    except ValueError:
        raise UnreadableDocument("not JSON: a number is too long") from None
    _measure(tree)
    return tree


def read_yaml(data: bytes) -> list[Any]:
    """Every document of a YAML stream, empty ones left out. Raises UnreadableDocument."""
    import yaml  # noqa: PLC0415  start-up stays quick

    _within(data)
    try:
        text = data.decode("utf-8-sig")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return list(_Composer(yaml).documents(yaml.parse(text, Loader=loader)))
    except UnreadableDocument:
        raise
    except UnicodeDecodeError:
        raise UnreadableDocument("not UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UnreadableDocument(f"not YAML: line {mark.line + 1}" if mark else "not YAML") from None
    except (RecursionError, ValueError, OverflowError):
        raise UnreadableDocument("not YAML") from None


def read_documents(data: bytes) -> list[Any]:
    """JSON where it begins like it and is it, else YAML. Raises UnreadableDocument."""
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            return [read_json(data)]
        except UnreadableDocument as error:
            # Flow YAML begins in the same way; several JSON documents one after another are no YAML either.
            if not str(error).startswith("not JSON"):
                raise
    return read_yaml(data)


def _within(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise UnreadableDocument(f"too large: {len(data)} bytes")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableDocument("a key is set twice")
    return found


def _no_number(_text: str) -> Any:
    raise UnreadableDocument("not JSON: a number that is none")


def _measure(tree: Any) -> None:
    """Hold a tree to the bounds. Raises UnreadableDocument."""
    waiting, count = [(tree, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise UnreadableDocument("nested too deeply")
        inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting += [(one, depth + 1) for one in inside]
        if count + len(waiting) > MAX_VALUES:
            raise UnreadableDocument("too many values")


@dataclass(slots=True)
class _Composer:
    """Turns the events of a stream into trees. ``sizes`` are those of anchored parts, in values."""

    yaml: Any
    count: int = 0
    anchors: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def documents(self, events: Iterator[Any]) -> Iterator[Any]:
        for event in events:
            if isinstance(event, self.yaml.DocumentStartEvent):
                self.anchors, self.sizes = {}, {}
                tree = self._node(next(events), events, 0)
                if tree is not None:
                    yield tree

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        if isinstance(event, self.yaml.AliasEvent):
            return self._alias(event)
        before = self.count
        self._more(1)
        if depth > MAX_DEPTH:
            raise UnreadableDocument("nested too deeply")
        tree = self._fresh(event, events, depth)
        if event.anchor is not None:
            self.anchors[event.anchor], self.sizes[event.anchor] = tree, self.count - before
        return tree

    def _alias(self, event: Any) -> Any:
        # An alias inside what it stands for is unknown here, since its anchor is noted when that has ended.
        if event.anchor not in self.anchors:
            raise UnreadableDocument(f"an alias without an anchor: line {event.start_mark.line + 1}")
        self._more(self.sizes[event.anchor])
        return self.anchors[event.anchor]

    def _more(self, values: int) -> None:
        self.count += values
        if self.count > MAX_VALUES:
            raise UnreadableDocument("too many values")

    def _fresh(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        if isinstance(event, self.yaml.ScalarEvent):
            return scalar(event.value) if event.implicit[0] else str(event.value)
        if isinstance(event, self.yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(events), self.yaml.SequenceEndEvent):
                items.append(self._node(event, events, depth + 1))
            return items
        entries: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := next(events), self.yaml.MappingEndEvent):
            key = self._key(event, events, depth)
            node = self._node(next(events), events, depth + 1)
            if key == "<<":
                merged += node if isinstance(node, list) else [node]
                continue
            if key in entries:
                raise UnreadableDocument(f"a key is set twice: line {event.start_mark.line + 1}")
            entries[key] = node
        return self._merge(merged) | entries if merged else entries

    def _key(self, event: Any, events: Iterator[Any], depth: int) -> str:
        key = self._node(event, events, depth + 1)
        if isinstance(key, (dict, list)) or len(str(key)) > _MAX_KEY:
            raise UnreadableDocument(f"a key that is no text: line {event.start_mark.line + 1}")
        return event.value if isinstance(event, self.yaml.ScalarEvent) else str(key)

    def _merge(self, parts: list[Any]) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for part in reversed(parts):
            if not isinstance(part, dict):
                raise UnreadableDocument("what is merged is no mapping")
            self._more(len(part))
            entries |= part
        return entries


def scalar(text: str) -> Any:  # noqa: PLR0911  one line for each kind
    """What a plain scalar means."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    if _OCTAL.fullmatch(text):
        return int(text.replace("o", ""), 8)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text) and text.strip("+-") != ".":
        return float(text.replace("_", ""))
    return text
