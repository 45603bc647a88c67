"""From a view and a policy to findings: verdicts with their evidence, their waivers, and what changed. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from guardian.baseline import delta
from guardian.baseline.evaluate import Verdict, evaluate, finding_id
from guardian.baseline.evidence import evidence
from guardian.baseline.policy import Policy
from guardian.baseline.view import View
from guardian.baseline.waivers import Waivers
from guardian.clock import rfc3339
from guardian.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Judge:
    """Who judges, by which rules, and what was known before. ``at`` is the moment that waivers are held against."""

    tenant: str
    policy: Policy
    waivers: Waivers
    at: datetime

    def findings(self, view: View, before: Mapping[str, delta.Was] | None) -> Iterator[Finding]:
        """Every verdict over ``view``; ``before`` is how its target stood after the scan before, None for no such."""
        looked = datetime.fromisoformat(view.at)
        for verdict in evaluate(view.facts, looked, self.policy.of(view.target.kind)):
            yield self._finding(view, verdict, before)

    def _finding(self, view: View, verdict: Verdict, before: Mapping[str, delta.Was] | None) -> Finding:
        rule = verdict.rule.rule
        key = finding_id(self.tenant, view.target, rule.id)
        was = (before or {}).get(key)
        waiver = self.waivers.of(rule.id, view.target, self.at) if verdict.status == "fail" else None
        return Finding(
            id=key,
            rule=rule.id,
            rev=rule.rev,
            rule_digest=verdict.rule.digest,
            family=verdict.rule.family,
            severity=rule.severity,
            target=view.target,
            status=verdict.status,
            title=rule.title,
            evidence=tuple(evidence(leaf) for leaf in verdict.leaves),
            waived=waiver is not None,
            waiver=waiver.ticket if waiver else None,
            waived_until=rfc3339(waiver.end) if waiver else None,
            change=delta.change(was, verdict.status, first=before is None),
            first_seen=delta.since(was, verdict.status, view.at),
            last_evaluated=view.at,
        )
