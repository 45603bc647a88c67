"""``guardian verify``: the ladder of drills, climbed level by level, each level saying what it proved.

D0 holds receipts against snapshots, D1 asks restic whether every part is there, D3 brings files back and
compares them with digests taken at the source. A check that could not run is never a pass, and a level that was
not climbed is never printed like one that was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from uuid import uuid4

from guardian import __version__, telemetry
from guardian.clock import rfc3339
from guardian.drill import content, history, presence
from guardian.drill.history import History
from guardian.drill.points import belongs
from guardian.drill.presence import Expectation, Found
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

_NOBODY: frozenset[str] = frozenset()
_NOTHING = Found(())


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

    def progress(done: int, total: int) -> None:
        node.heed()
        node.report(Progress(done, total, "entries"))

    verdict = verify_log(node.log_folder, (node.keys().verify_key(),), progress=progress)
    if verdict.problem is not None:
        raise LogInvalid(verdict.problem.code, **verdict.problem.figures)
    past = history.read(log, heed=node.heed)
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
    _under_way: frozenset[str] = field(default=_NOBODY, init=False)
    _cut_off: frozenset[str] = field(default=_NOBODY, init=False)
    _later: History | None = field(default=None, init=False)
    """What came into the log while the repository was asked."""
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
        # In this order: a backup beside us first makes its snapshot, then its receipt, then takes its intent away.
        unsettled = self.node.unsettled_runs(self.key)
        self._under_way, self._cut_off = (unsettled, _NOBODY) if self.node.is_leased(self.key) else (_NOBODY, unsettled)
        with self.node.log() as log:
            self._later = history.read(log, self.past.size, heed=self.node.heed)
        found = Found(listed.snapshots, listed.unreadable, repository_id)
        return [self._one(restic, target, self._share(found, target, targets)) for target in targets]

    def _share(self, found: Found, target: Target, targets: tuple[Target, ...]) -> Found:
        """The snapshots that are this target's, by its receipts or by their tags; strays go to the first target."""
        known = {kept.receipt.snapshot_id for kept in self.past.of(target)}
        mine = [s for s in found.snapshots if s.id in known or belongs(s, target)]
        if target == targets[0]:
            mine += self._strays(found.snapshots)
        return Found(tuple(mine), found.unreadable, found.repository_id)

    def _strays(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """Snapshots of nobody: not configured here, nor known from a source that was renamed or removed."""
        names = {(t.system, t.source) for t in self.node.loaded.targets(()) if t.key == self.key}
        known = self.past.snapshots()
        return [s for s in snapshots if (s.tag("system"), s.tag("source")) not in names and s.id not in known]

    def _one(self, restic: Restic, target: Target, found: Found) -> Drill:
        self._error = None
        drill_id, started = uuid4().hex, self.node.clock.now()
        nonce = self.options.nonce
        drawn = seed(self.log.note, drill_id, nonce)
        asked = LEVELS[: LEVELS.index(self.options.level) + 1] if self.options.level in LEVELS else ()
        checks = [self._climb(level, restic, target, found, drawn) for level in asked]
        if not asked:
            checks = [_not_in_this_version(self.options.level)]
        result = self._result(target, checks, (drill_id, rfc3339(started)), found)
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
        except Exception as fault:  # noqa: BLE001  a level that broke is on record as well
            ours = telemetry.unexpected(fault)
            self._error = self._error or ours
            return _could_not(level, ours)

    def _presence(self, target: Target, found: Found) -> DrillCheck:
        rpo = self.node.loaded.config.systems[target.system].objectives.rpo
        check = presence.judge(self._expectation(target), found, self.node.clock.now(), rpo)
        if broken := self._broken_anchors(found.snapshots):
            return check.model_copy(update={"outcome": "FAIL", "reasons": (*check.reasons, *broken)})
        return check

    def _expectation(self, target: Target) -> Expectation:
        expected = self.past.expectation(target)
        if self._later is None:
            return expected
        return replace(
            expected,
            failed_runs=expected.failed_runs | self._later.failed_runs | self._cut_off,
            later=self._later.snapshots(),
            under_way=self._under_way - self._later.failed_runs,
        )

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

    def _result(
        self, target: Target, checks: Sequence[DrillCheck], begun: tuple[str, str], found: Found = _NOTHING
    ) -> DrillResult:
        present = {s.id for s in found.snapshots}
        # What was drilled is the newest restore point that is there (content.drill), not one that is gone.
        kept = self.past.of(target)
        newest = next((k for k in reversed(kept) if k.receipt.snapshot_id in present), next(reversed(kept), None))
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
