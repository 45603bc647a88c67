"""Progress on a terminal: one bar for the phase that is going on. Nothing at all when nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from guardian.cli.options import Session
from guardian.cli.render import say
from guardian.cli.sentences import sentence
from guardian.i18n import N_
from guardian.model.events import Event, Notice, Remark, Reporter

PHASES = {
    "probe": N_("looking"),
    "hooks": N_("running hooks"),
    "backup": N_("backing up"),
    "confirm": N_("checking"),
    "copy": N_("copying"),
    "presence": N_("D0 receipts against snapshots"),
    "structure": N_("D1 structure of the repository"),
    "open": N_("opening the repository"),
    "scan": N_("scanning"),
    "packs": N_("D2 stored packs"),
    "restore": N_("restoring"),
    "second-path": N_("the same by restic"),
    "application": N_("D4 loading the data"),
    "compare": N_("comparing"),
    "listing": N_("checking the listing"),
    "objects": N_("reading objects"),
    "log": N_("verifying the log"),
    "report": N_("drawing the report"),
}


@contextmanager
def reporter(session: Session) -> Iterator[Reporter]:
    """Where this session's events go: a bar on a terminal; elsewhere only what is worth a line."""
    if session.quiet or session.as_json or not sys.stderr.isatty():
        yield _Lines(quiet=session.quiet)
        return
    from guardian.cli.bars import bar

    with bar() as drawn:
        yield drawn


class _Lines:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def __call__(self, event: Event, /) -> None:
        if self._quiet:
            return
        if isinstance(event, Notice):
            say(event.text)
        elif isinstance(event, Remark):
            say(sentence(event.reason))
