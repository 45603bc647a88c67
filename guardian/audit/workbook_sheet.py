"""A sheet of a workbook, written row by row: headings, widths, colours by verdict, and text that is never a formula."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final
from unicodedata import east_asian_width

from guardian.model.visible import visible

LONGEST: Final = 8000
"""Characters of a cell: a spreadsheet takes 32,767, and nobody reads as many."""
LINE: Final = 15.0
"""Points of a line."""
HIGHEST: Final = 300.0
"""Points of a row; a spreadsheet takes 409."""

TONES: Final[Mapping[str, dict[str, Any]]] = {
    "": {},
    "good": {"bg_color": "#DDF1E4", "font_color": "#10562E"},
    "bad": {"bg_color": "#F8DAD7", "font_color": "#8C1D18"},
    "partly": {"bg_color": "#FBE3CF", "font_color": "#7A3E00"},
    "open": {"bg_color": "#FAEFCB", "font_color": "#6B4A00"},
    "none": {"bg_color": "#ECEFF2", "font_color": "#4D5A66"},
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A value with a colour."""

    value: str | int | float | None
    tone: str = ""


Value = str | int | float | None | Cell


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading and its width in characters; ``choices`` are what a person may put into it."""

    heading: str
    width: float
    choices: tuple[str, ...] = ()


class Formats:
    """The looks of cells, made once for each workbook."""

    def __init__(self, book: Any) -> None:
        base = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "top", "text_wrap": True, "border": 1}
        base["border_color"] = "#CDD5DC"
        self.heading = book.add_format({**base, "bold": True, "bg_color": "#1D5A96", "font_color": "#FFFFFF"})
        self.title = book.add_format({"font_name": "Microsoft YaHei", "font_size": 16, "bold": True})
        self.told = {
            name: (
                book.add_format({**base, **look, "align": "left"}),
                book.add_format({**base, **look, "align": "left", "num_format": "0.0%"}),
            )
            for name, look in TONES.items()
        }
        self.name = book.add_format({**base, "bold": True, "bg_color": "#F5F7F9"})
        self.tones = {name: book.add_format({**base, **look}) for name, look in TONES.items()}
        self.shares = {name: book.add_format({**base, **look, "num_format": "0.0%"}) for name, look in TONES.items()}


def fill(book: Any, formats: Formats, name: str, columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> int:
    """Add the sheet ``name``; how many rows it got. Rows are taken and written one by one."""
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    on_paper(sheet)
    sheet.repeat_rows(0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
    widths = [column.width for column in columns]
    headings = [column.heading for column in columns]
    sheet.set_row(0, height(headings, widths))
    put(sheet, 0, headings, formats, formats.heading)
    count = 0
    for count, row in enumerate(rows, start=1):
        sheet.set_row(count, height(row, widths))  # not every program makes room for wrapped text by itself
        put(sheet, count, row, formats)
    sheet.autofilter(0, 0, max(count, 1), len(columns) - 1)
    for place, column in enumerate(columns):
        if column.choices and count:
            listed = {"validate": "list", "source": list(column.choices)}
            sheet.data_validation(1, place, count, place, listed)
    return count


def put(sheet: Any, row: int, values: Sequence[Value], formats: Formats, look: Any = None) -> None:
    """Write one row. Text is written as text, whatever it begins with."""
    for place, value in enumerate(values):
        cell = value if isinstance(value, Cell) else Cell(value)
        if cell.value is None:
            sheet.write_blank(row, place, None, look or formats.tones[cell.tone])
        elif isinstance(cell.value, float):
            sheet.write_number(row, place, cell.value, look or formats.shares[cell.tone])
        elif isinstance(cell.value, int):
            sheet.write_number(row, place, cell.value, look or formats.tones[cell.tone])
        else:
            sheet.write_string(row, place, text(cell.value), look or formats.tones[cell.tone])


def on_paper(sheet: Any) -> None:
    """Print it on A4, as wide as a page."""
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)


def height(values: Sequence[Value], widths: Sequence[float]) -> float:
    """Points of a row in which ``values``, wrapped at ``widths`` (characters), can be read."""
    cells = (value.value if isinstance(value, Cell) else value for value in values)
    most = max(
        (_lines(cell, width) for cell, width in zip(cells, widths, strict=True) if isinstance(cell, str)), default=1
    )
    return min(most * LINE, HIGHEST)


def _lines(value: str, width: float) -> int:
    lines = value[:LONGEST].split("\n")
    return sum(max(1, ceil(sum(1 + (east_asian_width(c) in "WF") for c in line) / width)) for line in lines)


def text(value: str) -> str:
    """``value`` as a cell holds it: lines stay lines, everything else that is not to be seen becomes visible."""
    shown = "\n".join(visible(line) for line in value.split("\n")).replace("\ufffe", "").replace("\uffff", "")
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
