"""What changed since the scan before. Pure: what was and what is in, what came of it out."""

from collections.abc import Mapping

from guardian.model.border import Stated
from guardian.model.finding import Change, Status


class Was(Stated):
    """A verdict as it was after the scan before: its status, and since when it had it."""

    status: Status
    since: str
    rule: str = ""


def change(before: Was | None, now: Status, *, first: bool) -> Change:
    """What became of a finding. ``first``: its target was never scanned before."""
    if first:
        return "first"
    was = before.status if before is not None else None
    if now == "fail":
        return "still" if was == "fail" else "new"
    if now == "unknown":
        return "same" if was in ("unknown", None) else "became-unreadable"
    if was == "fail":
        return "fixed"
    return "became-readable" if was == "unknown" else "same"


def since(before: Was | None, now: Status, at: str) -> str:
    """Since when it has its status without a break."""
    return before.since if before is not None and before.status == now else at


def vanished(before: Mapping[str, Was], now: Mapping[str, object]) -> tuple[str, ...]:
    """Findings that were given before and are not any more: a verdict that goes missing is never silent."""
    return tuple(sorted(before.keys() - now.keys()))
