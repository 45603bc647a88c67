"""Two programs, one answer: what restic would forget, held against what we would.

Both are asked about everything that bears the source's tags, forged snapshots among it: agreeing on that, they agree on
how to reckon. What is removed is then reckoned among those with a receipt alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from guardian.backup.retention import Point, keep, within_hours
from guardian.model.backup import Snapshot, Target
from guardian.model.protection import Retention
from guardian.model.reason import Reason, reason
from guardian.restic.client import Restic
from guardian.restic.removal import Answer, ask


def tags_of(target: Target) -> tuple[str, ...]:
    """The tags that every backup of ``target`` bears."""
    return ("guardian", f"system={target.system}", f"source={target.source}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What both reckon by: ``policy`` at ``now``; ``keeps_oldest``: whether this restic keeps the oldest point too."""

    policy: Retention
    now: datetime
    keeps_oldest: bool = True


def disagreements(
    restic: Restic, target: Target, snapshots: Iterable[Snapshot], policy: Retention, now: datetime
) -> tuple[Reason, ...]:
    """How restic's answer differs from ours about ``snapshots``, the repository's list. Asks, and raises its errors."""
    tags = tags_of(target)
    mine = [Point(s.id, s.time) for s in snapshots if set(tags) <= set(s.tags)]
    answer = ask(restic, tags, policy, within_hours(policy))
    return compare(answer, mine, Rules(policy, now, restic.capability.keeps_oldest))


def compare(answer: Answer, points: Sequence[Point], rules: Rules) -> tuple[Reason, ...]:
    """How ``answer`` differs from what we reckon of ``points``. Pure.

    Of points with one time, which only a forger makes, it is chance which of them restic takes: they count as one.
    """
    looked_at = {point.id: point.time for point in points}
    if strange := answer.considered ^ looked_at.keys():
        theirs, mine = len(answer.considered), len(looked_at)
        return (reason("retention-disagree-list", count=len(strange), restic=theirs, ours=mine),)
    ours = keep(points, rules.policy, rules.now, keeps_oldest=rules.keeps_oldest).removed
    differing = answer.remove ^ ours.keys()
    if Counter(looked_at[one] for one in answer.remove) != Counter(looked_at[one] for one in ours):
        counts, one = (len(answer.remove), len(ours)), min(differing)
        return (reason("retention-disagree", count=len(differing), snapshot=one, restic=counts[0], ours=counts[1]),)
    return ()
