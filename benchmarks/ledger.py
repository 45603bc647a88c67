"""How fast the log is read, verified and written: ``python benchmarks/ledger.py [ENTRIES]``.

A is what Guardian does, B the least any reader of the same bytes must do: one SHA-256 over all of them. Each
measurement of A has one of B beside it, and the ratio is what to compare between machines. Memory is that of a
fresh process, for a log of 1,000 entries and for the whole one.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.ledger.verify import verify_log
from guardian.model.backup import Counts
from guardian.model.evidence import BackupReceipt
from guardian.model.secret import Secret

KEY = SigningKey.load(Secret(b"benchmark key, never used" + b"." * 7))
SMALL = 1_000


def receipt(number: int) -> BackupReceipt:
    return BackupReceipt(
        run_id=f"{number:032x}",
        tenant="gz-hrss",
        host="host-1",
        system="social-insurance",
        source="documents",
        source_kind="files",
        repository="main",
        repository_id="ab" * 32,
        snapshot_id=f"{number:064x}",
        tree_id=f"{number:064x}",
        paths=("/srv/docs",),
        outcome="complete",
        counts=Counts(files=2000, bytes=1 << 30),
        started="2026-01-01T00:00:00.000000Z",
        ended="2026-01-01T00:01:00.000000Z",
        plan_sha256="cd" * 32,
        tools={"guardian": "0.1", "restic": "0.14.0"},
    )


def build(folder: Path, size: int) -> None:
    with Log.create(folder, "example.org/benchmark", KEY) as log:
        for start in range(0, size, 2048):
            log.append_many((receipt(number), ()) for number in range(start, min(size, start + 2048)))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_hash(folder: Path) -> None:
    digest = hashlib.sha256()
    for path in sorted((folder / "tile" / "entries").rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())


def bare_append(path: Path, count: int, size: int) -> None:
    with path.open("ab", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * size)
            os.fsync(file.fileno())


def resident(folder: Path, *, signatures: bool) -> int:
    """Peak resident memory, in KiB, of a fresh process that verifies ``folder``."""
    program = (
        "import resource,sys; sys.path.insert(0, sys.argv[1]); import ledger; from pathlib import Path; "
        "assert ledger.verify_log(Path(sys.argv[2]), [ledger.KEY.verify_key], signatures=sys.argv[3] == 'True').ok; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    argv = [sys.executable, "-c", program, str(Path(__file__).parent), str(folder), str(signatures)]
    return int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def verify(folder: Path, size: int) -> None:
    measure("tree and checkpoint", lambda: bare_hash(folder), lambda: check(folder, size, signatures=False), size)
    measure("with every signature", lambda: bare_hash(folder), lambda: check(folder, size, signatures=True), size)
    signature = KEY.sign(b"x" * 1000)
    bare = timed(lambda: [KEY.verify_key.verify(signature, b"x" * 1000) for _ in range(5000)])
    print(f"bare Ed25519 verification, one thread: {5000 / bare:,.0f}/s")


def measure(name: str, bare: Callable[[], None], work: Callable[[], None], size: int) -> None:
    """Best of three, A and B by turns. CPU seconds say what it costs where others use the machine too."""
    a, b, cpu = [], [], []
    for _ in range(3):
        b.append(timed(bare))
        start = time.process_time()
        a.append(timed(work))
        cpu.append(time.process_time() - start)
    print(
        f"verify, {name}: A {min(a):.2f} s ({size / min(a):,.0f} entries/s; {min(cpu):.2f} s of CPU), "
        f"B {min(b):.3f} s, A/B {min(a) / min(b):.1f}"
    )


def check(folder: Path, size: int, *, signatures: bool) -> None:
    verdict = verify_log(folder, [KEY.verify_key], signatures=signatures)
    assert verdict.ok
    assert verdict.entries == size
    assert verdict.signatures == (size if signatures else 0)


def append(folder: Path, scratch: Path, count: int) -> None:
    with Log.open_for_append(folder, KEY) as log:
        size = len(log.entry(0).envelope)
        a = timed(lambda: [log.append(receipt(number)) for number in range(count)])
    b = timed(lambda: bare_append(scratch, count, size))
    print(f"append, durable: A {count / a:,.0f}/s, B (one write and fsync) {count / b:,.0f}/s, A/B {a / b:.1f}")


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="ledger-benchmark-") as name:
        large, small = Path(name, "large"), Path(name, "small")
        seconds = timed(lambda: build(large, size))
        build(small, SMALL)
        stored = sum(path.stat().st_size for path in large.rglob("*") if path.is_file())
        print(f"{size:,} entries, {stored / 1e6:.0f} MB on disk, {os.cpu_count()} cores")
        print(f"append_many: {size / seconds:,.0f}/s")
        verify(large, size)
        opening = timed(lambda: Log.open(large, KEY.verify_key).entry(size // 2))
        print(f"open and read one entry with proof: {opening * 1000:.1f} ms")
        for signatures in (False, True):
            few, many = resident(small, signatures=signatures), resident(large, signatures=signatures)
            what = "with signatures" if signatures else "tree only"
            print(f"peak resident, {what}: {few / 1024:.1f} MiB for {SMALL:,}, {many / 1024:.1f} MiB for {size:,}")
        append(large, Path(name, "scratch"), 500)


if __name__ == "__main__":
    main()
