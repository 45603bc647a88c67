"""Drawing by seed, and choosing a restore point."""

from datetime import UTC, datetime, timedelta

import pytest

from guardian.drill.points import RestorePoint, choose
from guardian.drill.select import draw, seed
from guardian.errors import UsageError
from guardian.model.backup import FileDigest, Snapshot

DAY = datetime(2026, 11, 20, tzinfo=UTC)
FILES = tuple(FileDigest(path=f"/srv/{n}", size=n, sha256="0" * 64) for n in range(200))


def test_the_same_seed_draws_the_same_files_whatever_their_order() -> None:
    key = seed(b"checkpoint", "drill", b"nonce")
    assert draw(FILES, key, 20) == draw(tuple(reversed(FILES)), key, 20)
    assert len(set(draw(FILES, key, 20))) == 20


@pytest.mark.parametrize(
    "other", [(b"x", "drill", b"nonce"), (b"checkpoint", "x", b"nonce"), (b"checkpoint", "drill", b"x")]
)
def test_every_part_of_the_seed_matters(other: tuple[bytes, str, bytes]) -> None:
    assert draw(FILES, seed(*other), 20) != draw(FILES, seed(b"checkpoint", "drill", b"nonce"), 20)


def test_fewer_files_than_asked() -> None:
    assert len(draw(FILES[:3], seed(b"", "", b""), 64)) == 3


def point(number: int, standing: str = "receipt") -> RestorePoint:
    identity = f"{number:08x}" * 8
    time = DAY + timedelta(hours=number)
    there = None if standing == "missing" else Snapshot(id=identity, tree=identity, time=time)
    return RestorePoint(identity, time, standing, there, None)  # type: ignore[arg-type]


def test_latest_is_the_newest_with_a_receipt() -> None:
    points = (point(1), point(2), point(3, "no-receipt"), point(4, "orphan"), point(5, "missing"))
    assert choose(points, "latest") == points[1]


def test_a_host_without_a_log_takes_what_the_repository_has() -> None:
    points = (point(1, "no-receipt"), point(2, "no-receipt"), point(3, "orphan"))
    assert choose(points, "latest") == points[1]


def test_at_a_moment() -> None:
    points = (point(1), point(2), point(3))
    assert choose(points, DAY + timedelta(hours=2.5)) == points[1]
    with pytest.raises(UsageError):
        choose(points, DAY)


def test_by_the_beginning_of_its_id() -> None:
    points = (point(1), point(2, "orphan"))
    assert choose(points, "0000000200") == points[1]
    for wrong in ("00000", "ffff", "000"):
        with pytest.raises(UsageError):
            choose(points, wrong)


def test_a_deleted_one_is_named_as_such() -> None:
    with pytest.raises(UsageError, match="gone from the repository"):
        choose((point(1), point(7, "missing")), "00000007")
