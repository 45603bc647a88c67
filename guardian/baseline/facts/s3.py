"""The buckets of a storage as facts: each setting a value, or why it could not be read. Each costs one request.

Nothing is asked that nobody needs: ``wanted`` names the facts. Those in :data:`USUAL` are at most seven requests.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final

from guardian.baseline.facts import s3_settings
from guardian.baseline.facts.unread import refused, unread
from guardian.clock import SystemClock
from guardian.objectstore.account import Account, reason
from guardian.objectstore.patience import within
from guardian.objectstore.questions import Questions

USUAL: Final = frozenset(
    {"versioning", "lock", "encryption", "public_access_block", "acl", "policy", "lifecycle", "region"}
)
EVERY: Final = USUAL | {"logging", "tags"}
THREADS: Final = 16
MOST_BUCKETS: Final = 20_000
_SILENCE: Final = 8
"""After so many buckets in a row of which nobody spoke, the rest is not asked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked. ``roles``: of buckets whose use is known (``backup``), by name.

    Those are read even when the list of buckets cannot be; unless ``listing`` no others are. ``seconds``: what is not
    read by then is unread.
    """

    wanted: Collection[str] = USUAL
    roles: Mapping[str, str] = field(default_factory=dict)
    listing: bool = True
    threads: int = THREADS
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Buckets:
    """What was read. ``listed``: the names, or why they could not be listed."""

    listed: Any
    facts: Mapping[str, dict[str, Any]]


_NO_LOCK: Final[Mapping[str, Any]] = {"enabled": False, "mode": None, "days": None}


@dataclass(frozen=True, slots=True)
class _Setting:
    right: str
    asked: str
    meaning: Callable[[Any, str], Any]
    absent: Mapping[str, Any] = field(default_factory=dict)


_SETTINGS: Final[dict[str, _Setting]] = {
    "versioning": _Setting(
        "s3:GetBucketVersioning",
        "versioning",
        lambda answer, _name: s3_settings.versioning(answer),
    ),
    "lock": _Setting(
        "s3:GetBucketObjectLockConfiguration",
        "object-lock",
        lambda answer, _name: s3_settings.lock(answer),
        {"ObjectLockConfigurationNotFoundError": dict(_NO_LOCK)},
    ),
    "encryption": _Setting(
        "s3:GetEncryptionConfiguration",
        "encryption",
        lambda answer, _name: s3_settings.encryption(answer),
        {"ServerSideEncryptionConfigurationNotFoundError": None},
    ),
    "public_access_block": _Setting(
        "s3:GetBucketPublicAccessBlock",
        "publicAccessBlock",
        lambda answer, _name: s3_settings.public_access_block(answer),
        {"NoSuchPublicAccessBlockConfiguration": None},
    ),
    "acl": _Setting(
        "s3:GetBucketAcl",
        "acl",
        lambda answer, _name: s3_settings.acl(answer),
    ),
    "policy": _Setting(
        "s3:GetBucketPolicy",
        "policy",
        s3_settings.policy,
        {"NoSuchBucketPolicy": None},
    ),
    "lifecycle": _Setting(
        "s3:GetLifecycleConfiguration",
        "lifecycle",
        lambda answer, _name: s3_settings.lifecycle(answer),
        {"NoSuchLifecycleConfiguration": []},
    ),
    "logging": _Setting(
        "s3:GetBucketLogging",
        "logging",
        s3_settings.logging,
    ),
    "tags": _Setting(
        "s3:GetBucketTagging",
        "tagging",
        lambda answer, _name: s3_settings.tags(answer),
        {"NoSuchTagSet": {}},
    ),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The buckets there are: ``listed`` are their names, or why they could not be listed. ``names`` are to be read."""

    listed: Any
    names: tuple[str, ...]
    regions: Mapping[str, str | None]
    unreachable: str | None = None


