"""Reports that a person looks at: of an evidence pack, or of the drills just done; one HTML file, or the PDF of it.

The file needs nothing but itself: style and pictures are in it, there are no scripts, and it asks no network.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardian import __version__, durable
from guardian.audit import figures, page, summary
from guardian.audit.facts import PackFacts, Recorded, code_of
from guardian.audit.samples import MOST, Sample, samples
from guardian.audit.standards import clause_standards
from guardian.audit.summary import Say
from guardian.drill.record import HIGHEST
from guardian.errors import UsageError
from guardian.i18n import _, language, speaking
from guardian.model.drill import DrillLevel
from guardian.model.evidence import DrillResult

if TYPE_CHECKING:
    from guardian.drill.run import Drill
    from guardian.node import Node

DRILLS = 24
"""Rows of the table of drills."""
FINDINGS = 40
SOURCES = 60
"""Sources in tables."""
CLAUSES = 200
EVENTS = 30
"""The newest events of keys."""


def pack_report(facts: PackFacts, lang: str, say: Say | None = None) -> str:
    """The report of an evidence pack as one HTML document in ``lang`` (``zh`` or ``en``).

    ``say`` turns reasons into sentences of the language in use; default: ``facts.sentence``.
    """
    say = say or facts.sentence
    with speaking(lang):
        rungs = ladder_of(facts)
        context = {
            "facts": facts,
            "system": facts.system,
            "generated": facts.generated,
            "version": facts.version,
            "verdict": summary.verdict(facts, rungs),
            "rungs": tuple(reversed(rungs)),
            "proven": [rung.level for rung in rungs if rung.outcome == "PASS"],
            "samples": samples(facts),
            "charts": figures.drawings(facts),
            "sources": _capped(figures.sources(facts), SOURCES),
            "drills": summary.worth_showing(facts.drills, DRILLS),
            "drills_more": max(0, len(facts.drills) - DRILLS),
            "findings": _capped(summary.findings(summary.reasons(facts), say), FINDINGS),
            "editions": {known.id: known.edition for known in clause_standards()} if facts.clauses else {},
            "clauses": _capped(facts.clauses, CLAUSES),
            "key_events": _capped(tuple(reversed(facts.key_events)), EVENTS),
            "open_points": summary.not_proven(rungs, sampled=bool(facts.assurances)),
            "say": say,
            "newest": max((r.at for r in facts.receipts), default=None),
        }
        return page.render("pack.html", lang, context)


def ladder_of(facts: PackFacts) -> tuple[summary.Rung, ...]:
    """The ladder of a pack. Sources of files and commands have no application of their own: they end at D3."""
    ends = {source.id: HIGHEST.get(source.kind, "D6") for source in facts.system.sources}
    return summary.ladder(facts.drills, ends, summary.source_of)


def drills_report(drills: Sequence[Recorded[DrillResult]], about: Mapping[str, Any], say: Say) -> str:
    """The report of drills just done, in the language in use.

    ``about``: ``host``, ``tenant``, ``generated``, ``log`` (origin, size, root, key_id), ``plans``, the drills' plans
    by the leaf hash of the result, and ``ends``, the last level of sources that have one.
    """
    names = list(dict.fromkeys(summary.name_of(recorded.said) for recorded in drills))
    rungs = summary.ladder(drills, {name: about["ends"].get(name, "D6") for name in names})
    # Of levels that were not asked for, only those are missed without which nobody may say that data comes back.
    asked = {*summary.NEEDED, *(check.level for recorded in drills for check in recorded.said.checks)}
    seen = [
        (recorded.at, f"{summary.name_of(recorded.said)} {check.level}", why)
        for recorded in drills
        for check in recorded.said.checks
        for why in check.reasons
    ]
    statements = [
        Sample.of(recorded, check, (about["plans"].get(recorded.leaf_hash), None))
        for recorded in drills
        for check in recorded.said.checks
        if check.assurances or check.coverage
    ]
    context = {
        **about,
        "version": __version__,
        "on_record": all(recorded.index >= 0 for recorded in drills),
        "verdict": summary.judge([rung for rung in rungs if rung.level in asked]),
        "rungs": tuple(reversed(rungs)),
        "samples": statements[:MOST],
        "samples_more": max(0, len(statements) - MOST),
        "drills": summary.worth_showing(drills, DRILLS),
        "drills_more": max(0, len(drills) - DRILLS),
        "findings": _capped(summary.findings(seen, say), FINDINGS),
        "open_points": summary.not_proven(rungs, sampled=bool(statements)),
    }
    return page.render("drills.html", language(), context)


def write_drills(path: Path, node: "Node", drills: "Sequence[Drill]", *, say: Say = code_of) -> None:
    """Write the report of ``drills`` to ``path``: HTML, or PDF by its suffix; an existing file is replaced.

    Raises UsageError for another suffix, ToolMissing when a PDF is asked for and there is no Chromium (the HTML is
    then written beside it, and the hint says where), and what reading the log raises.
    """
    suffix = path.suffix.lower()
    if suffix not in (".html", ".pdf"):
        raise UsageError(_("a report is HTML or PDF, not {suffix}").format(suffix=suffix or path.name))
    log = node.read_log()
    recorded = []
    plans = {}
    for drill in drills:
        leaf_hash = "" if drill.entry is None else log.entry(drill.entry).leaf_hash.hex()
        at = datetime.fromisoformat(drill.result.ended)
        recorded.append(Recorded(-1 if drill.entry is None else drill.entry, leaf_hash, at, drill.result))
        plans[leaf_hash] = drill.plan
    now = node.clock.now()
    about = {
        "host": node.host,
        "tenant": node.tenant,
        "generated": now,
        "plans": plans,
        "ends": _ends(node),
        "log": {"origin": log.origin, "size": log.size, "root": log.root_at(log.size).hex(), "key_id": log.key_id},
    }
    html = drills_report(recorded, about, say)
    if suffix == ".html":
        durable.write_atomic(path, html.encode())
        return
    from guardian.audit import pdf  # noqa: PLC0415  only then

    pdf.write_beside(html, path, node)


def _ends(node: "Node") -> dict[str, DrillLevel]:
    """The last level of every configured source that has one."""
    systems = node.loaded.config.systems
    kinds = {
        f"{system}/{name}": source.kind for system, spec in systems.items() for name, source in spec.sources.items()
    }
    return {name: HIGHEST[kind] for name, kind in kinds.items() if kind in HIGHEST}


def _capped(rows: Sequence[Any], most: int) -> dict[str, Any]:
    return {"rows": tuple(rows)[:most], "more": max(0, len(rows) - most)}
