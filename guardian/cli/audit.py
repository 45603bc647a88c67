"""``guardian audit``."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Group, Session, common, verb
from guardian.errors import ExitCode
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.audit.facts import Answer, ClauseAnswer, Grade, PackFacts, Period
    from guardian.ledger.verify import Progress as Tick
    from guardian.model.estate import LocalText
    from guardian.model.reason import Reason
    from guardian.node import Node

DAYS = 90
STATES = {
    "satisfied": N_("satisfied"),
    "not-satisfied": N_("NOT SATISFIED"),
    "could-not-verify": N_("could not verify"),
    "person": N_("for a person"),
}
CRITERIA = {
    "backup-frequency": N_("time between backups"),
    "off-site": N_("copy elsewhere"),
    "validity-verified": N_("content read back"),
    "recovery-time": N_("time to recover"),
    "snapshots": N_("kind of copy"),
}
BASES = {"proven": N_("proven"), "declared": N_("declared"), "unknown": N_("not known")}


@click.group(cls=Group, help=_("Make evidence packs; answer clauses and levels of standards from the log."))
@common
def audit() -> None:
    """Verbs for whoever asks for evidence."""


_DAY = click.DateTime(formats=["%Y-%m-%d"])
_from = click.option("--from", "start", type=_DAY, help=_("First day (UTC); default: 90 days before the last."))
_to = click.option("--to", "end", type=_DAY, help=_("Last day (UTC), included; default: today."))
_level = click.option(
    "--level", type=click.Choice(["2", "3", "4"]), help=_("MLPS level; default: the system's own, else 3.")
)
_standard = click.option("--standard", metavar="ID", help=_("Only the clauses of this standard."))


@audit.command(help=_("Make an evidence pack of one system, which verifies with Python alone."))
@click.argument("system", metavar="SYSTEM")
@_from
@_to
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help=_("The ZIP file to make.")
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=_("A checkpoint of the log kept from before: the pack proves that the log only grew since."),
)
@verb
def pack(session: Session, system: str, output: Path, checkpoint: Path | None, **days: Any) -> int:
    """Write the pack and say what is in it."""
    from guardian import durable
    from guardian.audit.pack import Request
    from guardian.audit.pack import pack as make
    from guardian.cli import frame, render, verdict
    from guardian.cli.sentences import sentence
    from guardian.ledger.checkpoint import MAX_NOTE

    with frame.node(session) as node:
        kept = durable.read_capped(checkpoint, MAX_NOTE) if checkpoint else None
        request = Request(system, _period(node, days["start"], days["end"]), output, kept, sentence)
        packed = make(node, request, _ticking(node))
    facts = packed.facts
    pdf = packed.without_pdf
    lines = [
        _("{path}: {statements} statements, {files} files, {size}").format(
            path=render.visible(str(output)),
            statements=packed.statements,
            files=packed.files,
            size=render.human_bytes(packed.bytes),
        ),
        *([_("without PDF: {why}").format(why=render.visible(pdf.message))] if pdf else []),
        _("an auditor verifies it with the verify.py in it, and with this public key by another way:"),
        f"  {facts.log.vkey}",
    ]
    body = {
        "path": str(output.absolute()),
        "sha256": packed.sha256,
        "system": system,
        "period": _period_document(facts.period),
        "statements": packed.statements,
        "files": packed.files,
        "bytes": packed.bytes,
        "key": facts.log.vkey,
        "pdf": None if pdf is None else verdict.error_document(pdf),
    }
    return render.show(session, render.Report("guardian.audit-pack/v1", "packed", ExitCode.OK, body, tuple(lines)))


@audit.command(help=_("Answer the clauses of a standard from the log: satisfied, not, or could not verify."))
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@_standard
@_level
@_from
@_to
@verb
def clauses(session: Session, systems: tuple[str, ...], standard: str | None, level: Any, **days: Any) -> int:
    """A table of clauses, their answers, and the first proof of each."""
    from guardian.audit import documents
    from guardian.audit.clauses import exit_code
    from guardian.cli import render

    found = _answered(session, systems, days, (level, standard))
    answers = [one.answer for facts in found for one in facts.clauses]
    code = exit_code(answers)
    lines = [line for facts in found for line in _clause_lines(facts)]
    people = sum(one.by == "person" for one in answers)
    lines += [
        "",
        _("{count} clauses are for people: no log can answer them, and they do not count here").format(count=people),
    ]
    body = {
        "systems": [
            {
                **documents.head(facts, "guardian.clauses/v1"),
                "clauses": [documents.clause(facts, one) for one in facts.clauses],
                "questions": [documents.question(facts, one) for one in facts.questions],
            }
            for facts in found
        ]
    }
    return render.show(session, render.Report("guardian.audit-clauses/v1", _outcome(code), code, body, tuple(lines)))


@audit.command(help=_("The level of GB/T 20988 that evidence supports, for the data backup element alone."))
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@_from
@_to
@verb
def grade(session: Session, systems: tuple[str, ...], **days: Any) -> int:
    """The level, what it rests on, and what keeps it from the next."""
    from guardian.audit import documents
    from guardian.cli import render

    found = _answered(session, systems, days)
    code = max((_grade_code(facts.grade) for facts in found if facts.grade), default=ExitCode.OK, key=_severity)
    lines = [line for facts in found for line in _grade_lines(facts)]
    body = {
        "systems": [
            {**documents.head(facts, "guardian.grade/v1"), "grade": documents.grade(facts, facts.grade)}
            for facts in found
            if facts.grade
        ]
    }
    return render.show(session, render.Report("guardian.audit-grade/v1", _outcome(code), code, body, tuple(lines)))


def _answered(
    session: Session, systems: tuple[str, ...], days: dict[str, Any], asked: tuple[Any, str | None] = (None, None)
) -> "list[PackFacts]":
    """The facts of every system asked for, answered. ``asked`` is (level, standard)."""
    from dataclasses import replace

    from guardian.audit.gather import gather, verified
    from guardian.audit.pack import answered
    from guardian.cli import frame
    from guardian.cli.sentences import sentence

    with frame.node(session) as node:
        names = dict.fromkeys(target.system for target in node.loaded.targets(systems))
        period = _period(node, days["start"], days["end"])
        source = verified(node, _ticking(node))
        gathered = [gather(node, source, name, period).facts for name in names]
    return [replace(answered(facts, *asked), sentence=sentence) for facts in gathered]


def _period(node: "Node", start: datetime | None, end: datetime | None) -> "Period":
    """Whole days in UTC, the last one included. Raises UsageError when there is none between them."""
    from guardian.audit.facts import Period
    from guardian.errors import UsageError

    last = end.replace(tzinfo=UTC) + timedelta(days=1) if end else node.clock.now()
    first = start.replace(tzinfo=UTC) if start else last - timedelta(days=DAYS)
    if first >= last:
        raise UsageError(_("the period ends before it begins"))
    return Period(first, last)


def _ticking(node: "Node") -> "Tick":
    from guardian.model.events import Phase, Progress

    node.report(Phase("log"))

    def tick(done: int, total: int) -> None:
        node.heed()
        node.report(Progress(done, total, "entries"))

    return tick


def _period_document(period: "Period") -> dict[str, str]:
    from guardian.clock import rfc3339

    return {"from": rfc3339(period.start), "to": rfc3339(period.end)}


def _outcome(code: ExitCode) -> str:
    return {ExitCode.OK: "satisfied", ExitCode.BAD_ANSWER: "not-satisfied"}.get(code, "could-not-verify")


def _local(text: "LocalText") -> str:
    from guardian.i18n import language

    return text.zh if language() == "zh" else text.en


def _heading(facts: "PackFacts") -> str:
    return _("{system}, {start} to {end}, log of {size} entries").format(
        system=facts.system.id,
        start=f"{facts.period.start:%Y-%m-%d}",
        end=f"{facts.period.end:%Y-%m-%d}",
        size=facts.log.size,
    )


def _state(answer: "Answer") -> str:
    state = "person" if answer.by == "person" else answer.state
    return _(STATES[state])


def _proof(answer: "Answer") -> str:
    if not answer.proofs:
        return ""
    more = f" +{len(answer.proofs) - 1}" if len(answer.proofs) > 1 else ""
    return f"{answer.proofs[-1].index}{more}"


def _clause_lines(facts: "PackFacts") -> list[str]:
    from guardian.cli import render

    header = (_("clause"), _("answer"), _("about"), _("entries"))
    rows = [(one.clause, _state(one.answer), _local(one.title), _proof(one.answer)) for one in facts.clauses]
    lines = [_heading(facts), *(f"  {line}" for line in render.table(header, rows))]
    for one in facts.clauses:
        if one.answer.by == "log" and one.answer.state != "satisfied":
            lines += ["", f"  {one.clause}  {_local(one.title)}", *_reasons(facts, one)]
    return lines


def _reasons(facts: "PackFacts", clause: "ClauseAnswer") -> list[str]:
    return [f"    - {facts.sentence(one)}" for one in clause.answer.reasons if one.severity != "info"]


def _grade_lines(facts: "PackFacts") -> Iterable[str]:
    from guardian.cli import render

    said = facts.grade
    if said is None:
        return []
    superseded = _("{edition} (superseded)").format(edition=said.edition) if said.superseded else said.edition
    lines = [
        _heading(facts),
        "  "
        + _("evidence supports level {level} for the data backup element, by {edition}").format(
            level=said.level, edition=superseded
        ),
    ]
    if said.declared is not None:
        lines.append("  " + _("declared: level {level}").format(level=said.declared))
    if said.refused:
        lines.append("  " + _("level 5 and above need real-time copies: snapshots never prove them"))
    header = (_("criterion"), _("allows"), _("basis"))
    marks = dict.fromkeys(said.limited_by, " <")
    rows = [
        (_(CRITERIA[one.code]), f"{one.level}{marks.get(one.code, '')}", _(BASES[one.basis])) for one in said.criteria
    ]
    lines += [f"  {line}" for line in render.table(header, rows)]
    lines += [f"    - {text}" for text in _said(facts, (why for one in said.criteria for why in one.reasons))]
    others = ", ".join(_local(one.title) for one in said.elements if one.level is None)
    lines.append(
        "  "
        + _("for people to judge: {elements}; a level is reached when every element reaches it").format(elements=others)
    )
    return lines


def _said(facts: "PackFacts", reasons: "Iterable[Reason]") -> list[str]:
    return list(dict.fromkeys(facts.sentence(one) for one in reasons))


def _grade_code(said: "Grade") -> ExitCode:
    """3 below what is declared (or none at all), 4 when the criterion in the way is one nobody measured."""
    wanted = said.declared or 1
    if said.level >= wanted:
        return ExitCode.OK
    short = [one for one in said.criteria if one.level < wanted]
    return ExitCode.COULD_NOT_VERIFY if all(one.basis == "unknown" for one in short) else ExitCode.BAD_ANSWER


def _severity(code: ExitCode) -> int:
    return (ExitCode.OK, ExitCode.COULD_NOT_VERIFY, ExitCode.BAD_ANSWER).index(code)
