"""The signing key, the log and the clock they rely on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from guardian.clock import rfc3339
from guardian.doctor import judge
from guardian.doctor.examination import About, Examination, Measured
from guardian.errors import GuardianError
from guardian.ledger.store import Log
from guardian.ledger.verify import verify_log
from guardian.model.reason import reason
from guardian.node import Node


def examine_key(node: Node) -> Examination:
    """Whether this host can sign, and its public half belongs to the key."""
    about = About("signing-key", node.origin)
    try:
        keys = node.keys()
        key_id = keys.signing_key().key_id
        public = keys.verify_key().key_id
    except GuardianError as error:
        return about.failed(error)
    if key_id != public:
        return about.bad(reason("signing-key-differs", private=key_id[:16], public=public[:16]))
    return about.ok(reason("signing-key-there", key_id=key_id[:16]), {"key_id": key_id})


def examine_log(node: Node) -> Examination:
    """Whether the log holds together: tree and checkpoint. ``guardian ledger verify`` checks every signature too."""
    about = About("log", node.origin)
    try:
        folder = node.existing_log()
        found = verify_log(folder, [node.keys().verify_key()], signatures=False)
    except GuardianError as error:
        return about.failed(error)
    if found.problem is not None:
        return about.bad(found.problem.reason(), {"entries": found.entries})
    measured: Measured = {
        "entries": found.size,
        "root": found.root.hex(),
        "tail_bytes": found.tail_bytes,
    }
    if found.tail_bytes:
        return about.warning(reason("log-has-tail", bytes=found.tail_bytes), measured)
    return about.ok(reason("log-holds", size=found.size), measured)


@dataclass(frozen=True, slots=True)
class Start:
    """Both clocks at the moment the doctor began."""

    now: datetime
    monotonic: float


def examine_clock(node: Node, start: Start) -> Iterator[Examination]:
    """Whether the clock stands behind what was written by it, and whether it jumped while the doctor looked."""
    about, now = About("clock", rfc3339(node.clock.now())), node.clock.now()
    jump = (now - start.now).total_seconds() - (node.clock.monotonic() - start.monotonic)
    if abs(jump) > judge.CLOCK_JUMP_SECONDS:
        yield about.warning(reason("clock-moved", seconds=round(jump)), {"jump_seconds": round(jump, 3)})
        return
    latest = _latest(node)
    behind = (latest - now).total_seconds() if latest else 0.0
    measured: Measured = {
        "newest_entry": rfc3339(latest) if latest else None,
        "behind_seconds": round(behind, 3),
    }
    if behind > judge.CLOCK_JUMP_SECONDS:
        yield about.warning(reason("clock-behind-log", seconds=round(behind)), measured)
    else:
        yield about.ok(reason("clock-plausible"), measured)


def _latest(node: Node) -> datetime | None:
    """The time of the newest entry that says one; None without a log that can be read."""
    try:
        log = Log.open(node.existing_log(), node.keys().verify_key())
        newest = log.entry(log.size - 1).predicate if log.size else None
        said = getattr(newest, "ended", None) or getattr(newest, "at", None)
        return datetime.fromisoformat(said) if isinstance(said, str) else None
    except (GuardianError, ValueError):
        return None  # the examination of the log says why
