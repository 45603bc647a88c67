"""What becomes of verdicts when one read is refused: ours, and Prowler's on the same account.

    python benchmarks/denied_reads.py [--prowler PROGRAM]

Four buckets of four kinds. Every read in turn is refused inside the client, for both programs by the same few lines
(``deny.py``), and verdicts are held against those of a run with nothing refused. ``false pass``: it failed, and passes
now; ``false fail``: the other way round; ``vanished``: there is no verdict any more; ``honest``: it says that it does
not know. Ends with 1 when a verdict of ours changed other than to unknown.

A run of Prowler takes more than half a minute, most of it to load its checks: one a core runs at a time.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from storage_account import Bench, Moto, guardian_verdicts, prowler_verdicts, seed

READS = (
    "GetBucketAcl", "GetBucketPolicy", "GetBucketEncryption", "GetObjectLockConfiguration", "GetBucketVersioning",
    "GetPublicAccessBlock", "GetBucketLogging", "GetBucketLifecycleConfiguration", "GetBucketTagging", "ListBuckets",
)  # fmt: skip
FAMILIES = ("s3", "s3-audit", "iam")
LIES = ("false pass", "false fail", "vanished")
Verdicts = dict[tuple[str, str], str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prowler")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guardian-denied-") as root, Moto.start(Path(root)) as server:
        seed(server, 4)
        bench = Bench(Path(root), server)
        ours = guardian_verdicts(bench.guardian("a", FAMILIES))
        theirs: Verdicts = {}
        if asked.prowler:
            bench.prowler(asked.prowler, "b")
            theirs = prowler_verdicts(bench.folder / "b")
        return matrix(bench, asked.prowler, ours, theirs)


def matrix(bench: Bench, prowler: str | None, ours: Verdicts, theirs: Verdicts) -> int:
    print(f"{'refused':<36} | guardian, {len(ours)} verdicts")
    print(
        f"{'':<36} | prowler, {len(theirs)} verdicts"
        if prowler
        else "prowler was not asked: name its program with --prowler"
    )
    totals: dict[str, Counter[str]] = {"guardian": Counter(), "prowler": Counter()}
    started = time.monotonic()

    def asked(read: str) -> Verdicts:
        ran = bench.prowler(prowler or "", f"b-{read}", read)
        if ran.code not in (0, 3):  # done; done, with findings that fail
            raise RuntimeError((bench.folder / f"b-{read}.err").read_text("utf-8", "replace")[-2000:])
        return prowler_verdicts(bench.folder / f"b-{read}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = {read: pool.submit(asked, read) for read in READS if prowler}
        for read in READS:
            after = guardian_verdicts(bench.guardian(f"a-{read}", FAMILIES, read))
            shown(read, "guardian", changes(ours, after), totals)
            if prowler:
                shown("", "prowler", changes(theirs, waiting[read].result()), totals)
    print(f"{len(READS)} reads refused in {time.monotonic() - started:.0f} s")
    for name in ("guardian", "prowler") if prowler else ("guardian",):
        print(f"all reads, {name}: {told(totals[name])}")
    return 1 if any(totals["guardian"][lie] for lie in LIES) else 0


def changes(before: Verdicts, after: Verdicts) -> Counter[str]:
    """What became of each verdict; a verdict that is new and unknown stands for those that cannot be given."""
    count: Counter[str] = Counter()
    blind = {rule for (_where, rule), status in after.items() if status.lower() in ("unknown", "manual")}
    for key, was in before.items():
        now = after.get(key)
        if now is None:
            # A list of buckets that is refused: the rule still has a verdict, of what could not be listed.
            count["honest" if key[1] in blind else "vanished"] += 1
        elif now != was:
            count[_change(was.lower(), now.lower())] += 1
    return count


def _change(was: str, now: str) -> str:
    if now in ("unknown", "manual"):
        return "honest"
    return {"pass": "false pass", "fail": "false fail"}.get(now, f"{was} to {now}")


def shown(read: str, name: str, count: Counter[str], totals: dict[str, Counter[str]]) -> None:
    totals[name] += count
    print(f"{read:<36} | {name:<8} {told(count)}", flush=True)


def told(count: Counter[str]) -> str:
    return ", ".join(f"{what} {number}" for what, number in sorted(count.items())) or "no change"


if __name__ == "__main__":
    raise SystemExit(main())
