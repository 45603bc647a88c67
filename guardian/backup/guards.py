"""Guard rails: what is not removed, whatever a retention says. Pure; each of them can only hold back, never remove.

They are asked in an order: those that look at single points first, then those that count what would be left, the share
of one run last of all. Of the first kind each is asked about everything, so that lifting one is no surprise.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from guardian.backup.retention import Kept, Point, is_empty, keep, newest_first
from guardian.model.protection import Retention
from guardian.model.reason import Reason, Severity, reason

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one source's restore points in one repository, at ``now``. Ids are those of snapshots there.

    ``points`` have a receipt and are there; ``good`` ones are complete, as their receipt says, and nothing speaks
    against them. ``uncopied`` are still to be brought to a further repository. ``proven`` came back in a drill, at the
    highest level at which any of them did. ``agreed`` false: restic answers something else than we do.
    """

    points: tuple[Point, ...]
    good: frozenset[str]
    policy: Retention
    now: datetime
    uncopied: frozenset[str] = frozenset()
    proven: frozenset[str] = frozenset()
    suspicious: bool = False
    legal_hold: str | None = None
    agreed: bool = True


Guard = Callable[[Standing, Sequence[str], Kept], Collection[str]]
"""Those of the doomed ids, which come newest first, that a guard holds."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be done with each point, newest first.

    ``kept`` maps ids to the rules that keep them; ``held`` those that no rule keeps to the guards that hold them;
    ``remove`` the rest to why no rule keeps them.
    """

    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remove: Mapping[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Which guards held how many points."""
        every = [guard for guards in self.held.values() for guard in guards]
        return tuple(
            reason(HELD[guard], _SEVERITY.get(guard, "info"), count=every.count(guard))
            for guard in GUARDS
            if guard in every
        )


def decide(standing: Standing, guards: Mapping[str, Guard] | None = None) -> Decided:
    """What of ``standing`` is to be removed, and what every point that stays is kept or held by."""
    kept = keep(standing.points, standing.policy, standing.now)
    held: dict[str, list[str]] = {}
    for name, guard in (GUARDS if guards is None else guards).items():
        asked = [one for one in kept.removed if name in _OF_POINTS or one not in held]
        for one in guard(standing, asked, kept):
            held.setdefault(one, []).append(name)
    return Decided(
        kept.rules,
        {one: tuple(held[one]) for one in kept.removed if one in held},
        {one: why for one, why in kept.removed.items() if one not in held},
    )


def undecided(points: Sequence[Point]) -> Decided:
    """Everything stays, since nothing is asked for."""
    return Decided({point.id: () for point in newest_first(points)})


def asks_for_something(policy: Retention | None) -> bool:
    """Whether there is a retention with a rule in it."""
    return not is_empty(policy)


# the guards


def _legal_hold(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    return doomed if standing.legal_hold is not None else ()


def _disagreement(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    return () if standing.agreed else doomed


def _suspicion(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    return doomed if standing.suspicious else ()


def _not_copied(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    return [one for one in doomed if one in standing.uncopied]


def _newest_good(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    newest = next((point.id for point in newest_first(standing.points) if point.id in standing.good), None)
    return [one for one in doomed if one == newest]


def _last_proven(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    """The newest of the proven ones, when none of them would stay."""
    if standing.proven - set(doomed):
        return ()
    return [one for one in doomed if one in standing.proven][:1]


def _good_of_its_time(standing: Standing, doomed: Sequence[str], kept: Kept) -> Collection[str]:
    """Good points that are pushed out only by ones that are not good."""
    if standing.good.issuperset(kept.rules):
        return ()
    alone = keep([point for point in standing.points if point.id in standing.good], standing.policy, standing.now)
    return [one for one in doomed if one in alone.rules]


def _floor(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    """So many good ones stay, always; where there are fewer, others fill up, the newest first."""
    least, going = standing.policy.minimum, set(doomed)
    staying = sum(point.id in standing.good and point.id not in going for point in standing.points)
    held = [one for one in doomed if one in standing.good][: max(0, least - staying)]
    if staying + len(held) < least:
        every = sum(point.id not in going for point in standing.points) + len(held)
        held += [one for one in doomed if one not in standing.good][: max(0, least - every)]
    return held


def _share(standing: Standing, doomed: Sequence[str], _kept: Kept) -> Collection[str]:
    """All but the oldest, as many as one run may remove."""
    most = int(standing.policy.max_removal * len(standing.points) + _ROUNDING)
    return doomed[: max(0, len(doomed) - most)]


GUARDS: Final[dict[str, Guard]] = {
    "legal-hold": _legal_hold,
    "disagreement": _disagreement,
    "suspicion": _suspicion,
    "not-copied": _not_copied,
    "newest-good": _newest_good,
    "last-proven": _last_proven,
    "good-of-its-time": _good_of_its_time,
    "floor": _floor,
    "share": _share,
}
"""The guards by name, in the order in which they are asked."""

HELD: Final = {guard: f"held-{guard}" for guard in GUARDS}
"""The code of the reason that a guard held points."""

_OF_POINTS: Final = frozenset({"legal-hold", "disagreement", "suspicion", "not-copied", "newest-good"})
_SEVERITY: Final[dict[str, Severity]] = {"suspicion": "warning", "share": "warning"}
