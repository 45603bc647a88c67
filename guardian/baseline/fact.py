"""Facts: a tree of plain JSON in which what could not be read says why.

``{"$err": "denied: needs root"}`` stands in the place of a part that was not read. What is absent on purpose is a value
(``null``, ``false``, an empty list). A mapping that was read is complete: a key it does not have is known to be absent.
"""

from dataclasses import dataclass
from typing import Final

from guardian.model.finding import Json

ERR: Final = "$err"
"""The only key of a mapping that stands for something unreadable."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A fact that nobody could read, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A fact that is known not to be there: its mapping was read and has no such key, or it is null."""


ABSENT: Final = Absent()


def unreadable(why: str) -> dict[str, str]:
    """How a collector writes that it could not read something."""
    return {ERR: why}


def look(tree: Json, path: Path) -> Json | Unreadable | Absent:
    """What stands at ``path``. A way through something that is no mapping is unreadable, below a null it is absent."""
    node = tree
    for step in path:
        if not isinstance(node, dict):
            return ABSENT if node is None else Unreadable(f"there is no {step} in {kind(node)}")
        if ERR in node:
            return Unreadable(str(node[ERR]))
        if step not in node:
            return ABSENT
        node = node[step]
    if isinstance(node, dict) and ERR in node:
        return Unreadable(str(node[ERR]))
    return node


def hole(node: Json) -> Unreadable | None:
    """The first unreadable part anywhere below ``node``, or None when all of it was read."""
    if isinstance(node, dict):
        if ERR in node:
            return Unreadable(str(node[ERR]))
        children = node.values()
    elif isinstance(node, list):
        children = node  # type: ignore[assignment]
    else:
        return None
    for child in children:
        if isinstance(child, dict | list) and (found := hole(child)):
            return found
    return None


def kind(value: Json) -> str:
    """What sort of value it is, in a word."""
    names = {bool: "a truth value", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return names.get(type(value), "nothing")


def hidden(tree: Json, path: Path, why: str = "hidden") -> Json:
    """A copy of ``tree`` in which ``path`` cannot be read, made where it is missing. What lies beside is shared."""
    if not path or not isinstance(tree, dict):
        return unreadable(why)
    if ERR in tree:
        return tree
    return {**tree, path[0]: hidden(tree.get(path[0], {}), path[1:], why)}
