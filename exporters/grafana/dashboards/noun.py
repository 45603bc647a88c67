"""What a dashboard is made of, before any tool writes it down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Say:
    """One text in both languages."""

    zh: str
    en: str

    def within(self, language: Language) -> str:
        """The text in one of them."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus. ``legend`` names a series, ``{{label}}`` as Grafana has it, and ``colour`` paints it.

    ``<lang>`` in either is the language's: labels of names are ``name_zh`` and ``name_en``.
    """

    expr: str
    legend: Say | str = ""
    colour: str = ""


Kind = Literal["stat", "lines", "bars", "table", "state"]
"""``lines`` over time, ``bars`` a bar a series, ``state`` coloured bands over time."""

Unit = Literal[
    "bytes", "percentunit", "short", "locale", "dateTimeAsIso", "none", "seconds", "minutes", "hours", "days"
]
"""Spans of time are asked in seconds, thresholds too, and shown in one unit each: Grafana's own ``s`` shows weeks and
years, and in English alone."""

GOOD: Final = "green"
WARN: Final = "orange"
BAD: Final = "red"
DIM: Final = "text"

Steps = tuple[tuple[float | None, str], ...]
"""From which value on which colour; the first has none."""
Values = Mapping[int | str, tuple["Say", str]]
"""What values are called, and their colour; a colour may be empty."""

MORE_IS_WORSE: Final[Steps] = ((None, GOOD), (1, BAD))
"""Nothing may be there."""
SHARE: Final[Steps] = ((None, BAD), (0.9, WARN), (0.99, GOOD))
"""A share that should be whole."""
USED: Final[Steps] = ((None, GOOD), (0.8, WARN), (1, BAD))
"""A share of what is allowed."""
PLAIN: Final[Steps] = ((None, DIM),)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. ``steps`` or ``values`` colour its cells; ``gauge`` draws a bar; ``width`` in pixels."""

    title: Say
    unit: Unit | None = None
    steps: Steps = ()
    values: Values = field(default_factory=dict)
    gauge: bool = False
    width: int = 0
    link: tuple[str, Say] | None = None
    """Where a click leads, and what that is called."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``width`` of 24 columns; a table has those ``columns`` that are named, in their order, alone."""

    kind: Kind
    title: Say
    about: Say
    queries: tuple[Query, ...]
    unit: Unit = "short"
    width: int = 6
    height: int = 0
    steps: Steps = PLAIN
    values: Values = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    """By label, ``Value`` or, of several questions, ``Value #A``, ``Value #B`` and so on."""
    sort: str = ""
    """The column by which rows are sorted, with ``-`` before it the largest first."""
    empty: Say | None = None
    """What is shown where there is nothing: for questions to which nothing is a good answer."""
    stacked: bool = False
    named: bool = False
    """Of a stat: what is shown is the name of the series."""
    most: float | None = None
    least: float | None = 0
    limits: bool = False
    """Of lines: the thresholds are drawn."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: Say
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard, from the values of a label. ``many``: several, or all."""

    name: str
    title: Say
    query: str
    many: bool = True


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. ``uid`` is for ever: links and bookmarks have it."""

    uid: str
    title: Say
    about: Say
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    hours: int = 24
    refresh: str = "1m"
