"""``guardian verify --replay``: the same drill again from its evidence, by whoever doubts it.

What is needed are three statements, each the DSSE envelope that is a leaf of the host's log: the receipt of the backup,
the drill's plan, the drill's result. They come from this host's own log by the drill's id, or from a file::

    {"drills": [{"envelopes": {"receipt": BASE64, "plan": BASE64, "result": BASE64}, ...}, ...], ...}

as ``guardian verify --report FILE.json`` writes it, whatever else stands in it. Checked, in this order:

1. every envelope is signed by this host's key; the result names the plan's leaf hash, the plan the receipt's;
2. the nonce that the result reveals is the one the plan committed to;
3. the checkpoint is signed, and, where the log is at hand, it is the one whose last entry is the plan;
4. seed = SHA-256(checkpoint ‖ 0 ‖ drill id ‖ 0 ‖ nonce);
5. the frames, made again from the repository (:mod:`guardian.drill.frame`), are those of the plan;
6. the sample, drawn again (:mod:`guardian.drill.sample`), has the digest that the result names;
7. the sample, read again, is good.

What fails in 1 to 4 is invalid evidence. The packs of a repository change with every backup: where their list is
another one by now, which packs were drawn cannot be redone, and that is said. Nothing is written, not even to the log.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guardian.decoder.repository import Loaded
from guardian.drill import content, frame, rotation, select, structure
from guardian.drill.history import Kept
from guardian.drill.job import Ask, Job, Opened
from guardian.drill.opened import opened
from guardian.durable import TooLarge, read_capped
from guardian.errors import EvidenceInvalid, UsageError
from guardian.i18n import _
from guardian.ledger import checkpoint as notes
from guardian.ledger.envelope import signers, unseal
from guardian.ledger.statement import decode_entry
from guardian.ledger.store import Log
from guardian.model.backup import Target
from guardian.model.drill import DrillCheck, DrillOutcome, Frame, worst
from guardian.model.evidence import BackupReceipt, DrillPlan, DrillResult, Entry
from guardian.model.reason import Reason, reason
from guardian.node import Node

MOST_BYTES = 64 << 20
"""Bytes of a file of evidence."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One drill's evidence: three statements that fit each other."""

    receipt: BackupReceipt
    plan: DrillPlan
    result: DrillResult
    plan_leaf: bytes

    @property
    def seed(self) -> bytes:
        """What it drew by."""
        return bytes.fromhex(self.result.seed["seed"])


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of drawing and reading a drill's sample again. ``checks`` are those of today."""

    proof: Proof
    outcome: DrillOutcome
    reasons: tuple[Reason, ...]
    checks: tuple[DrillCheck, ...]


def replay(node: Node, named: str) -> tuple[Replay, ...]:
    """Replay the drill with the id ``named`` in this host's log, or every drill in the file of that name.

    Raises EvidenceInvalid when the evidence does not hold together, UsageError when there is none, and what opening the
    repository raises.
    """
    proofs = tuple(_from_file(node, Path(named)) if Path(named).is_file() else _from_log(node, named))
    if not proofs:
        raise UsageError(
            _("there is no drill {name} that drew a sample").format(name=named),
            _("Name the id of a drill in this host's log, or a file written by 'guardian verify --report FILE.json'."),
        )
    with ThreadPoolExecutor(os.cpu_count(), "replay") as executor:
        done = []
        for proof in proofs:
            with opened(node, proof.plan.repository, executor) as found:
                done.append(_again(node, found, proof))
        return tuple(done)


# evidence


def _from_log(node: Node, drill_id: str) -> Iterator[Proof]:
    log = node.read_log()
    plan: Entry | None = None
    receipts: dict[str, Entry] = {}
    for entry in log.entries():
        node.heed()
        said = entry.predicate
        if isinstance(said, BackupReceipt):
            receipts[entry.leaf_hash.hex()] = entry
        elif isinstance(said, DrillPlan) and said.drill_id == drill_id:
            plan = entry
        elif isinstance(said, DrillResult) and said.drill_id == drill_id and plan is not None:
            assert isinstance(plan.predicate, DrillPlan)  # noqa: S101  taken for that
            receipt = receipts.get(plan.predicate.receipt)
            if receipt is None:
                raise EvidenceInvalid(_("the receipt that the drill's plan names is not in the log"))
            yield _proof(node, {"receipt": receipt, "plan": plan, "result": entry}, log)


