"""Every examination, in the order in which a person would set things right.

Nothing is written to a repository and nothing is mended. In the state directory one small file is written and taken
away again, to know that it can be; restic keeps its cache there as ever.
"""

import os
from collections.abc import Iterator

from guardian.backup.intent import peek
from guardian.doctor.evidence import Start, examine_clock, examine_key, examine_log
from guardian.doctor.examination import About, Examination
from guardian.doctor.program import examine_restic
from guardian.doctor.protected import examine_source
from guardian.doctor.repository import examine_repository
from guardian.doctor.state import examine_state, examine_tmpdir
from guardian.durable import Lease
from guardian.errors import ConfigError, GuardianError, Interrupted
from guardian.i18n import _
from guardian.model.events import Phase
from guardian.model.reason import reason
from guardian.node import Node

RESTIC = "restic"
"""The program that is looked for when no configuration names one."""


def examine(node: Node) -> Iterator[Examination]:
    """Look at everything a configured host needs. Raises Interrupted between two examinations."""
    start = Start(node.clock.now(), node.clock.monotonic())
    for examination in _examinations(node, start):
        yield examination
        if node.stop.requested:
            raise Interrupted(_("interrupted"))


def examine_bare(error: ConfigError) -> Iterator[Examination]:
    """Look at what can be seen without a configuration; ``error`` says why there is none."""
    yield About("configuration").failed(error)
    yield from examine_restic(RESTIC)
    yield examine_tmpdir(os.environ.get("TMPDIR"))


def _examinations(node: Node, start: Start) -> Iterator[Examination]:
    loaded = node.loaded
    targets = loaded.targets()
    yield About("configuration", str(loaded.path)).ok(
        reason("configuration-read", tenant=node.tenant, host=node.host, targets=len(targets)),
        {"tenant": node.tenant, "host": node.host, "targets": len(targets), "sha256": loaded.sha256},
    )
    yield from examine_restic(loaded.config.restic.program)
    yield from examine_state(node.state)
    yield examine_tmpdir(os.environ.get("TMPDIR"))
    yield examine_key(node)
    yield examine_log(node)
    for repository in loaded.repositories():
        node.report(Phase("probe", repository.key))
        yield from examine_repository(node, repository)
        yield _runs(node, repository.key)
    for target in targets:
        node.report(Phase("probe", target.ref))
        yield examine_source(node, target)
    yield from examine_clock(node, start)


def _runs(node: Node, key: str) -> Examination:
    """Whether a run was cut off. One that is under way has an intent too, and holds the lease."""
    about = About("runs", key)
    try:
        under_way = Lease.held(node.state / "leases" / f"{key}.lease")
        left = peek(node.state / "runs" / key)
    except GuardianError as error:
        return about.not_examined(error)
    if under_way:
        return about.ok(reason("run-under-way"), {"intents": len(left)})
    if left:
        first = left[0]
        why = reason("runs-cut-off", count=len(left), ref=f"{first.system}/{first.source}", time=first.started)
        return about.warning(why, {"intents": len(left)})
    return about.ok(reason("no-runs-cut-off"), {"intents": 0})
