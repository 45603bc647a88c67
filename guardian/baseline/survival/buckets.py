"""How the objects of a place in a bucket are destroyed, by whom and when. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from guardian.baseline.facts.unread import is_unread
from guardian.baseline.survival.rights import Identity, may
from guardian.baseline.survival.stated import Account, Bucket, Place, Stated
from guardian.baseline.survival.steps import Step

LIFECYCLE_DAYS: Final = 2
"""A lifecycle rule of one day has done its work on the second."""
KEY_DELETION_DAYS: Final = 7
"""The least time that a key service waits before it deletes a key."""
CLOSURE_DAYS: Final = 90
"""An account that is closed is gone with everything in it, locks or not, after so long."""

_SAMPLES: Final = ("config", "keys/0", "data/00/0", "index/0", "snapshots/0")
"""Objects without any one kind of which a repository cannot be restored as it was. Locks are not among them."""
_SURE: Final[frozenset[str]] = frozenset()


def lost(place: Place) -> str:
    """What somebody has who has destroyed ``place``."""
    return f"lost {place.key}"


def acting(endpoint: str, name: str) -> str:
    """What somebody has who acts as an identity of the storage at ``endpoint``."""
    return f"as {endpoint} {name}"


def objects(place: Place, stated: Stated) -> Iterator[Step]:
    """Every way in which the objects of ``place`` are destroyed; none for a place that is in no bucket."""
    bucket = place.bucket
    if bucket is None:
        return
    gone, said = lost(place), {"repository": place.key, "bucket": bucket.name}
    operator, owner = f"operator of {bucket.endpoint}", f"owner of {bucket.endpoint}"
    yield Step("destroys-storage", frozenset({operator}), gone, {"repository": place.key, "storage": bucket.endpoint})
    yield Step(
        "closes-account", frozenset({owner}), gone, {"repository": place.key, "storage": bucket.endpoint}, CLOSURE_DAYS
    )
    # Whoever may delete any object of the bucket, and go around locks that can be gone around.
    deletes, bypass = f"deletes in {place.key}", f"bypasses {bucket.endpoint}/{bucket.name}"
    yield from _ends(place, bucket, (deletes, bypass))
    admin = f"admin {bucket.endpoint}"
    for gives in (deletes, bypass):
        yield Step("admin-takes-bucket", frozenset({admin}), gives, dict(said))
    account = next((one for one in stated.accounts if one.endpoint == bucket.endpoint), Account(bucket.endpoint))
    known = {one.name: one for one in account.identities}
    for one in (*account.identities, *(stranger for _endpoint, stranger in strangers(stated, place))):
        yield from _of_identity(place, bucket, one, (deletes, bypass))
    yield from _by_acl(place, bucket, deletes)
    for name in place.identities:
        if name not in known:
            yield from _of_host_keys(place, bucket, name, deletes)


def _ends(place: Place, bucket: Bucket, rights: tuple[str, str]) -> Iterator[Step]:
    """What deleting comes to under the bucket's locks."""
    deletes, bypass = rights
    args: dict[str, str | int] = {"repository": place.key, "bucket": bucket.name}
    lock = bucket.facts.get("lock")
    gone = lost(place)
    # What a lifecycle rule deletes it deletes when no lock is left: no right helps it around one.
    for plain in (frozenset({deletes}), frozenset({_expires(place)})):
        if is_unread(lock) or not isinstance(lock, dict):
            yield Step("deletes-objects", plain, gone, args, 0, frozenset({f"object-lock {bucket.name}"}))
        elif not lock["enabled"] or (lock["days"] is None and place.locked_days is None):
            yield Step("deletes-objects", plain, gone, args)
        else:
            yield from _waits(place, lock, plain, args)
    if isinstance(lock, dict) and not is_unread(lock) and lock["enabled"] and lock["mode"] != "compliance":
        yield Step("bypasses-locks", frozenset({deletes, bypass}), gone, args)


def _waits(place: Place, lock: dict[str, Any], plain: frozenset[str], args: dict[str, str | int]) -> Iterator[Step]:
    gone = lost(place)
    if is_unread(place.locked_days) or place.locked_days is None:
        unread = frozenset({f"locks-last {place.key}"})
        yield Step("waits-for-locks", plain, gone, {**args, "days": 0}, 0, unread)
        if lock["days"] is not None:
            # Nothing is locked for longer than new objects are, unless somebody made it last.
            yield Step("waits-for-locks", plain, gone, {**args, "days": lock["days"]}, lock["days"])
    else:
        yield Step("waits-for-locks", plain, gone, {**args, "days": place.locked_days}, place.locked_days)


def _expires(place: Place) -> str:
    return f"expires {place.key}"


