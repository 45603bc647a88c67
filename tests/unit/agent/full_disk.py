"""Run with a small file system of its own at argv[1]: fills it, makes room again, says what the journal did."""

import sys
from pathlib import Path

from guardian.agent.journal import Journal
from guardian.clock import SystemClock
from guardian.errors import StorageFull
from guardian.model.job import JobResult

RESULT = JobResult(outcome="complete", exit_code=0)


def main() -> None:
    root = Path(sys.argv[1])
    ballast = root / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    ended = 0
    with Journal.open(root / "agent", SystemClock()) as journal:
        try:
            while True:
                journal.end(journal.begin("backup:app/docs", None), RESULT)
                ended += 1
        except StorageFull:
            sys.stdout.write("full\n")
        try:
            journal.thin()
        except StorageFull:
            sys.stdout.write("told\n")
        ballast.unlink()
        for attempt in journal.cut_off():
            journal.end(attempt.id, RESULT)
            ended += 1
        journal.end(journal.begin("backup:app/docs", None), RESULT)
        sys.stdout.write("went-on\n")
    with Journal.open(root / "agent", SystemClock()) as journal:
        if len(journal.attempts("backup:app/docs", 10_000)) == ended + 1:
            sys.stdout.write("whole\n")


main()
