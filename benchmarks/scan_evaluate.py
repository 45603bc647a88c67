"""Rules over stored facts: what 1,000 hosts take on one core, beside the reading of their facts alone.

``python benchmarks/scan_evaluate.py [HOSTS]`` collects this host's facts once, makes as many hosts of it that differ
(a name, parts that cannot be read), and by turns A reads and judges all of them by 150 host rules, and B only reads
them. Budget: judging 1,000 hosts takes less than 3 s on one core.
"""

import json
import random
import resource
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from guardian.baseline.evaluate import evaluate
from guardian.baseline.fact import hidden
from guardian.baseline.facts.host import collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.baseline.policy import library

RULES = 150
PAIRS = 3


def main(hosts: int) -> int:
    known = library()
    families = [name for name, family in known.families.items() if family.target == "host"]
    rules = known.chosen(families).of("host")[:RULES]
    facts, _runs = collect(Host(LocalRoot(Path("/"))))
    stored = [made(facts, seed) for seed in range(hosts)]
    print(f"{hosts} hosts, {len(stored[0]) // 1024} KiB of facts each, {len(rules)} rules")
    judged, read, told = [], [], {}
    at = datetime.now(UTC)
    for _ in range(PAIRS):
        begun = time.process_time()
        for data in stored:
            json.loads(data)
        read.append(time.process_time() - begun)
        begun = time.process_time()
        told = {}
        for data in stored:
            for verdict in evaluate(json.loads(data), at, rules):
                told[verdict.status] = told.get(verdict.status, 0) + 1
        judged.append(time.process_time() - begun)
    both, alone = statistics.median(judged), statistics.median(read)
    print(f"read and judged {both:.2f} s, read alone {alone:.2f} s; judging {both - alone:.2f} s of processor time")
    print(f"{(both - alone) / hosts / len(rules) * 1e6:.1f} µs a rule; verdicts: {told}")
    print(f"resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    good = (both - alone) * 1000 / hosts < 3
    print(f"budget 3 s for 1,000 hosts: {'kept' if good else 'MISSED'}")
    return 0 if good else 1


def made(facts: dict[str, object], seed: int) -> bytes:
    """This host's facts, a little different: something that differs in every one, and now and then a part unread."""
    draw = random.Random(seed)
    tree = {**facts, "host": {"name": f"host-{seed}"}}
    if seed % 5 == 0:
        tree = hidden(tree, (draw.choice(sorted(facts)),), "denied: needs root")
    return json.dumps(tree).encode()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
