"""What a drill leaves behind: a plan before it draws, a result when it is done, both signed in the log."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from guardian import __version__
from guardian.clock import rfc3339
from guardian.drill import select
from guardian.drill.book import Book
from guardian.drill.history import History, Kept
from guardian.drill.job import Inspect
from guardian.drill.timeline import Timeline
from guardian.errors import GuardianError
from guardian.ledger.statement import MAX_STATEMENT, encode
from guardian.model.backup import Target
from guardian.model.drill import DrillCheck, DrillLevel, DrillOutcome, Frame, worst
from guardian.model.evidence import DrillPlan, DrillResult, Entry
from guardian.model.reason import Reason, reason
from guardian.node import Node

LEVELS: tuple[DrillLevel, ...] = ("D0", "D1", "D2", "D3", "D4")
"""What this version can climb, from below."""

HIGHEST: dict[str, DrillLevel] = {"files": "D3", "command": "D3"}
"""Where sources of a kind end; the others end at D4."""

_LEFT_OUT = "reasons-left-out"
_ROOM = MAX_STATEMENT - 4_000


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a drill. ``nonce`` is the auditor's; empty: Guardian makes one for each drill.

    ``inspect`` is shown the restored data of level D4 while it can be asked; what it says goes into the evidence.
    """

    level: DrillLevel = "D3"
    confidence: float = 0.95
    max_loss: float = 0.01
    full: bool = False
    nonce: bytes = b""
    inspect: Inspect = lambda _target, _restored: ()


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill of one source: every level climbed, the worst of their outcomes, and its entries in the log.

    ``level`` is the highest that was climbed, ``plan_entry`` None where nothing was drawn. ``envelopes`` are those of
    the receipt, the plan and the result, as they stand in the log; of the result alone where nothing was planned.
    Where the log may only be read, there is neither ``entry`` nor plan, and no envelope: nothing was committed to.
    """

    drill_id: str
    target: Target
    outcome: DrillOutcome
    checks: tuple[DrillCheck, ...]
    level: DrillLevel
    result: DrillResult
    entry: int | None
    envelopes: tuple[bytes, ...] = ()
    plan: DrillPlan | None = None
    plan_entry: int | None = None
    error: GuardianError | None = None


@dataclass(slots=True)
class Begun:
    """A drill under way: its id, its nonce, and, once it is planned, what it may draw by."""

    target: Target
    started: str
    timeline: Timeline
    nonce: bytes
    nonce_by: Literal["auditor", "guardian"]
    drill_id: str = field(default_factory=lambda: uuid4().hex)
    repository_id: str | None = None
    newest: Kept | None = None
    plan: DrillPlan | None = None
    entry: Entry | None = None
    note: bytes = b""
    seed: bytes = b""


@dataclass(frozen=True, slots=True)
class Record:
    """Where drills are written down."""

    node: Node
    book: Book
    past: History
    options: Options

    def begin(self, target: Target) -> Begun:
        """A new drill; nothing is written yet."""
        given = self.options.nonce
        return Begun(
            target,
            rfc3339(self.node.clock.now()),
            Timeline(self.node.clock),
            given or secrets.token_bytes(32),
            "auditor" if given else "guardian",
        )

    def plan(self, begun: Begun, level: DrillLevel, frames: Sequence[Frame], critical: tuple[str, ...] = ()) -> None:
        """Put the plan into the log: from here on the seed is fixed. Needs a restore point and a repository.

        ``critical`` are the names of files that are read every one of: they are part of what is drawn. Where the log
        may only be read, nothing is planned; the seed follows from its newest checkpoint all the same.
        """
        newest = begun.newest
        if newest is None or begun.repository_id is None:
            return
        if self.book.closed is not None:
            self._draw_by(begun)
            return
        options, target = self.options, begun.target
        begun.plan = DrillPlan(
            drill_id=begun.drill_id,
            tenant=self.node.tenant,
            host=self.node.host,
            system=target.system,
            source=target.source,
            repository=target.key,
            repository_id=begun.repository_id,
            level=level,
            snapshot_id=newest.receipt.snapshot_id,
            tree_id=newest.receipt.tree_id,
            receipt=newest.leaf_hash,
            copy_of=newest.copy_of or None,
            frames=tuple(frames),
            confidence=options.confidence,
            max_loss=options.max_loss,
            full=options.full,
            critical=critical,
            commitment=select.commitment(begun.nonce),
            nonce_by=begun.nonce_by,
            planned=rfc3339(self.node.clock.now()),
        )
        begun.entry = self.book.log.append(begun.plan, [("snapshot", newest.receipt.snapshot_id)])
        self._draw_by(begun)

    def _draw_by(self, begun: Begun) -> None:
        # The checkpoint that the plan is the last entry of: nobody could know it when the nonce was committed to.
        begun.note = self.book.log.note
        begun.seed = select.seed(begun.note, begun.drill_id, begun.nonce)

    def end(
        self,
        begun: Begun,
        level: DrillLevel,
        checks: Sequence[DrillCheck],
        tools: dict[str, str] | None = None,
        error: GuardianError | None = None,
    ) -> Drill:
        """Put the result into the log, or say why it is not there."""
        if self.book.closed is not None:
            checks = [*checks[:-1], _with(checks[-1], self.book.closed)]
        result = fitting(self._result(begun, level, checks, tools or {}))
        entry, envelopes = self._recorded(begun, result)
        return Drill(
            drill_id=begun.drill_id,
            target=begun.target,
            outcome=result.outcome,
            checks=result.checks,
            level=result.level,
            result=result,
            entry=entry,
            envelopes=envelopes,
            plan=begun.plan,
            plan_entry=begun.entry.index if begun.entry else None,
            error=error,
        )

    def _recorded(self, begun: Begun, result: DrillResult) -> tuple[int | None, tuple[bytes, ...]]:
        """Append ``result``: the entry's number, and the envelopes of receipt, plan and result."""
        if self.book.closed is not None:
            return None, ()
        log = self.book.log
        about = ("snapshot", result.snapshot_id) if result.snapshot_id else ("drill", result.drill_id.rjust(64, "0"))
        entry = log.append(result, [about])
        receipt = begun.newest.index if begun.newest and begun.entry else -1
        before = [log.entry(receipt)] if receipt >= 0 else []
        before += [begun.entry] if begun.entry else []
        return entry.index, tuple(one.envelope for one in (*before, entry))

    def unknown(self, target: Target, error: GuardianError) -> Drill:
        """The repository could not be asked: nothing is known of any source in it, and the log says so."""
        begun = self.begin(target)
        begun.newest = next(reversed(self.past.of(target)), None)
        return self.end(begun, "D0", [could_not("D0", error)], error=error)

    def _result(
        self, begun: Begun, level: DrillLevel, checks: Sequence[DrillCheck], tools: dict[str, str]
    ) -> DrillResult:
        target, newest = begun.target, begun.newest
        drawn = {
            "checkpoint": begun.note.decode(),
            "drill_id": begun.drill_id,
            "nonce": begun.nonce.hex(),
            "seed": begun.seed.hex(),
        }
        measured = next((check.measured for check in checks if check.level == "D4"), {})
        return DrillResult(
            drill_id=begun.drill_id,
            tenant=self.node.tenant,
            host=self.node.host,
            system=target.system,
            source=target.source,
            repository=target.key,
            repository_id=begun.repository_id,
            level=level,
            outcome=worst([check.outcome for check in checks]),
            checks=tuple(checks),
            seed=drawn if begun.seed else {},
            snapshot_id=newest.receipt.snapshot_id if newest else None,
            tree_id=newest.receipt.tree_id if newest else None,
            receipt=newest.leaf_hash if newest else None,
            copy_of=(newest.copy_of or None) if newest else None,
            plan=begun.entry.leaf_hash.hex() if begun.entry else None,
            timeline=dict(begun.timeline.marks) if measured else {},
            rto_seconds=_seconds(measured.get("rto_seconds")),
            rpo_seconds=_seconds(measured.get("rpo_seconds")),
            previous=self.past.last_drill(target),
            started=begun.started,
            ended=rfc3339(self.node.clock.now()),
            tools={"guardian": __version__, **tools},
        )


def _seconds(value: float | str | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def could_not(level: DrillLevel, error: GuardianError) -> DrillCheck:
    """A level that could not be climbed, and why."""
    return DrillCheck(level=level, name="unknown", outcome="COULD_NOT_VERIFY", reasons=(reason(error.code),))


def _with(check: DrillCheck, more: Reason) -> DrillCheck:
    return check.model_copy(update={"reasons": (*check.reasons, more)})


def fitting(result: DrillResult) -> DrillResult:
    """``result`` with so few reasons that its statement fits an entry of the log; how many were left out is said."""
    while len(encode(result, [("snapshot", "0" * 64)])) > _ROOM:
        longest = max(result.checks, key=lambda check: len(check.reasons))
        said = [r for r in longest.reasons if r.code != _LEFT_OUT]
        if len(said) < 2:
            return result
        kept = said[: len(said) // 2]
        before = sum(int(r.args["count"]) for r in longest.reasons if r.code == _LEFT_OUT)
        more = reason("reasons-left-out", "warning", count=before + len(said) - len(kept))
        cut = longest.model_copy(update={"reasons": (*kept, more)})
        result = result.model_copy(update={"checks": tuple(cut if c is longest else c for c in result.checks)})
    return result
