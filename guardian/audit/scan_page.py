"""The page of a scan: one HTML file in one language, for a screen, a phone or paper. It needs nothing but itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from guardian import __version__
from guardian.audit import page, scan_charts, scan_rows
from guardian.audit.summary import Verdict
from guardian.audit.wording import portion
from guardian.baseline.clauses import Level, areas, entries
from guardian.baseline.conformity import CONFORMITIES, Answered, answered
from guardian.baseline.formats.said import CHANGES, SEVERITIES, STATUSES, name_of
from guardian.baseline.outcome import Scanned
from guardian.baseline.tally import at_or_over, coverage, failing, of_status, pass_rate, undecided
from guardian.i18n import N_, _, language, speaking
from guardian.model.finding import Finding

RULES: Final = 150
"""Rules that are broken, at the most; the rest is counted, and in every other format."""
REASONS: Final = 40
CHANGED: Final = 40
TARGETS: Final = 200
WAIVERS: Final = 100

CONFORMITY: Final = {
    "conforming": N_("conforming"),
    "partly": N_("partly conforming"),
    "not-conforming": N_("not conforming"),
    "not-applicable": N_("not applicable"),
    "not-tested": N_("not tested"),
}
ICONS: Final = {
    "pass": "PASS", "fail": "FAIL", "unknown": "COULD_NOT_VERIFY", "manual": "NOT_RUN", "not_applicable": "NOT_RUN",
    "conforming": "PASS", "not-conforming": "FAIL", "partly": "FAIL", "not-tested": "COULD_NOT_VERIFY",
    "not-applicable": "NOT_RUN",
}  # fmt: skip


def scan_page(scanned: Scanned, lang: str | None = None, level: Level = "3") -> str:
    """The page in ``lang`` (``zh`` or ``en``); default: the language in use. ``level``: whose clauses are shown."""
    with speaking(lang or language()):
        return page.render("scan.html", language(), _context(scanned, level))


def _context(scanned: Scanned, level: Level) -> dict[str, Any]:
    counts = scanned.result.counts
    answers = answered(entries(areas(), level), scanned.findings)
    failed, dark = scan_rows.broken(scanned), scan_rows.dark(scanned)
    return {
        "result": scanned.result,
        "entry": scanned.entry,
        "version": __version__,
        "generated": datetime.fromisoformat(scanned.result.ended),
        "verdict": verdict(scanned),
        "coverage": coverage(counts),
        "pass_rate": pass_rate(counts),
        "count": lambda status: of_status(counts, status),
        "waived": sum(one.waived for one in counts),
        "broken": _capped(failed, RULES),
        "waived_rules": _capped(scan_rows.broken(scanned, waived=True), RULES),
        "dark": _capped(dark, REASONS),
        "changed": {kind: _capped(found, CHANGED) for kind, found in scan_rows.changed(scanned).items()},
        "vanished": _capped(scanned.vanished, CHANGED),
        "first": _is_first(scanned.findings),
        "waivers": _capped(scan_rows.held(scanned), WAIVERS),
        "targets": _capped(scanned.targets, TARGETS),
        "target_coverage": coverage,
        "target_pass_rate": pass_rate,
        "of_status": of_status,
        "level": level,
        "clauses": [one for one in answers if one.entry.rules],
        "conformity": _conformity(answers),
        "share": lambda part: "–" if part is None else portion(part, 1),
        "name_of": name_of,
        "severity_text": lambda name: _(SEVERITIES[name]),
        "status_text": lambda name: _(STATUSES[name]),
        "change_text": lambda name: _(CHANGES[name]),
        "conformity_text": lambda name: _(CONFORMITY[name]),
        "icon_name": ICONS.__getitem__,
        "charts": charts(scanned, answers),
    }


def charts(scanned: Scanned, answers: Sequence[Answered]) -> dict[str, str]:
    """The charts by name."""
    parts = scan_charts.PARTS
    return {
        "severity": scan_charts.stacked(scan_rows.bars_by(scanned, "severity"), parts, _("Verdicts by severity")),
        "family": scan_charts.stacked(scan_rows.bars_by(scanned, "family"), parts, _("Verdicts by family of rules")),
        "clauses": scan_charts.stacked(
            scan_rows.bars_of_clauses(answers), scan_charts.CONFORMING, _("Clauses by area of the standard")
        ),
    }


def verdict(scanned: Scanned) -> Verdict:
    """The light at the top: red for what fails at the threshold, amber for what nobody knows there."""
    result = scanned.result
    level = _(SEVERITIES[result.fail_on])
    bad, open_ = failing(result.counts, result.fail_on), undecided(result.counts, result.fail_on)
    causes = _causes(scanned, open_ if bad else 0)
    if result.outcome == "failed":
        said = _("{count} findings at or over severity {level} that nobody waived").format(count=bad, level=level)
        return Verdict("fail", _("Failed"), said, causes)
    if result.outcome == "unknown":
        said = _("{count} verdicts at or over severity {level} could not be given").format(count=open_, level=level)
        return Verdict("unsure", _("Could not verify"), said, causes)
    return Verdict("pass", _("Passed"), _("nothing at or over severity {level} fails").format(level=level), causes)


def _causes(scanned: Scanned, open_: int) -> tuple[str, ...]:
    said = []
    if open_:
        said.append(_("besides, {count} verdicts there could not be given").format(count=open_))
    if lost := len(scanned.result.unreachable):
        said.append(_("{count} targets could not be looked at").format(count=lost))
    if scanned.astray:
        said.append(_("{count} waivers speak of nothing that was looked at").format(count=len(scanned.astray)))
    if scanned.vanished:
        said.append(_("{count} verdicts of the scan before are not given any more").format(count=len(scanned.vanished)))
    over = at_or_over(scanned.result.fail_on)
    if below := sum(f.status == "fail" and not f.waived and f.severity not in over for f in scanned.findings):
        said.append(_("{count} findings are milder than the threshold").format(count=below))
    return tuple(said)


def _conformity(answers: Sequence[Answered]) -> dict[str, int]:
    told = [one for one in answers if one.entry.rules]
    return {name: sum(one.rules_say == name for one in told) for name in CONFORMITIES}


def _is_first(findings: Sequence[Finding]) -> bool:
    return all(finding.change == "first" for finding in findings)


def _capped(rows: Sequence[Any], most: int) -> dict[str, Any]:
    return {"rows": tuple(rows)[:most], "more": max(0, len(rows) - most), "count": len(rows)}