def list_buckets(account: Account, wish: Wish) -> Listing:
    """Every bucket that ``account`` may list, and those that ``wish`` knows. One request for each thousand or so."""
    if not wish.listing:
        return Listing([], tuple(sorted(wish.roles)), {})
    ask = Questions(reason)
    found = ask(lambda buckets: buckets, lambda: within(wish.seconds, lambda: list(account.buckets())))
    regions: dict[str, str | None] = dict(found.value or ())
    names = tuple(sorted(regions.keys() | wish.roles.keys()))
    if len(names) > MOST_BUCKETS:
        return Listing(unread(f"too many: {len(names)} buckets"), (), {})
    listed = sorted(regions) if found.known else refused(found.error or "unknown", "s3:ListAllMyBuckets")
    return Listing(listed, names, regions, ask.unreachable)


def read_each(
    account: Account, listing: Listing, wish: Wish, heed: Callable[[], None] = lambda: None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The facts of every bucket of ``listing``, in the order of their names, while others are still being asked for.

    Never raises for a storage's no. ``heed`` is called now and then, and may end it by raising.
    """
    silence = _Silence(listing.unreachable)
    deadline = _Deadline(wish.seconds)
    pool = ThreadPoolExecutor(wish.threads, thread_name_prefix="buckets")
    try:
        jobs = [(name, pool.submit(_in_time, account, name, wish, (silence, deadline))) for name in listing.names]
        for name, job in jobs:
            while not wait((job,), timeout=1.0).done:
                heed()
            yield name, _facts(name, listing, wish, job.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def read_buckets(account: Account, wish: Wish, heed: Callable[[], None] = lambda: None) -> Buckets:
    """All of it at once."""
    listing = list_buckets(account, wish)
    return Buckets(listing.listed, dict(read_each(account, listing, wish, heed)))


class _Silence:
    """How many buckets in a row nobody spoke of, over all threads."""

    def __init__(self, unreachable: str | None) -> None:
        self._lock = threading.Lock()
        self._row = _SILENCE if unreachable else 0
        self._why = unreachable

    @property
    def why(self) -> str | None:
        """Why nothing more is asked; None while it is."""
        return self._why if self._row >= _SILENCE else None

    def after(self, questions: Questions) -> None:
        """Take into account what came of the questions about one bucket."""
        with self._lock:
            self._row = self._row + 1 if questions.unreachable else 0
            self._why = questions.unreachable


class _Deadline:
    """The moment at which what is not read stays unread."""

    def __init__(self, seconds: float) -> None:
        self._clock = SystemClock()
        self._end = self._clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, never less than none."""
        return max(0.0, self._end - self._clock.monotonic())


def _in_time(account: Account, name: str, wish: Wish, until: tuple[_Silence, _Deadline]) -> dict[str, Any]:
    """The settings of a bucket. Nobody is waited for any longer than asked, also who answers a byte at a time."""
    silence, deadline = until
    try:
        if deadline.left:
            return within(deadline.left, lambda: _bucket(account, name, wish, silence))
    except TimeoutError:
        pass
    return {key: unread(f"timeout after {wish.seconds:.0f} s") for key in _SETTINGS}


def _bucket(account: Account, name: str, wish: Wish, silence: _Silence) -> dict[str, Any]:
    questions = Questions(reason)
    questions.unreachable = silence.why
    read: dict[str, Any] = {}
    for key in _SETTINGS:
        if key not in wish.wanted:
            read[key] = unread("not asked: no rule needs it")
        elif key == "lock" and _has_no_versions(read.get("versioning")):
            read[key] = dict(_NO_LOCK)  # no storage locks objects that have no versions: nothing is asked
        else:
            read[key] = _setting(questions, account, name, key)
    if silence.why is None:
        silence.after(questions)
    return read


def _has_no_versions(versioning: Any) -> bool:
    return isinstance(versioning, dict) and versioning.get("status") in ("off", "suspended")


def _facts(name: str, listing: Listing, wish: Wish, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "role": wish.roles.get(name),
        "region": listing.regions.get(name) or unread("not told by the list of buckets"),
        **settings,
    }


def _setting(questions: Questions, account: Account, name: str, key: str) -> Any:
    setting = _SETTINGS[key]
    fact = questions(
        lambda answer: setting.meaning(answer, name), lambda: account.setting(name, setting.asked), dict(setting.absent)
    )
    return fact.value if fact.known else refused(fact.error or "unknown", setting.right)
