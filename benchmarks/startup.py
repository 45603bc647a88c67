"""How long a start takes: ``python benchmarks/startup.py [RUNS]``.

A is ``guardian --version`` and ``guardian --help``, B is ``python -c pass`` of the same interpreter. Each run of A has
one of B beside it, the order changes from pair to pair, and the difference of the medians is what the budget of 150 ms
is about. Then the imports that cost most, so that a heavy one that crept in is seen.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

BUDGET_MS = 150.0
VERBS = ("--version", "--help")
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)")


def milliseconds(argv: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir(), env=environment())
    return (time.perf_counter() - start) * 1000


def environment() -> dict[str, str]:
    """English, so that A does the same work everywhere; byte code may be kept, as in any installation."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "LANG": "C.UTF-8"
    }


def paired(verb: str, runs: int) -> tuple[list[float], list[float]]:
    """Times of A and of B, a pair a run."""
    guardian, bare = [sys.executable, "-m", "guardian", verb], [sys.executable, "-c", "pass"]
    a, b = [], []
    for number in range(runs):
        for argv, times in ((guardian, a), (bare, b))[:: 1 if number % 2 else -1]:
            times.append(milliseconds(argv))
    return a, b


def heaviest(verb: str, count: int) -> list[tuple[float, float, str]]:
    """(milliseconds of the module alone, with what it imports, name) of the costliest imports."""
    argv = [sys.executable, "-X", "importtime", "-m", "guardian", verb]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment()).stderr
    found = [_IMPORT.match(line) for line in said.splitlines()]
    rows = [(int(m[1]) / 1000, int(m[2]) / 1000, m[4]) for m in found if m]
    return sorted(rows, reverse=True)[:count]


def main() -> None:
    runs = max(15, int(sys.argv[1])) if len(sys.argv) > 1 else 25
    milliseconds([sys.executable, "-m", "guardian", "--help"])  # byte code is there from now on
    print(f"{runs} pairs, medians; Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    for verb in VERBS:
        a, b = paired(verb, runs)
        difference = statistics.median(a) - statistics.median(b)
        verdict = "within" if difference <= BUDGET_MS else "OVER"
        print(
            f"guardian {verb:9}: A {statistics.median(a):6.1f} ms, B {statistics.median(b):5.1f} ms, "
            f"A/B {statistics.median(a) / statistics.median(b):.1f}, A-B {difference:+6.1f} ms "
            f"({verdict} the budget of {BUDGET_MS:.0f} ms); best A-B {min(a) - min(b):+.1f} ms"
        )
    print("heaviest imports of guardian --help: alone, with theirs (measuring adds to it)")
    for alone, total, name in heaviest("--help", 12):
        print(f"  {alone:6.1f} ms  {total:6.1f} ms  {name}")


if __name__ == "__main__":
    main()
