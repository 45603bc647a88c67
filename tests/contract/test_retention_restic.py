"""Our retention against the real ``restic forget --json --dry-run``: random points, random rules, one answer."""

import importlib.util
import random
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from guardian.backup.agreement import Rules, compare, tags_of
from guardian.backup.retention import Point, within_hours
from guardian.model.backup import Target
from guardian.model.protection import Retention
from guardian.restic.capability import probe
from guardian.restic.client import Restic
from guardian.restic.removal import ask

DOCS = Target("app", "docs", "main", "main")
ZONES = (UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11)), timezone(timedelta(hours=5, minutes=45)))


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def filled(initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Point]]:
    """A repository with 90 points of one source: clusters, gaps, several offsets, a few in the future."""
    site = sys.modules[type(initialised).__module__].copy(initialised, tmp_path_factory.mktemp("retention") / "site")
    assert site.guardian("backup").code == 0
    points = _module("points").Points(site)
    chance, now = random.Random(20261123), datetime.now(UTC).replace(microsecond=0)
    minutes = {chance.randrange(0, 60 * 24 * reach) for reach in (1, 3, 30, 400, 1500) for _ in range(17)}
    minutes |= {-60 * 24 * 3, -60 * 24 * 40}
    times = [(now - timedelta(minutes=ago, seconds=30)).astimezone(chance.choice(ZONES)) for ago in sorted(minutes)]
    for time in [*times, *times[5:60:7]]:  # some come twice, as a forger may have it
        points.snapshot(time)
    listed = points.node.restic("main").snapshots().snapshots
    return points, [Point(s.id, s.time) for s in listed if set(tags_of(DOCS)) <= set(s.tags)]


def _rules(chance: random.Random) -> Retention:
    names = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    chosen: dict[str, Any] = {name: chance.randrange(1, 15) for name in names if chance.random() < 0.4}
    if chance.random() < 0.4 or not chosen:
        chosen["within"] = timedelta(hours=chance.choice((1, 5, 24, 100, 1000, 9000)))
    return Retention(**chosen)


@pytest.mark.parametrize("seed", range(12))
def test_restic_answers_the_same(filled: tuple[Any, list[Point]], seed: int) -> None:
    points, listed = filled
    policy = _rules(random.Random(seed))
    restic = points.node.restic("main")
    answer = ask(restic, tags_of(DOCS), policy, within_hours(policy))
    assert len(listed) > 80
    assert compare(answer, listed, Rules(policy, datetime.now(UTC), restic.capability.keeps_oldest)) == ()


def test_newer_restics_answer_the_same(filled: tuple[Any, list[Point]], restics: Path) -> None:
    points, listed = filled
    restic = Restic(points.node.restic("main").access, probe(restics))
    for policy in (Retention(last=3, hourly=5, daily=9, within=timedelta(hours=50)), Retention(weekly=14, yearly=13)):
        answer = ask(restic, tags_of(DOCS), policy, within_hours(policy))
        assert answer.remove
        assert compare(answer, listed, Rules(policy, datetime.now(UTC), restic.capability.keeps_oldest)) == ()


def test_a_typo_in_the_tags_is_a_disagreement(filled: tuple[Any, list[Point]]) -> None:
    """restic is content with a tag that nothing has: it looks at nothing, or at too much."""
    points, listed = filled
    policy = Retention(daily=3)
    for tags in (("guardian", "system=app", "source=dosc"), ("guardian",)):
        answer = ask(points.node.restic("main"), tags, policy, 0)
        (said,) = compare(answer, listed, Rules(policy, datetime.now(UTC)))
        assert said.code == "retention-disagree-list"


def test_an_answer_that_differs_is_a_disagreement(filled: tuple[Any, list[Point]]) -> None:
    points, listed = filled
    answer = ask(points.node.restic("main"), tags_of(DOCS), Retention(daily=3), 0)
    (said,) = compare(answer, listed, Rules(Retention(daily=4), datetime.now(UTC)))
    assert said.code == "retention-disagree"
    assert said.severity == "critical"


def test_a_retention_without_rules_is_never_put_to_restic(filled: tuple[Any, list[Point]]) -> None:
    with pytest.raises(ValueError, match="without any rule"):
        ask(filled[0].node.restic("main"), tags_of(DOCS), Retention(), 0)
