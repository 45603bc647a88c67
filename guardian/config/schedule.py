"""How often: ``every 6h``, ``hourly``, ``daily``, ``daily at 02:30``, ``weekly`` and so on."""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final, Literal, cast, get_args

from guardian.i18n import _
from guardian.model.border import parse_duration

Period = Literal["every", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]
_NAMED: Final = tuple(period for period in get_args(Period) if period != "every")
_AT: Final = re.compile(r"daily at ([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often something happens. ``interval`` only for ``every``; ``at``, local time of day, only for ``daily``."""

    period: Period
    interval: timedelta | None = None
    at: time | None = None


def parse_cadence(text: str) -> Cadence:
    """Read a cadence. Raises ValueError, with a sentence for people, for anything else."""
    if text in _NAMED:
        return Cadence(cast("Period", text))
    if found := _AT.fullmatch(text):
        return Cadence("daily", at=time(int(found[1]), int(found[2])))
    if text.startswith("every "):
        try:
            return Cadence("every", interval=parse_duration(text.removeprefix("every ")))
        except ValueError:
            pass
    raise ValueError(
        _("not a schedule: write every 6h, hourly, daily, daily at 02:30, weekly, monthly, quarterly or yearly")
    )
