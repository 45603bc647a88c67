"""A scan as JUnit XML, for pipelines: a suite a target, a case a rule.

What failed is a failure, what nobody could find out an error; a waived failure, what is for a person and what does not
apply are skipped, and say why.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from guardian.baseline.formats.said import deciding, ground, name_of
from guardian.baseline.outcome import Scanned
from guardian.i18n import _
from guardian.model.finding import Finding, TargetResult
from guardian.model.visible import visible

_OUTCOMES: Final = ("failure", "error", "skipped")


def suites(scanned: Scanned) -> Iterator[str]:
    """The document."""
    outcomes = [_outcome(finding) for finding in scanned.findings]
    seconds = _seconds(scanned.result.started, scanned.result.ended)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites{_attributes('guardian scan', outcomes)} time={quoteattr(seconds)}>\n"
    by_target: dict[tuple[str, str], list[Finding]] = {}
    for finding in scanned.findings:
        by_target.setdefault((finding.target.kind, finding.target.id), []).append(finding)
    for target in scanned.targets:
        yield from _suite(scanned, target, by_target.get((target.target.kind, target.target.id), []))
    yield "</testsuites>\n"


def _suite(scanned: Scanned, target: TargetResult, findings: list[Finding]) -> Iterator[str]:
    name = name_of(target.target)
    began = datetime.fromisoformat(target.read_at).strftime("%Y-%m-%dT%H:%M:%S")
    outcomes = [_outcome(finding) for finding in findings]
    place = f" timestamp={quoteattr(began)} hostname={_quoted(scanned.result.host)}"
    yield f"<testsuite{_attributes(name, outcomes)}{place}>\n"
    yield "<properties>"
    yield f'<property name="facts" value={quoteattr(target.facts)}/>'
    yield f'<property name="policy" value={quoteattr(scanned.result.policy)}/>'
    yield "</properties>\n"
    for finding in findings:
        yield from _case(finding, name)
    yield "</testsuite>\n"


def _case(finding: Finding, target: str) -> Iterator[str]:
    said = f"{finding.rule} {finding.title.spoken}"
    outcome = _outcome(finding)
    yield f"<testcase name={_quoted(said)} classname={_quoted(f'{target}.{finding.family}')}"
    if outcome == "":
        yield "/>\n"
        return
    yield ">"
    details = escape("\n".join(_clean(ground(one)) for one in deciding(finding)))
    if outcome == "skipped":
        yield f"<skipped message={_quoted(_why_skipped(finding))}/>"
    else:
        attributes = f"message={_quoted(finding.title.spoken)} type={quoteattr(finding.severity)}"
        yield f"<{outcome} {attributes}>{details}</{outcome}>"
    yield "</testcase>\n"


def _outcome(finding: Finding) -> str:
    if finding.status == "fail":
        return "skipped" if finding.waived else "failure"
    return {"unknown": "error", "manual": "skipped", "not_applicable": "skipped"}.get(finding.status, "")


def _why_skipped(finding: Finding) -> str:
    if finding.waived:
        return _("waived until {time}, {ticket}").format(time=(finding.waived_until or "")[:10], ticket=finding.waiver)
    return _("only a person can tell") if finding.status == "manual" else _("does not apply")


def _attributes(name: str, outcomes: Iterable[str]) -> str:
    known = list(outcomes)
    failures, errors, skipped = (known.count(one) for one in _OUTCOMES)
    return (
        f" name={_quoted(name)} tests={quoteattr(str(len(known)))} failures={quoteattr(str(failures))}"
        f" errors={quoteattr(str(errors))} skipped={quoteattr(str(skipped))}"
    )


def _seconds(started: str, ended: str) -> str:
    return f"{(datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds():.3f}"


def _quoted(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    r"""Without what XML 1.0 cannot hold: controls are escaped already, U+FFFE and U+FFFF are not characters."""
    return visible(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
