"""What an identity may do by its policies and a bucket's. Pure. The answer is yes, no, or yes unless something unread.

A condition may be met or not: an Allow under one, and a Deny under one, make the right one that may be there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guardian.baseline.facts.access_policy import matches
from guardian.baseline.facts.unread import is_unread

NO: None = None
YES: frozenset[str] = frozenset()

Right = frozenset[str] | None
"""None: the identity may not. Empty: it may. Otherwise: it may if what these name is as bad as can be."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user or role: its ``statements``, own and by groups. ``arn``: what policies call it.

    ``unread`` names those of its policies that could not be read; they may allow anything, and refuse anything.
    """

    name: str
    arn: str
    statements: Sequence[Mapping[str, Any]] = ()
    unread: frozenset[str] = frozenset()


def may(identity: Identity, bucket_policy: Any, action: str, resource: str) -> Right:
    """Whether ``identity`` may do ``action`` (lower case) to ``resource``.

    ``bucket_policy`` is a fact: null, unread, or a mapping with ``statements``; null for what is no bucket.
    """
    asked = (action, resource)
    own = _hedged(_decide(identity.statements, identity, asked, own=True), identity.unread)
    there = frozenset({f"bucket-policy {_bucket(resource)}"}) if is_unread(bucket_policy) else YES
    theirs = _hedged(_decide(_given(bucket_policy), identity, asked, own=False), there)
    if YES in (own[1], theirs[1]):
        return NO
    granted = [one for one in (own[0], theirs[0]) if one is not None]
    return min(granted, key=len) | (own[1] or YES) | (theirs[1] or YES) if granted else NO


def _hedged(found: tuple[Right, Right], unread: frozenset[str]) -> tuple[Right, Right]:
    """What allows and what denies, where there may be more that could not be read."""
    if not unread:
        return found
    allowed, refused = found
    return (YES if allowed == YES else unread), (YES if refused == YES else unread | (refused or YES))


def _given(policy: Any) -> Sequence[Mapping[str, Any]]:
    if policy is None or is_unread(policy):
        return ()
    found = policy.get("statements") if isinstance(policy, Mapping) else policy
    return () if found is None or is_unread(found) else found


def _decide(
    statements: Iterable[Mapping[str, Any]], identity: Identity, asked: tuple[str, str], *, own: bool
) -> tuple[Right, Right]:
    """What allows, and what denies an action on a resource: each yes, no, or only if a condition is met."""
    found: dict[str, Right] = {"allow": NO, "deny": NO}
    for one in statements:
        if not _about(one, *asked) or not (own or _names(one, identity)):
            continue
        here = frozenset({f"conditions {one['sid']}"}) if one["conditions"] else YES
        before = found[one["effect"]]
        found[one["effect"]] = here if before is None or len(here) < len(before) else before
    return found["allow"], found["deny"]


def _about(one: Mapping[str, Any], action: str, resource: str) -> bool:
    acts = any(matches(pattern, action) for pattern in one["actions"]) or (
        bool(one["not_actions"]) and not any(matches(pattern, action) for pattern in one["not_actions"])
    )
    lies = any(_covers(pattern, resource) for pattern in one["resources"]) or (
        bool(one["not_resources"]) and not any(_covers(pattern, resource) for pattern in one["not_resources"])
    )
    return acts and lies


def _covers(pattern: str, resource: str) -> bool:
    return matches(pattern, resource) or matches(pattern, resource.rpartition(":::")[2])


def _names(one: Mapping[str, Any], identity: Identity) -> bool:
    """Whether a statement of a bucket's policy is about ``identity``.

    What it refuses to an account it refuses to all in it; what it allows to an account that one has to hand on.
    """
    if one["not_principals"] is not None:
        return identity.arn not in one["not_principals"]
    named = {identity.arn, "*"}
    if one["effect"] == "deny" and identity.arn.count(":") >= 5:
        account = identity.arn.split(":")[4]
        named |= {account, f"arn:aws:iam::{account}:root"}
    return bool(named.intersection(one["principals"] or ()))


def _bucket(resource: str) -> str:
    return resource.rpartition(":::")[2].partition("/")[0]
