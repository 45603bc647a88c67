"""What ``guardian scan --format`` writes, to standard output or into a file."""

from collections.abc import Iterable
from pathlib import Path

from guardian.baseline.outcome import Scanned
from guardian.cli import render
from guardian.cli.options import Session
from guardian.durable import write_streamed


def put(session: Session, form: str, scanned: Scanned, output: Path | None) -> None:
    """Write ``scanned`` in the format ``form``: into ``output``, whole or not at all, else to standard output."""
    if output is None:
        if not session.quiet:
            render.stream(_pieces(form, scanned))
    elif form == "xlsx":
        write_streamed(output, (_workbook(session, scanned),), mode=0o644)
    elif form == "html":
        write_streamed(output, _pieces(form, scanned), mode=0o644)
    else:
        from guardian.baseline.formats.write import write_file

        write_file(output, form, scanned)


def _pieces(form: str, scanned: Scanned) -> Iterable[bytes]:
    if form == "html":
        from guardian.audit.scan_page import scan_page

        return (scan_page(scanned).encode(),)
    from guardian.baseline.formats.write import encoded

    return encoded(form, scanned)


def _workbook(session: Session, scanned: Scanned) -> bytes:
    """The assessor's workbook, with what the log says beside the scan where the scan is in a log."""
    from guardian.audit.workbook import workbook

    if scanned.entry is None:
        return workbook(scanned)
    from guardian.audit.workbook_facts import read
    from guardian.cli import frame
    from guardian.cli.sentences import sentence

    with frame.node(session) as node:
        return workbook(scanned, read(node, "3", sentence))
