"""An object of our own that the credentials of backups try to destroy: what they cannot, a thief of them cannot.

Nothing but this one object is ever touched. It lies beside restic's folders, where restic does not look. With object
lock every version of it stays until its lock ends, so that one name serves for ever: what overwrites it today is what
is overwritten tomorrow.
"""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from guardian.model.posture import Trial, TrialName
from guardian.objectstore.bucket import Bucket, Said

FOLDER = "guardian-canary/"
_MOST = 4096
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound", "405", "MethodNotAllowed"})


@dataclass(frozen=True, slots=True)
class _Egg:
    """One version of the canary as it was laid. ``version`` is None where the bucket keeps none."""

    version: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Canary:
    """What was tried on the canary ``name`` (an object name under the repository's prefix), and what came of it."""

    name: str
    trials: tuple[Trial, ...]


def try_to_destroy(bucket: Bucket, known: str = "") -> Canary:
    """Overwrite the canary, delete a version of it, shorten its lock, and delete it; say what the storage let us do.

    ``known`` is the canary of last time. What was done is held against what is there afterwards: an answer alone proves
    nothing. Raises StorageUnreachable.
    """
    at = _At(bucket, known or _found(bucket) or FOLDER + secrets.token_hex(16))
    return Canary(at.name, tuple(at.trials()))


def _found(bucket: Bucket) -> str:
    """A canary that an earlier run laid, when its name was lost."""
    said = bucket.ask(lambda: bucket.client.list_objects_v2(Bucket=bucket.name, Prefix=bucket.prefix + FOLDER))
    found = said.answer.get("Contents", ()) if said.done else ()
    names = (str(item["Key"]).removeprefix(bucket.prefix) for item in found if int(item["Size"]) <= _MOST)
    return min((name for name in names if name.startswith(FOLDER)), default="")


