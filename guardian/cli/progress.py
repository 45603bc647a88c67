"""Progress on a terminal: one bar for the phase that is going on. Nothing at all when nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from guardian.cli.options import Session
from guardian.cli.render import say
from guardian.cli.sentences import sentence
from guardian.model.events import Event, Notice, Remark, Reporter


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
