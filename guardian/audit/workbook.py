"""The assessor's workbook: GB/T 28448 unit by unit, each with what rules and the log say, and by which evidence.

What only a person can judge has an empty cell with the five answers to choose from; nothing is answered there that
nobody looked at. Every verdict is listed with the digests that it can be made again from.
"""

import io
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from guardian.audit.scan_page import CONFORMITY
from guardian.audit.scan_rows import held
from guardian.audit.wording import OUTCOMES, duration, moment
from guardian.audit.workbook_facts import Beside
from guardian.audit.workbook_sheet import LINE, Cell, Column, Formats, Value, fill, height, on_paper, put
from guardian.audit.workbook_units import UNITS, units
from guardian.baseline.clauses import COVERAGES, Level, areas, entries
from guardian.baseline.conformity import CONFORMITIES, Answered, answered
from guardian.baseline.formats.said import CHANGES, SEVERITIES, STATUSES, clauses_of, grounds, name_of
from guardian.baseline.outcome import Scanned
from guardian.baseline.tally import coverage, of_status, pass_rate
from guardian.i18n import N_, _
from guardian.model.finding import Finding

COVERED: Final = {
    "automatic": N_("answered by rules"),
    "partial": N_("answered by rules in part"),
    "evidence": N_("evidence for a person"),
    "manual": N_("for a person"),
}
TONE: Final = {"pass": "good", "fail": "bad", "unknown": "open", "manual": "open", "not_applicable": "none"}
_NO_LOG: Final = Beside()

_NAMES, _TOLD = 34, 96
"""Widths of the two columns of the cover, in characters."""


def workbook(scanned: Scanned, beside: Beside = _NO_LOG, level: Level = "3") -> bytes:
    """The workbook as an XLSX file, in the language in use."""
    import xlsxwriter  # noqa: PLC0415  only then

    answers = answered(entries(areas(), level), scanned.findings)
    made = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="guardian-workbook-") as folder:
        # Rows go to a temporary file as they are written: a hundred thousand verdicts need no more than one.
        options = {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False, "strings_to_urls": False}
        book = xlsxwriter.Workbook(made, options)
        at = datetime.fromisoformat(scanned.result.ended).replace(tzinfo=None)
        book.set_properties({"title": _("Assessor's workbook"), "author": "Guardian", "created": at})
        formats = Formats(book)
        _cover(book, formats, scanned, answers, level)
        columns = [Column(_(heading), width, _choices() if choose else ()) for heading, width, choose in UNITS]
        fill(book, formats, _("units"), columns, units(scanned, beside, answers, level))
        fill(book, formats, _("evidence"), [Column(_(name), width) for name, width in _EVIDENCE], _evidence(scanned))
        fill(book, formats, _("targets"), [Column(_(name), width) for name, width in _TARGETS], _targets(scanned))
        fill(book, formats, _("drills"), [Column(_(name), width) for name, width in _DRILLS], _drills(beside))
        fill(book, formats, _("waivers"), [Column(_(name), width) for name, width in _WAIVERS], _waivers(scanned))
        fill(book, formats, _("rules"), [Column(_(name), width) for name, width in _RULES], _rules(scanned))
        book.close()
    return made.getvalue()


def _choices() -> tuple[str, ...]:
    return tuple(
        _(CONFORMITY[name]) for name in ("conforming", "partly", "not-conforming", "not-applicable", "not-tested")
    )


def _cover(book: Any, formats: Formats, scanned: Scanned, answers: tuple[Answered, ...], level: Level) -> None:
    sheet = book.add_worksheet(_("cover"))
    on_paper(sheet)
    sheet.set_column(0, 0, _NAMES)
    sheet.set_column(1, 1, _TOLD)
    sheet.set_row(0, 2 * LINE)
    sheet.write_string(
        0, 0, _("Assessor's workbook: GB/T 22239-2019, level {level}").format(level=level), formats.title
    )
    for row, (name, value) in enumerate(_facts(scanned, answers), start=2):
        cell = value if isinstance(value, Cell) else Cell(value)
        sheet.set_row(row, height([name, cell], [_NAMES, _TOLD]))
        put(sheet, row, [name], formats, formats.name)
        look = formats.told[cell.tone][isinstance(cell.value, float)]
        if isinstance(cell.value, int | float):
            sheet.write_number(row, 1, cell.value, look)
        else:
            sheet.write_string(row, 1, cell.value or "–", look)


