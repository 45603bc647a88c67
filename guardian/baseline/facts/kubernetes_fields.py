"""Fields of Kubernetes objects, taken only as what they should be. Pure; ValueError for anything else."""

from collections.abc import Mapping
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping; what is not written is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("a mapping is expected")  # noqa: TRY004  one error for whatever is malformed
    return value


def listed(value: object) -> list[Any]:
    """A list; what is not written is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("a list is expected")  # noqa: TRY004
    return value


def text(value: object) -> str:
    """A text; what is not written is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise ValueError("a text is expected")  # noqa: TRY004
    return str(value)[:1024]


def truth(value: object, *, default: bool) -> bool:
    """A truth value, or ``default`` where it is not written."""
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ValueError("a truth value is expected")  # noqa: TRY004
    return value


def number(value: object) -> int | None:
    """A whole number; null where it is not written."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a number is expected")  # noqa: TRY004
    return value


def texts(value: object) -> list[str]:
    """A list of texts."""
    return [text(one) for one in listed(value)]
