"""``guardian verify``: the ladder of drills, climbed level by level, each level saying what it proved.

D0 holds receipts against snapshots, D1 looks whether every part is there, D2 reads stored packs, D3 brings a sample of
files back, D4 loads a database. A check that could not run is never a pass, and a level that was not climbed is never
printed like one that was. A drill that is cut short leaves its plan in the log and nothing else; the next one is a new
drill, with a plan and a draw of its own.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby

from guardian.drill import history
from guardian.drill.book import Book, open_book
from guardian.drill.climb import Climb
from guardian.drill.farm import Farm
from guardian.drill.history import History
from guardian.drill.opened import opened
from guardian.drill.record import LEVELS, Drill, Options, Record
from guardian.drill.shares import Shares
from guardian.errors import GuardianError, Interrupted
from guardian.ledger.invalid import LogInvalid
from guardian.ledger.verify import verify_log
from guardian.model.backup import Target
from guardian.model.events import Phase, Progress
from guardian.node import Node

__all__ = ["LEVELS", "Drill", "Options", "verify"]


def verify(
    node: Node, targets: Sequence[Target], options: Options, executor: Executor | None = None
) -> tuple[Drill, ...]:
    """Drill ``targets``, one repository after the other; every result is put into the log.

    Who may only read the log drills too, and is told that nothing went on record (``not-recorded``).
    What is read in parallel is read by ``executor``, threads of our own unless it is given. Raises EvidenceInvalid
    when the log itself does not hold together: then nothing else can be proven.
    """
    book = open_book(node)
    node.report(Phase("log"))

    def progress(done: int, total: int) -> None:
        node.heed()
        node.report(Progress(done, total, "entries"))

    verdict = verify_log(node.log_folder, (node.keys().verify_key(),), progress=progress)
    if verdict.problem is not None:
        raise LogInvalid(verdict.problem.code, **verdict.problem.figures)
    past = history.read(book.log, heed=node.heed)
    if executor is not None:
        return _all(_Run(node, book, past, options, executor), targets)
    # More than there are processors: reading waits for the storage.
    with ThreadPoolExecutor(max(4, os.cpu_count() or 1), "drill") as threads:
        return _all(_Run(node, book, past, options, threads), targets)


@dataclass(frozen=True, slots=True)
class _Run:
    """What holds for all repositories of one call."""

    node: Node
    book: Book
    past: History
    options: Options
    executor: Executor


def _all(run: _Run, targets: Sequence[Target]) -> tuple[Drill, ...]:
    drills: list[Drill] = []
    for key, group in groupby(sorted(targets, key=lambda t: t.key), key=lambda t: t.key):
        drills += _repository(run, key, tuple(group))
    return tuple(drills)


def _repository(run: _Run, key: str, targets: tuple[Target, ...]) -> list[Drill]:
    """Drill the sources in one repository. That it could not be asked is on record for each of them."""
    record = Record(run.node, run.book, run.past, run.options)
    with ExitStack() as stack:
        try:
            run.node.report(Phase("open", key))
            found = stack.enter_context(opened(run.node, key, run.executor))
            if isinstance(run.executor, Farm):
                run.executor.serve(found)
        except Interrupted:
            raise
        except GuardianError as error:
            return [record.unknown(target, error) for target in targets]
        climb = Climb(record, found, Shares.of(run.node, run.past, found, targets))
        return [climb.drill(target) for target in targets]
