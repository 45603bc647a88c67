"""D2: stored bytes are intact. Packs are read whole: a share of all in rotation, and some drawn by chance.

The two parts say different things and are stated apart: the rotation, that so much of what is stored was read within
the time window (:class:`guardian.model.drill.Coverage`); the draw, that with this confidence fewer than so many of all
packs are bad now. What was read whole when is kept from run to run (:mod:`guardian.drill.lastread`).
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Literal

from guardian.decoder import limits, unpacked
from guardian.decoder.damage import Damage, as_reason
from guardian.decoder.index import ABSENT, Pack
from guardian.decoder.packs import PackReport
from guardian.decoder.repository import Loaded
from guardian.drill import bounds, coverage, planted
from guardian.drill.coverage import Rhythm, Stored
from guardian.drill.exposed import exposed
from guardian.drill.job import Job, width
from guardian.drill.lastread import LastRead
from guardian.drill.structure import NOT_READ
from guardian.errors import Unavailable
from guardian.model.drill import Assurance, DrillCheck
from guardian.model.events import Progress, Remark
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import Reason, reason

Look = Callable[[Loaded, Iterable[Pack], Executor], Iterator[PackReport]]
"""What reads packs whole and reports on each, in the order given."""

SAVE_SECONDS = 5.0
"""A drill that is killed reads again at most what it read in so long."""
_AHEAD = 4
"""Packs under way at once, unless more read."""
Standing = Literal["good", "bad", "missing", "doubt"]
_MISSING = frozenset({"pack-missing", "object-missing"})
_LATEST = (1 << 32) - 1


def read_whole(loaded: Loaded, packs: Iterable[Pack], executor: Executor) -> Iterator[PackReport]:
    """The decoder's own way: see :meth:`guardian.decoder.repository.Loaded.verify_packs`."""
    return loaded.verify_packs(packs, executor, width(executor, _AHEAD))


def standing(report: PackReport) -> Standing:
    """What ``report`` says of its pack: whole, not whole, not there, or not looked into. Pure."""
    critical = [found.code for found in report.findings if found.severity == "critical"]
    if any(code not in _MISSING and code not in NOT_READ for code in critical):
        return "bad"
    if any(code in _MISSING for code in critical):
        return "missing"
    return "doubt" if any(found.code in NOT_READ for found in report.findings) else "good"


@dataclass(slots=True)
class Shared:
    """What one run reads of one repository: the slice of the rotation once, however many sources lie in it."""

    reading: "_Reading | None" = field(default=None, init=False)


def drill(job: Job, shared: Shared | None = None, look: Look = read_whole) -> DrillCheck:
    """D2 on the repository of ``job``, which the decoder can read. ``look`` is another one only in tests of detection.

    Where the storage stops answering, what was read until then counts, and the rest could not be verified. Raises what
    the reader raises when it does not even list its keys, and Interrupted.
    """
    if not job.seed or job.opened.loaded is None:
        said = reason("not-reached", "warning")
        return DrillCheck(level="D2", name="packs", outcome="NOT_RUN", reasons=(said,))
    shared = shared or Shared()
    if shared.reading is None:
        shared.reading = _Reading(job, job.opened.loaded, look)
        shared.reading.rotate(shortest_window(job), full=job.ask.full)
    reading = shared.reading
    frame = reading.packs()
    drawn = frame if job.ask.full else sample(frame, job)
    reading.read(drawn)
    check = _check(job, reading, frame, drawn)

    def look_again(shadow: Loaded, packs: Sequence[Pack]) -> Collection[str]:
        return {r.pack for r in look(shadow, packs, job.opened.executor) if standing(r) in {"bad", "missing"}}

    return check if reading.error else planted.d2(job, check, reading.planting_ground(), look_again)


def sample(frame: Sequence[Pack], job: Job) -> list[Pack]:
    """The packs that the seed of ``job`` draws from ``frame``, all stored ones by id."""
    needed = bounds.needed(job.ask.max_loss, job.ask.confidence)
    return [frame[number] for number in coverage.random_packs([pack.size for pack in frame], job.seed, needed)]