def _facts(scanned: Scanned, answers: tuple[Answered, ...]) -> Iterator[tuple[str, Value]]:
    result, counts = scanned.result, scanned.result.counts
    tone = {"passed": "good", "failed": "bad", "unknown": "open"}[result.outcome]
    words = {"passed": _("Passed"), "failed": _("Failed"), "unknown": _("Could not verify")}
    yield _("tenant"), result.tenant
    yield _("host that scanned"), result.host
    yield _("began"), moment(datetime.fromisoformat(result.started))
    yield _("ended"), moment(datetime.fromisoformat(result.ended))
    yield _("baselines"), ", ".join(result.baselines)
    yield _("outcome"), Cell(words[result.outcome], tone)
    yield _("Decided: of the verdicts that apply"), coverage(counts)
    yield _("Good: of what was decided"), pass_rate(counts)
    for status in ("pass", "fail", "unknown", "manual", "not_applicable"):
        yield _("verdicts: {status}").format(status=_(STATUSES[status])), Cell(of_status(counts, status), TONE[status])
    yield _("of these waived"), sum(one.waived for one in counts)
    yield _("clauses at this level"), len(answers)
    for kind in COVERAGES:
        if number := sum(one.entry.coverage == kind for one in answers):
            yield _("clauses: {kind}").format(kind=_(COVERED[kind])), number
    for name in CONFORMITIES:
        told = sum(one.rules_say == name for one in answers if one.entry.rules)
        yield _("rules say: {verdict}").format(verdict=_(CONFORMITY[name])), told
    yield _("entry of the signed log"), "–" if scanned.entry is None else str(scanned.entry)
    yield _("digest of rules and parameters"), result.policy
    yield _("digest of all results"), result.manifest
    yield _("to make every verdict again"), _replay(scanned)
    yield from _reading()


def _reading() -> Iterator[tuple[str, Value]]:
    yield (
        _("how to read this"),
        _(
            "What rules say speaks of the part of a clause that configurations show. One good and one bad verdict make"
            " 'partly conforming'; a verdict that could not be given makes 'not tested', never 'conforming'. The column"
            " of the conclusion is yours; it is filled in only where rules alone settle the clause."
        ),
    )
    yield (
        _("what is not certain"),
        _(
            "Clauses are told in our own words. Numbers and letters come from a published table, counts by area agree"
            " with the standard; units of GB/T 28448 are given where they are known. Compare with the printed"
            " standards."
        ),
    )
    yield (
        _("what this does not prove"),
        _(
            "Configurations as they were read, by the host itself, at the moment named. A waived finding is still not"
            " good. Nothing here replaces an assessor's judgement of a clause as a whole."
        ),
    )


def _replay(scanned: Scanned) -> str:
    if scanned.entry is None:
        return _("this scan is in no log")
    return f"guardian scan --replay {scanned.entry}"


_EVIDENCE: Final = (
    (N_("finding"), 34), (N_("target"), 30), (N_("rule"), 14), (N_("rev"), 5), (N_("severity"), 9),
    (N_("status"), 11), (N_("what must be so"), 42), (N_("grounds"), 60), (N_("clauses"), 22), (N_("change"), 14),
    (N_("in this state since"), 21), (N_("read at"), 21), (N_("waiver"), 14), (N_("waived until"), 13),
    (N_("digest of the facts"), 34), (N_("digest of the rule"), 34), (N_("entry"), 8), (N_("replay"), 34),
)  # fmt: skip


def _evidence(scanned: Scanned) -> Iterator[list[Value]]:
    facts = {(one.target.kind, one.target.id): one.facts for one in scanned.targets}
    order = {"fail": 0, "unknown": 1, "manual": 2, "pass": 3, "not_applicable": 4}
    for one in sorted(scanned.findings, key=lambda finding: order[finding.status]):
        digest = facts.get((one.target.kind, one.target.id), "")
        again = f"{_replay(scanned)} {name_of(one.target)}" if scanned.entry is not None else ""
        yield [*_verdict(one), *_history(one), digest, one.rule_digest, scanned.entry, again]


def _verdict(one: Finding) -> list[Value]:
    status = Cell(_(STATUSES[one.status]), TONE[one.status])
    return [
        one.id, name_of(one.target), one.rule, one.rev, _(SEVERITIES[one.severity]), status, one.title.spoken,
        grounds(one, 20), ", ".join(clauses_of(one.rule)),
    ]  # fmt: skip


