"""What a D3 drill costs as the repository grows: ``python benchmarks/sample.py --scratch DIR [--sizes 1,4,16]``.

For each size (GiB) a real host backs up files of 16 KiB, 1 MiB and 64 MiB with content that neither deduplicates nor
compresses, and is drilled: ``guardian verify --level D3``, 299 draws by bytes, strata, the second path. Held against
``restic restore`` of the whole (``--no-restore`` leaves that out). Every drill begins with all of the repository in
memory. Between the smallest and the largest size, bytes read and time of the sample may grow by less than 20 %. The
drill runs ``--runs`` times on each size; medians count.

Takes three times the largest size of scratch, twice with ``--no-restore``; ``--sizes 0.25,0.5`` is a smoke run.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GROWTH = 0.20
"""The budget: so much more is read, and so much longer it takes, on the largest repository than on the smallest."""

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
_BASE = 64 * MIB
_MARK = 128 * KIB


@dataclass(frozen=True)
class Cost:
    """One drill: seconds of the whole command, seconds and bytes of the sample, and of restic's part in it."""

    command: float
    sample: float
    bytes: int
    draws: int
    second: float


class Content:
    """Random bytes that are quick to make: one block of 64 MiB, with a mark of its own in every 128 KiB of a file.

    Chunks are 512 KiB at least, so that each holds a mark and none is like another; inside of a chunk, nothing repeats.
    """

    def __init__(self) -> None:
        self._base = bytearray(random.Random(1).randbytes(_BASE))
        self._rng = random.Random(2)

    def write(self, path: Path, size: int) -> None:
        """A file of ``size`` bytes, at most 64 MiB."""
        start = self._rng.randrange(_BASE - size + 1) if size < _BASE else 0
        for at in range(start, start + size, _MARK):
            mark = self._rng.randbytes(min(16, start + size - at))
            self._base[at : at + len(mark)] = mark
        path.write_bytes(memoryview(self._base)[start : start + size])


def make(folder: Path, gib: float) -> None:
    """Of each GiB: 768 MiB in large files, 240 MiB in files of 1 MiB, 16 MiB in small ones."""
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    content = Content()
    for name, size, count in (("large", 64 * MIB, 12), ("medium", MIB, 240), ("small", 16 * KIB, 1024)):
        for number in range(max(1, round(count * gib))):
            directory = folder / "data" / name / f"{number // 200:04d}"
            directory.mkdir(parents=True, exist_ok=True)
            content.write(directory / f"{number:06d}", size)
    (folder / "complete").touch()


def warm(folder: Path) -> None:
    """Have everything in ``folder`` in the kernel's memory: what a disk happens to give is not to be measured here."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 22):
                    pass


class Host:
    """A configured host with one source."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root = root
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        config = {
            "tenant": {"id": "agency"},
            "host": "host-1",
            "repositories": {"main": {"url": str(root / "repository")}},
            "systems": {"app": {"sources": {"docs": {"kind": "files", "paths": [str(data)]}}}},
        }
        (root / "guardian.yaml").write_text(yaml.safe_dump(config))
        self.guardian("init")
        self.guardian("backup")

    def guardian(self, *arguments: str) -> Any:
        """What the command says, as JSON. Ends the benchmark unless it is good."""
        argv = [sys.executable, "-m", "guardian", "--config", str(self.root / "guardian.yaml"), *arguments, "--json"]
        done = subprocess.run(argv, capture_output=True, env={**os.environ, "LANG": "C.UTF-8"}, check=False)
        if done.returncode:
            raise SystemExit(f"guardian {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def drill(self) -> Cost:
        """One drill of level D3. It ran whole and found nothing, or the benchmark ends."""
        warm(self.root / "repository")
        started = time.monotonic()
        said = self.guardian("verify", "--level", "D3")
        command = time.monotonic() - started
        (drill,) = said["drills"]
        check = next(check for check in drill["checks"] if check["level"] == "D3")
        measured = check["measured"]
        return Cost(command, measured["seconds"], measured["bytes_read"], measured["draws"], measured["second_seconds"])

    def restore(self, restic: str) -> float:
        """Seconds that restic takes to bring everything back."""
        target = self.root / "restored"
        command = [restic, "-q", "--no-cache", "-r", str(self.root / "repository"), "--password-file"]
        command += [str(self.root / "state" / "keys" / "main.password"), "restore", "latest", "--target", str(target)]
        started = time.monotonic()
        subprocess.run(command, check=True)
        seconds = time.monotonic() - started
        shutil.rmtree(target)
        return seconds


def measure(options: argparse.Namespace, gib: float) -> Cost:
    """The medians on a repository of ``gib`` GiB."""
    data = options.scratch / f"sample-{gib:g}"
    make(data, gib)
    host = Host(options.scratch / f"sample-host-{gib:g}", data)
    shutil.rmtree(data)
    costs = [host.drill() for _run in range(options.runs)]
    cost = Cost(*(statistics.median(getattr(c, name) for c in costs) for name in Cost.__dataclass_fields__))
    line = (
        f"{gib:6g} GiB: {cost.draws:.0f} draws, {cost.bytes / MIB:.0f} MiB read in {cost.sample:.2f} s, "
        f"restic's part {cost.second:.2f} s, the whole command {cost.command:.2f} s"
    )
    if not options.no_restore:
        whole = host.restore(options.restic)
        line += f"; restic restore of all {whole:.2f} s, {whole / (cost.sample + cost.second):.1f} × the drill"
    print(line, flush=True)
    shutil.rmtree(host.root)
    return cost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--sizes", default="1,4,16")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--restic", default="restic")
    parser.add_argument("--no-restore", action="store_true")
    options = parser.parse_args()
    options.scratch = options.scratch.resolve()
    costs = [measure(options, float(size)) for size in options.sizes.split(",")]
    read = costs[-1].bytes / costs[0].bytes - 1
    took = costs[-1].sample / costs[0].sample - 1
    good = max(read, took) < GROWTH
    print(
        f"from the smallest to the largest: {read:+.0%} bytes, {took:+.0%} time (less than {GROWTH:.0%}): "
        f"{'good' if good else 'OVER'}"
    )
    return 0 if good else 3


if __name__ == "__main__":
    sys.exit(main())
