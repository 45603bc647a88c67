"""How long it takes to scan a storage of many buckets, and what that costs.

    python benchmarks/scan_s3.py [--buckets 200] [--prowler PROGRAM] [--repeat 3]

A is ``guardian scan`` with the rules of the family s3, from the start of the program to its end. B is Prowler's
``-s s3`` on the same server; ``--prowler`` names its program, which is best installed in an environment of its own (it
brings some 270 packages). Requests are counted by the server. Ends with 1 when A takes more than an eighth of B's time,
more than 150 MiB, or more than seven requests a bucket.
"""

import argparse
import tempfile
from pathlib import Path

from storage_account import Bench, Moto, Ran, guardian_verdicts, prowler_verdicts, requests, seed

MEMORY, SHARE, CALLS = 150.0, 1 / 8, 7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buckets", type=int, default=200)
    parser.add_argument("--prowler")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guardian-s3-") as root, Moto.start(Path(root)) as server:
        seed(server, asked.buckets)
        return compare(Bench(Path(root), server), asked)


def compare(bench: Bench, asked: argparse.Namespace) -> int:
    ours, theirs, calls = [], [], 0.0
    for number in range(asked.repeat):
        before = requests(bench.server)
        ours.append(bench.guardian(f"a{number}", ("s3",)))
        # One list of buckets; the identities of the account are asked for as well when their rules are chosen.
        calls = (requests(bench.server) - before - 1) / asked.buckets
        verdicts = len(guardian_verdicts(ours[-1]))
        show("A guardian", ours[-1], f"{verdicts} verdicts, {calls:.2f} requests a bucket")
        if asked.prowler:
            before = requests(bench.server)
            theirs.append(bench.prowler(asked.prowler, f"b{number}"))
            sent = (requests(bench.server) - before) / asked.buckets
            verdicts = len(prowler_verdicts(bench.folder / f"b{number}"))
            show("B prowler", theirs[-1], f"{verdicts} verdicts, {sent:.2f} requests a bucket")
    best = min(one.seconds for one in ours)
    most = max(one.resident for one in ours)
    good = most <= MEMORY and calls <= CALLS
    print(f"A: best {best:.2f} s, at most {most:.0f} MiB, {calls:.2f} requests a bucket")
    if not theirs:
        print("B: not measured; name its program with --prowler")
    else:
        share = best / min(one.seconds for one in theirs)
        print(f"A takes {share:.3f} of B's time, of {SHARE:.3f} allowed")
        good = good and share <= SHARE
    return 0 if good else 1


def show(name: str, ran: Ran, more: str) -> None:
    print(f"{name}: {ran.seconds:6.2f} s {ran.resident:6.0f} MiB, ended with {ran.code}: {more}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
