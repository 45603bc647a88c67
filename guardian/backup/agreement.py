"""Two programs, one answer: what restic would forget, held against what we would.

Both are asked about everything that bears the source's tags, forged snapshots among it: agreeing on that, they agree on
how to reckon. What is removed is then reckoned among those with a receipt alone.
"""

from collections.abc import Sequence
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


def disagreements(
    restic: Restic, target: Target, snapshots: Sequence[Snapshot], rules: tuple[Retention, datetime]
) -> tuple[Reason, ...]:
    """How restic's answer differs from ours about ``snapshots``, the repository's list; ``rules`` at that moment.

    Asks restic, and raises its errors.
    """
    policy, _now = rules
    tags = tags_of(target)
    mine = [Point(s.id, s.time) for s in snapshots if set(tags) <= set(s.tags)]
    return compare(ask(restic, tags, policy, within_hours(policy)), mine, rules)


def compare(answer: Answer, points: Sequence[Point], rules: tuple[Retention, datetime]) -> tuple[Reason, ...]:
    """How ``answer`` differs from what we reckon of ``points``. Pure."""
    policy, now = rules
    ours = set(keep(points, policy, now).removed)
    looked_at = {point.id for point in points}
    if answer.considered != looked_at:
        strange = len(answer.considered ^ looked_at)
        return (reason("retention-disagree-list", count=strange, restic=len(answer.considered), ours=len(looked_at)),)
    if answer.remove != ours:
        one = min(answer.remove ^ ours)
        return (
            reason(
                "retention-disagree",
                count=len(answer.remove ^ ours),
                snapshot=one,
                restic=len(answer.remove),
                ours=len(ours),
            ),
        )
    return ()
