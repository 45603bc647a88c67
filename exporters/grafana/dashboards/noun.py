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
    """One question to Prometheus. ``legend`` names a series, ``{{label}}`` as Grafana has it."""

    expr: str
    legend: Say | str = ""


Kind = Literal["stat", "lines", "bars", "table", "state"]
"""``lines`` over time, ``bars`` a bar a series, ``state`` coloured bands over time."""

Unit = Literal["s", "bytes", "percentunit", "short", "dateTimeFromNow", "Bps", "none", "bool_yes_no"]

GOOD: Final = "green"
WARN: Final = "orange"
BAD: Final = "red"
DIM: Final = "text"

Steps = tuple[tuple[float | None, str], ...]
"""From which value on which colour; the first has none."""

MORE_IS_WORSE: Final[Steps] = ((None, GOOD), (1, BAD))
"""Nothing may be there."""
SHARE: Final[Steps] = ((None, BAD), (0.9, WARN), (0.99, GOOD))
"""A share that should be whole."""
USED: Final[Steps] = ((None, GOOD), (0.8, WARN), (1, BAD))
"""A share of what is allowed."""
PLAIN: Final[Steps] = ((None, DIM),)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``width`` of 24 columns; ``columns`` renames the labels of a table, and keeps those named alone."""

    kind: Kind
    title: Say
    about: Say
    queries: tuple[Query, ...]
    unit: Unit = "short"
    width: int = 6
    height: int = 0
    steps: Steps = PLAIN
    values: Mapping[int, tuple[Say, str]] = field(default_factory=dict)
    """What numbers are called, and their colour."""
    columns: Mapping[str, Say] = field(default_factory=dict)
    links: Mapping[str, tuple[str, Say]] = field(default_factory=dict)
    """Of a column: where a click leads, and what that is called."""
    empty: Say | None = None
    """What is shown where there is nothing: for questions to which nothing is a good answer."""
    stacked: bool = False
    most: float | None = None


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
