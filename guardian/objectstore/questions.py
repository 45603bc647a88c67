"""One question to a storage: its answer as a fact, or why there is none. Unreadable is never a pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from guardian.errors import StorageRefused
from guardian.objectstore import answers

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

    def __init__(self) -> None:
        self.asked = 0
        self.unreachable: str | None = None

    def __call__(
        self,
        meaning: Callable[[Any], T],
        request: Callable[[], Any],
        absent: Mapping[str, T | None] | None = None,
    ) -> Fact[T]:
        """The fact that ``request``'s answer means; ``absent`` says what a code for "there is none" means."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  large and optional
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        if self.unreachable is not None:
            return Fact(None, self.unreachable)
        self.asked += 1
        try:
            return Fact(meaning(request()))
        except (BotoCoreError, ClientError) as error:
            why = answers.short(error)
            if absent is not None and why in absent:
                return Fact(absent[why])
            if answers.is_unreachable(error):
                self.unreachable = why
        except TimeoutError:
            self.unreachable = why = "timeout"
        except (StorageRefused, LookupError, TypeError, ValueError, AttributeError, ResponseParserError):
            why = answers.NOT_UNDERSTOOD
        return Fact(None, why)
