"""One source climbs the ladder: what each level needs, in which order, and what becomes of one that breaks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from guardian import telemetry
from guardian.decoder.damage import Damage
from guardian.decoder.repository import Loaded
from guardian.drill import frame, structure
from guardian.drill.frame import Files
from guardian.drill.history import Kept
from guardian.drill.job import Ask, Job, Opened
from guardian.drill.job import tools as executor_tools
from guardian.drill.record import HIGHEST, LEVELS, Begun, Drill, Record, could_not
from guardian.drill.shares import Shares
from guardian.errors import GuardianError, Interrupted, RepositoryDamaged
from guardian.model.backup import Target
from guardian.model.drill import DrillCheck, DrillLevel, Frame
from guardian.model.events import Phase
from guardian.model.protection import FilesSource
from guardian.model.reason import Reason, reason

if TYPE_CHECKING:
    from guardian.drill.rotation import Shared

_PHASES = {"D0": "presence", "D1": "structure", "D2": "packs", "D3": "restore", "D4": "application"}
_DRAWING = frozenset({"D2", "D3"})


@dataclass(slots=True)
class Climb:
    """One repository while the sources in it are drilled. What holds for all of them is asked once."""

    record: Record
    opened: Opened
    shares: Shares
    _facts: structure.Facts | None = field(default=None, init=False)
    _checked: DrillCheck | None = field(default=None, init=False)
    _shared: "Shared | None" = field(default=None, init=False)
    _error: GuardianError | None = field(default=None, init=False)
    """Why a level of the drill going on could not be climbed."""

    def drill(self, target: Target) -> Drill:
        """Climb as high as was asked, or as the source's kind reaches, and put the result into the log."""
        self._error = None
        begun = self.record.begin(target)
        begun.repository_id = self.opened.repository_id
        begun.newest = self._newest(target)
        asked = self.record.options.level
        tools = {"restic": self.opened.restic.capability.version_text, **executor_tools(self.opened.executor)}
        if asked not in LEVELS:
            return self.record.end(begun, asked, [_not_in_this_version(asked)], tools)
        level = self._highest(target)
        checks: list[DrillCheck] = []
        job = self._job(begun)
        for step in LEVELS[: LEVELS.index(level) + 1]:
            self.record.node.report(Phase(_PHASES[step], target.ref))
            if step in _DRAWING and not begun.seed:
                job = self._planned(begun, job, level)
            checks += self._step(step, job, begun)
        if LEVELS.index(asked) > LEVELS.index(level):
            said = reason("highest-level-of-kind", "info", level=level, kind=self._kind(target))
            checks[-1] = _with(checks[-1], said)
        if begun.newest and begun.newest.leaf_hash in self.record.past.suspicious and level not in {"D0", "D1"}:
            # It comes back; whether it is what it should be, nobody has said yet.
            told = reason("snapshot-suspicious", "warning", snapshot=begun.newest.receipt.snapshot_id[:12])
            checks[-1] = _with(checks[-1], told)
        return self.record.end(begun, level, checks, tools, self._error)

    def _newest(self, target: Target) -> Kept | None:
        present = {s.id for s in self.opened.snapshots}
        kept = self.record.past.of(target)
        # What is drilled is the newest restore point that is there, not one that is gone.
        return next((k for k in reversed(kept) if k.receipt.snapshot_id in present), None)

    def _highest(self, target: Target) -> DrillLevel:
        """What is asked, or where the source's kind ends."""
        asked, most = self.record.options.level, HIGHEST.get(self._kind(target), LEVELS[-1])
        return min(asked, most, key=LEVELS.index)

    def _kind(self, target: Target) -> str:
        return self.record.node.loaded.source(target).kind

    def _job(self, begun: Begun) -> Job:
        options, target = self.record.options, begun.target
        ask = Ask(options.confidence, options.max_loss, options.full, options.inspect)
        kept = self.record.past.of(target)
        return Job(self.record.node, target, self.opened, kept, begun.newest, ask, drill_id=begun.drill_id)

    def _planned(self, begun: Begun, job: Job, level: DrillLevel) -> Job:
        """The job with the frames that its plan names and the seed that follows from it; as it was without a plan."""
        if begun.newest is None:
            return job
        files, broken, frames = None, None, list[Frame]()
        spec = job.node.loaded.source(job.target)
        critical = spec.critical if isinstance(spec, FilesSource) else ()
        try:
            files = self._files(job, begun.newest, critical)
        except Damage as damage:
            broken = damage.reason
        except GuardianError as error:
            if isinstance(error, Interrupted):
                raise
            broken = reason(error.code)
        if files is not None:
            frames.append(files.frame())
        if self.opened.loaded is not None:
            frames.append(frame.packs(self.opened.loaded))
        self.record.plan(begun, level, frames, critical)
        return replace(job, seed=begun.seed, files=files, broken=broken)

    def _files(self, job: Job, newest: Kept, critical: tuple[str, ...]) -> Files | None:
        loaded = self.opened.loaded
        return frame.of_receipt(loaded, newest.receipt, critical, job.node.heed) if loaded else None

    def _step(self, level: DrillLevel, job: Job, begun: Begun) -> tuple[DrillCheck, ...]:
        """One level. What breaks it is its outcome; only a wish to stop goes on upwards."""
        try:
            return self._level(level, job, begun)
        except Interrupted:
            raise
        except RepositoryDamaged as error:  # an answer: what is asked for does not come back
            return (DrillCheck(level=level, name="unknown", outcome="FAIL", reasons=(_damage(error),)),)
        except GuardianError as error:
            self._error = self._error or error
            return (could_not(level, error),)
        except Exception as fault:  # noqa: BLE001  a level that broke is on record as well
            ours = telemetry.unexpected(fault)
            self._error = self._error or ours
            return (could_not(level, ours),)

    def _level(self, level: DrillLevel, job: Job, begun: Begun) -> tuple[DrillCheck, ...]:
        match level:
            case "D0":
                return (self._presence(job),)
            case "D1":
                return (self._structure(job),)
            case "D2":
                return (self._packs(job),)
            case "D3":
                return (self._content(job),)
            case _:
                from guardian.drill import application  # noqa: PLC0415  what a level needs, when it is climbed

                return application.drill(job, begun.timeline)

    def _presence(self, job: Job) -> DrillCheck:
        check = self.shares.presence(job.target, self.record.book.log)
        if not self._plants(job):
            return check
        from guardian.drill import planted  # noqa: PLC0415  the same

        def look(loaded: Loaded) -> Sequence[Reason]:
            return self.shares.seen(loaded).presence(job.target, self.record.book.log).reasons

        return planted.d0(job, check, look)

    def _plants(self, job: Job) -> bool:
        """Whether this drill is put to the test: from D2 on, on every level it climbs."""
        return self.opened.loaded is not None and self._highest(job.target) not in {"D0", "D1"}

    def _structure(self, job: Job) -> DrillCheck:
        # One look speaks for the whole repository, so it is made once however many sources lie in it.
        loaded = self.opened.loaded
        if loaded is None:
            from guardian.drill import program  # noqa: PLC0415  the same

            self._checked = self._checked or program.structure(self.opened.restic)
            return self._checked
        if self._facts is None:
            self._facts = structure.examine(job.node, self.opened, loaded)
        check = structure.judge(self._facts, (s.id for s in self.shares.found(job.target).snapshots))
        # Where the walk could not look into everything, it would not find what is planted there either.
        if not self._plants(job) or check.outcome == "COULD_NOT_VERIFY":
            return check
        from guardian.drill import planted  # noqa: PLC0415  the same

        return planted.d1(job, check, lambda seen, snapshot: structure.under(self.opened.executor, seen, snapshot))

    def _packs(self, job: Job) -> DrillCheck:
        if self.opened.loaded is None:
            from guardian.drill import program  # noqa: PLC0415  the same

            return program.packs(job)
        from guardian.drill import rotation  # noqa: PLC0415  the same

        self._shared = self._shared or rotation.Shared()
        return rotation.drill(job, self._shared)

    def _content(self, job: Job) -> DrillCheck:
        if self.opened.loaded is None:
            from guardian.drill import program  # noqa: PLC0415  the same

            return program.drill(job)
        from guardian.drill import content  # noqa: PLC0415  the same

        check, error = content.drill(job, self.opened.loaded)
        self._error = self._error or error
        return check


def _with(check: DrillCheck, told: Reason) -> DrillCheck:
    return check.model_copy(update={"reasons": (*check.reasons, told)})


def _damage(error: RepositoryDamaged) -> Reason:
    return error.reason if isinstance(error, Damage) else reason("restore-error", detail=error.message[:300])


def _not_in_this_version(level: DrillLevel) -> DrillCheck:
    return DrillCheck(
        level=level, name="none", outcome="NOT_RUN", reasons=(reason("not-in-this-version", "warning", level=level),)
    )
