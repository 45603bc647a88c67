"""An evidence pack: what an auditor takes away and verifies with one file of Python. Its form: docs/adr/0006.

The log is verified whole before anything is taken from it, and the pack's file appears whole or not at all.
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from guardian import durable
from guardian.audit import documents, oscal, pdf, proofs
from guardian.audit.clauses import clause_answers, four_questions
from guardian.audit.facts import PackFacts, Period, code_of
from guardian.audit.gather import Gathered, gather, verified
from guardian.audit.grade import grade
from guardian.audit.report import pack_report
from guardian.audit.standards import clause_standards, recovery_levels
from guardian.clock import rfc3339
from guardian.errors import EvidenceInvalid, GuardianError, Interrupted, UsageError
from guardian.i18n import _
from guardian.keys.signing import SigningKey
from guardian.ledger import checkpoint, strictjson
from guardian.ledger.envelope import pae
from guardian.ledger.store import Log
from guardian.ledger.verify import Progress
from guardian.model.events import Phase
from guardian.model.evidence import DrillResult
from guardian.model.reason import Reason
from guardian.model.standard import MlpsLevel
from guardian.node import Node

MANIFEST_TYPE = "application/vnd.guardian.pack-manifest+json"
SCHEMA = "guardian.pack/v1"
_MOST_FILES, _MOST_BYTES = 100_000, 512 << 20
"""What the verifier takes; a pack beyond that would not be worth much."""
_HERE = Path(__file__)
_COSIGNATURES = "Signatures of others under checkpoints of this log lie here. This version collects none.\n"
_COSIGNATURES += "此处存放他人对本日志检查点的签名；本版本尚未收集。\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``kept``: a checkpoint the auditor has from before; its continuation is proven in the pack."""

    system: str
    period: Period
    output: Path
    kept: bytes | None = None
    sentence: Callable[[Reason], str] = code_of


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was written. ``without_pdf`` says why there is no PDF in it."""

    path: Path
    facts: PackFacts
    statements: int
    files: int
    bytes: int
    sha256: str
    without_pdf: GuardianError | None = None


def answered(facts: PackFacts, level: MlpsLevel | None = None, standard: str | None = None) -> PackFacts:
    """``facts`` with clauses, questions and grade answered.

    ``level`` is the one of protection, by default the system's own, else 3. Raises UsageError for an unknown standard.
    """
    chosen = level or mlps_level(facts)
    clauses = tuple(one for known in clause_standards(standard) for one in clause_answers(facts, known, chosen))
    return replace(facts, clauses=clauses, questions=four_questions(facts), grade=grade(facts, recovery_levels()))


def mlps_level(facts: PackFacts) -> MlpsLevel:
    """The level that clauses are asked at: the system's, held to what the standard's file has; 3 when it has none."""
    known: dict[int | None, MlpsLevel] = {1: "2", 2: "2", 3: "3", 4: "4", 5: "4"}
    return known.get(facts.system.mlps_level, "3")


def pack(node: Node, request: Request, progress: Progress | None = None) -> Packed:
    """Make the pack.

    Raises LogInvalid when the log does not hold together, UsageError when ``output`` exists,
    EvidenceInvalid for a kept checkpoint that is not the log's, StorageFull, Unavailable.
    """
    if request.output.exists():
        raise UsageError(_("{path} exists already").format(path=request.output))
    source = verified(node, progress)
    log, found = source.log, gather(node, source, request.system, request.period)
    facts = replace(answered(found.facts), sentence=request.sentence)
    files = _evidence(log, found, request.kept)
    files |= _texts(facts)
    node.report(Phase("report"))
    reports, without_pdf = _reports(node, facts)
    files |= reports
    files["verify.py"] = _HERE.with_name("verify_pack.py").read_bytes()
    key = node.keys().signing_key()
    files |= _manifest(files, found, key)
    if len(files) > _MOST_FILES or sum(map(len, files.values())) > _MOST_BYTES:
        raise UsageError(_("the evidence pack would be too large"), _("Ask for a shorter period."))
    data = _zipped(files)
    try:
        durable.write_new(request.output, data)
    except FileExistsError as error:
        raise UsageError(_("{path} exists already").format(path=request.output)) from error
    digest = hashlib.sha256(data).hexdigest()
    return Packed(request.output, facts, len(found.indexes), len(files), len(data), digest, without_pdf)


def _evidence(log: Log, found: Gathered, kept: bytes | None) -> dict[str, bytes]:
    """Statements, their proofs, and the log's heads."""
    files: dict[str, bytes] = {}
    sizes: set[int] = set()
    for index in found.indexes:
        entry = log.entry(index)
        kind = entry.predicate_type.split("/")[-2]
        files[f"statements/{index:09d}-{kind}.json"] = entry.envelope
        files[f"proofs/{index:09d}.tlog-proof"] = proofs.tlog_proof(log, index).encode()
        if isinstance(entry.predicate, DrillResult) and (note := entry.predicate.seed.get("checkpoint")):
            with suppress(EvidenceInvalid):  # what cannot be read is for the verifier to name
                sizes.add(checkpoint.parse(note.encode()).checkpoint.size)
    if kept is not None:
        sizes.add(_kept(log, kept))
    files["checkpoints/head.txt"] = log.note
    for size in (size for size in sizes if 0 < size < log.size):
        files[f"consistency/{size}.txt"] = proofs.consistency(log, size).encode()
    files["cosignatures/README.txt"] = _COSIGNATURES.encode()
    files["keys/log.vkey"] = f"{found.facts.log.vkey}\n".encode()
    files["policy/tlog-policy.txt"] = proofs.policy(found.facts.log.vkey).encode()
    return files


