"""From many outcomes to one, and from reasons to lines and documents."""

from collections.abc import Iterable, Sequence
from typing import Any

from guardian.cli.advice import advice
from guardian.cli.render import visible
from guardian.cli.sentences import sentence
from guardian.errors import ExitCode, GuardianError
from guardian.i18n import _
from guardian.model.reason import Reason

_GRAVITY = (
    ExitCode.INTERRUPTED,
    ExitCode.EVIDENCE_INVALID,
    ExitCode.UNEXPECTED,
    ExitCode.BAD_ANSWER,
    ExitCode.WRONG_PASSWORD,
    ExitCode.REPOSITORY_MISSING,
    ExitCode.REPOSITORY_LOCKED,
    ExitCode.USAGE,
    ExitCode.COULD_NOT_VERIFY,
    ExitCode.SKIPPED,
    ExitCode.OK,
)
"""What is said when several things happened: the first of these."""


def worst_code(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of a whole from those of its parts."""
    return min(codes, key=_GRAVITY.index, default=ExitCode.OK)


def run_outcome(outcomes: Sequence[str]) -> str:
    """The outcome of several backups: ``complete`` only when every one is."""
    return next((o for o in ("failed", "partial", "skipped") if o in outcomes), "complete")


def reasons_document(reasons: Iterable[Reason], error: GuardianError | None = None) -> list[dict[str, Any]]:
    """Reasons for programs: the code and its figures, and the sentence for whoever reads the document.

    A reason that only repeats the code of ``error`` has no figures of its own: the error's message is its sentence.
    """
    return [
        {
            **r.model_dump(mode="json"),
            "text": error.message if error and r.code == error.code else sentence(r),
            **({"hint": said} if (said := advice(r)) else {}),
        }
        for r in reasons
    ]


def error_document(error: GuardianError) -> dict[str, Any]:
    """An error inside a document."""
    return {"code": error.code, "message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}


def reason_lines(reasons: Iterable[Reason], error: GuardianError | None = None) -> list[str]:
    """Reasons for people, one indented line each, a hint after the last that it is for; then the error and its hint.

    What stands in the log of an error is its bare code: the error itself says it better, and is said once.
    """
    told = [r for r in reasons if error is None or r.code != error.code]
    last = {said: number for number, r in enumerate(told) if (said := advice(r))}
    lines = []
    for number, r in enumerate(told):
        lines.append(f"  {mark(r)} {sentence(r)}")
        if (said := advice(r)) and last[said] == number:
            lines.append(_hint(said))
    if error is not None:
        lines.append(f"  ! {visible(error.message)}")
        if error.hint:
            lines.append(_hint(error.hint))
    return lines


def _hint(text: str) -> str:
    return "    " + _("hint: {hint}").format(hint=visible(text))


def mark(reason: Reason) -> str:
    """What stands before a reason: how bad it is, seen without colours."""
    return {"critical": "!", "warning": "*", "info": "-"}[reason.severity]