def sample_digest(drawn: Iterable[Pack]) -> str:
    """The SHA-256 of what was drawn: the ids of the packs, in order."""
    return hashlib.sha256(b"".join(pack.id for pack in drawn)).hexdigest()


def _check(job: Job, reading: "_Reading", frame: Sequence[Pack], drawn: Sequence[Pack]) -> DrillCheck:
    reasons, figures = exposed(reading.loaded, reading.bad) if reading.bad else ([], {})
    reasons += [*reading.documents, *reading.remarks.values(), *reading.doubts.values()]
    if not frame and not reading.bad:
        reasons.append(reason("nothing-to-read"))
    if reading.error:
        reasons.append(reason(reading.error.code))
    unsure = reading.error or reading.doubts or not frame
    stored = reading.record.stored(((p.id, p.size) for p in frame), reading.now)
    return DrillCheck(
        level="D2",
        name="packs",
        outcome="FAIL" if reading.bad or reading.documents else "COULD_NOT_VERIFY" if unsure else "PASS",
        reasons=tuple(reasons),
        measured={
            "packs": reading.looked_at,
            "bytes": reading.bytes,
            "random_packs": len(drawn),
            "seconds": round(reading.seconds, 3),
            **figures,
        },
        assurances=() if reading.error or not frame else (_assurance(job, reading, frame, drawn),),
        sample_sha256=sample_digest(drawn),
        coverage=coverage.covered(stored, reading.now, _window(job, job.target.system)),
    )


def _assurance(job: Job, reading: "_Reading", frame: Sequence[Pack], drawn: Sequence[Pack]) -> Assurance:
    bad = sum(pack.id not in reading.good for pack in drawn)
    return Assurance(
        unit="packs",
        frame=len(frame),
        drawn=len(drawn),
        bad=bad,
        confidence=job.ask.confidence,
        upper=bounds.upper_bound_finite(len(frame), len(drawn), bad, job.ask.confidence),
        method="hypergeometric" if len(frame) <= bounds.FINITE_LIMIT else "clopper-pearson",
    )


def _window(job: Job, system: str) -> int:
    return int(job.node.loaded.config.systems[system].plan.rotation.total_seconds())


def shortest_window(job: Job) -> int:
    """Of all systems whose sources lie in the repository, the one in the greatest haste sets the pace."""
    systems = {t.system for t in job.node.loaded.residents(job.opened.key)} | {job.target.system}
    return min(_window(job, system) for system in systems)


