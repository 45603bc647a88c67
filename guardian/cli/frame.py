"""What every verb that works on a host does first: read the configuration, listen for signals, show progress."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from guardian.cli.options import Session
from guardian.cli.progress import reporter
from guardian.clock import SystemClock
from guardian.config.load import Loaded, find, load
from guardian.model.backup import Target
from guardian.node import Node
from guardian.proc import Stop, handle_signals
from guardian.scratch import Aside


def loaded(session: Session) -> Loaded:
    """The configuration the session names, checked whole. Raises ConfigError with everything wrong in it."""
    return load(find(session.config))


def places(configuration: Loaded, selectors: Sequence[str], repository: str | None) -> tuple[Target, ...]:
    """The targets that ``selectors`` name; with ``repository``, as they lie there: in their own, or in a copy.

    Without selectors those that lie there at all. Raises UsageError where one, or none, does.
    """
    targets = configuration.targets(selectors)
    if repository is None:
        return targets
    if not selectors:
        every = [place for target in targets for place in (target, *configuration.copied(target))]
        if there := tuple(place for place in every if repository in {place.repository, place.key}):
            return there
    return tuple(configuration.within(target, repository) for target in targets)


@contextmanager
def node(session: Session) -> Iterator[Node]:
    """This host, ready to work; SIGINT and SIGTERM ask it to stop cleanly, a progress bar shows where it is.

    Who may only read its state, an auditor for example, works with caches and scratch of their own.
    """
    configuration = loaded(session)
    stop = Stop()
    state = configuration.state_dir
    with handle_signals(stop), reporter(session) as report, Aside(configuration.scratch_dir) as aside:
        readable = os.access(state, os.R_OK | os.X_OK, effective_ids=True)
        closed = readable and not os.access(state, os.W_OK, effective_ids=True)
        yield Node(configuration, SystemClock(), report, stop, aside if closed else None)
