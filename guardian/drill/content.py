"""D3: files come back bit-exact, by our own decoder, and a smaller sample through the restic program as well.

What is drawn and read is in :mod:`guardian.drill.sample`; every chunk is held against its name, which the signed tree
holds; files that the backup took digests of at the source are held against those, a stream against what its producer
wrote. ``full`` reads every file, counts them against the receipt, and has restic bring all of it back too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from guardian.decoder.damage import shown
from guardian.decoder.repository import Loaded
from guardian.drill import bounds, planted, program, provenance, reading, sample, secondpath
from guardian.drill.frame import Files, Item
from guardian.drill.job import Job
from guardian.drill.reading import Read, Reading
from guardian.drill.sample import Hit, Sample, Wish
from guardian.drill.strata import Drawn
from guardian.drill.structure import NOT_READ
from guardian.errors import GuardianError, Interrupted, RepositoryDamaged
from guardian.model.drill import Assurance, DrillCheck, DrillOutcome, worst
from guardian.model.events import Phase
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason

_NAMED = 20
_GROUND = 1000
"""Chunks of a full restore among which one is chosen for planted faults."""
NAMED_BYTES = 256 << 20
"""The longest stream that is compared whole without being asked to."""


def drill(job: Job, loaded: Loaded) -> tuple[DrillCheck, GuardianError | None]:
    """D3 on the newest restore point that is there, and what kept a part of it from being found out.

    Raises RepositoryDamaged when the tree cannot be read as it was, and what the storage raises when nothing at all
    could be reached.
    """
    if job.newest is None or not job.seed:
        return _check("NOT_RUN", [reason("not-reached", "warning")]), None
    if job.files is None:
        why = job.broken or reason("not-reached", "warning")
        return _check("COULD_NOT_VERIFY" if why.code in NOT_READ else "FAIL", [why]), None
    found = _Found(job, Reading(job, loaded), job.files, job.newest.receipt)
    return found.all() if job.ask.full else found.some()


def wish(confidence: float, max_loss: float) -> Wish:
    """What is asked of the sample."""
    return Wish(confidence, max_loss, NAMED_BYTES)


def _check(outcome: DrillOutcome, reasons: Sequence[Reason]) -> DrillCheck:
    return DrillCheck(level="D3", name="restore", outcome=outcome, reasons=tuple(reasons))


@dataclass(slots=True)
class _Found:
    """One drill: what is read, and what was found in it."""

    job: Job
    reading: Reading
    files: Files
    receipt: BackupReceipt
    causes: list[Reason] = field(default_factory=list)
    """Why anything could not be had: the verdict follows from these."""
    lost: dict[bytes, Reason] = field(default_factory=dict)
    """One finding for each path."""
    reasons: list[Reason] = field(default_factory=list)
    outcomes: list[DrillOutcome] = field(default_factory=list)

    # a sample

    def some(self) -> tuple[DrillCheck, GuardianError | None]:
        """Read the sample."""
        job, started = self.job, self.job.node.clock.monotonic()
        drawn = sample.draw(self.reading.loaded, self.files, job.seed, wish(job.ask.confidence, job.ask.max_loss))
        job.node.report(Phase("restore", job.target.ref))
        hits = (hit.key for hit in (*drawn.hits, *drawn.parts) if hit.cause is None)
        chunks = self.reading.chunks(hits)
        whole = {item.number: (item, read) for item, read in self.reading.files(drawn.whole, _sum(drawn.whole))}
        self._nothing_reached()
        bad = [self._hit(hit, chunks) for hit in drawn.hits]
        for hit in drawn.parts:
            self._hit(hit, chunks)
        bad_files = {number for number, (item, read) in whole.items() if self._file(item, read)}
        differing = provenance.differences(self.files, self.receipt, {i.path: read for i, read in whole.values()})
        seconds = job.node.clock.monotonic() - started
        second = secondpath.compare(job, drawn, list(whole.values()), chunks)
        self._say_holes()
        self.reasons += [*differing, *second.reasons, *self._remarks(drawn)]
        self.outcomes.append(second.outcome)
        ground = [hit.key for hit in (*drawn.hits, *drawn.parts) if hit.cause is None and chunks[hit.key].ok]
        assurances = [_headline(drawn, bad, self.files.bytes, job.ask.confidence), *self._strata(drawn, bad_files)]
        measured: dict[str, int | float | str] = {
            "frame_files": len(self.files),
            "frame_bytes": self.files.bytes,
            "draws": len(drawn.hits),
            "distinct_chunks": len({hit.key for hit in drawn.hits}),
            "distinct_packs": len({hit.pack for hit in drawn.hits if hit.pack}),
            "files": len(whole),
            "compared": provenance.compared(self.files, whole),
            "bytes_read": self.reading.total,
            "seconds": round(seconds, 3),
            "second_files": second.files,
            "second_blobs": second.blobs,
            "second_bytes": second.bytes,
            "second_seconds": second.seconds,
        }
        check = self._judged("restore", measured, assurances, drawn.sha256)
        return planted.d3(job, check, ground, _is_lost), second.error

    def _hit(self, hit: Hit, chunks: dict[bytes, Read]) -> bool:
        """Whether a chunk is bad; what is unreadable is."""
        cause = hit.cause or chunks[hit.key].cause
        if cause is not None:
            self._lose(hit.path, hit.start, cause)
        return cause is not None

    def _file(self, item: Item, read: Read) -> bool:
        if read.cause is not None:
            self._lose(item.path, read.at, read.cause)
        return read.cause is not None

    def _lose(self, path: bytes, at: int, cause: Reason) -> None:
        self.causes.append(cause)
        if path not in self.lost:
            doubt = cause.code in NOT_READ
            named: dict[str, str | int] = {
                name: cause.args[name] for name in ("pack", "blob", "object") if name in cause.args
            }
            code, severity = ("file-not-read", "warning") if doubt else ("file-lost", "critical")
            args = {**named, "path": shown(path), "at": at, "why": cause.code}
            self.lost[path] = Reason.model_validate({"code": code, "severity": severity, "args": args})

    def _nothing_reached(self) -> None:
        """Raise the storage's own error when nothing could be reached at all: that says nothing of what lies there."""
        if self.reading.silence is not None and not self.reading.reached:
            raise self.reading.silence

    def _say_holes(self) -> None:
        for damage in self.files.holes:
            said = damage.reason
            if said.code in NOT_READ:  # what could not be looked into is a doubt, and no damage
                said = said.model_copy(update={"severity": "warning"})
            self.causes.append(said)
            self.reasons.append(said)

    def _remarks(self, drawn: Sample) -> Iterable[Reason]:
        """What the sample leaves out, said."""
        if drawn.largest_read:
            size = drawn.strata.largest_size
            yield reason("largest-in-part", "info", bytes=drawn.largest_read, size=size)
        if self.files.critical_left:
            read = len(self.files.critical)
            yield reason("critical-capped", "info", read=read, count=read + self.files.critical_left)
        if (stream := self.receipt.stream) and stream.bytes > NAMED_BYTES:
            yield reason("stream-by-chunks", "info", path=shown(stream.path), bytes=stream.bytes)
        taken = self.receipt.sample
        if taken and (left_out := taken.too_large + taken.unstable + taken.unreadable + taken.cut):
            yield reason("sample-leaves-out", "info", count=left_out, frame=taken.frame)

    def _strata(self, drawn: Sample, bad: set[int]) -> list[Assurance]:
        confidence = self.job.ask.confidence
        found = [_of_stratum(one, bad, confidence) for one in drawn.strata.drawn if one.stratum != "large"]
        critical = self.files.critical
        if critical and not self.files.critical_left:
            lost = sum(number in bad for number in critical)
            found.append(_census("files", len(critical), lost, confidence, "critical"))
        return found

    # everything

    def all(self) -> tuple[DrillCheck, GuardianError | None]:
        """Read every file, count what there is against the receipt, and have restic bring all of it back too."""
        job, started = self.job, self.job.node.clock.monotonic()
        job.node.report(Phase("restore", job.target.ref))
        bad_files = bad_bytes = 0
        named: dict[bytes, Read] = {}
        ground: list[bytes] = []
        for item, read in self.reading.files(self.files.every(self.reading.loaded), self.files.bytes):
            if item.path in self.files.named:
                named[item.path] = read
            if self._file(item, read):
                bad_files += 1
                bad_bytes += item.node.size
            elif item.node.content and len(ground) < _GROUND:
                ground.append(item.node.content[:32])
        self._nothing_reached()
        seconds = round(job.node.clock.monotonic() - started, 3)
        self.reasons += provenance.differences(self.files, self.receipt, named)
        if not self.receipt.stream:
            self.reasons += provenance.counted(self.files, self.receipt)
        self._say_holes()
        second, error = self._restored_by_restic()
        confidence = job.ask.confidence
        assurances = [
            _census("bytes", self.files.bytes, bad_bytes, confidence),
            _census("files", len(self.files), bad_files, confidence),
        ]
        measured: dict[str, int | float | str] = {
            "frame_files": len(self.files),
            "frame_bytes": self.files.bytes,
            "files": len(self.files),
            "compared": len(named),
            "bytes_read": self.reading.total,
            "seconds": seconds,
            **{f"second_{name}": value for name, value in second.items()},
        }
        check = self._judged("full-restore", measured, assurances, self.files.sha256)
        return planted.d3(job, check, ground, _is_lost), error

    def _restored_by_restic(self) -> tuple[dict[str, int | float | str], GuardianError | None]:
        """The second path, held against the first: its figures, and what kept it from saying anything.

        Whatever becomes of it, what the first path found stays found.
        """
        bad = any(r.severity == "critical" for r in (*self.lost.values(), *self.reasons))
        try:
            said = program.everything(self.job, self.receipt)
        except Interrupted:
            raise
        except RepositoryDamaged as damaged:
            said = _check("FAIL", [reason("restore-error", detail=damaged.message[:300])])
        except GuardianError as error:
            self.reasons.append(reason("second-path-failed", "warning", why=error.code))
            self.outcomes.append("COULD_NOT_VERIFY")
            return {}, error
        self.outcomes.append(said.outcome)
        self.reasons += [r for r in said.reasons if r not in self.reasons]
        # A doubt of either path contradicts nobody.
        if (bad and said.outcome == "PASS") or (said.outcome == "FAIL" and not self.causes and not bad):
            self.reasons.append(secondpath.disagree("full-restore", "FAIL" if bad else "PASS", said.outcome))
        return dict(said.measured), None

    # the verdict

    def _judged(
        self, name: str, measured: dict[str, int | float | str], assurances: Sequence[Assurance], digest: str
    ) -> DrillCheck:
        named = list(self.lost.values())
        reasons = [*named[:_NAMED], *self.reasons]
        if len(named) > _NAMED:
            reasons.append(reason("files-lost-more", "warning", count=len(named) - _NAMED))
        if any(r.severity == "critical" for r in (*reasons, *named)):
            self.outcomes.append("FAIL")
        elif self.causes:
            self.outcomes.append("COULD_NOT_VERIFY")
        return DrillCheck(
            level="D3",
            name=name,
            outcome=worst([*self.outcomes, "PASS"]),
            reasons=tuple(reasons),
            measured=measured,
            assurances=tuple(assurances),
            sample_sha256=digest,
        )


