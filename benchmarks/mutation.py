"""Does the baseline notice? ``python benchmarks/mutation.py [-v]``: the mutation score of every family and clause.

Every option that a rule claims is made worse, one at a time; a mutant is killed when the rule fails (or, for an option
that was unset, does not pass). Budget: at least 95 % are killed. ``-v`` names the survivors.
"""

import sys
from collections import defaultdict
from datetime import UTC, datetime

from guardian.baseline.clauses import areas, served
from guardian.baseline.evaluate import ready
from guardian.baseline.mutation import Tried, tried
from guardian.baseline.policy import library

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
BUDGET = 0.95


def main(verbose: bool) -> int:
    known = library()
    all_: list[Tried] = []
    for rule, family in known.rules.values():
        all_ += tried(ready(rule, family.family, family.target), AT)
    by_family: dict[str, list[Tried]] = defaultdict(list)
    for one in all_:
        by_family[one.family].append(one)
    for name, some in sorted(by_family.items()):
        print(f"{name:20} {killed(some):4} of {len(some):4} killed  {killed(some) / len(some):7.1%}")
    rules = {one.rule for one in all_}
    print(f"{len(rules)} of {len(known.rules)} rules have mutants; the others are for people")
    by_clause = clauses(all_)
    poor = {name: share for name, share in by_clause.items() if share < BUDGET}
    print(f"{len(by_clause)} clauses of GB/T 22239 with automatic rules; under {BUDGET:.0%}: {poor or 'none'}")
    if verbose:
        for one in all_:
            if not one.killed:
                print(f"  survives: {one.rule} {one.mutant.option} = {one.mutant.value!r} ({one.status})")
    score = killed(all_) / len(all_)
    print(f"mutation score {score:.1%} of {len(all_)}; budget {BUDGET:.0%}: {'kept' if score >= BUDGET else 'MISSED'}")
    return 0 if score >= BUDGET else 1


def killed(some: list[Tried]) -> int:
    return sum(one.killed for one in some)


def clauses(all_: list[Tried]) -> dict[str, float]:
    entries = served(areas())
    found: dict[str, list[Tried]] = defaultdict(list)
    for one in all_:
        for entry in entries.get(one.rule, ()):
            found[entry.number].append(one)
    return {clause: killed(some) / len(some) for clause, some in sorted(found.items())}


if __name__ == "__main__":
    sys.exit(main("-v" in sys.argv[1:]))
