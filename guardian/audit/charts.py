"""The report's charts, each a pure function from figures to SVG in the language in use. No figures, no chart: ``""``.

Outcomes differ in shape and not only in colour. Rows, names and marks are capped, and what was left out is said.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import log10

from guardian.audit import svg
from guardian.audit.marks import LEFT, RIGHT, ROW, ROWS, SHAPES, Mark, Span, foot, legend, marked
from guardian.audit.wording import bound, duration, moment, portion
from guardian.i18n import _

_LEVEL = 23.0
"""Height of a level's row, which are few and always the same."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of marks with its name."""

    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A share (0 to 1) at a moment, in the series ``name``."""

    at: datetime
    share: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A measured duration in seconds; ``extrapolated`` ones are hatched."""

    name: str
    seconds: float
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Detection:
    """Faults of one kind: so many planted, so many found."""

    name: str
    planted: int
    found: int


def gaps(moments: Iterable[datetime], span: Span, rpo: timedelta) -> tuple[tuple[datetime, datetime], ...]:
    """When the newest of the backups at ``moments`` was older than ``rpo``, within ``span``: (from, to), in order.

    Nothing is said of the time before the first.
    """
    kept = sorted(m for m in moments if m < span.end)
    pairs = [*pairwise(kept), *([(kept[-1], span.end)] if kept else [])]
    found = ((max(before + rpo, span.start), after) for before, after in pairs)
    return tuple((start, end) for start, end in found if end > start)


def backups(rows: Sequence[Row], span: Span, rpo: timedelta | None) -> str:
    """Backups over time, a row a source; with an objective, time without a backup that is new enough is hatched."""
    if not any(row.marks for row in rows):
        return ""
    shown = rows[:ROWS]
    times = svg.Times(span.start, span.end, LEFT, RIGHT)
    parts: list[str] = []
    holes = 0
    for number, row in enumerate(shown):
        y = 24 + ROW * number
        parts.append(svg.name(LEFT - 10, y + 4, row.name))
        parts.append(svg.box((LEFT, y - 5, RIGHT - LEFT, 10), "track"))
        good = [mark.at for mark in row.marks if SHAPES.get(mark.outcome) == "pass"]
        if rpo is not None and good:
            first = times.x(min(good))
            parts.append(svg.box((first, y - 5, RIGHT - first, 10), "covered"))
            missing = gaps(good, span, rpo)
            holes += len(missing)
            parts += [_gap(times, hole, y) for hole in missing]
        parts += marked(row.marks, times, y)
    bottom = 24 + ROW * len(shown)
    height, axis = foot(times, bottom, len(rows) - len(shown))
    keys = [("complete", ""), ("partial", ""), ("failed", ""), ("skipped", "")]
    extra = [("gap", _("no backup within the RPO")), ("covered", _("backup within the RPO"))] if rpo else []
    title = _("Backups over time")
    told = _("sources: {rows}, from {start} to {end}; gaps longer than the RPO: {gaps}").format(
        rows=len(rows), start=moment(span.start), end=moment(span.end), gaps=holes if rpo else "–"
    )
    return _picture(height, title, told, [*parts, *axis], [*keys, *extra])


def history(rows: Sequence[Row], span: Span) -> str:
    """Drills over time, a row a level of the ladder, each with the symbol of its outcome."""
    if not any(row.marks for row in rows):
        return ""
    times = svg.Times(span.start, span.end, LEFT, RIGHT)
    parts: list[str] = []
    for number, row in enumerate(rows[:ROWS]):
        y = 24 + _LEVEL * number
        parts.append(svg.name(LEFT - 10, y + 4, row.name))
        if row.marks:
            parts.append(svg.line(LEFT, y, RIGHT, y, "grid"))
            parts += marked(row.marks, times, y)
        else:
            parts.append(svg.text(LEFT + 8, y + 4, _("never in this period"), class_="small"))
    height, axis = foot(times, 24 + _LEVEL * len(rows[:ROWS]), 0)
    keys = [(outcome, "") for outcome in ("PASS", "FAIL", "COULD_NOT_VERIFY", "NOT_RUN")]
    count = sum(len(row.marks) for row in rows)
    bad = sum(SHAPES.get(mark.outcome) == "fail" for row in rows for mark in row.marks)
    told = _("{count} results by level of the ladder, {bad} of them failed").format(count=count, bad=bad)
    return _picture(height, _("Drill history"), told, [*parts, *axis], keys)


