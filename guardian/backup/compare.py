"""A backup held against the last clean one, and judged. What goes wrong here is said, and costs no backup."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guardian.backup.anomaly import judge_change
from guardian.backup.attempt import Attempt
from guardian.backup.suspicion import MARK, Found, Past
from guardian.backup.witness import Witness
from guardian.clock import rfc3339
from guardian.model.backup import Snapshot
from guardian.model.churn import Churn
from guardian.model.evidence import BackupReceipt, Suspicion
from guardian.model.reason import Reason, reason

if TYPE_CHECKING:
    from guardian.backup.churn import Later
    from guardian.decoder.repository import Repository

_SIGNALS = 12


@dataclass(frozen=True, slots=True)
class Compared:
    """What changed since the last clean backup; None when there is none to compare with, or it was not found out."""

    churn: Churn | None = None
    remarks: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Base:
    """What a backup is compared with: the receipt of the last clean one."""

    clean: BackupReceipt

    def fits(self, snapshot: Snapshot, repository_id: str) -> bool:
        """Whether ``snapshot`` is one of the same folders in the same repository."""
        return (self.clean.repository_id, set(self.clean.paths)) == (repository_id, set(snapshot.paths))


def base_of(past: Past | None) -> Base | None:
    """What the next backup is compared with, by what the log says so far. Pure."""
    if past is None or past.clean is None:
        return None
    return Base(past.clean)


def compare(attempt: Attempt, witness: Witness, base: Base, later: "Later", seed: bytes) -> Compared:
    """What changed between the last clean backup and ``later``. Raises Interrupted."""
    from guardian.backup.churn import Means, measure  # noqa: PLC0415  start-up stays quick
    from guardian.restic.nearby import Nearby  # noqa: PLC0415  the same

    node = attempt.node
    cache = node.cache
    drawn = hashlib.sha256(b"churn" + seed).digest()

    def means(indexes: frozenset[str], nearby: Nearby | None) -> Means:
        return Means(indexes, nearby, drawn, node.heed, node.clock.monotonic)

    def look(repository: "Repository", indexes: frozenset[str]) -> Churn:
        nearby = Nearby(cache, repository.config.id, repository.reader) if cache else None
        return measure(repository, base.clean, later, means(indexes, nearby))

    churn, why = witness.examine(look)
    return Compared(churn, () if churn else (reason("churn-unknown", "warning", why=why),))


def judge(past: Past | None, churn: Churn | None) -> tuple[Found | None, tuple[Reason, ...]]:
    """What speaks against the backup, None for nothing, and the reasons for its receipt, the mark first. Pure."""
    if past is None or churn is None:
        return None, ()
    found = judge_change(past.history, churn)
    if found.verdict == "normal":
        return None, found.remarks
    clean = past.clean
    mark = reason(
        MARK,
        score=f"{found.score:g}",
        clean=churn.against[:12],
        time=clean.started[:19].replace("T", " ") if clean else "-",
    )
    told = [told.model_copy(update={"severity": "warning"}) for told in found.reasons[:_SIGNALS]]
    examples = [reason("scrambled-example", "warning", path=path) for path in churn.examples]
    return Found(found, clean.started if clean else None), (mark, *told, *examples, *found.remarks)


def suspicion(attempt: Attempt, receipt: BackupReceipt, leaf: bytes, found: Found) -> Suspicion:
    """The statement that the backup of ``receipt``, whose leaf hash is ``leaf``, is suspicious, and why."""
    return Suspicion(
        tenant=receipt.tenant,
        host=receipt.host,
        system=receipt.system,
        source=receipt.source,
        repository=receipt.repository,
        repository_id=receipt.repository_id,
        snapshot_id=receipt.snapshot_id,
        receipt=leaf.hex(),
        clean=receipt.churn.against if receipt.churn else None,
        clean_at=found.clean_at,
        score=found.judgement.score,
        signals=found.judgement.reasons[:_SIGNALS],
        at=rfc3339(attempt.node.clock.now()),
    )
