"""A fact that could not be read, and why: the one form that it has in a view."""

from typing import Any

from guardian.baseline.fact import ERR, unreadable
from guardian.objectstore import answers

_DENIED = frozenset({"AccessDenied", "403", "AllAccessDisabled", "UnauthorizedAccess", "UnauthorizedOperation"})
_MISSING = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405", "UnknownOperation", "InvalidAction"})


def unread(reason: str) -> dict[str, Any]:
    """The fact that could not be read, for a reason in a few words without secrets."""
    return unreadable(reason[:200])


def is_unread(fact: object) -> bool:
    """Whether ``fact`` stands for one that could not be read."""
    return isinstance(fact, dict) and ERR in fact


def refused(code: str, right: str) -> dict[str, Any]:
    """What a cloud's code for a refusal means to somebody who asked for something that needs ``right``."""
    if code in _DENIED:
        return unread(f"denied: needs {right} ({code})")
    if code in _MISSING:
        return unread(f"not implemented by this service ({code})")
    if code == "timeout":
        return unread("timeout")
    if code == answers.NOT_UNDERSTOOD:
        return unread("the answer was not understood")
    return unread(f"the service said {code}")
