"""``guardian scan --replay ENTRY``: the verdicts of an earlier scan, made again from the facts and rules it kept."""

import json
from collections.abc import Sequence

from guardian.baseline.formats.said import STATUSES
from guardian.baseline.replay import Again, replay
from guardian.baseline.store import ScanStore
from guardian.cli import frame, render
from guardian.cli.options import Session
from guardian.errors import EvidenceInvalid, ExitCode, UsageError
from guardian.i18n import _
from guardian.model.finding import ScanResult, TargetResult
from guardian.node import Node


def replayed(session: Session, entry: str, targets: Sequence[str]) -> render.Report:
    """Make again what entry ``entry`` of the log says; of ``targets`` (``KIND:ID``) alone where some are named.

    Raises UsageError when that entry is no scan, EvidenceInvalid when what was kept is altered, Unavailable when gone.
    """
    with frame.node(session) as node:
        result = _result(node, entry)
        store = ScanStore(node.state / "scans")
        every = tuple(TargetResult.model_validate(one) for one in json.loads(store.read(result.manifest)))
        chosen = tuple(one for one in every if not targets or f"{one.target.kind}:{one.target.id}" in targets)
        if not chosen:
            known = ", ".join(f"{one.target.kind}:{one.target.id}" for one in every[:20])
            raise UsageError(_("that scan has no such target"), _("Known are: {names}.").format(names=known))
        again = [one for target in chosen for one in replay(store, result.policy, target)]
    if different := [one for one in again if not one.same]:
        first = different[0]
        raise EvidenceInvalid(
            _("{rule} of {target} was written down as {said} and comes to {now}").format(
                rule=first.finding.rule, target=first.finding.target.id, said=first.finding.status, now=first.now
            ),
            _("Facts, rules or verdicts were altered, or this version of Guardian judges otherwise."),
        )
    return render.Report(
        "guardian.scan-replay/v1",
        "same",
        ExitCode.OK,
        {"entry": int(entry), "ended": result.ended, "verdicts": [_document(one) for one in again]},
        (
            *(_line(one) for one in again if session.verbose),
            _("{count} verdicts of {targets} targets made again: all are the same").format(
                count=len(again), targets=len(chosen)
            ),
        ),
    )


def _result(node: Node, entry: str) -> ScanResult:
    log = node.read_log()
    if not entry.isascii() or not entry.isdigit() or int(entry) >= log.size:
        raise UsageError(
            _("{entry} is no entry of the log, which has {size}").format(
                entry=render.visible(entry[:40]), size=log.size
            ),
            _("'guardian ledger show' lists the newest ones."),
        )
    predicate = log.entry(int(entry)).predicate
    if not isinstance(predicate, ScanResult):
        raise UsageError(_("entry {entry} is no scan").format(entry=entry))
    return predicate


def _document(one: Again) -> dict[str, object]:
    finding = one.finding
    target = finding.target.model_dump(mode="json")
    return {"id": finding.id, "rule": finding.rule, "rev": finding.rev, "target": target, "status": one.now}


def _line(one: Again) -> str:
    return render.visible(
        f"{one.finding.target.kind}:{one.finding.target.id}  {one.finding.rule}  {_(STATUSES[one.now])}"
    )
