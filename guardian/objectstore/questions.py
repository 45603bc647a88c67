"""One question to a storage: its answer as a fact, or why there is none. Unreadable is never a pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from guardian.errors import StorageRefused
from guardian.objectstore import answers
from guardian.objectstore.answers import Why

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """What was read; or, where ``error`` is not None, why it could not be: a short code such as ``AccessDenied``."""

    value: T | None
    error: str | None = None

    @property
    def known(self) -> bool:
        """Whether ``value`` is what the storage said."""
        return self.error is None


class Questions:
    """Asks for one fact after the other and remembers that nobody answers. ``asked`` counts what was sent."""

    def __init__(self, reason: Callable[[Exception], Why | None] = answers.reason) -> None:
        """``reason`` knows the errors of whoever sends; by itself those of boto3."""
        self.asked = 0
        self.unreachable: str | None = None
        self._reason = reason

    def __call__(
        self,
        meaning: Callable[[Any], T],
        request: Callable[[], Any],
        absent: Mapping[str, T | None] | None = None,
    ) -> Fact[T]:
        """The fact that ``request``'s answer means; ``absent`` says what a code for "there is none" means."""
        if self.unreachable is not None:
            return Fact(None, self.unreachable)
        self.asked += 1
        try:
            return Fact(meaning(request()))
        except Exception as error:
            why = self._reason(error) or _common(error)
            if why is None:
                raise
        if absent is not None and why.code in absent:
            return Fact(absent[why.code])
        if why.unreachable:
            self.unreachable = why.code
        return Fact(None, why.code)


def _common(error: Exception) -> Why | None:
    if isinstance(error, TimeoutError):
        return Why("timeout", unreachable=True)
    if isinstance(error, (StorageRefused, LookupError, TypeError, ValueError, AttributeError)):
        return Why(answers.NOT_UNDERSTOOD)
    return None