def _kept(log: Log, note: bytes) -> int:
    """The size of a checkpoint that was kept. Raises EvidenceInvalid unless it is this log's own past."""
    said = checkpoint.parse(note)
    if not said.signed_by(log.key):
        raise EvidenceInvalid(_("the checkpoint that was kept is not signed by this log's key"))
    size = said.checkpoint.size
    if size > log.size or log.root_at(size) != said.checkpoint.root:
        raise EvidenceInvalid(
            _("the log does not continue the checkpoint that was kept"),
            _("It was cut back or rewritten since: keep both, and ask who could have done that."),
        )
    return size


def _texts(facts: PackFacts) -> dict[str, bytes]:
    """What programs read, and the README."""
    clauses = [documents.clause(facts, one) for one in facts.clauses]
    questions = [documents.question(facts, one) for one in facts.questions]
    readme = _HERE.with_name("pack-readme.txt").read_text("utf-8")
    about = {
        "version": facts.version,
        "system": facts.system.id,
        "tenant": facts.system.tenant,
        "host": facts.system.host,
        "start": rfc3339(facts.period.start)[:16],
        "end": rfc3339(facts.period.end)[:16],
        "origin": facts.log.origin,
        "size": facts.log.size,
        "vkey": facts.log.vkey,
        "key_id": facts.log.key_id,
    }
    said = facts.grade
    return {
        "README.txt": readme.format(**about).encode(),
        "clauses.json": _json({**documents.head(facts, "guardian.clauses/v1"), "clauses": clauses}),
        "four-questions.json": _json({**documents.head(facts, "guardian.questions/v1"), "questions": questions}),
        "grade.json": _json(
            {**documents.head(facts, "guardian.grade/v1"), "grade": documents.grade(facts, said) if said else None}
        ),
        "oscal-assessment-results.json": _json(oscal.assessment_results(facts)),
    }


def _reports(node: Node, facts: PackFacts) -> tuple[dict[str, bytes], GuardianError | None]:
    """The report in both languages, as HTML, and as PDF where there is something to make one."""
    pages = {"report": pack_report(facts, "en"), "report.zh": pack_report(facts, "zh")}
    files = {f"{name}.html": html.encode() for name, html in pages.items()}
    try:
        for name, html in pages.items():
            with node.scratch(servers=True) as folder:
                files[f"{name}.pdf"] = pdf.render(html, folder, node.stop)
    except Interrupted:
        raise
    except GuardianError as error:
        return files, error
    return files, None


def _manifest(files: dict[str, bytes], found: Gathered, key: SigningKey) -> dict[str, bytes]:
    """The list of everything else, and its envelope signed by the host's key."""
    facts = found.facts
    listed = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in sorted(files.items())
    }
    manifest = {
        **documents.head(facts, SCHEMA),
        "generated": rfc3339(facts.generated),
        "guardian": facts.version,
        "key_id": key.key_id,
        "entries": {"from": found.first, "to": found.end},
        "files": listed,
    }
    payload = _json(manifest)
    signature = {"keyid": key.key_id, "sig": base64.b64encode(key.sign(pae(MANIFEST_TYPE, payload))).decode()}
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": MANIFEST_TYPE,
        "signatures": [signature],
    }
    return {"manifest.json": payload, "manifest.dsse.json": strictjson.dumps(envelope)}


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _zipped(files: dict[str, bytes]) -> bytes:
    """The ZIP: the same files make the same bytes, whenever and wherever."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            info.create_system = 3
            archive.writestr(info, data)
    return buffer.getvalue()
