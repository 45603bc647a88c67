"""Two repositories in one call of restic: restore points copied from one to another, or a repository made to fit one.

Both passwords, and the credentials of the storage, go by descriptors. restic takes one set of S3 credentials for both
sides: where two buckets have different ones, restic is shown the one it reads by a door of our own
(:mod:`guardian.restic.door`), so that neither storage ever sees the credentials of the other.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from guardian.errors import GuardianError, RepositoryDamaged, StorageUnreachable, UsageError
from guardian.i18n import _
from guardian.model.reader import Reader
from guardian.proc import Command, Streams
from guardian.restic import argv
from guardian.restic.access import Access
from guardian.restic.argv import Call
from guardian.restic.client import Restic
from guardian.restic.errors import classify, texts
from guardian.restic.listen import OnProgress
from guardian.restic.report import RepositoryConfig
from guardian.restic.session import Session, by_line

_PACKS = re.compile(rb"(\d{1,9}) / (\d{1,9}) packs copied")
_KEPT, _LINE = 200, 4096


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What restic said of one copying: no proof, since what the target lists is. ``error`` says why it failed."""

    seconds: float
    error: GuardianError | None = None


@dataclass(frozen=True, slots=True)
class _Pair(Session):
    """A session with the repository that is written to, whose calls read from ``source`` too."""

    source: Access

    def command(self, call: Call, *, cache: bool = True) -> Command:
        """The command of a call, with the way to both repositories."""
        source = self.source
        both = replace(self, access=replace(self.access, credentials=self.access.credentials or source.credentials))
        beside = Call((call.arguments[0], *argv.beside(source), *call.arguments[1:]), call.files)
        base = Session.command(both, beside, cache=cache)
        home = os.environ.get("HOME") if source.scheme == "rclone" else None
        fds = (self.access.lease_fd, source.lease_fd)
        return replace(
            base,
            environment={**base.environment, **({"HOME": home} if home else {})},
            secrets={**base.secrets, **argv.secrets_beside(source)},
            lease_fds=tuple(fd for fd in fds if fd is not None),
        )


def apart(source: Access, to: Access) -> bool:
    """Whether restic cannot be given the credentials of both: two buckets, and not one identity for them."""
    if source.scheme != "s3" or to.scheme != "s3":
        return False
    ours, theirs = ({name: value.reveal() for name, value in one.credentials.items()} for one in (source, to))
    return ours != theirs


@contextmanager
def readable(
    source: Restic, to: Restic, reader: Callable[[], AbstractContextManager[Reader | None]]
) -> Iterator[Access]:
    """How a restic that writes to ``to`` reaches ``source``: as it is, or through a door over our own ``reader``.

    Raises what opening the reader raises.
    """
    if not apart(source.access, to.access):
        yield source.access
        return
    from guardian.restic.door import Door  # noqa: PLC0415  few need a server

    with reader() as found:
        if found is None:  # there is one to every bucket
            raise StorageUnreachable(_("there is no way of our own to this storage"))
        with Door(found) as door:
            yield replace(source.access, url=door.url, credentials={}, cacert=None)


def init_like(to: Restic, source: Access) -> RepositoryConfig:
    """Make the repository ``to``, which cuts files as ``source`` does, and read it back.

    Raises UsageError when there is one already, and the typed errors of both. Never tried again.
    """
    session = _pair(to, source)
    said = session.ask(argv.INIT_LIKE)
    if said.returncode != 0:
        if any("config already" in line or "already exists" in line for line in texts(said.stderr)):
            raise UsageError(_("there is a repository at this location already"))
        raise classify(said.stderr, said.returncode, to.capability)
    return to.config()


def copy(to: Restic, source: Access, ids: Sequence[str], on_progress: OnProgress | None = None) -> CopyReport:
    """Copy the snapshots ``ids`` (full ids), in this order; ``on_progress(done, total)`` in packs.

    What is in ``to`` already is not copied again, so that a copying that was cut off goes on. That restic failed is
    data; raises Interrupted, Stalled, StorageRefused.
    """
    session = _pair(to, source)
    call = argv.copy(tuple(ids))

    def attempt(cache: bool) -> CopyReport:
        report = _copied(session, call, on_progress, cache=cache)
        if cache and session.cache_may_lie and isinstance(report.error, RepositoryDamaged):
            raise report.error
        return report

    return session.healing(attempt)


def _copied(session: _Pair, call: Call, on_progress: OnProgress | None, *, cache: bool) -> CopyReport:
    last_words: deque[bytes] = deque(maxlen=_KEPT)

    def stdout(line: bytes) -> None:
        if on_progress is not None and (found := _PACKS.search(line)):
            on_progress(int(found[1]), int(found[2]))

    out, err = by_line(stdout), by_line(lambda line: last_words.append(line[:_LINE]))
    finished = session.run(call, Streams(stdout=out, stderr=err), cache=cache)
    out.close()
    err.close()
    session.refuse_stopped(finished)
    error = None
    if finished.returncode != 0:
        error = classify(tuple(last_words), finished.returncode, session.capability)
    return CopyReport(finished.seconds, error)


def _pair(to: Restic, source: Access) -> _Pair:
    ours = to.session
    return _Pair(ours.access, ours.capability, ours.clock, ours.stop, ours.limits, source)
