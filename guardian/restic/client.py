"""Restic as Guardian uses it: each method returns data, or raises one of our errors."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from guardian.clock import Clock, SystemClock
from guardian.errors import GuardianError, RepositoryDamaged, ToolFailed, UsageError
from guardian.i18n import _
from guardian.model.backup import Snapshot
from guardian.model.redaction import redact
from guardian.model.secret import Secret
from guardian.proc import Finished, Limits, Stop, Streams
from guardian.proc.lines import LineSplitter, clean
from guardian.proc.supervise import Feed, OnBytes
from guardian.restic import argv, locks
from guardian.restic.access import Access
from guardian.restic.argv import Call
from guardian.restic.errors import DAMAGE, classify, texts
from guardian.restic.listen import BackupListener, OnItems, OnProgress, RestoreListener
from guardian.restic.locks import Lock
from guardian.restic.messages import CheckSummary, parse
from guardian.restic.report import BackupReport, CheckReport, RepositoryConfig, RestoreReport, SnapshotList
from guardian.restic.requests import FilesBackup, RestoreRequest, StreamBackup
from guardian.restic.session import Session, by_line
from guardian.restic.versions import Capability

_MAX_LOCKS = 100
_CLOCK = SystemClock()
_LIMITS = Limits()


class Restic:
    """One repository, reached with one restic program. Cheap to make; every call starts restic once or more."""

    def __init__(
        self,
        access: Access,
        capability: Capability,
        *,
        clock: Clock = _CLOCK,
        stop: Stop | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        """From now on the secrets in ``access`` are masked wherever Guardian speaks."""
        self.capability = capability
        self._session = Session(access, capability, clock, stop, limits)
        self._session.hide_secrets()

    @property
    def access(self) -> Access:
        """How the repository is reached."""
        return self._session.access

    @property
    def session(self) -> Session:
        """What calls to two repositories at once are made of (:mod:`guardian.restic.copying`)."""
        return self._session

    # identity

    def config(self) -> RepositoryConfig:
        """The repository's identity: the cheapest proof that it is there and opens. Raises RepositoryMissing …."""
        session = self._session
        said = session.retrying(lambda: session.healing(lambda cache: session.answer(argv.CONFIG, cache=cache)))
        document = _object(said.stdout)
        if not isinstance(found := document.get("id"), str) or not isinstance(document.get("version"), int):
            raise ToolFailed(_("restic's answer is not a repository's configuration"))
        return RepositoryConfig(found, document["version"])

    def init(self) -> RepositoryConfig:
        """Make the repository, and read it back. Raises UsageError when there is one already. Never tried again."""
        said = self._session.ask(argv.INIT)
        if said.returncode != 0:
            if any("config already" in line or "already exists" in line for line in texts(said.stderr)):
                raise UsageError(_("there is a repository at this location already"))
            raise classify(said.stderr, said.returncode, self.capability)
        return self.config()

    def current_key(self) -> str:
        """The id of the key that our password opens: the full id, for a later ``key_hint``."""
        listed = _array(self._session.answer(argv.KEY_LIST).stdout)
        found = next((str(key.get("id")) for key in listed if key.get("current") is True), "")
        if found and not self.capability.full_key_id:
            ids = self._session.answer(argv.LIST_KEYS).stdout.decode("ascii", "replace").split()
            whole = [key_id for key_id in ids if key_id.startswith(found)]
            found = whole[0] if len(whole) == 1 else found
        if not found:
            raise ToolFailed(_("restic does not say which key is in use"))
        return found

    def key_ids(self) -> tuple[str, ...]:
        """The full ids of the keys in the repository: how many passwords open it."""
        return tuple(self._session.answer(argv.LIST_KEYS).stdout.decode("ascii", "replace").split())

    def key_add(self, password: Secret) -> str:
        """Let ``password`` open the repository too; the full id of its key, once a restic has opened it so.

        Never tried again. ``password`` is masked from now on wherever Guardian speaks.
        """
        session = self._session
        access = replace(session.access, password=password, key_hint=None)
        opened = Restic(access, self.capability, clock=session.clock, stop=session.stop, limits=session.limits)
        session.answer(argv.key_add(password))
        return opened.current_key()

    def key_remove(self, key_id: str) -> None:
        """Take the key ``key_id`` (a full id) away; one that is not there is no error.

        Takes the right to delete objects and the repository for itself alone. Raises UsageError for the key in use,
        ToolFailed when the key is still there afterwards.
        """
        if key_id == self.current_key():
            raise UsageError(_("key {key} is the one in use: it stays").format(key=key_id[:16]))
        if key_id not in self.key_ids():
            return
        self._session.answer(argv.key_remove(key_id))
        if key_id in self.key_ids():
            raise ToolFailed(_("restic did not remove key {key}").format(key=key_id[:16]))

    # saving

    def backup_files(
        self,
        request: FilesBackup,
        on_items: OnItems | None = None,
        on_status: OnProgress | None = None,
        on_begin: Callable[[], None] = lambda: None,
    ) -> BackupReport:
        """Save files. ``on_items`` is told of every one, ``on_status(done, total)`` of how far it is.

        ``on_begin()`` comes first: it is called again, and what was heard before is void, when the call has to be
        made once more. Tried again only while restic had said nothing at all, or without a cache that turned out
        damaged. Raises the typed error when nothing was saved.
        """
        call = argv.backup_files(request, self.capability)
        listener = BackupListener(on_items, on_status)

        def attempt(cache: bool) -> BackupReport:
            nonlocal listener
            on_begin()
            listener = BackupListener(on_items, on_status)
            return self._save(call, listener, cache=cache)

        def quiet() -> bool:
            return not listener.heard

        return self._session.retrying(lambda: self._session.healing(attempt), quiet)

    def backup_stream(self, request: StreamBackup, feed: Feed, on_status: OnProgress | None = None) -> BackupReport:
        """Save what ``feed(write)`` writes. When ``feed`` raises, no snapshot is made and the exception is raised.

        Never tried again: a feed cannot be rewound.
        """
        return self._save(argv.backup_stream(request), BackupListener(None, on_status), feed)

    def _save(
        self, call: Call, listener: BackupListener, feed: Feed | None = None, *, cache: bool = True
    ) -> BackupReport:
        out = by_line(listener.stdout, listener.block)
        finished = self._listen(call, (out, by_line(listener.stderr)), feed, cache=cache)
        if listener.summary is None:
            self._session.refuse_stopped(finished)
        report = listener.report(finished, self.capability)
        if report.error and listener.summary is None and finished.returncode != 0 and not listener.nothing_to_read:
            raise report.error
        if feed is not None and not finished.fed:
            raise ToolFailed(_("restic ended before it had read the whole stream"))
        return report

    # looking

    def snapshots(self, *ids: str, tags: tuple[str, ...] = (), cache: bool = True) -> SnapshotList:
        """Snapshots, all or those of ``ids``, that have every one of ``tags``. An unknown id is simply not listed.

        Without ``cache`` what the storage has now is told, not what it had when it was last asked.
        """
        call = argv.snapshots(ids, tags)
        found = self._session.retrying(lambda: self._listed(call, cache=cache))
        if cache and found.unreadable and self._session.cache_may_lie:
            found = self._session.retrying(lambda: self._listed(call, cache=False))
        return found

    def _listed(self, call: Call, *, cache: bool) -> SnapshotList:
        said = self._session.answer(call, cache=cache)
        good: list[Snapshot] = []
        bad = [redact(line) for line in texts(said.stderr) if "load snapshot" in line]
        for document in _array(said.stdout):
            try:
                good.append(Snapshot.model_validate({k: v for k, v in document.items() if v is not None}))
            except ValueError:
                bad.append(clean(json.dumps(document)[:200].encode()))
        return SnapshotList(tuple(good), tuple(bad))

    def check(self, read_data: bool = False, part: tuple[int, int] | None = None) -> CheckReport:
        """Look whether every part is there; with ``read_data``, whether every byte is what it was.

        ``part`` (number, of so many, at most 256) reads only those packs: by the first byte of their ids.
        Finding damage is an answer. Raises the typed error when restic could not look.
        """
        session = self._session
        said = session.retrying(lambda: self._checked(argv.check(read_data, part)))
        summary = next((m for line in said[1].splitlines() if isinstance(m := parse(line), CheckSummary)), None)
        lines, returncode = said[0], said[2]
        if returncode == 0:
            clean_text = b"no errors were found" in said[1]
            if summary.num_errors == 0 if summary else clean_text:
                return CheckReport(ok=True)
            raise ToolFailed(_("restic ended its check without a result"))
        found = tuple(
            redact(line) for line in lines if DAMAGE.search(line) and "repository contains errors" not in line
        )
        packs = summary.broken_packs or () if summary else ()
        return CheckReport(ok=False, errors=found or tuple(map(redact, lines[-20:])), packs=packs)

    def _checked(self, call: Call) -> tuple[tuple[str, ...], bytes, int]:
        said = self._session.ask(call)
        lines = tuple(texts(said.stderr))
        if said.returncode != 0 and not any("repository contains errors" in line for line in lines):
            error = classify(said.stderr, said.returncode, self.capability)
            if not isinstance(error, RepositoryDamaged):
                raise error
        return lines, said.stdout, said.returncode

    # bringing back

    def restore(self, request: RestoreRequest, on_progress: OnProgress | None = None) -> RestoreReport:
        """Bring files back into ``request.target``; ``on_progress(done, total)`` in bytes, from restic 0.16 on.

        An include that matches nothing is no error to restic: look at what lies in the target. Raises SnapshotMissing,
        StorageFull and the storage's errors.
        """
        call = argv.restore(request)

        def attempt(cache: bool) -> RestoreReport:
            listener = RestoreListener(on_progress, request.expected_bytes)
            finished = self._listen(call, (by_line(listener.stdout), by_line(listener.stderr)), cache=cache)
            self._session.refuse_stopped(finished)
            report = listener.report(finished, self.capability)
            if cache and listener.damaged and self._session.cache_may_lie:
                raise RepositoryDamaged(report.error_lines[0])
            return report

        return self._session.healing(attempt)

    def dump(self, snapshot_id: str, path: str, on_chunk: OnBytes) -> None:
        """One file's bytes. They may be trusted only once this has returned. Raises the typed error of any failure."""
        streams = Streams(stdout=on_chunk)
        finished = self._session.run(argv.dump(snapshot_id, path), streams, output_is_progress=True)
        self._session.refuse_stopped(finished)
        if finished.returncode != 0:
            raise classify(finished.stderr, finished.returncode, self.capability)

    def blob(self, blob_id: str) -> bytes:
        """The content of one blob, by its id. Raises RepositoryDamaged when restic cannot give it, and typed errors."""
        return self._session.answer(argv.cat_blob(blob_id)).stdout

    # locks

    def locks(self) -> list[Lock]:
        """The locks in the repository that can be read. One that goes away meanwhile is left out."""
        found = (self._lock(lock_id) for lock_id in self.lock_ids())
        return [lock for lock in found if lock is not None]

    def lock_ids(self) -> tuple[str, ...]:
        """The ids of the files among the locks, at most 100, whether they can be read or not."""
        ids = self._session.retrying(lambda: self._session.answer(argv.LIST_LOCKS)).stdout.decode("ascii", "replace")
        return tuple(ids.split()[:_MAX_LOCKS])

    def _lock(self, lock_id: str) -> Lock | None:
        said = self._session.ask(argv.cat_lock(lock_id))
        if said.returncode != 0:
            return None
        try:
            file = locks.LockFile.model_validate(_object(said.stdout))
        except (ValueError, GuardianError):
            return None
        return Lock(lock_id, file.time, file.exclusive, file.hostname, file.username, file.pid)

    def clear_stale_locks(self, lease_held: bool) -> list[Lock]:
        """Remove locks nobody holds any more; those that are really gone afterwards are returned.

        Does nothing at all when restic's own idea of a stale lock would take one with it that may be held.
        """
        before = self.locks()
        now, host = self._session.clock.now(), os.uname().nodename
        alive = locks.alive_as(self.capability.program)
        stale = [k for k in before if isinstance(locks.judge(k, now, host, alive, lease_held), locks.Stale)]
        also = [k for k in before if k not in stale and locks.restic_would_remove(k, now, host, alive)]
        if not stale or also:
            return []
        self._session.answer(argv.UNLOCK)
        left = set(self._session.answer(argv.LIST_LOCKS).stdout.decode("ascii", "replace").split())
        return [lock for lock in stale if lock.id not in left]

    def _listen(
        self,
        call: Call,
        takers: tuple[LineSplitter, LineSplitter],
        feed: Feed | None = None,
        *,
        cache: bool = True,
    ) -> Finished:
        out, err = takers
        finished = self._session.run(call, Streams(stdout=out, stderr=err, feed=feed), cache=cache)
        out.close()
        err.close()
        return finished


def _object(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ToolFailed(_("restic's answer is not what was asked for"))
    return document


def _array(text: bytes) -> list[dict[str, Any]]:
    """The JSON array in an answer; a warning may stand on the lines before it."""
    start = 0 if text.startswith(b"[") else text.find(b"\n[") + 1
    try:
        document = json.loads(text[start:])
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise ToolFailed(_("restic's answer is not what was asked for"))
    return document


__all__ = [
    "Access",
    "BackupReport",
    "CheckReport",
    "FilesBackup",
    "Lock",
    "RepositoryConfig",
    "Restic",
    "RestoreReport",
    "RestoreRequest",
    "SnapshotList",
    "StreamBackup",
]