class _Reading:
    """Packs of one repository, read and noted down."""

    def __init__(self, job: Job, loaded: Loaded, look: Look) -> None:
        self._node, self._executor, self._look = job.node, job.opened.executor, look
        self.loaded = loaded
        self.good: dict[bytes, Pack] = {}
        self.bad: dict[str, PackReport] = {}
        self.doubts: dict[str, Reason] = {}
        """What could not be looked into, by pack."""
        self.remarks: dict[str, Reason] = {}
        self.documents: list[Reason] = []
        """What is wrong with files that are no packs."""
        self.error: Unavailable | None = None
        self.looked_at = self.bytes = 0
        self.seconds = 0.0
        self._gone: set[bytes] = set()
        self._seen: set[bytes] = set()
        self.record = LastRead(self._node.state / "rotation" / job.opened.key, job.opened.repository_id)
        if self.record.remark:
            self._node.report(Remark(self.record.remark))
        if job.opened.reader is not None:
            self.documents = list(_broken_keys(job.opened.reader))

    @property
    def now(self) -> int:
        """Whole seconds since 1970."""
        return min(max(int(self._node.clock.now().timestamp()), 1), _LATEST)

    def packs(self) -> list[Pack]:
        """The stored packs by id."""
        return [pack for pack in self.loaded.packs() if pack.size != ABSENT and pack.id not in self._gone]

    def planting_ground(self) -> list[Pack]:
        """The packs that were read in this run, are whole, and matter."""
        index = self.loaded.index
        return sorted((p for p in self.good.values() if p.size and index.is_listed(p)), key=lambda p: p.id)

    def rotate(self, window: int, *, full: bool) -> None:
        """Read the slice of today, and look for the packs that are not there."""
        packs = {pack.id: pack for pack in self.packs()}
        absent = [p for p in self.loaded.packs() if p.size == ABSENT and self.loaded.is_needed(p)]
        self.record.keep_only(packs)
        stored = self.record.stored(((p.id, p.size) for p in packs.values()), self.now)
        rhythm = Rhythm(self.now, window, self.record.last_run)
        chosen: list[Stored] = stored if full else coverage.slice_of(stored, rhythm)
        self.read([*absent, *(packs[p.id] for p in chosen)])
        if not self.error:
            self.record.last_run = self.now
            self._save()

    def read(self, packs: Iterable[Pack]) -> None:
        """Read those of ``packs`` that were not read in this run yet. Once the storage did not answer, nothing is."""
        wanted = [pack for pack in packs if pack.id not in self._seen]
        if self.error or not wanted:
            return
        started = self._node.clock.monotonic()
        try:
            missing = self._look_at(wanted)
            if missing:
                self._look_for(missing)
        except Unavailable as error:
            self.error = error
        finally:
            self.seconds += self._node.clock.monotonic() - started
            self._save()

    def _look_at(self, wanted: Sequence[Pack]) -> list[PackReport]:
        """Read ``wanted``; the reports on those that are not there."""
        total, done, saved = sum(max(0, p.size) for p in wanted), 0, self._node.clock.monotonic()
        missing = []
        reports = self._look(self.loaded, wanted, self._executor)
        for pack, report in zip(wanted, reports, strict=True):
            if standing(report) == "missing":
                missing.append(report)
            else:
                self._take(pack, report)
            done += max(0, pack.size)
            self._node.report(Progress(done, total))
            self._node.heed()
            if self._node.clock.monotonic() - saved > SAVE_SECONDS:
                self._save()
                saved = self._node.clock.monotonic()
        return missing

    def _take(self, pack: Pack, report: PackReport) -> None:
        self._seen.add(pack.id)
        self.looked_at += 1
        self.bytes += report.bytes_read
        self.remarks.update({f"{report.pack} {f.code}": f for f in report.findings if f.code == "read-unstable"})
        match standing(report):
            case "good":
                self.good[pack.id] = pack
                self.record.good(pack.id, self.now)
                return
            case "doubt":
                self.doubts[report.pack] = next(found for found in report.findings if found.code in NOT_READ)
            case _ if self.loaded.index.is_listed(pack):
                self.bad[report.pack] = report
            case _:  # left behind by a backup that was cut off: no snapshot needs it
                self.remarks[report.pack] = reason("unused-pack-damaged", "warning", pack=report.pack)
        self.record.bad(pack.id)

    def _look_for(self, missing: Sequence[PackReport]) -> None:
        """Packs that are not there may have been pruned while we read: then no index names them any more."""
        fresh = self.loaded.renewed()
        for report in missing:
            pack_id = bytes.fromhex(report.pack)
            pack = fresh.index.pack(pack_id)
            if pack is None or (pack.size == ABSENT and not fresh.is_needed(pack)):
                self._gone.add(pack_id)
                self._seen.add(pack_id)
            else:
                for again in self._look(fresh, [pack], self._executor):
                    self._take(pack, again)

    def _save(self) -> None:
        if self._node.aside is not None:
            return  # who may only read the state leaves the rotation where it is
        try:
            self.record.save()
        except Unavailable as error:
            # What was read was read; the next run will only read it sooner than it had to.
            self._node.report(Remark(reason("rotation-not-saved", "warning", why=error.message)))


def _broken_keys(reader: Reader) -> Iterator[Reason]:
    """Key files that are not what their names say: nobody opens the repository by them. Ours was opened already."""
    names = sorted(name for name, _size in reader.list("keys/") if unpacked.is_id(name.removeprefix("keys/")))
    for name in names[: limits.KEYS_TRIED]:
        try:
            unpacked.stored(reader, name, limits.KEY_FILE)
        except ObjectMissing:
            continue  # removed since it was listed
        except (Damage, ObjectUnreadable) as error:
            yield as_reason(error)
