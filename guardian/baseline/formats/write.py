"""The formats by name, and what is done with any of them: encode it, put it into a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from guardian.baseline.formats import junit, ocsf, oscal, sarif, table
from guardian.baseline.formats.document import scan_document
from guardian.baseline.formats.pieces import joined, json_pieces
from guardian.baseline.outcome import Scanned
from guardian.durable import write_streamed

Format = Callable[[Scanned], Iterable[str]]

FORMATS: Final[Mapping[str, Format]] = {
    "json": lambda scanned: json_pieces(scan_document(scanned)),
    "csv": table.rows,
    "ocsf": ocsf.events,
    "oscal": oscal.assessment_results,
    "sarif": sarif.log,
    "junit": junit.suites,
}
"""What each format is called on the command line."""

BOM: Final = "\ufeff"
"""Without it a spreadsheet takes UTF-8 for something else; in front of a CSV file, never of a stream."""


def encoded(name: str, scanned: Scanned) -> Iterator[bytes]:
    """``scanned`` in the format ``name``, in pieces of some size. Raises KeyError for a format there is not."""
    return joined(FORMATS[name](scanned))


def write_file(path: Path, name: str, scanned: Scanned) -> None:
    """Put ``scanned`` into the file ``path``, whole or not at all. Raises StorageFull, Unavailable."""
    start: tuple[bytes, ...] = (BOM.encode(),) if name == "csv" else ()
    write_streamed(path, _chained(start, encoded(name, scanned)), mode=0o644)


def _chained(start: Iterable[bytes], rest: Iterable[bytes]) -> Iterator[bytes]:
    yield from start
    yield from rest