class _At:
    """The canary, and the requests about it."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        assert name.startswith(FOLDER)  # noqa: S101  whatever happens, nothing else is overwritten or deleted
        self.name = name
        self._bucket = bucket
        self._where: dict[str, Any] = {"Bucket": bucket.name, "Key": bucket.prefix + name}

    def trials(self) -> Iterator[Trial]:
        """Everything, in an order in which each still finds what it tries."""
        old = self._current() or self._lay()
        if isinstance(old, Said):
            yield from _none(old.code)
            return
        new = self._lay()
        yield self._overwritten(old, new)
        newest = old if isinstance(new, Said) else new
        yield from self._versions(old)
        yield from self._locks(newest)
        yield self._deleted(newest)

    # what is there

    def _lay(self) -> _Egg | Said:
        body = f"guardian canary {self.name} {secrets.token_hex(16)}\n".encode()
        # Where a default retention locks it, AWS takes nothing without a digest.
        digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        said = self._ask(lambda: self._bucket.client.put_object(Body=body, ContentMD5=digest, **self._where))
        return _Egg(said.answer.get("VersionId"), body) if said.done else said

    def _current(self) -> _Egg | None:
        said = self._read(None)
        if not said.done:
            return None
        version, body = said.answer
        return _Egg(version, body)

    def _read(self, version: str | None) -> Said:
        """The version id and the first bytes of the canary."""

        def get() -> tuple[str | None, bytes]:
            answer = self._bucket.client.get_object(**self._where, **_of(version))
            with answer["Body"] as body:
                return answer.get("VersionId"), body.read(_MOST)

        return self._ask(get)

    def _is_there(self, egg: _Egg) -> bool | None:
        """Whether ``egg`` can still be read as it was laid; None when that cannot be found out."""
        said = self._read(egg.version)
        if said.done:
            return bool(said.answer[1] == egg.body)
        # Who may not list is told that an object is denied when it is gone; of a version it would mean what it says.
        gone = _GONE if egg.version else _GONE | {"AccessDenied"}
        return False if said.code in gone else None

    def _ask(self, request: Callable[[], Any]) -> Said:
        return self._bucket.ask(request)

    # what is tried

    def _overwritten(self, old: _Egg, new: _Egg | Said) -> Trial:
        if isinstance(new, Said):
            return self._judged("overwrite", new, old)
        there = self._is_there(old)
        if there is None:
            return Trial(what="overwrite", result="unknown", why="old-version-unreadable")
        return Trial(what="overwrite", result="kept" if there else "allowed")

    def _versions(self, old: _Egg) -> Iterator[Trial]:
        if old.version is None:
            yield from (Trial(what=what, result="not-tried", why="no-versions") for what in _OF_VERSIONS)
            return
        for what in _OF_VERSIONS:
            bypass = {"BypassGovernanceRetention": True} if what.endswith("bypass") else {}
            said = self._ask(
                lambda more=bypass: self._bucket.client.delete_object(  # type: ignore[misc]
                    VersionId=old.version, **self._where, **more
                )
            )
            trial = self._judged(what, said, old)
            yield trial
            if trial.result == "allowed":
                yield from (Trial(what=w, result="not-tried", why="not-needed") for w in _OF_VERSIONS if w > what)
                return

    def _locks(self, egg: _Egg) -> Iterator[Trial]:
        had = self._lock(egg)
        if not isinstance(had, _Lock):
            # No lock to shorten is known to be none; one that cannot be read is not.
            none = had.code in _NO_LOCK
            for what in _OF_LOCKS:
                yield Trial(what=what, result="not-tried" if none else "unknown", why="no-lock" if none else had.code)
            return
        for what in _OF_LOCKS:
            bypass = {"BypassGovernanceRetention": True} if what.endswith("bypass") else {}
            shorter: Any = {"Mode": had.mode, "RetainUntilDate": had.until - timedelta(minutes=1)}
            said = self._ask(
                lambda more=bypass, less=shorter: self._bucket.client.put_object_retention(  # type: ignore[misc]
                    Retention=less, **self._where, **_of(egg.version), **more
                )
            )
            now = self._lock(egg)
            shortened = now.until < had.until if isinstance(now, _Lock) else None
            yield _verdict(what, said, kept=None if shortened is None else not shortened)
            if shortened is not False:
                yield from (Trial(what=w, result="not-tried", why="not-needed") for w in _OF_LOCKS if w > what)
                return

    def _lock(self, egg: _Egg) -> "_Lock | Said":
        def get() -> _Lock:
            answer = self._bucket.client.get_object_retention(**self._where, **_of(egg.version))
            retention = answer["Retention"]
            return _Lock(retention["Mode"], retention["RetainUntilDate"])

        said = self._ask(get)
        return said.answer if said.done else said

    def _deleted(self, egg: _Egg) -> Trial:
        said = self._ask(lambda: self._bucket.client.delete_object(**self._where))
        there = self._is_there(egg)
        if not said.done:
            return _verdict("delete", said, kept=there)
        if there is None:
            return Trial(what="delete", result="unknown", why="old-version-unreadable")
        return Trial(what="delete", result="kept" if there else "allowed")

    def _judged(self, what: TrialName, said: Said, egg: _Egg) -> Trial:
        return _verdict(what, said, kept=self._is_there(egg))


@dataclass(frozen=True, slots=True)
class _Lock:
    mode: Any
    until: datetime


_OF_VERSIONS: tuple[TrialName, ...] = ("delete-version", "delete-version-bypass")
_OF_LOCKS: tuple[TrialName, ...] = ("shorten-lock", "shorten-lock-bypass")
_ALL: tuple[TrialName, ...] = ("overwrite", *_OF_VERSIONS, *_OF_LOCKS, "delete")
_NO_LOCK = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest"})


def _of(version: str | None) -> dict[str, Any]:
    return {} if version is None else {"VersionId": version}


def _none(code: str) -> Iterator[Trial]:
    return (Trial(what=what, result="unknown", why=f"no-canary:{code}") for what in _ALL)


def _verdict(what: TrialName, said: Said, *, kept: bool | None) -> Trial:
    """The storage's word, held against whether what was there is ``kept`` (None: that could not be found out)."""
    if kept is False:
        return Trial(what=what, result="allowed", why=said.code)
    if said.refused and kept:
        return Trial(what=what, result="refused", why=said.code)
    return Trial(what=what, result="unknown", why=said.code or "no-effect")
