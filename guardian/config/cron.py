"""The five fields of a cron line: minute, hour, day of the month, month, day of the week.

Read by ourselves: APScheduler's reader takes 0 for Monday where cron means Sunday, wants both day fields to hold where
for cron one is enough, and answers twice for a time that comes twice when clocks are put back.
"""

from dataclasses import dataclass
from typing import Final

from guardian.config.calendars import WEEKDAYS, Calendar
from guardian.i18n import N_, _

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field may hold."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """Every value that ``text`` names. Raises ValueError."""
        found: set[int] = set()
        for part in text.split(","):
            found |= self._part(part)
        return frozenset(found)

    def _part(self, part: str) -> set[int]:
        span, slash, step_text = part.partition("/")
        step = self._number(step_text, part) if slash else 1
        if span == "*":
            low, high = self.low, self.high
        else:
            low_text, dash, high_text = span.partition("-")
            low = self._value(low_text, part)
            high = self._value(high_text, part) if dash else self.high if slash else low
            if high == 0 and self.high == 7 and low > 0:
                high = 7  # sat-sun
        if not (self.low <= low <= high <= self.high and 1 <= step <= self.high):
            raise self._wrong(part)
        return set(range(low, high + 1, step))

    def _value(self, text: str, part: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.low
        return self._number(text, part)

    def _number(self, text: str, part: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 2):
            raise self._wrong(part)
        return int(text)

    def _wrong(self, part: str) -> ValueError:
        return ValueError(
            _("not a cron line: '{part}' cannot stand for the {field}, which goes from {low} to {high}").format(
                part=part[:32], field=_(self.name), low=self.low, high=self.high
            )
        )


_FIELDS: Final = (
    _Field(N_("minute"), 0, 59),
    _Field(N_("hour"), 0, 23),
    _Field(N_("day of the month"), 1, 31),
    _Field(N_("month"), 1, 12, _MONTHS),
    _Field(N_("day of the week"), 0, 7, (WEEKDAYS[-1], *WEEKDAYS[:-1])),
)


def parse_cron(text: str) -> Calendar:
    """Read five fields, such as ``30 2 * * mon-fri``. Raises ValueError, with a sentence for people.

    As in cron, a day counts when it fits the day of the month *or* the day of the week, unless one of them begins
    with ``*``; Sunday is 0 or 7.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            _("not a cron line: it has {count} fields instead of five (minute hour day month weekday)").format(
                count=len(parts)
            )
        )
    minutes, hours, days, months, weekdays = (field.read(part) for field, part in zip(_FIELDS, parts, strict=True))
    return Calendar(
        times=tuple(hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)),
        hourly=len(hours) == 24,
        months=months,
        days=days,
        weekdays=frozenset((day - 1) % 7 for day in weekdays),
        either=not (parts[2].startswith("*") or parts[4].startswith("*")),
    )
