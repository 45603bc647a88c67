"""The grounds of a verdict as they may be shown and kept: cut to a length, without secrets, safe to look at."""

import json
import re
from typing import Final

from guardian.baseline.question import Leaf
from guardian.model.finding import Evidence, Json
from guardian.model.redaction import redact
from guardian.model.visible import visible

MAX_SHOWN: Final = 200
_SECRET: Final = ("password", "passwd", "secret", "token", "requirepass", "masterauth", "private_key", "access_key_id")
_WORD: Final = re.compile(
    r"yes|no|on|off|true|false|none|empty|locked|set|any|md5|[a-z0-9]{0,9}-?sha-?[0-9]{1,3}(-[a-z]+)?|[0-9]{1,6}"
)
"""What a setting about passwords is set to, and nobody's password: ``permitemptypasswords = yes``."""
_HARMLESS: Final = (int, float, bool, type(None))


def evidence(leaf: Leaf) -> Evidence:
    """One ground, fit to be written down."""
    return Evidence(
        path=_cut(visible(leaf.path)),
        op=leaf.op,
        expected="" if leaf.op.removeprefix("not ") in ("every", "some") else _shown(leaf.expected),
        value="" if leaf.truth is None and leaf.why else _value(leaf),
        result="unknown" if leaf.truth is None else "holds" if leaf.truth else "broken",
        why=_cut(redact(visible(leaf.why))),
    )


def _value(leaf: Leaf) -> str:
    name = leaf.path.rsplit("/", 1)[-1].lower()
    plain = isinstance(leaf.value, _HARMLESS) or (isinstance(leaf.value, str) and _WORD.fullmatch(leaf.value))
    if any(word in name for word in _SECRET) and not plain:
        return "***"  # a collector keeps secrets out of facts; this is the second wall
    return _shown(leaf.value)


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(_short(value), ensure_ascii=False, default=str)
    return _cut(redact(visible(text)))


def _short(value: Json) -> Json:
    """Enough of ``value`` to fill what is shown: a subtree may have millions of items."""
    if isinstance(value, list):
        return [_short(item) for item in value[:20]]
    if isinstance(value, dict):
        return {key: _short(item) for key, item in list(value.items())[:20]}
    return value[: 2 * MAX_SHOWN] if isinstance(value, str) else value


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
