"""One repository, opened once for all sources in it, by two programs that know nothing of each other.

Our decoder reads it; the restic program is asked the same at the same time. Where they differ, one of them is wrong
about the only copy there is: that is a finding, whichever it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from guardian.decoder import snapshots as decoded
from guardian.decoder.damage import Findings
from guardian.decoder.repository import Loaded, Repository, open_repository
from guardian.decoder.times import nanoseconds
from guardian.drill.job import Opened
from guardian.errors import GuardianError, Interrupted
from guardian.model.backup import Snapshot
from guardian.model.reader import Reader
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.restic.client import Restic, SnapshotList

_NAMED = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_SECONDS = 200_000_000_000
_Trees = dict[str, str]
"""Snapshot id to tree id."""


@contextmanager
def opened(node: Node, key: str, executor: Executor) -> Iterator[Opened]:
    """The repository ``key``, read whole but for its content. Damage in it is data.

    Raises StorageUnreachable, RepositoryMissing, WrongPassword …: when either path could not find out.
    """
    restic = node.restic(key)
    with ExitStack() as stack, ThreadPoolExecutor(1, "second-path") as second:
        asked = second.submit(_ask, restic)
        try:
            ours = _read(node, key, stack)
        except Interrupted:
            raise
        except GuardianError as error:
            # Where both paths fail, restic's error is told: it is the one people can look up, and its hints are older.
            theirs = asked.exception()
            raise theirs if isinstance(theirs, GuardianError) else error from error
        restic_id, listed = asked.result()
        if ours is None:
            yield Opened(key, restic_id, restic, None, None, executor, listed.snapshots, listed.unreadable)
            return
        reader, repository, loaded = ours
        differing = _differ(_Paths(repository, loaded, restic), restic_id, listed)
        found = Opened(key, repository.config.id, restic, reader, loaded, executor, disagreements=tuple(differing))
        yield seen(found, loaded)


def _read(node: Node, key: str, stack: ExitStack) -> tuple[Reader, Repository, Loaded] | None:
    """Our own way to the repository, which ``stack`` closes; None where there is none."""
    reader = stack.enter_context(node.reader(key))
    if reader is None:
        return None
    record = node.keys().record(key)
    hint = (record.restic_key_id if record else None) or ""
    repository = open_repository(reader, node.keys().password(key), hint)
    return reader, repository, repository.load()


def seen(opened: Opened, loaded: Loaded) -> Opened:
    """``opened`` where the repository holds what ``loaded`` shows of it."""
    found = sorted(map(as_snapshot, loaded.snapshots), key=lambda snapshot: snapshot.time)
    unreadable = tuple(_unreadable(loaded.findings))
    return replace(opened, loaded=loaded, snapshots=tuple(found), unreadable=unreadable)


def _ask(restic: Restic) -> tuple[str, SnapshotList]:
    # Not from the cache: what is there now is asked, not what was there once.
    return restic.config().id, restic.snapshots(cache=False)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Both ways to one repository."""

    repository: Repository
    loaded: Loaded
    restic: Restic


def _unreadable(findings: Findings) -> Iterator[str]:
    for found in findings.kept:
        named = str(found.args.get("object", ""))
        if found.severity == "critical" and named.startswith(decoded.FOLDER):
            yield f"{named}: {found.code}"


def _differ(paths: _Paths, restic_id: str, listed: SnapshotList) -> list[Reason]:
    differing = []
    if restic_id != (ours := paths.repository.config.id):
        differing.append(disagree("repository-id", ours, restic_id))
    first = differences(_trees(paths.loaded.snapshots), {s.id: s.tree for s in listed.snapshots})
    if first:
        # A backup or a forget beside us changes the list between two looks: what stays different is what counts.
        again = paths.restic.snapshots(cache=False).snapshots
        lasting = differences(_trees(paths.repository.snapshots(Findings())), {s.id: s.tree for s in again})
        of_both = [one for one in lasting if one in set(first)]
        differing += [disagree(f"snapshot {i}", mine or "-", other or "-") for i, mine, other in of_both[:_NAMED]]
    return differing


def _trees(snapshots: Iterable[decoded.Snapshot]) -> _Trees:
    return {snapshot.id: snapshot.tree.hex() for snapshot in snapshots}


def differences(ours: _Trees, theirs: _Trees) -> Sequence[tuple[str, str | None, str | None]]:
    """Every snapshot of which the two lists do not say the same, with what each says. Pure."""
    every = sorted({*ours, *theirs})
    return [(i, ours.get(i), theirs.get(i)) for i in every if ours.get(i) != theirs.get(i)]


def disagree(what: str, ours: str, theirs: str) -> Reason:
    """The finding that decoder and restic said different things of ``what``."""
    return reason("paths-disagree", what=what, decoder=ours, restic=theirs)


def as_snapshot(found: decoded.Snapshot) -> Snapshot:
    """What the decoder read, as everybody names it. A time that cannot be is that of 1970."""
    moment = nanoseconds(found.time)
    seconds = (moment or 0) // 1_000_000_000
    if abs(seconds) > _MOST_SECONDS or seconds < -62_000_000_000:
        seconds = 0
    return Snapshot(
        id=found.id,
        tree=found.tree.hex(),
        time=_EPOCH + timedelta(seconds=seconds, microseconds=(moment or 0) // 1000 % 1_000_000 if seconds else 0),
        hostname=found.hostname,
        username=found.username,
        paths=found.paths,
        tags=found.tags,
        original=found.original or None,
    )
