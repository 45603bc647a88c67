"""A custodian's drill: without a key, every object of a repository is held against the SHA-256 that is its name.

What that proves: the stored bytes are what they were when they were named, and nothing that the listing names was
deleted or exchanged. What it does not: that a key opens them, that what came later is wanted, ``config`` and locks.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from uuid import uuid4

from guardian import __version__
from guardian.clock import Clock, rfc3339
from guardian.decoder.damage import as_reason
from guardian.drill import listing
from guardian.drill.listing import ListingFile, Object, Vouched
from guardian.drill.record import fitting
from guardian.drill.scrubbed import MOST_BAD, Cursor, Round, begin
from guardian.errors import GuardianError, Interrupted, StorageRefused, StorageUnreachable
from guardian.i18n import _
from guardian.model.drill import Coverage, DrillCheck, DrillOutcome
from guardian.model.events import Phase, Progress, Reporter
from guardian.model.evidence import DrillResult
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.proc import Stop

_PIECE = 4 << 20
_AHEAD = 8
"""Objects under way at once, each in a piece of memory."""
_NAMED = 100
_SAVE_SECONDS = 10.0
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Ask:
    """What is read: at most ``max_bytes`` in this run (None: the whole round), on from where ``cursor`` says.

    ``trusted``: whether the listing's key is known to be the key holder's.
    """

    trusted: bool
    max_bytes: int | None = None
    cursor: Cursor = field(default_factory=lambda: Cursor(None))


@dataclass(frozen=True, slots=True)
class Desk:
    """What a custodian's machine gives: a clock, where progress goes, and the wish to stop."""

    clock: Clock
    report: Reporter
    stop: Stop

    def heed(self) -> None:
        """Raises Interrupted once a stop was asked for."""
        if self.stop.requested:
            raise Interrupted(_("interrupted"))


def verify(
    desk: Desk, reader: Reader, file: ListingFile, vouched: Vouched, ask: Ask
) -> tuple[DrillCheck, GuardianError | None]:
    """Hold the storage behind ``reader`` against the listing. What was read when the storage fell silent counts.

    With the check comes why the storage fell silent, if it did. Raises EvidenceInvalid when the listing does not hold,
    Interrupted with the cursor kept.
    """
    desk.report(Phase("listing"))
    file.prove(vouched)
    scrub = _Scrub(desk, reader, vouched, ask)
    try:
        scrub.run(file)
    except (StorageUnreachable, StorageRefused) as error:
        scrub.silence = error
    finally:
        ask.cursor.save(scrub.kept())
    return scrub.check(), scrub.silence


def record(node: Node, key: str, vouched: Vouched, check: DrillCheck, begun: datetime) -> int:
    """Put the result into the custodian's own log: of the repository ``key``, of no system and no source."""
    result = DrillResult(
        drill_id=uuid4().hex,
        tenant=node.tenant,
        host=node.host,
        system="",
        source="",
        repository=key,
        repository_id=vouched.listing.repository_id,
        level="D2",
        outcome=check.outcome,
        checks=(check,),
        started=rfc3339(begun),
        ended=rfc3339(node.clock.now()),
        tools={"guardian": __version__},
    )
    with node.log() as log:
        return log.append(fitting(result), [("listing", vouched.listing.sha256)]).index