def coverage(points: Sequence[Point], span: Span, days: int) -> str:
    """The rotation's coverage over time: the share of stored bytes read whole within the last ``days``."""
    if not points:
        return ""
    ticks = [(share, f"{share * 100:.0f} %") for share in (0, 0.25, 0.5, 0.75, 1.0)]
    newest = max(points, key=lambda p: p.at)
    title = _("Rotation: stored bytes read within {days} days").format(days=days)
    told = _("{share} on {when}; the aim is 100 %").format(share=portion(newest.share, 1), when=moment(newest.at))
    return _curve(_Curve(points, span, ticks, lambda share: share, _read, 1.0, _("aim: 100 %")), title, told)


def bounds(points: Sequence[Point], span: Span, target: float | None) -> str:
    """What samples rule out, over time: the upper bound of the bad share, on a scale of powers of ten."""
    if not points:
        return ""

    def place(share: float) -> float:
        return (log10(min(1.0, max(1e-4, share))) + 4) / 4

    ticks = [(share, f"{share * 100:g} %") for share in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)]
    newest = max(points, key=lambda p: p.at)
    told = _("{share} on {when}; lower is better").format(share=_bad(newest.share), when=moment(newest.at))
    aim = _("asked for: {share}").format(share=bound(target)) if target else ""
    return _curve(_Curve(points, span, ticks, place, _bad, target, aim), _("Upper bound of bad data"), told)


def objective(bars: Sequence[Bar], seconds: float | None, title: str) -> str:
    """Measured durations as bars against the objective, a line; what is over it is said in words too."""
    if not bars:
        return ""
    shown = bars[:ROWS]
    longest = max([bar.seconds for bar in shown] + ([seconds] if seconds else []) + [1.0]) * 1.05
    step = svg.duration_step(longest)
    right = RIGHT - 120
    scale = (right - LEFT) / longest
    bottom = 34 + ROW * len(shown)
    parts: list[str] = []
    for number in range(int(longest / step) + 1):
        x = LEFT + step * number * scale
        parts += [
            svg.line(x, 22, x, bottom, "grid"),
            svg.text(x, bottom + 16, duration(step * number), anchor="middle"),
        ]
    for number, bar in enumerate(shown):
        parts += _bar(bar, 42 + ROW * number, scale, seconds)
    if seconds:
        x = LEFT + seconds * scale
        parts.append(svg.line(x, 18, x, bottom, "aim"))
        parts.append(svg.text(x, 12, _("objective: {time}").format(time=duration(seconds)), anchor="middle"))
    over = sum(seconds is not None and bar.seconds > seconds for bar in bars)
    told = _("{count} measured, {over} over the objective").format(count=len(bars), over=over if seconds else "–")
    keys = [("measured", _("measured")), ("hatched", _("extrapolated from a part"))]
    height = bottom + 26
    if len(bars) > len(shown):
        parts.append(svg.text(LEFT, height, _("… and {count} more").format(count=len(bars) - len(shown))))
        height += 18
    return _picture(height, title, told, parts, keys)


def detection(rows: Sequence[Detection]) -> str:
    """The mutation score: of the faults planted of each kind, how many were found."""
    rows = [row for row in rows if row.planted > 0]
    if not rows:
        return ""
    shown = rows[:ROWS]
    right = RIGHT - 120
    parts: list[str] = []
    for number, row in enumerate(shown):
        y = 22 + ROW * number
        width = (right - LEFT) * min(row.found, row.planted) / row.planted
        parts.append(svg.name(LEFT - 10, y + 4, row.name))
        parts.append(svg.box((LEFT, y - 8, right - LEFT, 16), "gap" if row.found < row.planted else "track"))
        parts.append(svg.box((LEFT, y - 8, width, 16), "found"))
        said = _("{found} of {planted} found").format(found=row.found, planted=row.planted)
        parts.append(svg.text(right + 8, y + 4, said))
    bottom = 22 + ROW * len(shown)
    for share in (0, 0.25, 0.5, 0.75, 1.0):
        x = LEFT + (right - LEFT) * share
        parts.append(svg.text(x, bottom + 8, f"{share * 100:.0f} %", anchor="middle"))
    planted, found = sum(row.planted for row in rows), sum(row.found for row in rows)
    told = _("{found} of {planted} planted faults were found").format(found=found, planted=planted)
    return svg.picture(bottom + 16, _("Planted faults that drills found"), told, parts)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Points over time. ``place`` gives a share's height (0 to 1), ``say`` its words, ``aim`` a line to hold it to."""

    points: Sequence[Point]
    span: Span
    ticks: Sequence[tuple[float, str]]
    place: Callable[[float], float]
    say: Callable[[float], str]
    aim: float | None
    aim_text: str


