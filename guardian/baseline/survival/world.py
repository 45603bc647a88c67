"""What is stated → what everybody can come to by steps. Pure.

A principal is whoever can act for itself: who has taken over the host, an identity of a storage, the owner of an
account, who runs a storage, a holder of shares. What is destroyed is a place: its objects are gone, or the last word
that opens it is.
"""

from collections.abc import Iterator
from typing import Any, Final

from guardian.baseline.facts.unread import is_unread
from guardian.baseline.survival.buckets import acting, lost, objects, strangers
from guardian.baseline.survival.rights import Identity, Right, may
from guardian.baseline.survival.stated import Account, Custody, Place, Stated
from guardian.baseline.survival.steps import Step, World

_RISING: Final = (
    "iam:putuserpolicy",
    "iam:attachuserpolicy",
    "iam:putgrouppolicy",
    "iam:attachgrouppolicy",
    "iam:putrolepolicy",
    "iam:attachrolepolicy",
    "iam:addusertogroup",
    "iam:createpolicyversion",
    "iam:setdefaultpolicyversion",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:updateloginprofile",
    "iam:updateassumerolepolicy",
)
"""Rights by which an identity becomes any other of its account."""

_SURE: Final[frozenset[str]] = frozenset()


def world(stated: Stated) -> World:
    """Everybody's steps towards the loss of every place of one system."""
    host = f"host {stated.host}"
    principals: dict[str, frozenset[str]] = {host: frozenset({host})}
    steps: list[Step] = []
    for account in stated.accounts:
        principals |= _people(account)
        steps += [*_rising(account), *_unread(account)]
    for endpoint, one in strangers(stated):
        principals[one.name] = principals.get(one.name, frozenset()) | {acting(endpoint, one.name)}
    most = max((c.shares for c in stated.custody.values() if isinstance(c.shares, int)), default=0)
    principals |= {f"holder {number}": frozenset({f"holder {number}"}) for number in range(1, most + 1)}
    for place in stated.places:
        steps += _on_host(place, host)
        steps += objects(place, stated)
        steps += _password(place, stated.custody.get(place.key, Custody()), host)
    goals = frozenset(lost(place) for place in stated.places)
    return World(principals, tuple(dict.fromkeys(steps)), goals)


# identities


def _people(account: Account) -> dict[str, frozenset[str]]:
    """Who there is at a storage: its owner, who runs it, its users."""
    endpoint = account.endpoint
    owner, operator = f"owner of {endpoint}", f"operator of {endpoint}"
    people = {owner: frozenset({f"admin {endpoint}", owner}), operator: frozenset({operator})}
    people |= {f"{endpoint} {name}": frozenset({acting(endpoint, name)}) for name in account.users}
    people |= {f"{endpoint} {name}": frozenset({f"perhaps {endpoint} {name}"}) for name in account.perhaps}
    somebody = f"somebody at {endpoint}"
    return people | ({somebody: frozenset({somebody})} if account.unread else {})


def _unread(account: Account) -> Iterator[Step]:
    """What people may be that nobody could read of: as bad as can be."""
    endpoint = account.endpoint
    for name in account.perhaps:
        needs, unread = frozenset({f"perhaps {endpoint} {name}"}), frozenset({f"user-keys {name}"})
        yield Step("may-have-keys", needs, acting(endpoint, name), {"identity": name}, 0, unread)
    if account.unread:
        needs, unread = frozenset({f"somebody at {endpoint}"}), frozenset({f"identities {endpoint}"})
        yield Step("may-be-admin", needs, f"admin {endpoint}", {"storage": endpoint}, 0, unread)


def _rising(account: Account) -> Iterator[Step]:
    """How identities of an account come to be others."""
    admin = f"admin {account.endpoint}"
    for one in account.identities:
        here = acting(account.endpoint, one.name)
        yield Step("admin-is-anybody", frozenset({admin}), here, {"identity": one.name})
        rights = [(act, may(one, None, act, "arn:aws:iam::0:user/any")) for act in _RISING]
        able = [(act, right) for act, right in rights if right is not None]
        if able:
            action, right = min(able, key=lambda found: len(found[1]))
            args: dict[str, str | int] = {"identity": one.name, "action": action}
            yield Step("makes-itself-admin", frozenset({here}), admin, args, unread=right)
        yield from _assuming(account, one)


def _assuming(account: Account, one: Identity) -> Iterator[Step]:
    for role, trusts in account.trusts.items():
        target = next((other for other in account.identities if other.name == role), None)
        if target is None or one.name == role:
            continue
        right = _trusted(one, target, trusts)
        if right is not None:
            needs = frozenset({acting(account.endpoint, one.name)})
            args: dict[str, str | int] = {"identity": one.name, "role": role}
            yield Step("assumes-role", needs, acting(account.endpoint, role), args, unread=right)


def _trusted(one: Identity, role: Identity, trusts: Any) -> Right:
    if is_unread(trusts):
        return frozenset({f"trust {role.name}"})
    account = one.arn.split(":")[4] if one.arn.count(":") >= 5 else ""
    if {one.arn, "*"}.intersection(trusts):
        return _SURE
    if {account, f"arn:aws:iam::{account}:root"}.intersection(trusts) and account:
        return may(one, None, "sts:assumerole", role.arn)
    return None


# places


def _on_host(place: Place, host: str) -> Iterator[Step]:
    if place.on_host:
        yield Step("deletes-on-host", frozenset({host}), lost(place), {"repository": place.key})
    if place.bucket is None:
        if not place.on_host and place.held is not True:
            # A storage of which nobody can tell what its credentials, which lie on the host, may do.
            unread = frozenset({f"keys-may {place.key}"}) if place.held is None else _SURE
            yield Step(
                "deletes-with-keys-of-host", frozenset({host}), lost(place), {"repository": place.key}, 0, unread
            )
        return
    for name in place.identities:
        args: dict[str, str | int] = {"repository": place.key, "identity": name}
        yield Step("takes-keys-of-host", frozenset({host}), acting(place.bucket.endpoint, name), args)


def _password(place: Place, custody: Custody, host: str) -> Iterator[Step]:
    """How the last word that opens a repository is lost: with the host, and with shares until too few are left."""
    args: dict[str, str | int] = {"repository": place.key}
    if custody.elsewhere:
        return
    if is_unread(custody.shares):
        unread = frozenset({f"shares {place.key}"})
        yield Step("loses-only-password", frozenset({host}), lost(place), args, 0, unread)
        return
    if not custody.shares:
        yield Step("loses-only-password", frozenset({host}), lost(place), args)
        return
    gone = custody.shares - custody.threshold + 1
    holders = frozenset(f"holder {number}" for number in range(1, gone + 1))
    yield Step("loses-password-and-shares", holders | {host}, lost(place), {**args, "holders": gone})
