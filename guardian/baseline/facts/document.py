"""An export of any system's configuration, JSON or YAML, as facts: the door for what has no collector. Pure.

The whole tree stands under ``document``; several documents of one file are a list. What looks like a secret by its
name is replaced by ``set`` or ``empty``.
"""

import re
from typing import Any, Final

from guardian.baseline.facts.document_files import Document
from guardian.baseline.facts.unread import unread

_SECRET: Final = re.compile(
    r"(?i)(passw(or)?d|passphrase|secret|token|credentials?|api_?-?key|private_?-?key|access_?-?key|密码|口令)s?$"
)


def facts(documents: list[Document]) -> dict[str, Any]:
    """``document``: the tree, a list of trees where the file has several, or why it could not be read."""
    problem = next((one.problem for one in documents if one.problem), "")
    if problem:
        return {"document": unread(problem)}
    if not documents:
        return {"document": unread("the file holds nothing")}
    trees = [without_secrets(one.tree) for one in documents]
    return {"document": trees[0] if len(trees) == 1 else trees}


def without_secrets(tree: Any) -> Any:
    """``tree`` with ``set`` or ``empty`` in the place of every text whose name is that of a secret.

    A mapping of a stranger that looks like our mark for something unreadable is one: it is never taken for a value.
    """
    if isinstance(tree, dict):
        return {key: _masked(key, value) for key, value in tree.items()}
    return [without_secrets(one) for one in tree] if isinstance(tree, list) else tree


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and _SECRET.search(key):
        return "set" if value != "" else "empty"
    return without_secrets(value)
