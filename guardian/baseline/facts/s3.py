"""The buckets of a storage as facts: each setting a value, or why it could not be read. Each costs one request.

Nothing is asked that nobody needs: ``wanted`` names the facts. Those in :data:`USUAL` are seven requests a bucket.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from guardian.baseline.facts import s3_settings
from guardian.baseline.facts.unread import refused, unread
from guardian.objectstore.questions import Questions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
    """What was read. ``listed``: the names, or why they could not be listed; ``requests``: how many were sent."""

    listed: Any
    facts: Mapping[str, dict[str, Any]]
    requests: int


@dataclass(frozen=True, slots=True)
class _Setting:
    right: str
    ask: Callable[["S3Client", str], Any]
    meaning: Callable[[Any, str], Any]
    absent: Mapping[str, Any] = field(default_factory=dict)


_SETTINGS: Final[dict[str, _Setting]] = {
    "versioning": _Setting(
        "s3:GetBucketVersioning",
        lambda client, name: client.get_bucket_versioning(Bucket=name),
        lambda answer, _name: s3_settings.versioning(answer),
    ),
    "lock": _Setting(
        "s3:GetBucketObjectLockConfiguration",
        lambda client, name: client.get_object_lock_configuration(Bucket=name),
        lambda answer, _name: s3_settings.lock(answer),
        {"ObjectLockConfigurationNotFoundError": {"enabled": False, "mode": None, "days": None}},
    ),
    "encryption": _Setting(
        "s3:GetEncryptionConfiguration",
        lambda client, name: client.get_bucket_encryption(Bucket=name),
        lambda answer, _name: s3_settings.encryption(answer),
        {"ServerSideEncryptionConfigurationNotFoundError": None},
    ),
    "public_access_block": _Setting(
        "s3:GetBucketPublicAccessBlock",
        lambda client, name: client.get_public_access_block(Bucket=name),
        lambda answer, _name: s3_settings.public_access_block(answer),
        {"NoSuchPublicAccessBlockConfiguration": None},
    ),
    "acl": _Setting(
        "s3:GetBucketAcl",
        lambda client, name: client.get_bucket_acl(Bucket=name),
        lambda answer, _name: s3_settings.acl(answer),
    ),
    "policy": _Setting(
        "s3:GetBucketPolicy",
        lambda client, name: client.get_bucket_policy(Bucket=name),
        s3_settings.policy,
        {"NoSuchBucketPolicy": None},
    ),
    "lifecycle": _Setting(
        "s3:GetLifecycleConfiguration",
        lambda client, name: client.get_bucket_lifecycle_configuration(Bucket=name),
        lambda answer, _name: s3_settings.lifecycle(answer),
        {"NoSuchLifecycleConfiguration": []},
    ),
    "logging": _Setting(
        "s3:GetBucketLogging",
        lambda client, name: client.get_bucket_logging(Bucket=name),
        s3_settings.logging,
    ),
    "tags": _Setting(
        "s3:GetBucketTagging",
        lambda client, name: client.get_bucket_tagging(Bucket=name),
        lambda answer, _name: s3_settings.tags(answer),
        {"NoSuchTagSet": {}},
    ),
}


def read_buckets(client: "S3Client", wish: Wish, heed: Callable[[], None] = lambda: None) -> Buckets:
    """Every bucket that ``client`` may list, and those that ``wish`` knows. Never raises for a storage's no.

    ``heed`` is called now and then, and may end it by raising.
    """
    lists = Questions()
    found = lists(lambda buckets: buckets, lambda: list(_list(client)) if wish.listing else [])
    regions: dict[str, str | None] = dict(found.value or ())
    names = sorted(regions.keys() | wish.roles.keys())
    silence = _Silence(lists.unreachable)
    if len(names) > MOST_BUCKETS:
        return Buckets(unread(f"too many: {len(names)} buckets"), {}, lists.asked)
    pool = ThreadPoolExecutor(wish.threads, thread_name_prefix="buckets")
    try:
        jobs = {name: pool.submit(_bucket, client, name, wish, silence) for name in names}
        _finish(jobs.values(), wish.seconds, heed)
        read = {name: job.result() if job.done() else _late(wish) for name, job in jobs.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    facts = {
        name: {
            "name": name,
            "role": wish.roles.get(name),
            "region": regions.get(name) or unread("not told by the list of buckets"),
            **settings,
        }
        for name, settings in read.items()
    }
    listed = sorted(regions) if found.known else refused(found.error or "unknown", "s3:ListAllMyBuckets")
    return Buckets(listed, facts, lists.asked + silence.requests)


def _list(client: "S3Client") -> Iterator[tuple[str, str | None]]:
    token: dict[str, Any] = {}
    for _page in range(MOST_BUCKETS):
        answer = client.list_buckets(**token)
        for bucket in answer["Buckets"]:
            yield str(bucket["Name"]), bucket.get("BucketRegion")
        if not answer.get("ContinuationToken"):
            return
        token = {"ContinuationToken": answer["ContinuationToken"]}


class _Silence:
    """How many buckets in a row nobody spoke of, over all threads; and the requests that were sent."""

    def __init__(self, unreachable: str | None) -> None:
        self._lock = threading.Lock()
        self._row = _SILENCE if unreachable else 0
        self._why = unreachable
        self.requests = 0

    @property
    def why(self) -> str | None:
        """Why nothing more is asked; None while it is."""
        return self._why if self._row >= _SILENCE else None

    def after(self, questions: Questions) -> None:
        """Take into account what came of the questions about one bucket."""
        with self._lock:
            self.requests += questions.asked
            self._row = self._row + 1 if questions.unreachable else 0
            self._why = questions.unreachable


def _bucket(client: "S3Client", name: str, wish: Wish, silence: _Silence) -> dict[str, Any]:
    questions = Questions()
    questions.unreachable = silence.why
    read = {key: _setting(questions, client, name, key) for key in _SETTINGS if key in wish.wanted}
    if silence.why is None:
        silence.after(questions)
    return read | {key: unread("not asked: no rule needs it") for key in _SETTINGS if key not in wish.wanted}


def _setting(questions: Questions, client: "S3Client", name: str, key: str) -> Any:
    setting = _SETTINGS[key]
    fact = questions(
        lambda answer: setting.meaning(answer, name), lambda: setting.ask(client, name), dict(setting.absent)
    )
    return fact.value if fact.known else refused(fact.error or "unknown", setting.right)


def _finish(jobs: Collection["Future[dict[str, Any]]"], seconds: float, heed: Callable[[], None]) -> None:
    """Wait until all is read, or the time is over."""
    left = seconds
    while left > 0:
        heed()
        if not wait(jobs, timeout=min(1.0, left)).not_done:
            return
        left -= 1.0


def _late(wish: Wish) -> dict[str, Any]:
    return {key: unread(f"timeout after {wish.seconds:.0f} s") for key in _SETTINGS}
