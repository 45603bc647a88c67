"""YAML text → a plain tree in which every value knows its file, line and column.

Only the parser of PyYAML is used, never its constructors: what a plain scalar means is decided here, by the core
schema of YAML 1.2 made stricter, so that ``no``, ``012``, ``1:30`` and dates stay the text they look like. Anchors,
aliases, merge keys and tags are refused: they are how a kilobyte becomes a gigabyte, and nobody needs them here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from guardian.config.problem import InvalidConfigError, Loc, Place, Problem, dotted
from guardian.i18n import _

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 20
MAX_NODES: Final = 20_000
MAX_KEY: Final = 128

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value."""

    place: Place
    value: Scalar


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    place: Place
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a key of a mapping holds; ``place`` is the key's."""

    place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order it was written."""

    place: Place
    entries: dict[str, Entry]


Node = Leaf | Many | Table


def plain(node: Node) -> Any:
    """``node`` as dicts, lists and scalars, ready for JSON."""
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items] if isinstance(node, Many) else node.value


def locate(node: Node, loc: Loc) -> Place:
    """The place of ``loc``, or of the nearest thing around it that was written."""
    place = node.place
    for step in loc:
        if isinstance(node, Table) and isinstance(step, str) and step in node.entries:
            place, node = node.entries[step].place, node.entries[step].node
        elif isinstance(node, Many) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            break
    return place


_UNWELCOME = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}", re.ASCII)
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None, "~": None, "": None}


def scalar(text: str) -> Scalar:
    """What the plain scalar ``text`` means: a truth value, nothing, a decimal number, or just the text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def decode(data: bytes, file: str) -> str:
    """The text of a configuration file; a UTF-8 byte order mark is dropped.

    Raises InvalidConfigError for anything but UTF-8, for control characters and for more than 256 KiB.
    """
    start = Place(file, 1, 1)
    if len(data) > MAX_BYTES:
        raise InvalidConfigError.one(
            start,
            _("the file is larger than {limit} KiB").format(limit=MAX_BYTES // 1024),
            _("Divide it: 'include' names further files."),
        )
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise InvalidConfigError.one(
            start, _("the file is UTF-16, not UTF-8"), _("Save the file in the UTF-8 encoding.")
        )
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = Place(file, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        raise InvalidConfigError.one(
            place, _("the file is not UTF-8"), _("Save the file in the UTF-8 encoding.")
        ) from None
    if bad := _UNWELCOME.search(text):
        place = Place(file, text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start()))
        raise InvalidConfigError.one(
            place, _("control character {code} is not allowed").format(code=f"U+{ord(bad[0]):04X}")
        )
    return text


def parse(data: bytes, file: str) -> Table:
    """The tree of one YAML document whose top is a mapping.

    ``file`` is the name shown in places. Raises InvalidConfigError, and nothing else, whatever ``data`` is.
    """
    text = decode(data, file)
    composer = _Composer(file)
    try:
        root = composer.document(text)
    except yaml.YAMLError as error:
        raise _syntax(error, file, text) from None
    except (ValueError, OverflowError):
        # The parser in pure Python lets the errors of chr() through for escapes beyond Unicode.
        raise InvalidConfigError.one(Place(file, 1, 1), _("not valid YAML: {why}").format(why="escape")) from None
    if composer.problems:
        raise InvalidConfigError(composer.problems)
    if isinstance(root, Leaf) and root.value is None:
        raise InvalidConfigError.one(Place(file, 1, 1), _("the file is empty"))
    if not isinstance(root, Table):
        raise InvalidConfigError.one(
            root.place, _("a mapping of keys to values is expected"), _("Write lines such as 'tenant: {id: gz-hrss}'.")
        )
    return root


def _syntax(error: Exception, file: str, text: str) -> InvalidConfigError:
    mark, why = (
        getattr(error, "problem_mark", None),
        str(getattr(error, "problem", None) or getattr(error, "reason", "")),
    )
    place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file, 1, 1)
    line = text.split("\n")[place.line - 1 : place.line]
    if line and "\t" in line[0][: place.column]:
        return InvalidConfigError.one(place, _("a tab stands where only spaces may"), _("Indent with spaces."))
    return InvalidConfigError.one(
        place,
        _("not valid YAML: {why}").format(why=why),
        _("Check the indentation, the colons and the quotes around this line."),
    )


@dataclass(slots=True)
class _Composer:
    """Turns the events of one document into a tree, counting as it goes."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    anchors: int = 0

    def document(self, text: str) -> Node:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        events = yaml.parse(text, Loader=loader)
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise InvalidConfigError.one(
                        self._place(event), _("a second document begins here; only one is allowed")
                    )
                if event.tags:
                    raise self._refused(event, _("YAML tags are not allowed"))
                root = self._node(next(events), events, ())
        return root or Leaf(Place(self.file, 1, 1), None)

    def _node(self, event: Any, events: Iterator[Any], loc: Loc) -> Node:
        self._admit(event, loc)
        place = self._place(event)
        if isinstance(event, yaml.ScalarEvent):
            return Leaf(place, self._value(event))
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self._node(event, events, (*loc, len(items))))
            return Many(place, tuple(items))
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, loc)
            node = self._node(next(events), events, (*loc, key))
            if key in entries:
                text = _("the key is set twice, here and in line {line}").format(line=entries[key].place.line)
                self.problems.append(
                    Problem(self._place(event), dotted((*loc, key)), text, _("Remove one of the two."))
                )
            else:
                entries[key] = Entry(self._place(event), node)
        return Table(place, entries)

    def _admit(self, event: Any, loc: Loc) -> None:
        """Refuse what may not stand in a configuration, before anything is built from it."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._refused(event, _("more than {limit} values").format(limit=MAX_NODES))
        if len(loc) > MAX_DEPTH:
            raise self._refused(event, _("nested deeper than {limit} levels").format(limit=MAX_DEPTH))
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._refused(
                event,
                _("YAML anchors and aliases are not allowed"),
                _("Write the value out, or put it in quotes if it is text."),
            )
        if event.tag is not None:
            raise self._refused(event, _("YAML tags are not allowed"), _("Put the value in quotes if it is text."))

    def _value(self, event: Any) -> Scalar:
        if bad := _UNWELCOME.search(event.value):
            raise self._refused(event, _("control character {code} is not allowed").format(code=f"U+{ord(bad[0]):04X}"))
        return scalar(event.value) if event.implicit[0] else str(event.value)

    def _key(self, event: Any, loc: Loc) -> str:
        self._admit(event, loc)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refused(event, _("a key must be text"))
        value = self._value(event)
        if value == "<<" and event.implicit[0]:
            raise self._refused(
                event, _("YAML merge keys are not allowed"), _("Use include: for what several files share.")
            )
        if not isinstance(value, str):
            raise self._refused(event, _("a key must be text"), _("Put the key in quotes."))
        if not 0 < len(value) <= MAX_KEY:
            raise self._refused(event, _("a key has 1 to {limit} characters").format(limit=MAX_KEY))
        return value

    def _place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refused(self, event: Any, message: str, hint: str = "") -> InvalidConfigError:
        return InvalidConfigError.one(self._place(event), message, hint)
