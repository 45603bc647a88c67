"""What an examination found, and what many of them come to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from guardian.errors import GuardianError
from guardian.model.reason import Reason, Severity, reason

Standing = Literal["ok", "warning", "bad", "unknown"]
Measured = dict[str, str | int | float | bool | list[str] | None]
Health = Literal["ready", "not-ready", "not-known"]

_SEVERITY: dict[Standing, Severity] = {"ok": "info", "warning": "warning", "bad": "critical", "unknown": "critical"}


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing that was looked at. ``unknown``: it could not be looked at, which is never good news.

    ``measured`` are figures for programs, units in their names. Where ``error`` is set, the reason repeats its code
    only.
    """

    name: str
    subject: str
    standing: Standing
    reason: Reason | None = None
    measured: Measured = field(default_factory=dict)
    error: GuardianError | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What is being looked at; its methods say how it stands."""

    name: str
    subject: str = ""

    def ok(self, why: Reason, measured: Measured | None = None) -> Examination:
        """As it should be."""
        return self.stands("ok", why, measured)

    def warning(self, why: Reason, measured: Measured | None = None) -> Examination:
        """It works, and somebody should look at it."""
        return self.stands("warning", why, measured)

    def bad(self, why: Reason, measured: Measured | None = None) -> Examination:
        """A backup or a restore would fail."""
        return self.stands("bad", why, measured)

    def unknown(self, why: Reason, measured: Measured | None = None) -> Examination:
        """It could not be looked at."""
        return self.stands("unknown", why, measured)

    def stands(self, standing: Standing, why: Reason, measured: Measured | None = None) -> Examination:
        """As ``standing`` says; the reason is as severe as that."""
        weighed = why.model_copy(update={"severity": _SEVERITY[standing]})
        return Examination(self.name, self.subject, standing, weighed, measured or {})

    def failed(self, error: GuardianError, measured: Measured | None = None) -> Examination:
        """Bad: what a backup does was tried, and ended in ``error``."""
        return Examination(self.name, self.subject, "bad", reason(error.code), measured or {}, error)

    def not_examined(self, error: GuardianError, measured: Measured | None = None) -> Examination:
        """Unknown: ``error`` stood in the way of looking."""
        return Examination(self.name, self.subject, "unknown", reason(error.code), measured or {}, error)


def health(examinations: Iterable[Examination]) -> Health:
    """Anything bad: not ready. Else anything unknown: not known. Warnings do not stop a backup."""
    standings = {examination.standing for examination in examinations}
    if "bad" in standings:
        return "not-ready"
    return "not-known" if "unknown" in standings else "ready"
