"""Until when single objects are locked, and making that later. Never earlier: a lock only grows here."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from guardian.objectstore.bucket import Bucket, Said

Mode = Literal["governance", "compliance"]

_AT_ONCE = 8  # requests, under the ten connections that a client keeps
_AHEAD = 256
_UNLOCKED = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"})


@dataclass(frozen=True, slots=True)
class Held:
    """An object's version, and until when nobody may delete it; ``until`` is None when it has no lock.

    ``error``: why that could not be found out, or could not be changed; a short code.
    """

    name: str
    version: str
    until: datetime | None = None
    mode: Mode | None = None
    error: str = ""


Which = tuple[str, str]
"""Name and version id of an object; the id is empty for whatever version is the newest."""


def read(bucket: Bucket, which: Iterable[Which], heed: Callable[[], None] = lambda: None) -> Iterator[Held]:
    """The lock of each, in their order; ``heed`` is called in between. Raises StorageUnreachable."""
    return _each(which, lambda one: _read(bucket, one), heed)


def extend(
    bucket: Bucket, which: Iterable[Held], until: datetime, mode: Mode, heed: Callable[[], None] = lambda: None
) -> Iterator[Held]:
    """Lock each until ``until``, to the second, and read it back: what comes is what the storage says afterwards.

    A stronger mode stays. One whose lock lasts longer already is left alone. Raises StorageUnreachable.
    """
    # Some services keep whole seconds, and would give back less than was asked for.
    whole = until.replace(microsecond=0)
    return _each(which, lambda one: _extend(bucket, one, (whole, mode)), heed)


def _each(which: Iterable[Any], work: Callable[[Any], Held], heed: Callable[[], None]) -> Iterator[Held]:
    waiting: list[Any] = []
    with ThreadPoolExecutor(_AT_ONCE, "object-locks") as pool:
        for one in which:
            waiting.append(one)
            if len(waiting) == _AHEAD:
                heed()
                yield from pool.map(work, waiting)
                waiting.clear()
        yield from pool.map(work, waiting)


def _where(bucket: Bucket, name: str, version: str) -> dict[str, Any]:
    where = {"Bucket": bucket.name, "Key": bucket.prefix + name}
    return {**where, "VersionId": version} if version else where


def _read(bucket: Bucket, which: Which) -> Held:
    name, version = which

    def get() -> Held:
        retention = bucket.client.get_object_retention(**_where(bucket, name, version))["Retention"]
        until = retention["RetainUntilDate"].astimezone(UTC)
        return Held(name, version, until, "compliance" if retention["Mode"] == "COMPLIANCE" else "governance")

    said = bucket.ask(get)
    if said.done:
        held: Held = said.answer
        return held
    return Held(name, version, error="" if said.code in _UNLOCKED else said.code)


def _extend(bucket: Bucket, held: Held, wanted: tuple[datetime, Mode]) -> Held:
    until, mode = wanted
    if held.until is not None and held.until >= until:
        return held
    stronger: Mode = "compliance" if "compliance" in {mode, held.mode} else "governance"
    retention: Any = {"Mode": stronger.upper(), "RetainUntilDate": until}

    def put() -> Any:
        return bucket.client.put_object_retention(Retention=retention, **_where(bucket, held.name, held.version))

    said: Said = bucket.ask(put)
    now = _read(bucket, (held.name, held.version))
    if now.until is not None and now.until >= until:
        return now
    return Held(now.name, now.version, now.until, now.mode, said.code or now.error or "no-effect")
