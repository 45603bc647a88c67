"""What facts and trials of a storage come to, held against what was promised."""

from datetime import timedelta
from typing import Any

import pytest

from guardian.backup import posture_rules
from guardian.backup.posture_rules import Asked
from guardian.model.posture import Trial
from guardian.model.protection import BucketLock, RepositorySpec, Retention
from guardian.objectstore.lifecycle import LifecycleRule
from guardian.objectstore.posture import Posture
from guardian.objectstore.questions import Fact

LOCK = BucketLock(mode="compliance", days=30)
NOTHING = Asked(None, append_only=False, prefix="p/", keep_days=30)
LOCKED = Asked(LOCK, append_only=False, prefix="p/", keep_days=30)
APPEND_ONLY = Asked(LOCK, append_only=True, prefix="p/", keep_days=30)


def posture(**changed: Any) -> Posture:
    facts: dict[str, Any] = {
        "versioning": Fact("enabled"),
        "object_lock": Fact(True),
        "default_retention": Fact(LOCK),
        "public_access_blocked": Fact(True),
        "encryption": Fact("AES256"),
        "policy": Fact(False),
        "public": Fact(False),
        "lifecycle": Fact(()),
        "lists_versions": Fact(True),
    }
    return Posture(**(facts | changed))


def told(found: Posture, wanted: Asked = LOCKED) -> dict[str, str]:
    return {reason.code: reason.severity for reason in posture_rules.weigh_facts(found, wanted)}


def test_a_good_bucket_has_nothing_against_it() -> None:
    assert told(posture()) == {}
    assert posture_rules.outcome(()) == "complete"


@pytest.mark.parametrize(
    ("changed", "code", "severity"),
    [
        ({"object_lock": Fact(False), "default_retention": Fact(None)}, "bucket-lock-differs", "critical"),
        ({"default_retention": Fact(None)}, "bucket-lock-differs", "critical"),
        ({"default_retention": Fact(BucketLock(mode="governance", days=30))}, "bucket-lock-differs", "critical"),
        ({"default_retention": Fact(BucketLock(mode="compliance", days=29))}, "bucket-lock-differs", "critical"),
        ({"public": Fact(True)}, "bucket-public", "critical"),
        ({"public_access_blocked": Fact(False)}, "public-access-not-blocked", "info"),
        ({"public_access_blocked": Fact(None, "NotImplemented")}, "posture-fact-not-offered", "info"),
        ({"encryption": Fact(None, "AccessDenied")}, "posture-fact-unreadable", "warning"),
        ({"lists_versions": Fact(False)}, "versions-not-listed", "warning"),
    ],
)
def test_what_speaks_against_a_bucket(changed: dict[str, Any], code: str, severity: str) -> None:
    assert told(posture(**changed)) == {code: severity}


def test_what_cannot_be_read_is_never_a_pass() -> None:
    unread = posture(object_lock=Fact(None, "AccessDenied"), default_retention=Fact(None, "AccessDenied"))
    reasons = tuple(posture_rules.weigh_facts(unread, LOCKED))
    assert [(r.code, r.args["fact"]) for r in reasons] == [("posture-fact-unreadable", "object-lock")]
    assert posture_rules.outcome(reasons) == "partial"


def test_facts_are_stated_with_a_value_or_why_not() -> None:
    stated = posture_rules.stated(posture(encryption=Fact(None, "AccessDenied")))
    assert (stated["default-retention"].value, stated["default-retention"].error) == ("compliance 30 d", None)
    assert (stated["encryption"].value, stated["encryption"].error) == (None, "AccessDenied")
    assert stated["lifecycle"].value == 0


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (LifecycleRule("r", "", current=90), "lifecycle-expires-current"),
        (LifecycleRule("r", "p/data/", current=0), "lifecycle-expires-current"),
        (LifecycleRule("r", "p", noncurrent=7), "lifecycle-expires-noncurrent"),
        (LifecycleRule("r", "p/", noncurrent=30), None),
        (LifecycleRule("r", "p/locks/", current=1, noncurrent=1), None),
        (LifecycleRule("r", "other/", current=1, noncurrent=1), None),
    ],
)
def test_lifecycle_rules_are_told_when_they_take_what_is_needed(rule: LifecycleRule, code: str | None) -> None:
    assert list(told(posture(lifecycle=Fact((rule,))))) == ([code] if code else [])


