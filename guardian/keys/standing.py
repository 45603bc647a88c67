"""How the shares of each repository's password stand, as the log tells it. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from guardian.model.evidence import DrillResult, Entry, KeyEvent


@dataclass(frozen=True, slots=True)
class Standing:
    """The escrow of one repository's password. Times are RFC 3339; ``stale``: the password was changed since."""

    threshold: int
    shares: int
    escrowed: str
    stale: bool = False
    drilled: str | None = None
    """When the last K drill passed, of whatever shares."""


@dataclass(slots=True)
class Escrows:
    """Takes the entries of a log in their order."""

    _found: dict[str, Standing] = field(default_factory=dict)
    _drilled: dict[str, str] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Take one entry."""
        match entry.predicate:
            case KeyEvent(event="password-escrowed", repository=str(key), threshold=int(m), shares=int(n), at=at):
                self._found[key] = Standing(m, n, at)
            case KeyEvent(event="password-rotated", repository=str(key)) if key in self._found:
                self._found[key] = replace(self._found[key], stale=True)
            case DrillResult(level="K", outcome="PASS", repository=key, ended=ended):
                self._drilled[key] = ended
            case _:
                pass

    def standings(self) -> dict[str, Standing]:
        """The newest escrow of each repository, by its key."""
        return {key: replace(found, drilled=self._drilled.get(key)) for key, found in self._found.items()}


def standings(entries: Iterable[Entry], heed: Callable[[], None] = lambda: None) -> dict[str, Standing]:
    """The same of a whole log. ``heed()`` is called for every entry and may end it."""
    escrows = Escrows()
    for entry in entries:
        heed()
        escrows.take(entry)
    return escrows.standings()
