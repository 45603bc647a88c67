"""What is wrong with a log, as a code and figures, on its way to being an error or a verdict."""

from guardian.errors import EvidenceInvalid
from guardian.i18n import N_, _
from guardian.model.reason import Reason

_TEXTS = {
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
}


class LogInvalid(EvidenceInvalid):
    """The log does not hold together; ``problem`` says where, for programs."""

    def __init__(self, code: str, **figures: str | int) -> None:
        """One of the codes above with the figures its text names."""
        self.problem = Reason(code=code, args=figures)
        hint = _("Keep the log's folder as it is, and run guardian ledger verify.")
        super().__init__(_(_TEXTS[code]).format(**figures), hint)
