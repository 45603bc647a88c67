"""The sheet of units: every clause of a level in a row, what rules and the log say of it, what is left to a person."""

from collections.abc import Iterator, Sequence
from typing import Final

from guardian.audit.scan_page import CONFORMITY
from guardian.audit.wording import STATES
from guardian.audit.workbook_facts import Beside
from guardian.audit.workbook_sheet import Cell, Value
from guardian.baseline.clauses import Level
from guardian.baseline.conformity import Answered
from guardian.baseline.formats.said import STATUSES, name_of
from guardian.baseline.outcome import Scanned
from guardian.i18n import N_, _
from guardian.model.finding import Status

LISTED: Final = 16
"""So many findings a cell names; the sheet of evidence has all."""

UNITS: Final = (
    (N_("No."), 6, False), (N_("area"), 14, False), (N_("control point"), 16, False), (N_("clause"), 12, False),
    (N_("unit"), 13, False), (N_("what it asks (in our words)"), 40, False), (N_("who answers"), 14, False),
    (N_("rules say"), 12, False), (N_("pass"), 7, False), (N_("FAIL"), 7, False), (N_("waived"), 7, False),
    (N_("unknown"), 7, False), (N_("does not apply"), 7, False), (N_("findings"), 56, False),
    (N_("the log says"), 44, False), (N_("how to check it"), 36, False), (N_("left to a person"), 44, False),
    (N_("conclusion"), 12, True), (N_("remarks"), 30, False), (N_("how sure the clause's number is"), 14, False),
)  # fmt: skip

CONFIDENCE: Final = {
    "verified": N_("read in a source"),
    "derived": N_("follows from a source"),
    "secondary": N_("from a published table"),
    "from-memory": N_("from memory"),
}
_COVERED: Final = {
    "automatic": N_("rules"),
    "partial": N_("rules in part, a person the rest"),
    "evidence": N_("a person, from evidence here"),
    "manual": N_("a person"),
}
TONES: Final = {
    "conforming": "good",
    "partly": "partly",
    "not-conforming": "bad",
    "not-applicable": "none",
    "not-tested": "open",
}
_ORDER: Final[tuple[Status, ...]] = ("fail", "unknown", "manual", "pass")


def units(scanned: Scanned, beside: Beside, answers: Sequence[Answered], level: Level) -> Iterator[list[Value]]:
    """The rows, in the standard's order."""
    for number, one in enumerate(answers, start=1):
        yield [number, *_what(one), *_said(one), *_proof(scanned, beside, one, level), *_left(one)]


def _what(one: Answered) -> list[Value]:
    entry = one.entry
    return [
        entry.area.title.spoken, entry.point.title.spoken, entry.number, entry.unit or "–", entry.clause.asks.spoken,
        _(_COVERED[entry.coverage]),
    ]  # fmt: skip


def _said(one: Answered) -> list[Value]:
    if not one.entry.rules:
        return [Cell("–", "none"), *[None] * 5]
    get = one.counts.get
    verdict = Cell(_(CONFORMITY[one.rules_say]), TONES[one.rules_say])
    open_ = get("unknown", 0) + get("manual", 0)
    return [verdict, get("pass", 0), get("fail", 0), one.waived, open_, get("not_applicable", 0)]


def _proof(scanned: Scanned, beside: Beside, one: Answered, level: Level) -> list[Value]:
    replay = f"guardian scan --replay {scanned.entry}" if scanned.entry is not None and one.findings else ""
    logged, entries = _logged(beside, one, level)
    checks = [*([replay] if replay else []), *([entries] if entries else [])]
    return [_findings(one), logged, "\n".join(checks)]


def _findings(one: Answered) -> str:
    found = sorted(
        (finding for finding in one.findings if finding.status in _ORDER), key=lambda f: _ORDER.index(f.status)
    )
    lines = [
        f"{_(STATUSES[finding.status])} {finding.rule} {name_of(finding.target)} {finding.id}"
        + (" " + _("(waived: {ticket})").format(ticket=finding.waiver) if finding.waived else "")
        for finding in found[:LISTED]
    ]
    if len(found) > LISTED:
        lines.append(_("… and {count} more").format(count=len(found) - LISTED))
    return "\n".join(lines)


def _logged(beside: Beside, one: Answered, level: Level) -> tuple[str, str]:
    """What the log answers to a clause, a system a line; and the entries it rests on."""
    lines, proofs = [], []
    for system, said in beside.of(one.entry, level):
        if said.answer.by == "person":
            continue
        reasons = "; ".join(beside.sentence(reason) for reason in said.answer.reasons[:4])
        lines.append(f"{system}: {_(STATES[said.answer.state])}" + (f" ({reasons})" if reasons else ""))
        proofs += [f"#{proof.index}" for proof in said.answer.proofs[-6:]]
    named = _("entries of the log: {numbers}").format(numbers=", ".join(dict.fromkeys(proofs))) if proofs else ""
    return "\n".join(lines), named


def _left(one: Answered) -> list[Value]:
    entry = one.entry
    left = "" if entry.coverage == "automatic" else (entry.clause.evidence or entry.why).spoken
    concluded = Cell(_(CONFORMITY[one.conclusion]), TONES[one.conclusion]) if one.conclusion else None
    return [left, concluded, None, _(CONFIDENCE[entry.confidence])]
