"""Locks of what live snapshots need: how they stand, what is odd, and what is remembered of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guardian.backup.lock_book import LockBook
from guardian.backup.lock_survey import Survey, _odd, _spread, margin, notice, reasons, weigh
from guardian.backup.needed import Needed
from guardian.model.protection import BucketLock
from guardian.objectstore.retention_locks import Held
from guardian.objectstore.versions import Version

NOW = datetime(2026, 11, 24, tzinfo=UTC)
WEEK = timedelta(days=7)
NEEDED = Needed("a" * 64, frozenset({"config", "data/x"}), packs=1, damaged=0)


def held(name: str, days: float | None, error: str = "") -> Held:
    return Held(name, f"v-{name}", None if days is None else NOW + timedelta(days=days), "compliance", error)


def told(found: Survey, what: Needed = NEEDED) -> dict[str, str]:
    locked = weigh(found, what, NOW, WEEK)
    return {why.code: why.severity for why in reasons(found, what, locked, NOW, "critical")}


def test_the_first_end_counts() -> None:
    found = Survey((held("config", 20), held("data/x", 12)), ())
    locked = weigh(found, NEEDED, NOW, WEEK)
    assert (locked.until, locked.objects, locked.packs) == ("2026-12-06T00:00:00.000000Z", 2, 1)
    assert (locked.unlocked, locked.ending, locked.unreadable) == (0, 0, 0)
    assert told(found) == {}


@pytest.mark.parametrize(
    ("days", "error", "expected"),
    [
        (None, "", {"locks-lapsed": "critical"}),
        (-1, "", {"locks-lapsed": "critical"}),
        (0, "", {"locks-lapsed": "critical"}),
        (6, "", {"locks-ending": "warning"}),
        (None, "AccessDenied", {"object-locks-unreadable": "warning"}),
    ],
)
def test_one_bad_lock_is_told(days: float | None, error: str, expected: dict[str, str]) -> None:
    assert told(Survey((held("config", 20), held("data/x", days, error)), ())) == expected


def test_one_object_without_a_lock_leaves_no_end() -> None:
    for bad in (held("data/x", None), held("data/x", None, "AccessDenied")):
        assert weigh(Survey((held("config", 20), bad), ()), NEEDED, NOW, WEEK).until is None
    assert weigh(Survey((), ()), NEEDED, NOW, WEEK).until is None


def test_damage_leaves_a_doubt() -> None:
    damaged = Needed("a" * 64, frozenset(), packs=0, damaged=3)
    assert told(Survey((held("config", 20),), ()), damaged) == {"needed-incomplete": "warning"}


@pytest.mark.parametrize(
    ("days", "extended_at", "told_at"), [(1, 1, 0.25), (7, 7, 1.75), (14, 8, 3.5), (30, 15, 7), (365, 182.5, 7)]
)
def test_a_lock_is_extended_well_before_it_is_told_of(days: int, extended_at: float, told_at: float) -> None:
    lock = BucketLock(mode="compliance", days=days)
    assert margin(lock) == timedelta(days=extended_at)
    assert notice(lock) == timedelta(days=told_at)


def version(name: str, number: int, content: str, *, latest: bool = False, marker: bool = False) -> Version:
    made = NOW + timedelta(seconds=number)
    return Version(name, f"{name}-{number}", latest, made, size=1, etag=content, is_marker=marker)


def codes(stored: dict[str, list[Version]], names: set[str]) -> dict[str, tuple[str, object]]:
    return {why.code: (why.severity, why.args["first"]) for why in _odd(frozenset(names), stored)}


def test_what_was_written_twice_deleted_or_is_gone_is_named() -> None:
    stored = {
        "data/again": [version("data/again", 1, "same"), version("data/again", 2, "same", latest=True)],
        "data/other": [version("data/other", 1, "good"), version("data/other", 2, "bad", latest=True)],
        "data/gone": [version("data/gone", 1, "x"), version("data/gone", 2, "", latest=True, marker=True)],
    }
    assert codes(stored, {*stored, "data/never"}) == {
        "objects-overwritten": ("critical", "data/other"),
        "objects-hidden": ("critical", "data/gone"),
        "needed-missing": ("critical", "data/never"),
    }


def test_the_configuration_may_have_been_written_once_more() -> None:
    stored = {"config": [version("config", 1, "v1"), version("config", 2, "v2", latest=True)]}
    assert codes(stored, {"config"}) == {"objects-overwritten": ("warning", "config")}


def test_whoever_writes_an_object_a_thousand_times_makes_no_thousand_requests() -> None:
    many = [version("data/x", number, str(number)) for number in range(1000)]
    kept = [one.id for one in _spread(many)]
    assert kept == [f"data/x-{n}" for n in (0, 1, 2, 3, 996, 997, 998, 999)]
    for few in range(9):
        assert list(_spread(many[:few])) == many[:few]


def test_a_lock_that_only_grows_is_not_asked_for_again(tmp_path: Path) -> None:
    book = LockBook.open(tmp_path / "book")
    book.canary = "guardian-canary/x"
    governance = Held("data/g", "v", NOW + timedelta(days=20), "governance")
    book.keep("a" * 64, [held("config", 20), held("data/x", None), governance, held("keys/k", 3)])
    book.save()
    again = LockBook.open(tmp_path / "book")
    assert (again.repository_id, again.canary) == ("a" * 64, "guardian-canary/x")
    known = again.known("config", "v-config", NOW + WEEK)
    assert known is not None
    assert known.until == NOW + timedelta(days=20)
    assert again.known("keys/k", "v-keys/k", NOW + WEEK) is None, "it ends too soon: it may have been extended"
    assert again.known("data/g", "v", NOW) is None, "under governance a lock can be shortened"
    assert again.known("config", "another-version", NOW) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"version": 2, "ends": {}}', b'{"ends": [1]}', b"\xff"]
)
def test_a_book_that_is_none_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "book").write_bytes(content)
    assert LockBook.open(tmp_path / "book") == LockBook(tmp_path / "book")
