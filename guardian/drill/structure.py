"""D1: every part of the repository is there, and what it costs when one is not.

One walk of the decoder over all trees speaks for the whole repository, so that it is made once however many sources
lie in it; each source is then told which of its snapshots, and which files of the newest of them, are lost.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

from guardian.decoder.damage import Findings, shown
from guardian.decoder.exposure import Assessment, DamagedFile
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import Snapshot
from guardian.decoder.structure import Structure
from guardian.drill.job import Opened
from guardian.model.drill import DrillCheck, DrillOutcome
from guardian.model.events import Progress
from guardian.model.reason import Reason, reason
from guardian.node import Node

NOT_READ = frozenset({"object-unreadable", "blob-too-large", "storage-unreachable", "storage-refused", "worker-lost"})
"""Codes of what could not be looked at: a doubt, and no damage."""

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Facts:
    """What D1 found of the whole repository. ``assessment`` is None where nothing is lost."""

    loaded: Loaded
    structure: Structure
    findings: tuple[Reason, ...]
    total: int
    assessment: Assessment | None
    seconds: float


def examine(node: Node, opened: Opened, loaded: Loaded) -> Facts:
    """Walk all trees. Raises what the reader raises when the storage does not answer."""
    started = node.clock.monotonic()

    def step(trees: int) -> None:
        node.heed()
        node.report(Progress(trees, unit="entries"))

    packs = loaded.pack_findings()
    structure = loaded.check_structure(opened.executor, report=step)
    parts: tuple[Findings, ...] = (loaded.findings, packs, structure.findings)
    kept = tuple(found for part in parts for found in part.kept)
    assessment = loaded.assess(lost=structure.bad) if structure.bad else None
    seconds = round(node.clock.monotonic() - started, 3)
    return Facts(loaded, structure, kept, sum(part.critical for part in parts), assessment, seconds)


def under(executor: Executor, loaded: Loaded, snapshot: Snapshot) -> tuple[Reason, ...]:
    """What :func:`examine` finds when ``snapshot`` is the only one: damage, and no doubts.

    Raises what the reader raises.
    """
    parts = (loaded.pack_findings(), loaded.check_structure(executor, [snapshot]).findings)
    return tuple(found for part in parts for found in part.kept if found.code not in NOT_READ)


def judge(facts: Facts, snapshots: Iterable[str]) -> DrillCheck:
    """What ``facts`` mean for the source whose ``snapshots`` (ids) these are."""
    exposed = _exposed(facts, frozenset(snapshots))
    reasons = [*_few(facts.findings), *_costs(facts, exposed)]
    return DrillCheck(
        level="D1",
        name="structure",
        outcome=verdict(facts.findings),
        reasons=tuple(reasons),
        measured={
            "trees": facts.structure.trees,
            "files": facts.structure.files,
            "chunks": facts.structure.chunks,
            "stored_bytes": sum(pack.size for pack in facts.loaded.packs() if pack.size > 0),
            "findings": facts.total,
            "exposed_snapshots": len(exposed),
            "seconds": facts.seconds,
        },
    )


def verdict(findings: Iterable[Reason]) -> DrillOutcome:
    """FAIL on damage; COULD_NOT_VERIFY on what could not be looked at; else PASS."""
    found = tuple(findings)
    if any(one.severity == "critical" and one.code not in NOT_READ for one in found):
        return "FAIL"
    return "COULD_NOT_VERIFY" if any(one.code in NOT_READ for one in found) else "PASS"


def _few(findings: Sequence[Reason]) -> list[Reason]:
    """The gravest first, as many as fit a statement, and how many more there are."""
    order = {"critical": 0, "warning": 1, "info": 2}
    # One lost pack is one finding, however many blobs it held.
    once = {(f.code, f.args.get("pack", n)): f for n, f in enumerate(findings) if f.code != "foreign-object"}
    worth = sorted(once.values(), key=lambda f: order[f.severity])
    named = worth[:_NAMED]
    if rest := [f for f in worth[_NAMED:] if f.severity != "info"]:
        named.append(reason("findings-more", rest[0].severity, count=len(rest)))
    return named


def _exposed(facts: Facts, snapshots: frozenset[str]) -> list[str]:
    """Those of ``snapshots`` that lost something, oldest first."""
    if facts.assessment is None:
        return []
    mine = sorted((s for s in facts.loaded.snapshots if s.id in snapshots), key=lambda s: s.time)
    exposed = {i for ids in facts.assessment.exposure(mine).snapshots.values() for i in ids}
    return [s.id for s in mine if s.id in exposed]


def _costs(facts: Facts, exposed: Sequence[str]) -> Iterable[Reason]:
    if not exposed or facts.assessment is None:
        return
    yield reason("snapshots-exposed", count=len(exposed), newest=exposed[-1])
    snapshot = facts.loaded.snapshot(exposed[-1])
    if snapshot is None:
        return
    damaged = iter(facts.assessment.files(snapshot))
    yield from (_file(one) for one in islice(damaged, _NAMED))
    if more := sum(1 for _one in damaged):
        yield reason("files-damaged-more", count=more, snapshot=snapshot.id)


def _file(damaged: DamagedFile) -> Reason:
    if damaged.path.endswith(b"/"):
        return reason("folder-lost", path=shown(damaged.path), snapshot=damaged.snapshot)
    lost = sum(end - start for start, end in damaged.ranges)
    return reason("file-damaged", path=shown(damaged.path), lost=lost, bytes=damaged.size, snapshot=damaged.snapshot)
