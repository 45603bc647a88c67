"""What is wrong with a log, or was put right: a code and figures for programs, a sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from guardian.errors import EvidenceInvalid
from guardian.i18n import N_, _
from guardian.model.reason import Reason, Severity

TEXTS = {
    "checkpoint-missing": N_("the log has entries but no checkpoint"),
    "checkpoint-unreadable": N_("the log's checkpoint cannot be read"),
    "checkpoint-signature": N_("the log's checkpoint is not signed by the expected key"),
    "entries-missing": N_("the log ends at entry {index}: its checkpoint says there are {size}"),
    "entries-beyond-gap": N_("the log goes on after a gap at entry {index}"),
    "entry-altered": N_("entry {index} of the log was altered"),
    "root-differs": N_("the log's entries are not those its checkpoint was signed for"),
    "tile-missing": N_("hash tile {tile} of level {level} is missing or too short"),
    "tile-altered": N_("hash tile {tile} of level {level} was altered"),
    "entry-unreadable": N_("entry {index} of the log cannot be read"),
    "entry-signature": N_("entry {index} of the log is not signed by the expected key"),
    "entries-adopted": N_("{count} entries from {index} on were not yet under a checkpoint: they were kept"),
    "torn-tail-cut": N_("{bytes} bytes of an entry that was never finished were cut off after entry {size}"),
    "hash-tiles-rebuilt": N_("{tiles} hash tiles did not fit the entries and were made anew"),
}


@dataclass(frozen=True, slots=True)
class LogFact:
    """Something about a log. ``code`` is stable; ``str()`` is a sentence in the reader's language."""

    code: str
    figures: Mapping[str, int] = field(default_factory=dict)

    def reason(self, severity: Severity = "critical") -> Reason:
        """The fact as statements and ``--json`` carry it."""
        return Reason(code=self.code, severity=severity, args=dict(self.figures))

    def __str__(self) -> str:
        """The sentence."""
        return _(TEXTS[self.code]).format(**self.figures)


def fact(code: str, **figures: int) -> LogFact:
    """A fact, shorter to write."""
    return LogFact(code, figures)


class LogInvalid(EvidenceInvalid):
    """The log does not hold together; ``problem`` says where, for programs."""

    def __init__(self, code: str, **figures: int) -> None:
        """One of the codes above with the figures its text names."""
        self.problem = LogFact(code, figures)
        hint = _("Keep the log's folder as it is, and run guardian ledger verify.")
        super().__init__(str(self.problem), hint)