def _curve(asked: _Curve, title: str, told: str) -> str:
    times = svg.Times(asked.span.start, asked.span.end, LEFT, RIGHT)
    top, bottom = 26.0, 186.0

    def y(share: float) -> float:
        return bottom - (bottom - top) * min(1.0, max(0.0, asked.place(share)))

    parts: list[str] = []
    for share, words in asked.ticks:
        parts += [
            svg.line(LEFT, y(share), RIGHT, y(share), "grid"),
            svg.text(LEFT - 10, y(share) + 4, words, anchor="end"),
        ]
    if asked.aim is not None:
        parts += [
            svg.line(LEFT, y(asked.aim), RIGHT, y(asked.aim), "aim"),
            svg.text(RIGHT, y(asked.aim) - 6, asked.aim_text, anchor="end"),
        ]
    names = sorted({point.name for point in asked.points})
    for number, name in enumerate(names[:_SERIES]):
        series = sorted((p for p in asked.points if p.name == name), key=lambda p: p.at)
        parts += _series(thinned(series), times, y, (number, asked.say))
    height, axis = foot(times, bottom + 4, 0)
    keys = [(f"series-{number}", svg.fit(name, 24)) for number, name in enumerate(names[:_SERIES]) if name]
    if len(names) > _SERIES:
        keys.append(("none", _("… and {count} more").format(count=len(names) - _SERIES)))
    return _picture(height, title, told, [*parts, *axis], keys)


_SERIES = 4
_MOST = 400


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most so many points that a chart can show them: the highest of each run, first and last kept."""
    if len(points) <= _MOST:
        return list(points)
    run = -(-len(points) // _MOST)
    middle = [max(points[at : at + run], key=lambda p: p.share) for at in range(1, len(points) - 1, run)]
    return [points[0], *middle, points[-1]]


def _series(
    points: Sequence[Point], times: svg.Times, y: Callable[[float], float], look: tuple[int, Callable[[float], str]]
) -> list[str]:
    number, say = look
    path = " ".join(f"{times.x(p.at):.1f},{y(p.share):.1f}" for p in points)
    dots = [
        svg.element(
            "circle", svg.hint(f"{p.name} {moment(p.at)}: {say(p.share)}".strip()),
            cx=times.x(p.at), cy=y(p.share), r=3.5, class_=f"dot series-{number}",
        )
        for p in points
    ]  # fmt: skip
    return [svg.element("polyline", points=path, class_=f"curve series-{number}"), *dots]


def _gap(times: svg.Times, hole: tuple[datetime, datetime], y: float) -> str:
    start, end = hole
    said = _("no backup within the RPO from {start} to {end} ({time})").format(
        start=moment(start), end=moment(end), time=duration((end - start).total_seconds())
    )
    left = times.x(start)
    return svg.box((left, y - 8, max(2.0, times.x(end) - left), 16), "gap", said)


def _bar(bar: Bar, y: float, scale: float, seconds: float | None) -> list[str]:
    over = seconds is not None and bar.seconds > seconds
    kind = "hatched" if bar.extrapolated else "measured"
    width = max(2.0, bar.seconds * scale)
    said = duration(bar.seconds) if not bar.extrapolated else _("≈ {time}").format(time=duration(bar.seconds))
    if over:
        said += " " + _("(over)")
    return [
        svg.name(LEFT - 10, y + 4, bar.name),
        svg.box((LEFT, y - 8, width, 16), f"{kind} over" if over else kind, f"{bar.name}: {said}"),
        svg.text(LEFT + width + 6, y + 4, said),
    ]


def _bad(share: float) -> str:
    return _("less than {upper} bad").format(upper=bound(share)) if share > 0 else _("all of it read, none bad")


def _read(share: float) -> str:
    return portion(share, 1)


def _picture(height: float, title: str, told: str, parts: Sequence[str], keys: Sequence[tuple[str, str]]) -> str:
    reached, explained = legend(keys, height + 12) if keys else (height, [])
    return svg.picture(reached, title, told, [*parts, *explained])
