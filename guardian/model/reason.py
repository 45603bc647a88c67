"""Why an outcome is what it is: a code and figures, never prose.

A reason goes into the log and into ``--json`` as it is; the command line turns it into a sentence in the
reader's language (``guardian.cli.sentences``).
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from guardian.model.border import Stated

Severity = Literal["info", "warning", "critical"]

_WEIGHT: Final[dict[Severity, int]] = {"critical": 0, "warning": 1, "info": 2}


class Reason(Stated):
    """One cause or one finding. ``code`` is stable, kebab-case; ``args`` name paths, counts, ids."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    severity: Severity = "critical"
    args: dict[str, str | int] = Field(default_factory=dict)


def reason(code: str, severity: Severity = "critical", **args: str | int) -> Reason:
    """A reason, shorter to write."""
    return Reason(code=code, severity=severity, args=args)


def gravest_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """``reasons`` by severity, those of one severity in their order."""
    return tuple(sorted(reasons, key=lambda one: _WEIGHT[one.severity]))