def _is_lost(seen: Loaded, chunk: bytes) -> bool:
    cause = reading.chunk(seen, chunk).cause
    return cause is not None and cause.code not in NOT_READ


def _headline(drawn: Sample, bad: Sequence[bool], frame_bytes: int, confidence: float) -> Assurance:
    """What the sample by bytes says: of a census the lost part itself, else the bound."""
    if drawn.census:
        lost = sum(hit.length for hit, is_bad in zip(drawn.hits, bad, strict=True) if is_bad)
        return _census("bytes", frame_bytes, lost, confidence)
    return Assurance(
        unit="bytes",
        frame=frame_bytes,
        drawn=len(bad),
        bad=sum(bad),
        confidence=confidence,
        upper=bounds.of_draws(bad[: drawn.needed], bad[drawn.needed :], confidence),
        method="clopper-pearson",
    )


def _census(unit: str, frame: int, bad: int, confidence: float, stratum: str = "") -> Assurance:
    return Assurance.model_validate(
        {
            "unit": unit,
            "frame": frame,
            "drawn": frame,
            "bad": bad,
            "confidence": confidence,
            "upper": bad / frame if frame else 0.0,
            "method": "census",
            "stratum": stratum,
        }
    )


def _of_stratum(drawn: Drawn, bad: set[int], confidence: float) -> Assurance:
    lost = sum(number in bad for number in drawn.numbers)
    return Assurance(
        unit="files",
        frame=drawn.frame,
        drawn=len(drawn.numbers),
        bad=lost,
        confidence=confidence,
        upper=bounds.upper_bound_finite(drawn.frame, len(drawn.numbers), lost, confidence),
        method="hypergeometric" if drawn.frame <= bounds.FINITE_LIMIT else "clopper-pearson",
        stratum=drawn.stratum,
    )


def _sum(items: Iterable[Item]) -> int:
    return sum(item.node.size for item in items)
