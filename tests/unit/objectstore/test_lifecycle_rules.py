"""Lifecycle rules as services send them, and views of the past out of lists of versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guardian.objectstore.asof import as_of
from guardian.objectstore.lifecycle import LifecycleRule, parse
from guardian.objectstore.posture import _policy
from guardian.objectstore.versions import Version, _made

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def rule(**fields: Any) -> Any:
    return {"Rules": [{"ID": "r", "Status": "Enabled", **fields}]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Expiration": {"Days": 3}}, LifecycleRule("r", "", 3)),
        ({"Prefix": "old/", "Expiration": {"Date": NOON}}, LifecycleRule("r", "old/", 0)),
        ({"Filter": {"Prefix": "x/"}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, LifecycleRule("r", "x/")),
        (
            {
                "Filter": {"And": {"Prefix": "y/", "ObjectSizeGreaterThan": 5}},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
            },
            LifecycleRule("r", "y/", None, 9),
        ),
    ],
)
def test_rules_are_read(fields: Any, expected: LifecycleRule) -> None:
    assert parse(rule(**fields)) == (expected,)


@pytest.mark.parametrize(
    "fields",
    [{"Status": "Disabled"}, {"Filter": {"Tag": {"Key": "k", "Value": "v"}}}, {"Filter": {"And": {"Tags": [{}]}}}],
)
def test_rules_that_are_off_or_about_tagged_objects_take_nothing_of_ours(fields: Any) -> None:
    assert parse(rule(Expiration={"Days": 1}, **fields)) == ()


@pytest.mark.parametrize(
    "answer", [{}, {"Rules": [{}]}, {"Rules": [{"Status": "Enabled", "Expiration": {"Days": "x"}}]}]
)
def test_what_is_no_rule_is_no_answer(answer: Any) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        parse(answer)


def test_reach() -> None:
    assert LifecycleRule("r", "").reaches("p/")
    assert LifecycleRule("r", "p/data/").reaches("p/")
    assert not LifecycleRule("r", "other/").reaches("p/")


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Effect": "Allow", "Principal": "*"}, True),
        ({"Effect": "Allow", "Principal": {"AWS": ["arn:x", "*"]}}, True),
        ({"Effect": "Allow", "Principal": {"AWS": "arn:x"}}, False),
        ({"Effect": "Deny", "Principal": "*"}, False),
        ({"Effect": "Allow", "Principal": "*", "Condition": {"IpAddress": {}}}, False),
    ],
)
def test_a_policy_that_opens_the_bucket_to_anybody(statement: dict[str, Any], public: bool) -> None:
    import json

    assert _policy({"Policy": json.dumps({"Statement": statement})}) == (True, public)
    assert _policy({"Policy": json.dumps({"Statement": [statement]})}) == (True, public)


def version(name: str, minute: int, content: str = "", **more: Any) -> Version:
    made = NOON + timedelta(minutes=minute)
    return Version(name, f"{name}-{minute}", is_latest=False, made=made, size=1, etag=content, **more)


def test_what_was_there_at_a_moment() -> None:
    # Newest first, as services list them.
    listed = [
        version("overwritten", 10),
        version("overwritten", 1),
        version("deleted", 10, is_marker=True),
        version("deleted", 1),
        version("deleted-before", 3, is_marker=True),
        version("deleted-before", 1),
        version("back", 4),
        version("back", 3, is_marker=True),
        version("back", 1),
        version("added", 10),
    ]
    found = as_of(iter(listed), NOON + timedelta(minutes=5))
    assert {name: one.id for name, one in found.items()} == {
        "overwritten": "overwritten-1",
        "deleted": "deleted-1",
        "back": "back-4",
    }


def test_of_one_second_the_last_one_counts_and_a_deletion_hides() -> None:
    first, last = version("twice", 1, "first"), version("twice", 1, "last")
    assert as_of(iter([last, first]), NOON + timedelta(minutes=1))["twice"].etag == "last"
    assert as_of(iter([first, version("twice", 1, is_marker=True)]), NOON + timedelta(minutes=1)) == {}


def test_seaweedfs_takes_a_longer_lock_for_a_modification() -> None:
    made = datetime(2026, 11, 23, 23, 45, 20, tzinfo=UTC)
    extended = made + timedelta(days=3)
    assert _made("67152eb5424dda8942f28a3a2aa4e7f4", extended) == made
    # Ids of other services say nothing, whatever they look like.
    for other in ("null", "0" * 32, "7" + "f" * 31, "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"):
        assert _made(other, extended) == extended
