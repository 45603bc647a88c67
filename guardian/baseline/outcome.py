"""What a scan hands to those who show it."""

from dataclasses import dataclass

from guardian.baseline.policy import Library
from guardian.baseline.waivers import Waiver
from guardian.errors import ExitCode
from guardian.model.finding import Finding, ScanResult, TargetResult

_CODES = {"passed": ExitCode.OK, "failed": ExitCode.BAD_ANSWER, "unknown": ExitCode.COULD_NOT_VERIFY}


@dataclass(frozen=True, slots=True)
class Scanned:
    """One scan, whole: the statement, every verdict, the rules they came from, all targets, and the waivers.

    ``astray`` are waivers that speak of nothing that was looked at, ``vanished`` verdicts that were given before and
    are not any more (``KIND:ID RULE``). ``entry`` is its place in the log, None where it was not written down.
    """

    result: ScanResult
    findings: tuple[Finding, ...]
    library: Library
    targets: tuple[TargetResult, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    astray: tuple[Waiver, ...] = ()
    vanished: tuple[str, ...] = ()
    entry: int | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What a program that scanned ends with: a bad answer, or a waiver astray, or what could not be decided."""
        code = _CODES[self.result.outcome]
        return ExitCode.USAGE if self.astray and code is not ExitCode.BAD_ANSWER else code