def _history(one: Finding) -> list[Value]:
    waived = one.waiver or "", (one.waived_until or "")[:10]
    return [_(CHANGES[one.change]), one.first_seen or "", one.last_evaluated, *waived]


_TARGETS: Final = (
    (N_("target"), 36), (N_("Decided"), 10), (N_("Good"), 10), (N_("pass"), 8), (N_("FAIL"), 8), (N_("unknown"), 8),
    (N_("manual"), 8), (N_("does not apply"), 10), (N_("read at"), 22), (N_("could not be looked at"), 40),
    (N_("digest of the facts"), 66), (N_("digest of the verdicts"), 66),
)  # fmt: skip


def _targets(scanned: Scanned) -> Iterator[list[Value]]:
    for one in scanned.targets:
        name = name_of(one.target)
        counted = [of_status(one.counts, status) for status in ("pass", "fail", "unknown", "manual", "not_applicable")]
        unreachable = scanned.result.unreachable.get(name, "")
        yield [
            name,
            coverage(one.counts),
            pass_rate(one.counts),
            *counted,
            one.read_at,
            unreachable,
            one.facts,
            one.findings,
        ]


_DRILLS: Final = (
    (N_("when"), 21), (N_("system"), 24), (N_("source"), 24), (N_("repository"), 16), (N_("level"), 8),
    (N_("outcome"), 14), (N_("levels climbed"), 42), ("RTO", 14), ("RPO", 14), (N_("snapshot"), 34), (N_("entry"), 8),
    (N_("leaf hash"), 66),
)  # fmt: skip


def _drills(beside: Beside) -> Iterator[list[Value]]:
    tones = {"PASS": "good", "FAIL": "bad", "COULD_NOT_VERIFY": "open"}
    for one in beside.drills:
        said = one.said
        climbed = ", ".join(f"{check.level} {_(OUTCOMES[check.outcome])}" for check in said.checks)
        yield [
            moment(one.at), said.system, said.source, said.repository, said.level,
            Cell(_(OUTCOMES[said.outcome]), tones.get(said.outcome, "none")), climbed,
            _span(said.rto_seconds, extrapolated=said.extrapolated), _span(said.rpo_seconds, extrapolated=False),
            said.snapshot_id or "", one.index, one.leaf_hash,
        ]  # fmt: skip


def _span(seconds: float | None, *, extrapolated: bool) -> str:
    if seconds is None:
        return "–"
    return _("≈ {time} (extrapolated)").format(time=duration(seconds)) if extrapolated else duration(seconds)


_WAIVERS: Final = (
    (N_("last day"), 12), (N_("days left"), 9), (N_("state"), 16), (N_("rule"), 14), (N_("target"), 36),
    (N_("owner"), 16), (N_("approver"), 16), (N_("ticket"), 16), (N_("reason"), 48), (N_("done instead"), 40),
)  # fmt: skip


def _waivers(scanned: Scanned) -> Iterator[list[Value]]:
    states = {
        "": Cell(_("holds"), ""), "ending": Cell(_("ends soon"), "open"), "over": Cell(_("is over"), "bad"),
        "astray": Cell(_("speaks of nothing"), "bad"),
    }  # fmt: skip
    for one in held(scanned):
        waiver = one.waiver
        yield [
            waiver.until.isoformat(), one.days, states[one.state], waiver.rule, waiver.target, waiver.owner,
            waiver.approver, waiver.ticket, waiver.reason, waiver.compensating or "",
        ]  # fmt: skip


_RULES: Final = (
    (N_("rule"), 14), (N_("rev"), 5), (N_("severity"), 9), (N_("family"), 18), (N_("target"), 12),
    (N_("what must be so"), 44), (N_("why"), 44), (N_("reads"), 50), (N_("to put it right"), 50), (N_("clauses"), 26),
    (N_("digest of the rule"), 66),
)  # fmt: skip


def _rules(scanned: Scanned) -> Iterator[list[Value]]:
    used = {finding.rule for finding in scanned.findings}
    for name, (rule, family) in scanned.library.rules.items():
        if name in used:
            needs = "\n".join(f"{'/'.join(need.fact)}: {need.by} ({need.as_})" for need in rule.needs)
            yield [
                name, rule.rev, _(SEVERITIES[rule.severity]), family.title.spoken, family.target, rule.title.spoken,
                rule.why.spoken, needs, rule.fix.spoken, ", ".join(clauses_of(name)), rule.digest(),
            ]  # fmt: skip
