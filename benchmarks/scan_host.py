"""A full scan of this host against Lynis on the same host: ``python benchmarks/scan_host.py [--pairs N]``.

A is ``guardian scan --baseline mlps-l3-host --json`` without a configuration: every collector, every rule for hosts.
B is ``lynis audit system --quick``. Both run by turns, as root if they are to see everything. What A asks the file
system is counted first, in this process: so neither of them is the first to look at the disk. Limits: A takes at most a
fifth of B's wall time and 150 MiB resident (the largest of its processes), and walks the file system once.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from guardian.baseline.facts.host import collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.baseline.facts.root import Batch, Entry, Notes

SHARE, MIB = 5.0, 150.0


@dataclass(frozen=True)
class Ran:
    """One run: seconds of wall and of processor, MiB of the largest process, and what it said."""

    wall: float
    processor: float
    mib: float
    code: int
    output: bytes


def run(argv: list[str]) -> Ran:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=folder)
        _pid, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return Ran(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode, out.read())


def guardian() -> Ran:
    return run([sys.executable, "-m", "guardian", "scan", "--baseline", "mlps-l3-host", "--json"])


def lynis(folder: str) -> Ran:
    files = ["--logfile", f"{folder}/lynis.log", "--report-file", f"{folder}/lynis.dat"]
    return run(["lynis", "audit", "system", "--quick", "--no-colors", *files])


@dataclass
class Counting:
    """This host's root, counting what is asked of it."""

    inner: LocalRoot = field(default_factory=LocalRoot)
    asked: Counter[str] = field(default_factory=Counter)
    live: bool = True

    def stat(self, path: str, *, follow: bool = True) -> Entry:
        self.asked["stat"] += 1
        return self.inner.stat(path, follow=follow)

    def list(self, path: str) -> list[str]:
        self.asked["list"] += 1
        return self.inner.list(path)

    def read(self, path: str, limit: int) -> bytes:
        self.asked["read"] += 1
        return self.inner.read(path, limit)

    def walk(self, notes: Notes) -> Iterator[Batch]:
        self.asked["walk"] += 1
        yield from self.inner.walk(notes)


def verdicts(ran: Ran) -> str:
    try:
        counts = Counter(finding["status"] for finding in json.loads(ran.output)["findings"])
    except (ValueError, KeyError, TypeError):
        return f"no findings (exit code {ran.code})"
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def counted() -> int:
    """Say what a scan asks the file system; how often it walks."""
    root, start = Counting(), time.perf_counter()
    facts, runs = collect(Host(root))
    took = {run.name: run.seconds for run in runs}
    entries = facts["walk"]["entries"] if "$err" not in facts["walk"] else 0
    asked = root.asked
    print(f"A asks the file system: {asked['walk']} walk of {entries:,} entries, {asked['stat']} stats, ", end="")
    print(f"{asked['list']} folders, {asked['read']} files")
    print(
        f"collectors, first look: {time.perf_counter() - start:.1f} s, of which the walk {took['walk']:.1f} s",
        flush=True,
    )
    return asked["walk"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1, help="how often each runs (1)")
    pairs = parser.parse_args().pairs
    if shutil.which("lynis") is None:
        sys.exit("skipped: there is no lynis here (apt install lynis)")
    walks = counted()
    a, b = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(pairs):
            for turn in ("ab", "ba")[number % 2]:
                ran = guardian() if turn == "a" else lynis(folder)
                (a if turn == "a" else b).append(ran)
                print(
                    f"{turn.upper()} {ran.wall:6.1f} s wall, {ran.processor:5.1f} s processor, {ran.mib:5.0f} MiB",
                    flush=True,
                )
        tests = Path(folder, "lynis.dat").read_text("utf-8", "replace").count("suggestion[]=")
    print(f"A said: {verdicts(a[-1])}; B made {tests} suggestions")
    wall = [statistics.median(ran.wall for ran in runs) for runs in (a, b)]
    processor = [statistics.median(ran.processor for ran in runs) for runs in (a, b)]
    largest = max(ran.mib for ran in a)
    print(f"wall: B/A {wall[1] / wall[0]:.1f} (limit {SHARE:.0f}); processor: B/A {processor[1] / processor[0]:.1f}")
    good = wall[0] <= wall[1] / SHARE and largest <= MIB and walks == 1
    print(f"resident: A {largest:.0f} MiB (limit {MIB:.0f}); {'within' if good else 'OVER'} the limits")


if __name__ == "__main__":
    main()
