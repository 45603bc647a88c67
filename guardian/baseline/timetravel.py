"""Today's rules over the configuration of another day: the files of a host as its backups hold them.

Since backups are older than any scan, this says since when something is wrong, also on hosts that are gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from guardian.baseline.evaluate import evaluate
from guardian.baseline.facts.host import collect
from guardian.baseline.facts.reading import Host
from guardian.baseline.facts.snapshotroot import SnapshotRoot
from guardian.baseline.policy import Policy
from guardian.baseline.targets import Provider
from guardian.clock import Clock
from guardian.decoder.repository import Loaded, open_repository
from guardian.decoder.snapshots import Snapshot
from guardian.errors import SnapshotMissing, Unavailable, UsageError
from guardian.i18n import _
from guardian.model.backup import Target
from guardian.model.events import Progress
from guardian.model.evidence import BackupReceipt
from guardian.model.finding import CollectorRun, Json, Status, TargetRef
from guardian.node import Node


@dataclass(frozen=True, slots=True)
class Moment:
    """One restore point that can be looked into. ``whole``: its backup could read everything."""

    snapshot: Snapshot
    at: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class Past:
    """One rule over time: what it says of the newest restore point, and since which one without a break.

    ``before`` is the restore point before that, with what it said; None where the history begins with ``since``.
    ``unknown`` of the restore points in between could not be decided.
    """

    rule: str
    status: Status
    since: datetime
    before: tuple[datetime, Status] | None = None
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Then:
    """A clock that stands still: whoever looks into a snapshot sees ages as they were when it was made."""

    at: datetime
    clock: Clock

    def now(self) -> datetime:
        """The moment of the snapshot."""
        return self.at

    def monotonic(self) -> float:
        """The real one: work takes time."""
        return self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """The real one."""
        self.clock.sleep(seconds)


@contextmanager
def looked_into(node: Node, target: Target) -> Iterator[tuple[Loaded, tuple[Moment, ...]]]:
    """The repository of a source of files, and its restore points that have a receipt, oldest first.

    Raises UsageError when the source holds no files of a host or has no restore point, Unavailable when the repository
    lies where our decoder has no way, and what opening it raises.
    """
    kind = node.loaded.config.systems[target.system].sources[target.source].kind
    if kind != "files":
        text = _("{source} is a source of kind {kind}: there are no files of a host in it")
        raise UsageError(text.format(source=target.ref, kind=kind))
    receipts = list(_receipts(node, target))
    with node.reader(target.key) as reader:
        if reader is None:
            raise Unavailable(_("{repository} cannot be read by our own decoder").format(repository=target.key))
        record = node.keys().record(target.key)
        hint = (record.restic_key_id if record else None) or ""
        loaded = open_repository(reader, node.keys().password(target.key), hint).load()
        there = {snapshot.id: snapshot for snapshot in loaded.snapshots}
        moments = tuple(
            Moment(there[said.snapshot_id], datetime.fromisoformat(said.started), said.outcome == "complete")
            for said in receipts
            if said.snapshot_id in there
        )
        if not moments:
            text = _("there is no restore point of {source}").format(source=target.ref)
            raise UsageError(text, _("'guardian snapshots' lists those there are."))
        yield loaded, moments


def _receipts(node: Node, target: Target) -> Iterator[BackupReceipt]:
    for entry in node.read_log().entries():
        node.heed()
        said = entry.predicate
        if isinstance(said, BackupReceipt) and (said.system, said.source) == (target.system, target.source):
            yield said


def chosen(moments: Sequence[Moment], wanted: str | datetime) -> Moment:
    """The restore point asked for: ``latest``, the beginning of an id, or the newest not after a moment.

    Raises SnapshotMissing when there is none, UsageError when there are several.
    """
    if isinstance(wanted, datetime):
        moment = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
        found = [one for one in moments if one.at <= moment][-1:]
    elif wanted == "latest":
        found = list(moments[-1:])
    else:
        found = [one for one in moments if one.snapshot.id.startswith(wanted.lower())]
    if len(found) > 1:
        raise UsageError(_("{count} restore points begin with {id}").format(count=len(found), id=wanted))
    if not found:
        raise SnapshotMissing(_("there is no such restore point"), _("'guardian snapshots' lists those there are."))
    return found[0]


@dataclass(frozen=True, slots=True)
class Inside:
    """A repository to look into, and the folder in its snapshots that is the host's root."""

    loaded: Loaded
    clock: Clock
    top: str = "/"

    def facts(self, moment: Moment) -> tuple[Json, tuple[CollectorRun, ...]]:
        """The facts of the host inside a restore point, as they were then."""
        root = SnapshotRoot(self.loaded, moment.snapshot, moment.whole, self.top)
        return collect(Host(root, Then(moment.at, self.clock)))


def provider(inside: Inside, moment: Moment, name: str) -> Provider:
    """The host inside a restore point, as something to be scanned."""

    def look() -> Iterator[tuple[TargetRef, Json, tuple[CollectorRun, ...]]]:
        facts, runs = inside.facts(moment)
        labels = {"snapshot": moment.snapshot.id[:12], "host": moment.snapshot.hostname[:200]}
        yield TargetRef(kind="host", id=f"{name}@{moment.snapshot.id[:12]}", labels=labels), facts, runs

    return Provider(name, ("host",), look)


def history(node: Node, inside: Inside, moments: Sequence[Moment], policy: Policy) -> tuple[Past, ...]:
    """What every rule says of every restore point, told as since when. Neighbours that are alike are read once."""
    rules = policy.of("host")
    told: list[tuple[datetime, dict[str, Status]]] = []
    known: tuple[tuple[bytes, bool], Json] | None = None
    for number, moment in enumerate(moments):
        node.heed()
        node.report(Progress(number, len(moments), "entries"))
        key = (moment.snapshot.tree, moment.whole)
        if known is None or known[0] != key:
            known = key, inside.facts(moment)[0]
        verdicts = evaluate(known[1], moment.at, rules)
        told.append((moment.at, {verdict.rule.rule.id: verdict.status for verdict in verdicts}))
    return tuple(past(rule.rule.id, [(at, said[rule.rule.id]) for at, said in told]) for rule in rules)


def past(rule: str, line: Sequence[tuple[datetime, Status]]) -> Past:
    """One rule's line of verdicts, oldest first, as a :class:`Past`. An unknown one in between breaks nothing."""
    since, status = line[-1]
    unknown, waiting = 0, 0
    for earlier, said in reversed(line[:-1]):
        if said == status:
            since, unknown, waiting = earlier, unknown + waiting, 0
        elif said == "unknown":
            waiting += 1
        else:
            return Past(rule, status, since, (earlier, said), unknown)
    return Past(rule, status, since, None, unknown)


def changed(line: Iterable[Past]) -> tuple[Past, ...]:
    """Those that were something else once, the newest change first."""
    return tuple(sorted((one for one in line if one.before is not None), key=lambda one: one.since, reverse=True))
