"""Lifecycle rules of a bucket: what the storage deletes by itself, and whether that reaches a repository. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_EVERY_DAY = 0


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """One rule that is on. ``current``: days after which it takes objects away (0: on a fixed date), ``noncurrent``
    those for versions that are not the newest; None where it does neither. ``prefix``: the keys it is about.
    """

    name: str
    prefix: str
    current: int | None = None
    noncurrent: int | None = None

    def reaches(self, prefix: str) -> bool:
        """Whether the rule is about any object whose key begins with ``prefix``."""
        return self.prefix.startswith(prefix) or prefix.startswith(self.prefix)


def parse(answer: Any) -> tuple[LifecycleRule, ...]:
    """The rules that are on in a service's answer. Raises LookupError, TypeError, ValueError for what is none."""
    return tuple(_rules(answer["Rules"]))


def _rules(rules: Any) -> Iterator[LifecycleRule]:
    for number, rule in enumerate(rules):
        if rule["Status"] != "Enabled":
            continue
        filtered = rule.get("Filter") or {}
        both = filtered.get("And") or {}
        if "Tag" in filtered or both.get("Tags"):
            continue  # neither restic nor Guardian writes tags
        prefix = rule.get("Prefix") or filtered.get("Prefix") or both.get("Prefix") or ""
        yield LifecycleRule(
            name=str(rule.get("ID") or number)[:64],
            prefix=str(prefix),
            current=_days(rule.get("Expiration") or {}),
            noncurrent=_noncurrent(rule.get("NoncurrentVersionExpiration") or {}),
        )


def _days(expiration: Any) -> int | None:
    if "Days" in expiration:
        return int(expiration["Days"])
    # ExpiredObjectDeleteMarker takes only markers away under which nothing is left.
    return _EVERY_DAY if "Date" in expiration else None


def _noncurrent(expiration: Any) -> int | None:
    return int(expiration["NoncurrentDays"]) if "NoncurrentDays" in expiration else None
