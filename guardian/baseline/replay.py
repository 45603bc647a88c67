"""Make a verdict again from what was kept: the same facts, the same rules, on another day.

A replay that comes to something else than what was written down means that one of the three was altered, and is told.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from guardian.baseline.evaluate import evaluate
from guardian.baseline.policy import Policy
from guardian.baseline.store import ScanStore
from guardian.baseline.view import View
from guardian.errors import ConfigError, EvidenceInvalid
from guardian.i18n import _
from guardian.model.finding import Finding, Status, TargetResult


@dataclass(frozen=True, slots=True)
class Again:
    """One verdict made again. ``said`` is what was written down, ``now`` what it comes to."""

    finding: Finding
    now: Status

    @property
    def same(self) -> bool:
        """Whether both are one."""
        return self.finding.status == self.now


def replay(store: ScanStore, policy_digest: str, target: TargetResult) -> tuple[Again, ...]:
    """Every verdict over one target of a scan, made again from the store.

    Raises EvidenceInvalid when what is kept is damaged or does not belong together, Unavailable when it is gone.
    """
    view = _view(store.read(target.facts))
    try:
        policy = Policy.from_document(store.read(policy_digest))
        written = [Finding.model_validate(one) for one in json.loads(store.read(target.findings))]
    except (ValueError, ConfigError) as error:
        raise EvidenceInvalid(_("what the scan kept cannot be read: {why}").format(why=_first(error))) from error
    at = datetime.fromisoformat(view.at)
    now = {one.rule.rule.id: one.status for one in evaluate(view.facts, at, policy.of(view.target.kind))}
    missing = {finding.rule for finding in written} ^ now.keys()
    if missing:
        raise EvidenceInvalid(_("verdicts and rules do not belong together: {rule}").format(rule=min(missing)))
    return tuple(Again(finding, now[finding.rule]) for finding in written)


def _view(data: bytes) -> View:
    try:
        return View.model_validate_json(data)
    except ValueError as error:
        raise EvidenceInvalid(_("what the scan kept cannot be read: {why}").format(why=_first(error))) from error


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
