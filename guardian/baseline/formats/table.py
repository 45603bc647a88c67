"""A scan as CSV (RFC 4180), a verdict a line, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from guardian.baseline.formats.said import clauses_of, grounds
from guardian.baseline.outcome import Scanned
from guardian.model.finding import Finding, TargetKind
from guardian.model.visible import visible

COLUMNS: Final = (
    "tenant", "host", "target_kind", "target", "rule", "rev", "family", "severity", "status", "waived", "waiver",
    "waived_until", "change", "first_seen", "last_evaluated", "title", "grounds", "clauses", "finding", "rule_digest",
    "facts",
)  # fmt: skip

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""


def rows(scanned: Scanned) -> Iterator[str]:
    """The lines, the header first."""
    facts = {(one.target.kind, one.target.id): one.facts for one in scanned.targets}
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for cells in _cells(scanned, facts):
        writer.writerow([harmless(cell) for cell in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def harmless(cell: str) -> str:
    """``cell`` on one line, and with an apostrophe in front where a spreadsheet would calculate it."""
    shown = visible(cell)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _cells(scanned: Scanned, facts: Mapping[tuple[TargetKind, str], str]) -> Iterable[Sequence[str]]:
    yield COLUMNS
    for finding in scanned.findings:
        target = finding.target
        yield (scanned.result.tenant, scanned.result.host, *_row(finding), facts.get((target.kind, target.id), ""))


def _row(finding: Finding) -> tuple[str, ...]:
    return (
        finding.target.kind, finding.target.id, finding.rule, str(finding.rev), finding.family, finding.severity,
        finding.status, "true" if finding.waived else "false", finding.waiver or "", finding.waived_until or "",
        finding.change, finding.first_seen or "", finding.last_evaluated, finding.title.spoken, grounds(finding),
        "; ".join(clauses_of(finding.rule)), finding.id, finding.rule_digest,
    )  # fmt: skip
