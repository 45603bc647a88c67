"""What ``guardian scan --format`` writes, to standard output or into a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guardian.baseline.outcome import Scanned
from guardian.cli import render
from guardian.cli.options import Session
from guardian.durable import write_streamed

if TYPE_CHECKING:
    from guardian.baseline.clauses import Level


@dataclass(frozen=True, slots=True)
class Form:
    """How to write. ``level`` is that of the workbook's clauses; None: that of the systems."""

    name: str
    level: "Level | None" = None


def put(session: Session, form: Form, scanned: Scanned, output: Path | None) -> None:
    """Write ``scanned`` in this ``form``: into ``output``, whole or not at all, else to standard output."""
    if output is None:
        if not session.quiet:
            render.stream(_pieces(form.name, scanned))
    elif form.name == "xlsx":
        write_streamed(output, (_workbook(session, scanned, form.level),), mode=0o644)
    elif form.name == "html":
        write_streamed(output, _pieces(form.name, scanned), mode=0o644)
    else:
        from guardian.baseline.formats.write import write_file

        write_file(output, form.name, scanned)


def _pieces(form: str, scanned: Scanned) -> Iterable[bytes]:
    if form == "html":
        from guardian.audit.scan_page import scan_page

        return (scan_page(scanned).encode(),)
    from guardian.baseline.formats.write import encoded

    return encoded(form, scanned)


def _workbook(session: Session, scanned: Scanned, level: "Level | None") -> bytes:
    """The assessor's workbook, with what the log says beside the scan where the scan is in a log."""
    from guardian.audit.workbook import workbook

    if scanned.entry is None:
        return workbook(scanned, level=level or "3")
    from guardian.audit.workbook_facts import read
    from guardian.cli import frame
    from guardian.cli.sentences import sentence

    with frame.node(session) as node:
        chosen = level or _level(system.mlps_level for system in node.loaded.config.systems.values())
        return workbook(scanned, read(node, chosen, sentence), chosen)


def _level(stated: Iterable[int | None]) -> "Level":
    """The strictest of what the systems state, of those that there are clauses for; 3 where one states nothing."""
    levels = list(stated)
    return "2" if levels and all(level is not None and level <= 2 for level in levels) else "3"