@dataclass(slots=True)
class _Scrub:
    desk: Desk
    reader: Reader
    vouched: Vouched
    ask: Ask
    round: Round = field(init=False)
    silence: GuardianError | None = None
    reasons: list[Reason] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    read_bytes: int = 0
    read_objects: int = 0
    present: int = 0
    started: float = field(init=False)
    _asked: int = 0
    """Bytes that were asked for, of what counts towards the limit."""
    _bad: dict[str, None] = field(default_factory=dict)
    _again: dict[str, None] = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.desk.clock.monotonic()
        self.round = begin(self.ask.cursor.load(), self.vouched.listing.sha256, rfc3339(self.desk.clock.now()))
        self._again = dict.fromkeys(self.round.bad)

    # what is there

    def run(self, file: ListingFile) -> None:
        """Compare the names and read those that are due, in one pass; in another, those before the round's start."""
        with ThreadPoolExecutor(max(4, os.cpu_count() or 1), "keyless") as pool:
            self._read(pool, self._pass(self._compared(file)))
            self._again.clear()
            if not self._is_full() and not self.round.done:
                self.round = self.round.turned()
                if not self.round.done:
                    self._read(pool, self._pass(file.objects(self.vouched)))
                    if not self._is_full():
                        self.round = self.round.turned()

    def kept(self) -> Round:
        """What the next run goes on from. What was bad and was not looked at yet stays bad."""
        return self.round.model_copy(update={"bad": tuple(self._bad | self._again)[:MOST_BAD]})

    def _compared(self, file: ListingFile) -> Iterator[Object]:
        """The listed objects that are stored with the right length; the others become findings."""
        there = iter(listing.stored(self.reader))
        at = next(there, None)
        for name, size in file.objects(self.vouched):
            while at is not None and at[0] < name:
                self._extra(at)
                at = next(there, None)
            if at is None or at[0] != name:
                self._find(name, "listed-missing", reason("listed-missing", object=name))
                continue
            if at[1] == size:
                self.present += 1
                yield name, size
            else:
                differs = reason("listed-size-differs", object=name, expected=size, found=at[1])
                self._find(name, "listed-damaged", differs)
            at = next(there, None)
        for one in chain([at] if at else [], there):
            self._extra(one)

    def _extra(self, found: Object) -> None:
        self.counts["extra"] = self.counts.get("extra", 0) + 1
        self.counts["extra_bytes"] = self.counts.get("extra_bytes", 0) + found[1]

    def _find(self, name: str, kind: str, found: Reason) -> None:
        self._bad.setdefault(name)
        if len(self._bad) > MOST_BAD:
            self._bad.popitem()
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if len(self.reasons) < _NAMED:
            self.reasons.append(found)

    # what it holds

    def _pass(self, objects: Iterator[Object]) -> Iterator[tuple[Object, bool]]:
        """What to read of ``objects``, and whether it belongs to the round. All are looked at, whatever is read."""
        for one in objects:
            self.desk.heed()
            if self.round.is_due(one[0]) and not self._is_full():
                self._asked += one[1]
                yield one, True
            elif one[0] in self._again:
                yield one, False

    def _is_full(self) -> bool:
        # Objects are read in order and none is left out, so that the place in the names says all of what was read.
        return self.ask.max_bytes is not None and self._asked >= self.ask.max_bytes

    def _read(self, pool: ThreadPoolExecutor, wanted: Iterator[tuple[Object, bool]]) -> None:
        self.desk.report(Phase("objects"))
        under_way: deque[tuple[Object, bool, Future[Reason | None]]] = deque()
        saved = self.desk.clock.monotonic()
        try:
            for one, counts in wanted:
                under_way.append((one, counts, pool.submit(hold, self.reader, *one)))
                if len(under_way) >= _AHEAD:
                    self._take(*under_way.popleft())
                if self.desk.clock.monotonic() - saved > _SAVE_SECONDS:
                    self.ask.cursor.save(self.kept())
                    saved = self.desk.clock.monotonic()
            while under_way:
                self._take(*under_way.popleft())
        finally:
            for _one, _counts, future in under_way:
                future.cancel()

    def _take(self, one: Object, counts: bool, future: "Future[Reason | None]") -> None:
        found = future.result()
        name, size = one
        self.read_objects += 1
        self._again.pop(name, None)
        self.read_bytes += size
        if counts:
            self.round = self.round.passed(name, size)
        if found is not None:
            self._find(name, "listed-missing" if found.code == "listed-missing" else "listed-damaged", found)
        self.desk.report(Progress(self.round.bytes, self.vouched.listing.bytes))

    # the verdict

    def check(self) -> DrillCheck:
        """All of it as one check of level D2."""
        said, reasons = self.vouched.listing, list(self.reasons)
        bad = self.counts.get("listed-missing", 0) + self.counts.get("listed-damaged", 0)
        if bad > len(self.reasons):
            reasons.append(reason("listed-more", "warning", count=bad - len(self.reasons)))
        if self.silence:
            reasons.append(reason(self.silence.code))
        if not self.ask.trusted:
            reasons.append(reason("listing-key-unknown", "warning", key=self.vouched.key.key_id))
        if extra := self.counts.get("extra", 0):
            size = self.counts["extra_bytes"]
            reasons.append(reason("not-in-listing", "info", count=extra, bytes=size, time=said.at))
        if not self.round.done and not self.silence:
            reasons.append(reason("round-goes-on", "info", read=self.round.objects, objects=said.objects))
        unsure = self.silence or not self.ask.trusted or not said.objects
        outcome: DrillOutcome = "FAIL" if bad else "COULD_NOT_VERIFY" if unsure else "PASS"
        return DrillCheck(
            level="D2",
            name="keyless",
            outcome=outcome,
            reasons=tuple(reasons),
            measured={
                "listed": said.objects,
                "present": self.present,
                "missing": self.counts.get("listed-missing", 0),
                "damaged": self.counts.get("listed-damaged", 0),
                "extra": self.counts.get("extra", 0),
                "objects": self.read_objects,
                "bytes": self.read_bytes,
                "listing": said.sha256,
                "seconds": round(self.desk.clock.monotonic() - self.started, 3),
            },
            coverage=self._coverage(),
        )

    def _coverage(self) -> Coverage:
        said = self.vouched.listing
        begun = datetime.fromisoformat(self.round.since).astimezone(UTC)
        days = (self.desk.clock.now() - begun).total_seconds() / _DAY
        whole = self.round.done and not self.silence
        return Coverage(
            days=max(1, int(days) + 1),
            packs=said.objects,
            packs_read=min(self.round.objects, said.objects),
            bytes=said.bytes,
            bytes_read=min(self.round.bytes, said.bytes),
            oldest=self.round.since if whole else None,
        )


def hold(reader: Reader, name: str, size: int) -> Reason | None:
    """Hold one object against its name; one that looks bad is read a second time: the way there may have spoiled it."""
    return _once(reader, name, size) and _once(reader, name, size)


def _once(reader: Reader, name: str, size: int) -> Reason | None:
    digest = hashlib.sha256()
    try:
        for at in range(0, size, _PIECE):
            digest.update(reader.read(name, at, min(_PIECE, size - at)))
    except ObjectMissing:
        return reason("listed-missing", object=name)
    except ObjectUnreadable as error:
        return as_reason(error)
    return None if digest.hexdigest() == name.rpartition("/")[2] else reason("object-hash-differs", object=name)