def _from_file(node: Node, path: Path) -> Iterator[Proof]:
    try:
        document = json.loads(read_capped(path, MOST_BYTES))
        drills = document["drills"]
        found = [one["envelopes"] for one in drills if isinstance(one, dict) and one.get("envelopes")]
    except (ValueError, KeyError, TypeError, RecursionError, TooLarge) as error:
        raise EvidenceInvalid(_("{path} holds no evidence of drills").format(path=path)) from error
    log = node.read_log() if Log.exists(node.log_folder) else None
    for envelopes in found:
        if isinstance(envelopes, dict) and "plan" in envelopes:
            yield _proof(node, {name: _entry(envelopes.get(name)) for name in ("receipt", "plan", "result")}, log)


def _entry(text: Any) -> Entry:
    try:
        return decode_entry(-1, base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise EvidenceInvalid(_("an envelope in the file cannot be read")) from error


def _proof(node: Node, entries: Mapping[str, Entry], log: Log | None) -> Proof:
    key = node.keys(given=False).verify_key()
    for name, entry in entries.items():
        if not signers(unseal(entry.envelope), (key,)):
            raise EvidenceInvalid(_("the {name} is not signed by this host's key").format(name=name))
    receipt, plan, result = (entries[name].predicate for name in ("receipt", "plan", "result"))
    if not (isinstance(receipt, BackupReceipt) and isinstance(plan, DrillPlan) and isinstance(result, DrillResult)):
        raise EvidenceInvalid(_("the evidence is not that of a drill"))
    proof = Proof(_as_drilled(receipt, plan), plan, result, entries["plan"].leaf_hash)
    if result.plan != proof.plan_leaf.hex() or plan.receipt != entries["receipt"].leaf_hash.hex():
        raise EvidenceInvalid(_("receipt, plan and result of the drill do not belong together"))
    _hold(proof)
    _checkpoint(node, proof, log)
    return proof


def _as_drilled(receipt: BackupReceipt, plan: DrillPlan) -> BackupReceipt:
    """What ``receipt`` says of a copy that was drilled. The tree is the one it names, whatever the plan says."""
    if plan.copy_of is None:
        return receipt
    where = {"repository": plan.repository, "repository_id": plan.repository_id, "snapshot_id": plan.snapshot_id}
    return receipt.model_copy(update=where)


def _hold(proof: Proof) -> None:
    """Steps 2 and 4. Raises EvidenceInvalid."""
    plan, result, told = proof.plan, proof.result, proof.result.seed
    try:
        nonce = bytes.fromhex(told["nonce"])
        seed = select.seed(told["checkpoint"].encode(), plan.drill_id, nonce).hex()
    except (KeyError, ValueError) as error:
        raise EvidenceInvalid(_("the result does not reveal its seed")) from error
    if select.commitment(nonce) != plan.commitment:
        raise EvidenceInvalid(_("the nonce is not the one that the plan committed to"))
    same = (plan.snapshot_id, plan.tree_id, plan.drill_id) == (result.snapshot_id, result.tree_id, result.drill_id)
    if seed != told["seed"] or not same:
        raise EvidenceInvalid(_("the seed does not follow from checkpoint, drill and nonce"))


def _checkpoint(node: Node, proof: Proof, log: Log | None) -> None:
    """Step 3. Raises EvidenceInvalid."""
    note = notes.parse(proof.result.seed["checkpoint"].encode())
    if not note.signed_by(node.keys(given=False).verify_key()):
        raise EvidenceInvalid(_("the checkpoint of the drill is not signed by this host's key"))
    head = note.checkpoint
    if log is None or log.origin != head.origin:
        return
    if not 0 < head.size <= log.size or log.root_at(head.size) != head.root:
        raise EvidenceInvalid(_("the checkpoint of the drill is not one of this log"))
    if log.entry(head.size - 1).leaf_hash != proof.plan_leaf:
        raise EvidenceInvalid(_("the checkpoint of the drill is not the one after its plan"))


# again


def _again(node: Node, found: Opened, proof: Proof) -> Replay:
    plan = proof.plan
    target = Target(plan.system, plan.source, plan.repository, plan.repository)
    if found.repository_id != plan.repository_id:
        said = reason("repository-changed", expected=plan.repository_id, found=found.repository_id)
        return Replay(proof, "FAIL", (said,), ())
    files = (
        frame.of_receipt(found.loaded, proof.receipt, plan.critical, node.heed) if found.loaded is not None else None
    )
    if found.loaded is None or files is None:
        why = reason("decoder-not-possible", "warning") if found.loaded is None else _gone(plan)
        return Replay(proof, "COULD_NOT_VERIFY", (why,), ())
    reasons = list(_frames(plan, files.frame(), frame.packs(found.loaded)))
    kept = Kept(proof.receipt, plan.receipt)
    ask = Ask(plan.confidence, plan.max_loss, plan.full)
    job = Job(node, target, found, (kept,), kept, ask, proof.seed, plan.drill_id, files)
    checks = []
    for recorded in proof.result.checks:
        again = _level(job, found.loaded, recorded, moved="packs-changed" in {r.code for r in reasons})
        if again is not None:
            checks.append(again)
            reasons.append(_drawn(recorded, again))
    bad = any(r.severity == "critical" for r in reasons)
    outcome: DrillOutcome = "FAIL" if bad else worst([check.outcome for check in checks])
    return Replay(proof, outcome, tuple(reasons), tuple(checks))


def _level(job: Job, loaded: Loaded, recorded: DrillCheck, *, moved: bool) -> DrillCheck | None:
    """One level drawn and read again; None for a level that drew nothing, or from packs that are others by now."""
    if recorded.sample_sha256 is None:
        return None
    if recorded.level == "D3":
        return content.drill(job, loaded)[0]
    return _packs(job, loaded) if recorded.level == "D2" and not moved else None


def _packs(job: Job, loaded: Loaded) -> DrillCheck:
    """The drawn packs of D2 read whole again; the rotation is not touched."""
    stored = [pack for pack in loaded.packs() if pack.size >= 0]
    drawn = stored if job.ask.full else rotation.sample(stored, job)
    reports = list(loaded.verify_packs(drawn, job.opened.executor))
    found = [one for report in reports for one in report.findings if one.severity == "critical"]
    return DrillCheck(
        level="D2",
        name="packs",
        outcome=structure.verdict(found),
        reasons=tuple(found[:20]),
        measured={"packs": len(reports), "bytes": sum(report.bytes_read for report in reports)},
        sample_sha256=rotation.sample_digest(drawn),
    )


def _gone(plan: DrillPlan) -> Reason:
    return reason("snapshot-missing", "warning", snapshot=plan.snapshot_id, time=plan.planned)


def _drawn(recorded: DrillCheck, again: DrillCheck) -> Reason:
    expected, found = recorded.sample_sha256 or "-", again.sample_sha256 or "-"
    if expected == found:
        return reason("sample-same", "info", level=again.level, sample=found)
    return reason("sample-differs", level=again.level, expected=expected, found=found)


def _frames(plan: DrillPlan, *now: Frame) -> Iterator[Reason]:
    for planned in plan.frames:
        today = next((one for one in now if one.unit == planned.unit), None)
        if today == planned:
            continue
        if planned.unit == "packs":
            yield reason("packs-changed", "info", count=planned.count, found=today.count if today else 0)
        else:
            yield reason("frame-differs", expected=planned.sha256, found=today.sha256 if today else "-")
