"""``guardian verify``: the ladder of drills, climbed level by level, each level saying what it proved.

D0 holds receipts against snapshots, D1 asks restic whether every part is there, D3 brings files back and
compares them with digests taken at the source. A check that could not run is never a pass, and a level that was
not climbed is never printed like one that was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from uuid import uuid4

from guardian import __version__
from guardian.clock import rfc3339
from guardian.drill import content, history, presence
from guardian.drill.history import History
from guardian.drill.points import belongs
from guardian.drill.presence import Found
from guardian.drill.select import seed
from guardian.errors import GuardianError, Interrupted, RepositoryDamaged
from guardian.ledger.anchor import contradiction
from guardian.ledger.invalid import LogInvalid
from guardian.ledger.store import Log
from guardian.ledger.verify import verify_log
from guardian.model.backup import Snapshot, Target
from guardian.model.drill import DrillCheck, DrillLevel, DrillOutcome, worst
from guardian.model.events import Phase, Progress
from guardian.model.evidence import DrillResult
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.restic.client import Restic

LEVELS: tuple[DrillLevel, ...] = ("D0", "D1", "D3")
"""What this version can climb."""

_ANCHORS = 8
"""Newest anchors in snapshots that the log is held against."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a drill. ``nonce`` is the auditor's: nobody else can foresee the sample."""

    level: DrillLevel = "D3"
    confidence: float = 0.95
    max_loss: float = 0.01
    full: bool = False
    nonce: bytes = b""


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill of one source: every level climbed, the worst of their outcomes, and its entry in the log."""

    drill_id: str
    target: Target
    outcome: DrillOutcome
    checks: tuple[DrillCheck, ...]
    entry: int | None = None
    error: GuardianError | None = None


def verify(node: Node, targets: Sequence[Target], options: Options) -> tuple[Drill, ...]:
    """Drill ``targets``, one repository after the other; every result is put into the log.

    Raises EvidenceInvalid when the log itself does not hold together: then nothing else can be proven.
    """
    log = node.log()
    node.report(Phase("log"))
    verdict = verify_log(
        node.log_folder,
        (node.keys().verify_key(),),
        progress=lambda done, total: node.report(Progress(done, total, "entries")),
    )
    if verdict.problem is not None:
        raise LogInvalid(verdict.problem.code, **verdict.problem.figures)
    past = history.read(log)
    drills: list[Drill] = []
    for key, group in groupby(sorted(targets, key=lambda t: t.key), key=lambda t: t.key):
        drills += _Repository(node, log, past, options, key).drill(tuple(group))
    return tuple(drills)


@dataclass(slots=True)
class _Repository:
    """One repository while the sources in it are drilled. What holds for all of them is asked once."""

    node: Node
    log: Log
    past: History
    options: Options
    key: str
    _structure: DrillCheck | None = field(default=None, init=False)
    _error: GuardianError | None = field(default=None, init=False)
    """Why a level of the drill going on could not be climbed."""

    def drill(self, targets: tuple[Target, ...]) -> list[Drill]:
        try:
            restic = self.node.restic(self.key)
            repository_id = restic.config().id
            listed = restic.snapshots()
        except Interrupted:
            raise
        except GuardianError as error:
            return [self._unknown(target, error) for target in targets]
        found = Found(listed.snapshots, listed.unreadable, repository_id)
        return [self._one(restic, target, self._share(found, target, targets)) for target in targets]

    def _share(self, found: Found, target: Target, targets: tuple[Target, ...]) -> Found:
        """The snapshots that are this target's, by its receipts or by their tags; strays go to the first target."""
        known = {kept.receipt.snapshot_id for kept in self.past.of(target)}
        mine = [s for s in found.snapshots if s.id in known or belongs(s, target)]
        if target == targets[0]:
            mine += [s for s in found.snapshots if self._stray(s) and s not in mine]
        return Found(tuple(mine), found.unreadable, found.repository_id)

    def _stray(self, snapshot: Snapshot) -> bool:
        names = {(t.system, t.source) for t in self.node.loaded.targets(()) if t.key == self.key}
        return (snapshot.tag("system"), snapshot.tag("source")) not in names

    def _one(self, restic: Restic, target: Target, found: Found) -> Drill:
        self._error = None
        drill_id, started = uuid4().hex, self.node.clock.now()
        nonce = self.options.nonce
        drawn = seed(self.log.note, drill_id, nonce)
        asked = LEVELS[: LEVELS.index(self.options.level) + 1] if self.options.level in LEVELS else ()
        checks = [self._climb(level, restic, target, found, drawn) for level in asked]
        if not asked:
            checks = [_not_in_this_version(self.options.level)]
        result = self._result(target, checks, (drill_id, rfc3339(started)))
        given = {"checkpoint": self.log.note.decode(), "drill_id": drill_id, "nonce": nonce.hex()}
        result = result.model_copy(
            update={
                "repository_id": found.repository_id,
                "seed": {**given, "seed": drawn.hex()},
                "tools": {"guardian": __version__, "restic": restic.capability.version_text},
            }
        )
        return self._sign(target, result)

    def _climb(self, level: DrillLevel, restic: Restic, target: Target, found: Found, drawn: bytes) -> DrillCheck:
        self.node.report(Phase({"D0": "presence", "D1": "structure"}.get(level, "restore"), target.ref))
        try:
            match level:
                case "D0":
                    return self._presence(target, found)
                case "D1":
                    return self._check_structure(restic)
                case _:
                    present = {s.id for s in found.snapshots}
                    job = content.Job(self.node, restic, self.past.of(target), present, drawn)
                    ask = content.Ask(self.options.confidence, self.options.max_loss, self.options.full)
                    return content.drill(job, ask)
        except Interrupted:
            raise
        except RepositoryDamaged as error:  # an answer: what is asked for does not come back
            said = reason("restore-error", detail=error.message[:300])
            return DrillCheck(level=level, name="unknown", outcome="FAIL", reasons=(said,))
        except GuardianError as error:
            self._error = self._error or error
            return _could_not(level, error)

    def _presence(self, target: Target, found: Found) -> DrillCheck:
        rpo = self.node.loaded.config.systems[target.system].objectives.rpo
        check = presence.judge(self.past.expectation(target), found, self.node.clock.now(), rpo)
        if broken := self._broken_anchors(found.snapshots):
            return check.model_copy(update={"outcome": "FAIL", "reasons": (*check.reasons, *broken)})
        return check

    def _broken_anchors(self, snapshots: Sequence[Snapshot]) -> list[Reason]:
        broken = []
        for snapshot in sorted(snapshots, key=lambda s: s.time)[-_ANCHORS:]:
            value = snapshot.tag("log") or ""
            if code := contradiction(self.log, value):
                size = value.split(":")[1]
                broken.append(reason(code, snapshot=snapshot.id, size=size, found=self.log.size))
        return broken

    def _check_structure(self, restic: Restic) -> DrillCheck:
        # One check speaks for the whole repository, so it is asked once however many sources lie in it.
        if self._structure is None:
            self._structure = content.structure(restic, read_data=False)
        return self._structure

    def _result(self, target: Target, checks: Sequence[DrillCheck], begun: tuple[str, str]) -> DrillResult:
        newest = next(reversed(self.past.of(target)), None)
        return DrillResult(
            drill_id=begun[0],
            tenant=self.node.tenant,
            host=self.node.host,
            system=target.system,
            source=target.source,
            repository=target.key,
            repository_id=None,
            level=self.options.level,
            outcome=worst([check.outcome for check in checks]),
            checks=tuple(checks),
            snapshot_id=newest.receipt.snapshot_id if newest else None,
            tree_id=newest.receipt.tree_id if newest else None,
            receipt=newest.leaf_hash if newest else None,
            started=begun[1],
            ended=rfc3339(self.node.clock.now()),
            tools={"guardian": __version__},
        )

    def _unknown(self, target: Target, error: GuardianError) -> Drill:
        """The repository could not be asked: nothing is known of any source in it, and the log says so."""
        begun = (uuid4().hex, rfc3339(self.node.clock.now()))
        self._error = error
        return self._sign(target, self._result(target, [_could_not("D0", error)], begun))

    def _sign(self, target: Target, result: DrillResult) -> Drill:
        subjects = (
            [("snapshot", result.snapshot_id)] if result.snapshot_id else [("drill", result.drill_id.rjust(64, "0"))]
        )
        entry = self.log.append(result, subjects)
        return Drill(result.drill_id, target, result.outcome, result.checks, entry.index, self._error)


def _could_not(level: DrillLevel, error: GuardianError) -> DrillCheck:
    return DrillCheck(level=level, name="unknown", outcome="COULD_NOT_VERIFY", reasons=(reason(error.code),))


def _not_in_this_version(level: DrillLevel) -> DrillCheck:
    return DrillCheck(
        level=level, name="none", outcome="NOT_RUN", reasons=(reason("not-in-this-version", "warning", level=level),)
    )