def test_without_a_lock_older_versions_should_stay_as_long_as_restore_points() -> None:
    spec = RepositorySpec(url="s3:https://s/b/p")
    wanted = posture_rules.asked(spec, "p/", [Retention(daily=14, monthly=12), None])
    assert (wanted.keep_days, wanted.promised) == (372, ())
    assert posture_rules.asked(spec, "p/", [Retention(within=timedelta(days=400))]).keep_days == 400
    bare = posture(
        object_lock=Fact(False), default_retention=Fact(None), lifecycle=Fact((LifecycleRule("r", "", None, 90),))
    )
    assert told(bare, wanted) == {"lifecycle-expires-noncurrent": "warning"}
    assert told(bare, NOTHING) == {}


def trials(**results: str) -> tuple[Trial, ...]:
    every: dict[str, str] = {
        "overwrite": "kept",
        "delete_version": "refused",
        "delete_version_bypass": "refused",
        "shorten_lock": "refused",
        "shorten_lock_bypass": "refused",
        "delete": "refused",
        "put_policy": "refused",
    }
    found = {name.replace("_", "-"): result for name, result in (every | results).items()}
    return tuple(Trial(what=name, result=result) for name, result in found.items())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "told_of", "holds"),
    [
        ({}, {}, True),
        ({"overwrite": "allowed"}, {"canary-overwritten": "critical"}, False),
        ({"delete": "allowed"}, {"canary-deleted": "critical"}, False),
        ({"delete_version": "allowed"}, {"canary-version-deleted": "critical"}, False),
        ({"delete_version_bypass": "allowed"}, {"canary-version-deleted": "critical"}, False),
        ({"shorten_lock": "allowed"}, {"canary-unlocked": "critical"}, False),
        ({"shorten_lock_bypass": "allowed"}, {"canary-unlocked": "critical"}, False),
        ({"delete_version": "unknown"}, {"trial-unknown": "warning"}, None),
        ({"overwrite": "unknown"}, {"trial-unknown": "warning"}, None),
        ({"delete": "kept"}, {"canary-hidden": "info"}, True),
        ({"put_policy": "allowed"}, {"bucket-setting-open": "warning"}, True),
        ({"put_policy": "not-tried", "shorten_lock": "not-tried", "shorten_lock_bypass": "not-tried"}, {}, True),
    ],
)
def test_what_trials_come_to_under_a_promised_lock(
    changed: dict[str, str], told_of: dict[str, str], holds: bool | None
) -> None:
    tried = trials(**changed)
    assert {r.code: r.severity for r in posture_rules.weigh_trials(tried, LOCKED)} == told_of
    assert posture_rules.immutable(tried) is holds


def test_append_only_promises_more_than_a_lock() -> None:
    found = posture_rules.weigh_trials(trials(delete="kept", put_policy="allowed"), APPEND_ONLY)
    assert {r.code: r.severity for r in found} == {"canary-hidden": "critical", "bucket-setting-open": "critical"}


def test_where_nothing_was_promised_it_is_a_warning() -> None:
    tried = trials(overwrite="allowed", delete="allowed", delete_version="not-tried", delete_version_bypass="not-tried")
    found = tuple(posture_rules.weigh_trials(tried, NOTHING))
    assert {r.code: r.severity for r in found} == {"canary-overwritten": "warning", "canary-deleted": "warning"}
    assert posture_rules.outcome(found) == "complete"
    assert posture_rules.immutable(tried) is False


def test_nothing_tried_proves_nothing() -> None:
    assert posture_rules.immutable(()) is None
