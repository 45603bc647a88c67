"""A scan as one JSON document, ``guardian.scan/v1``: what ``guardian scan --json`` prints."""

from typing import Any, Final

from guardian.baseline.outcome import Scanned
from guardian.baseline.tally import coverage, pass_rate

SCHEMA: Final = "guardian.scan/v1"


def document(scanned: Scanned) -> dict[str, Any]:
    """Everything of a scan, as plain JSON, but for ``schema``, ``outcome`` and ``exit_code``, which the caller adds."""
    whole = _body(scanned)
    return {key: list(value) if key in _STREAMED else value for key, value in whole.items()}


def scan_document(scanned: Scanned) -> dict[str, Any]:
    """The whole document, ready to be written in pieces: its long lists are iterators."""
    head = {"schema": SCHEMA, "outcome": scanned.result.outcome, "exit_code": int(scanned.exit_code)}
    return {**head, **_body(scanned)}


_STREAMED: Final = frozenset({"targets", "findings"})


def _body(scanned: Scanned) -> dict[str, Any]:
    counts = scanned.result.counts
    return {
        "entry": scanned.entry,
        "coverage": coverage(counts),
        "pass_rate": pass_rate(counts),
        "result": scanned.result.model_dump(mode="json", exclude={"targets"}),
        "targets": (target.model_dump(mode="json") for target in scanned.targets),
        "findings": (finding.model_dump(mode="json") for finding in scanned.findings),
        "vanished": list(scanned.vanished),
        "waivers": [waiver.model_dump(mode="json") for waiver in scanned.waivers],
        "waivers_astray": [waiver.model_dump(mode="json") for waiver in scanned.astray],
    }
