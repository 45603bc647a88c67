"""Figures to standings, and many standings to one."""

from datetime import UTC, datetime, timedelta

import pytest

from guardian.cli.doctor import GAINS, HINTS, NAMES
from guardian.cli.sentences import SENTENCES
from guardian.doctor import judge
from guardian.doctor.examination import About, Examination, Health, Standing, health
from guardian.doctor.repository import weigh_locks
from guardian.errors import StorageUnreachable
from guardian.model.reason import reason
from guardian.restic.locks import Held, Lock, Stale
from guardian.restic.versions import SINCE

NOW = datetime(2026, 5, 1, tzinfo=UTC)
GIB = 1 << 30


@pytest.mark.parametrize(
    ("seconds", "standing"),
    [(0, "ok"), (60, "ok"), (61, "warning"), (-61, "warning"), (900, "warning"), (901, "bad"), (-901, "bad")],
)
def test_skew(seconds: float, standing: Standing) -> None:
    assert judge.skew(seconds) == standing


@pytest.mark.parametrize(
    ("free", "total", "standing"),
    [
        (10 * GIB, 100 * GIB, "ok"),
        (GIB, 2 * GIB, "ok"),
        (GIB - 1, 2 * GIB, "warning"),
        (10 * GIB, 2000 * GIB, "warning"),
        (judge.SPACE_BAD, 2 * GIB, "warning"),
        (judge.SPACE_BAD - 1, 2 * GIB, "bad"),
        (0, 0, "bad"),
    ],
)
def test_space(free: int, total: int, standing: Standing) -> None:
    assert judge.space(judge.Room(free, total, 1, 1)) == standing


@pytest.mark.parametrize(
    ("free", "total", "standing"), [(10_000, 1 << 20, "ok"), (9_999, 1 << 20, "warning"), (499, 1 << 20, "bad")]
)
def test_inodes(free: int, total: int, standing: Standing) -> None:
    assert judge.inodes(judge.Room(1, 1, free, total)) == standing
    assert judge.inodes(judge.Room(1, 1, 0, 0)) == "ok"  # btrfs counts none


@pytest.mark.parametrize(
    ("mode", "standing"), [(0o700, "ok"), (0o750, "warning"), (0o701, "warning"), (0o770, "bad"), (0o702, "bad")]
)
def test_privacy(mode: int, standing: Standing) -> None:
    assert judge.privacy(mode) == standing


def examined(*standings: Standing) -> list[Examination]:
    return [About("log").stands(standing, reason("no-locks")) for standing in standings]


@pytest.mark.parametrize(
    ("standings", "verdict"),
    [
        ((), "ready"),
        (("ok", "warning"), "ready"),
        (("ok", "unknown", "warning"), "not-known"),
        (("unknown", "bad", "ok"), "not-ready"),
    ],
)
def test_health(standings: tuple[Standing, ...], verdict: Health) -> None:
    assert health(examined(*standings)) == verdict


def test_a_reason_is_as_severe_as_the_standing() -> None:
    found = {e.standing: e.reason.severity for e in examined("ok", "warning", "bad", "unknown") if e.reason}
    assert found == {"ok": "info", "warning": "warning", "bad": "critical", "unknown": "critical"}


def test_an_error_is_bad_when_tried_and_unknown_when_in_the_way() -> None:
    error = StorageUnreachable("nothing answers", "Look.")
    assert About("storage").failed(error).standing == "bad"
    assert About("storage").not_examined(error).standing == "unknown"


def lock(*, exclusive: bool = False) -> Lock:
    return Lock("ab" * 32, NOW - timedelta(minutes=1), exclusive, "host-1", "root", 4711)


@pytest.mark.parametrize(
    ("judged", "standing", "code"),
    [
        ([], "ok", "no-locks"),
        ([(lock(), Held("recent"))], "ok", "locks-held"),
        ([(lock(), Held("recent")), (lock(), Stale("owner-dead"))], "warning", "lock-stale"),
        ([(lock(), Held("recent")), (lock(exclusive=True), Held("recent"))], "warning", "lock-exclusive"),
        ([(lock(), Held("from-the-future"))], "warning", "lock-from-the-future"),
    ],
)
def test_locks(judged: list[tuple[Lock, Stale | Held]], standing: Standing, code: str) -> None:
    found = weigh_locks(About("locks", "main"), judged, 60)
    assert found.reason is not None
    assert (found.standing, found.reason.code) == (standing, code)
    assert found.measured["count"] == len(judged)


def test_every_hint_belongs_to_a_code_and_every_gain_to_an_ability() -> None:
    assert set(HINTS) <= set(SENTENCES)
    assert set(GAINS) <= set(SINCE)
    assert {name for name in NAMES if name.startswith("bucket-")} > {"bucket-lock"}
