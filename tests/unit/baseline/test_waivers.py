"""Waivers: who answers for what, how long, and that none of them goes unnoticed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from guardian.baseline.waivers import Waivers, read_waivers
from guardian.config.problem import InvalidConfigError
from guardian.model.finding import TargetRef

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RULES = ("GD-SSH-003", "GD-S3-007")
GOOD = (
    '{rule: GD-SSH-003, target: "host:gw-*", owner: net-lead, approver: security, reason: NAT, ticket: CHG-1, '
    "until: 2027-03-31}"
)


def read(folder: Path, *waivers: str) -> Waivers:
    path = folder / "waivers.yaml"
    path.write_text("waivers:\n" + "".join(f"  - {waiver}\n" for waiver in waivers), "utf-8")
    return read_waivers([path], RULES, NOW)


def host(name: str) -> TargetRef:
    return TargetRef(kind="host", id=name)


def test_a_waiver_covers_what_it_names_and_nothing_that_looks_like_it(tmp_path: Path) -> None:
    waivers = read(tmp_path, GOOD, GOOD.replace("host:gw-*", "s3-bucket:backup/bucket-00"))
    assert waivers.of("GD-SSH-003", host("gw-01"), NOW) is not None
    assert waivers.of("GD-SSH-003", host("web-gw-01"), NOW) is None  # anchored at both ends
    assert waivers.of("GD-S3-007", host("gw-01"), NOW) is None
    bucket = TargetRef(kind="s3-bucket", id="backup/bucket-001")
    assert waivers.of("GD-SSH-003", bucket, NOW) is None


def test_a_waiver_ends_with_its_last_day_and_is_told_of_before(tmp_path: Path) -> None:
    waivers = read(tmp_path, GOOD)
    assert waivers.of("GD-SSH-003", host("gw-1"), datetime(2027, 3, 31, 23, 59, tzinfo=UTC))
    after = datetime(2027, 4, 1, tzinfo=UTC)
    assert waivers.of("GD-SSH-003", host("gw-1"), after) is None
    assert len(waivers.ended(after)) == 1
    assert waivers.ending(NOW) == ()
    assert len(waivers.ending(datetime(2027, 3, 20, tzinfo=UTC))) == 1
    assert waivers.next_end(NOW) == after


def test_a_waiver_that_speaks_of_nothing_is_astray(tmp_path: Path) -> None:
    waivers = read(tmp_path, GOOD, GOOD.replace("gw-*", "gone"))
    (astray,) = waivers.astray([("GD-SSH-003", host("gw-1")), ("GD-S3-007", host("gone"))])
    assert astray.target == "host:gone"


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("approver: security", "approver: Net-Lead", "waivers[0]"),
        ("until: 2027-03-31", "until: 2027-06-30", "waivers[0].until"),
        ("until: 2027-03-31", "until: soon", "waivers[0].until"),
        ("GD-SSH-003", "GD-SSH-004", "waivers[0].rule"),
        ("host:gw-*", "host:*", "waivers[0]"),
        ("host:gw-*", "host:?*", "waivers[0]"),
        ("host:gw-*", "*", "waivers[0]"),
        ("ticket: CHG-1, ", "", "waivers[0].ticket"),
        ("reason: NAT", 'reason: " "', "waivers[0].reason"),
        ("ticket:", "tiket: x, ticket:", "waivers[0].tiket"),
    ],
)
def test_a_wrong_waiver_is_refused_where_it_stands(tmp_path: Path, before: str, after: str, key: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        read(tmp_path, GOOD.replace(before, after))
    (problem,) = caught.value.problems
    assert problem.key.startswith(key)
    assert problem.place is not None
    assert problem.place.line == 2
