"""JSON as evidence needs it: one reading only. What two parsers could read differently is refused."""

import json
from typing import Any, NoReturn


def loads(data: bytes) -> Any:
    """The value of ``data``, UTF-8. Raises ValueError: not JSON, a name twice in an object, NaN, too deep."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: Any) -> bytes:
    """The canonical bytes of ``value``: sorted names, no spaces, UTF-8. Raises ValueError for NaN and infinities.

    Text that is not Unicode (a file name that was no UTF-8) is written as escapes, which read back as they were.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
