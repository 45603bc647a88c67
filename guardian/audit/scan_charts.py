"""Charts of a scan: rows of stacked verdicts. Pure; verdicts differ in pattern and place, and not only in colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from guardian.audit import svg
from guardian.audit.marks import LEFT, RIGHT, ROW, legend
from guardian.i18n import N_, _

ROWS: Final = 30

PARTS: Final[tuple[tuple[str, str], ...]] = (
    ("fail", N_("fails")),
    ("waived", N_("fails, waived")),
    ("unknown", N_("unknown")),
    ("manual", N_("for a person")),
    ("pass", N_("passes")),
)
"""The parts of a row, worst first, each a style class and what it means."""

CONFORMING: Final[tuple[tuple[str, str], ...]] = (
    ("fail", N_("not conforming")),
    ("waived", N_("partly conforming")),
    ("unknown", N_("not tested")),
    ("pass", N_("conforming")),
    ("none", N_("does not apply")),
)
"""The same for clauses."""


@dataclass(frozen=True, slots=True)
class Bar:
    """So many of each part, by its style class."""

    name: str
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.parts.values())


def stacked(bars: Sequence[Bar], kinds: Sequence[tuple[str, str]], title: str) -> str:
    """Each bar's parts beside each other, on one scale; ``""`` where there is nothing to draw."""
    shown = [bar for bar in bars if bar.total][:ROWS]
    if not shown:
        return ""
    right = RIGHT - 64
    scale = (right - LEFT) / max(bar.total for bar in shown)
    drawn: list[str] = []
    for number, bar in enumerate(shown):
        drawn += _row(bar, kinds, 16 + ROW * number, scale)
    bottom = 16 + ROW * len(shown)
    if left_out := sum(1 for bar in bars if bar.total) - len(shown):
        drawn.append(svg.text(LEFT, bottom, _("… and {count} more").format(count=left_out)))
        bottom += 18
    used = [kind for kind in kinds if any(bar.parts.get(kind[0]) for bar in shown)]
    height, keys = legend([(f"stack-{name}", _(words)) for name, words in used], bottom + 10)
    told = "; ".join(
        f"{bar.name}: " + ", ".join(f"{bar.parts[name]} {_(words)}" for name, words in kinds if bar.parts.get(name))
        for bar in shown
    )
    return svg.picture(height, title, told, [*drawn, *keys])


def _row(bar: Bar, kinds: Sequence[tuple[str, str]], y: float, scale: float) -> list[str]:
    drawn = [svg.name(LEFT - 10, y + 4, bar.name)]
    x = LEFT
    for name, words in kinds:
        count = bar.parts.get(name, 0)
        if not count:
            continue
        width = max(2.0, count * scale)
        drawn.append(svg.box((x, y - 9, width, 18), f"stack-{name}", f"{bar.name}: {count} {_(words)}"))
        if width > 9 + 7 * len(str(count)):
            drawn.append(svg.text(x + width / 2, y + 4, str(count), class_=f"on-{name}", anchor="middle"))
        x += width
    drawn.append(svg.text(x + 8, y + 4, str(bar.total)))
    return drawn
