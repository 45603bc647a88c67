"""Three-valued logic after Kleene: true, false, and None for what nobody knows.

Whatever an unknown turns out to be, a result that is not None stays what it is.
"""

from collections.abc import Iterable

Truth = bool | None


def both(truths: Iterable[Truth]) -> Truth:
    """All of them: false as soon as one is, otherwise unknown as soon as one is."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def either(truths: Iterable[Truth]) -> Truth:
    """Any of them: true as soon as one is, otherwise unknown as soon as one is."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        if truth is None:
            result = None
    return result


def negated(truth: Truth) -> Truth:
    """The opposite; unknown stays unknown."""
    return None if truth is None else not truth
