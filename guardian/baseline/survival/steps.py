"""What principals can come to by steps, and the fewest of them that lead to an end. Pure; nothing here knows of clouds.

A world is made of steps: whoever has all that a step needs can take it and has what it gives. Nothing is ever lost by
a step, so that who can come to what is a least fixed point. A step that rests on something nobody could read names it:
what needs such a step may be, what does without is.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, Literal

MOST_STATES: Final = 20_000
"""So many ways are followed at most to find the fewest steps; beyond, steps that lead there and none too many."""


@dataclass(frozen=True, slots=True)
class Step:
    """``code`` and ``args`` say what is done; ``days`` is the earliest day on which it can be done, from now.

    ``unread``: facts that could not be read and are taken for the worst, each a code and what it is about.
    """

    code: str
    needs: frozenset[str]
    gives: str
    args: Mapping[str, str | int] = field(default_factory=dict, hash=False)
    days: int = 0
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """``principals``: what each has to begin with. ``goals``: all of these are to be had for the end."""

    principals: Mapping[str, frozenset[str]]
    steps: tuple[Step, ...]
    goals: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attack:
    """The principals who do it together, and their steps in an order in which each can be taken."""

    principals: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def days(self) -> int:
        """The day on which it is done."""
        return max((step.days for step in self.steps), default=0)

    @property
    def unread(self) -> frozenset[str]:
        """What was not read and would have to be so."""
        return frozenset().union(*(step.unread for step in self.steps))


Answer = Literal["found", "none", "unknown"]
"""``none``: not even if everything that could not be read were as bad as can be. ``unknown``: only if some of it is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``attack`` is the shortest there is: of fewest principals, then of fewest steps. If ``unknown``, it names why.

    For no goals at all there is none, and the answer is unknown: where nothing is kept, nothing survives either.
    """

    answer: Answer
    attack: Attack | None
    days: int
    together: int


def ask(world: World, days: int, together: int = 2) -> Verdict:
    """Whether at most ``together`` principals come to all goals within ``days``."""
    timely = tuple(step for step in world.steps if step.days <= days)
    sure = tuple(step for step in timely if not step.unread)
    if not world.goals:
        return Verdict("unknown", None, days, together)
    if attack := shortest(world, sure, together):
        return Verdict("found", attack, days, together)
    attack = shortest(world, timely, together)
    return Verdict("unknown" if attack else "none", attack, days, together)


def shortest(world: World, steps: Sequence[Step], together: int) -> Attack | None:
    """The attack of fewest principals and, among these, of fewest steps; None where there is none."""
    for size in range(1, together + 1):
        found = [
            Attack(coalition, taken)
            for coalition in combinations(sorted(world.principals), size)
            if (taken := fewest(_has(world, coalition), steps, world.goals)) is not None
        ]
        if found:
            return min(found, key=lambda attack: (len(attack.steps), attack.principals))
    return None


def _has(world: World, coalition: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(world.principals[name] for name in coalition))


def closure(has: frozenset[str], steps: Sequence[Step]) -> tuple[frozenset[str], tuple[Step, ...]]:
    """All that can be had by ``steps`` from ``has``, and steps that lead there, in an order that can be taken."""
    held, left = set(has), list(steps)
    taken: list[Step] = []
    while True:
        able = [step for step in left if step.needs <= held and step.gives not in held]
        if not able:
            return frozenset(held), tuple(taken)
        for step in able:
            if step.gives not in held:
                held.add(step.gives)
                taken.append(step)
        left = [step for step in left if step.gives not in held]


def fewest(has: frozenset[str], steps: Sequence[Step], goals: frozenset[str]) -> tuple[Step, ...] | None:
    """The fewest of ``steps`` that lead from ``has`` to all ``goals``, in order; None where nothing does."""
    everything, taken = closure(has, steps)
    if not goals <= everything:
        return None
    useful = _useful(has, [step for step in steps if step.needs <= everything], goals)
    return _search(has, useful, goals) or _needed(has, taken, goals)


def _useful(has: frozenset[str], steps: Sequence[Step], goals: frozenset[str]) -> list[Step]:
    """Those that something leading to a goal needs."""
    wanted, chosen = set(goals - has), set()
    waiting = list(wanted)
    while waiting:
        what = waiting.pop()
        for number, step in enumerate(steps):
            if step.gives == what:
                chosen.add(number)
                more = step.needs - has - wanted
                wanted |= more
                waiting += more
    return [steps[number] for number in sorted(chosen)]


def _search(has: frozenset[str], steps: Sequence[Step], goals: frozenset[str]) -> tuple[Step, ...] | None:
    """By breadth: the first way to the end is one of the fewest steps. None when there are too many ways to follow."""
    seen = {has}
    queue: deque[tuple[frozenset[str], tuple[Step, ...]]] = deque([(has, ())])
    while queue:
        held, taken = queue.popleft()
        if goals <= held:
            return taken
        for step in steps:
            if step.gives in held or not step.needs <= held:
                continue
            after = held | {step.gives}
            if after not in seen:
                if len(seen) >= MOST_STATES:
                    return None
                seen.add(after)
                queue.append((after, (*taken, step)))
    return None


def _needed(has: frozenset[str], taken: Sequence[Step], goals: frozenset[str]) -> tuple[Step, ...]:
    """Of ``taken`` those that the goals rest on."""
    wanted, kept = set(goals - has), []
    for step in reversed(taken):
        if step.gives in wanted:
            kept.append(step)
            wanted |= step.needs - has
    return tuple(reversed(kept))
