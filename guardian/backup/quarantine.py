"""Snapshots without a receipt: told apart by what the log knows of them. Pure. None of them is ever removed by us.

Whoever may write to a repository can put snapshots into it, with any name and any time. They count for nothing: no
retention is reckoned with them, and none makes room for them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from guardian.model.backup import Snapshot, Target
from guardian.model.reason import Reason, Severity, reason

Kind = Literal["orphan", "under-way", "copy-unstated", "forged", "foreign"]
"""``orphan``: left by a run that failed or was cut off, as the log says. ``under-way``: of a run that goes on, or whose
end is not recorded yet. ``copy-unstated``: it says it is a copy of a restore point we know, with the tree of that, and
no statement says it was looked into. ``forged``: it claims to be a backup of ours, and the log knows of none.
``foreign``: it claims nothing of the kind, or to be of a system that is not ours."""

NAMED: Final = 10
_SEVERITY: Final[dict[Kind, Severity]] = {
    "orphan": "info",
    "under-way": "info",
    "copy-unstated": "info",
    "forged": "critical",
    "foreign": "warning",
}
CODES: Final = {kind: f"quarantined-{kind}" for kind in _SEVERITY}
"""The code of the reason that names one; with ``-more`` that of the one that counts the others."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the log and this host know: ids with a receipt; runs and ids that failed; runs that are not settled.

    ``trees`` maps the snapshots with a receipt anywhere to their trees: what may lie here as a copy.
    """

    receipts: Collection[str]
    failed_runs: Collection[str] = frozenset()
    orphans: Collection[str] = frozenset()
    unsettled: Collection[str] = frozenset()
    trees: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A snapshot that no receipt vouches for."""

    snapshot: Snapshot
    kind: Kind


def quarantine(snapshots: Iterable[Snapshot], known: Known, targets: Sequence[Target]) -> tuple[Quarantined, ...]:
    """Those of ``snapshots`` that have no receipt, where ``targets`` are ours; newest last."""
    found = [Quarantined(s, _kind(s, known, targets)) for s in snapshots if s.id not in known.receipts]
    return tuple(sorted(found, key=lambda one: one.snapshot.time))


def belongs(snapshot: Snapshot, target: Target) -> bool:
    """Whether the tags of ``snapshot`` say that it is one of ``target``."""
    return snapshot.tag("system") == target.system and snapshot.tag("source") == target.source


def tell(found: Iterable[Quarantined], now: datetime) -> tuple[Reason, ...]:
    """The newest of each kind by name, and how many more there are."""
    told: list[Reason] = []
    everything = tuple(found)
    for kind, severity in _SEVERITY.items():
        some = [one.snapshot for one in everything if one.kind == kind]
        told += [_named(kind, severity, snapshot) for snapshot in some[-NAMED:]]
        if len(some) > NAMED:
            told.append(reason(_more(kind), severity, count=len(some) - NAMED))
        if kind == "forged" and (ahead := sum(snapshot.time > now for snapshot in some)):
            told.append(reason("quarantined-from-future", severity, count=ahead))
    return tuple(told)


def _kind(snapshot: Snapshot, known: Known, targets: Sequence[Target]) -> Kind:
    run = snapshot.tag("run") or ""
    if run in known.failed_runs or snapshot.id in known.orphans:
        return "orphan"
    if run in known.unsettled:
        return "under-way"
    if snapshot.original and (known.trees or {}).get(snapshot.original) == snapshot.tree:
        return "copy-unstated"
    claims = "guardian" in snapshot.tags and any(belongs(snapshot, target) for target in targets)
    return "forged" if claims else "foreign"


def _more(kind: Kind) -> str:
    return f"{CODES[kind]}-more"


def _named(kind: Kind, severity: Severity, snapshot: Snapshot) -> Reason:
    host, time = snapshot.hostname[:255], snapshot.time.isoformat()
    return reason(CODES[kind], severity, snapshot=snapshot.id, host=host, time=time)