def _of_identity(place: Place, bucket: Bucket, one: Identity, rights: tuple[str, str]) -> Iterator[Step]:
    """What an identity whose policies are known may do to the objects of a place."""
    deletes, bypass = rights
    here = frozenset({acting(bucket.endpoint, one.name)})
    args: dict[str, str | int] = {"repository": place.key, "bucket": bucket.name, "identity": one.name}
    policy = bucket.facts.get("policy")
    arn = f"arn:aws:s3:::{bucket.name}"
    objects = [f"{arn}/{place.prefix}/{sample}".replace("//", "/") for sample in _SAMPLES]

    def best(actions: tuple[str, ...], resources: list[str]) -> tuple[str, frozenset[str]] | None:
        found = [
            (act, right) for act in actions for what in resources if (right := may(one, policy, act, what)) is not None
        ]
        return min(found, key=lambda each: len(each[1]), default=None)

    if (able := best(_deleting(bucket), objects)) is not None:
        unread = able[1] | _versions_unread(bucket)
        yield Step("may-delete", here, deletes, {**args, "action": able[0]}, 0, unread)
    if (able := best(("s3:putlifecycleconfiguration",), [arn])) is not None:
        yield Step("expires-by-lifecycle", here, _expires(place), args, LIFECYCLE_DAYS, able[1])
    if (able := best(("s3:putbucketpolicy",), [arn])) is not None:
        for gives in rights:
            yield Step("rewrites-bucket-policy", here, gives, args, 0, able[1])
    if (able := best(("s3:bypassgovernanceretention",), objects)) is not None:
        yield Step("may-bypass", here, bypass, args, 0, able[1])
    encryption = bucket.facts.get("encryption")
    if isinstance(encryption, dict) and encryption.get("customer_key") is True:
        right = may(one, None, "kms:schedulekeydeletion", "arn:aws:kms:::key/any")
        if right is not None:
            yield Step("deletes-key-of-storage", here, lost(place), args, KEY_DELETION_DAYS, right)


def _deleting(bucket: Bucket) -> tuple[str, ...]:
    """The rights by which an object's only version goes. With versions, only one that deletes versions."""
    versioning = bucket.facts.get("versioning")
    kept = isinstance(versioning, dict) and versioning.get("status") == "enabled"
    return ("s3:deleteobjectversion",) if kept else ("s3:deleteobjectversion", "s3:deleteobject", "s3:putobject")


def _versions_unread(bucket: Bucket) -> frozenset[str]:
    unread = is_unread(bucket.facts.get("versioning"))
    return frozenset({f"versioning {bucket.name}"}) if unread else _SURE


def strangers(stated: Stated, only: Place | None = None) -> Iterator[tuple[str, Identity]]:
    """Whom a bucket's policy names that are none of its account's identities, and anybody at all."""
    for place in stated.places:
        bucket = place.bucket
        if bucket is None or only not in (None, place):
            continue
        known = {
            one.arn for account in stated.accounts if account.endpoint == bucket.endpoint for one in account.identities
        }
        policy = bucket.facts.get("policy")
        named = policy.get("principals", ()) if isinstance(policy, dict) else ()
        for arn in sorted({"anybody", *(who for who in named if who not in known and who != "*")}):
            yield bucket.endpoint, Identity(arn, arn)


def _by_acl(place: Place, bucket: Bucket, deletes: str) -> Iterator[Step]:
    """An ACL that lets anybody write: without versions, what is there can be overwritten."""
    found, args = bucket.facts.get("acl"), {"repository": place.key, "bucket": bucket.name}
    here = frozenset({acting(bucket.endpoint, "anybody")})
    if len(_deleting(bucket)) == 1:
        return
    if is_unread(found):
        unread = frozenset({f"acl {bucket.name}"})
        yield Step("anybody-writes", here, deletes, dict(args), 0, unread)
    elif isinstance(found, dict) and any(one.endswith((":write", ":full_control")) for one in found["public"]):
        yield Step("anybody-writes", here, deletes, dict(args), 0, _versions_unread(bucket))


def _of_host_keys(place: Place, bucket: Bucket, name: str, deletes: str) -> Iterator[Step]:
    """What keys may do that lie on the host and whose policies nobody could read: what trials with them showed."""
    here = frozenset({acting(bucket.endpoint, name)})
    args: dict[str, str | int] = {"repository": place.key, "bucket": bucket.name, "identity": name}
    maintains = name.endswith(" (maintenance)")
    if place.held is True and not maintains:
        return
    unread = _SURE if place.held is False or maintains else frozenset({f"keys-may {place.key}"})
    yield Step("may-delete", here, deletes, {**args, "action": "s3:deleteobjectversion"}, 0, unread)
