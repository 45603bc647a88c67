"""Run with argv[1], a journal's folder, mounted read-only: says which error opening it raises, and reads it."""

import sys
from pathlib import Path

from guardian.agent.journal import Journal
from guardian.clock import SystemClock
from guardian.errors import GuardianError

folder = Path(sys.argv[1])
try:
    Journal.open(folder, SystemClock())
except GuardianError as error:
    sys.stdout.write(f"{type(error).__name__}\n")
with Journal.read(folder, SystemClock()) as journal:
    sys.stdout.write(f"{len(journal.slot_ends('backup:app/docs', 100))}\n")
