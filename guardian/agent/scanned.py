"""What the newest scan says, as a host's status tells it: by baseline and target; where those are many, by kind."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from guardian.baseline.tally import coverage, pass_rate
from guardian.model.finding import ScanResult
from guardian.model.job import Ran
from guardian.model.scan_status import ScanCount, ScanStatus

MANY: Final = 20
"""From so many targets of a kind on they are told of together: every one of them would be series of metrics."""


def scan_statuses(said: ScanResult, ran: Ran) -> Iterator[ScanStatus]:
    """One status for each baseline and target of the newest scan."""
    told = Counter(one.target.kind for one in said.targets)
    together = {one.kind for one in said.kinds if one.targets > min(MANY, told[one.kind])}
    for target in said.targets:
        if target.target.kind not in together:
            for one in target.baselines:
                name = f"{target.target.kind}:{target.target.id}"
                yield _status(said, ran, (one.baseline, name, target.read_at), one.counts)
    for kind in said.kinds:
        if kind.kind in together:
            yield _status(said, ran, (kind.baseline, f"{kind.kind}:*", said.ended), kind.counts)


def _status(said: ScanResult, ran: Ran, what: tuple[str, str, str], counts: Sequence[ScanCount]) -> ScanStatus:
    baseline, target, evaluated = what
    return ScanStatus(
        baseline=baseline,
        target=target,
        ran=ran,
        evaluated=evaluated,
        counts=tuple(counts),
        coverage=coverage(counts),
        score=pass_rate(counts),
        waivers=said.waivers,
        waivers_unmatched=said.waivers_astray,
        next_expiry=said.next_waiver_end,
    )
