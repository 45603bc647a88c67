"""Protection posture: what a configuration and a log come to under the rules that ship, and a log that says nothing."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.baseline.evaluate import Ready
from guardian.baseline.facts.protection import facts, keep_days
from guardian.baseline.facts.protection_log import Story, story
from guardian.baseline.facts.protection_node import read_systems, subject
from guardian.baseline.policy import library
from guardian.baseline.protection_policy import Demands, demands, policies
from guardian.clock import SystemClock, rfc3339
from guardian.config.load import load
from guardian.errors import ConfigError
from guardian.model.backup import Counts
from guardian.model.drill import DrillCheck
from guardian.model.evidence import (
    BackupReceipt,
    ConfigChange,
    CopyReceipt,
    DrillResult,
    Entry,
    KeyEvent,
    Predicate,
    RepositoryPosture,
    Suspicion,
    SuspicionCleared,
)
from guardian.model.protection import Retention
from guardian.node import Node
from guardian.proc import Stop

from .conftest import made_ready

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WHO = {"tenant": "agency", "host": "host-1"}
PLACE = {**WHO, "system": "app", "source": "docs"}
CONFIG = """
tenant: {{id: agency}}
host: host-1
repositories:
  main:
    url: "s3:https://storage.example.org/main"
    credentials: "env:A"
    maintenance_credentials: "env:B"
    lock: {{mode: compliance, days: 30}}
  offsite: {{url: "s3:https://far.example.org/offsite", credentials: "env:A", maintenance_credentials: "env:B"}}
systems:
  app:
    owner: data office
    mlps_level: 3
    objectives: {{rpo: 6h, rto: 4h, dr_level: 4}}
    sources: {{docs: {{kind: sqlite, path: {folder}/docs.db}}}}
    plan:
      schedule: "every 6h"
      retention: {{daily: 14, monthly: 12}}
      copy_to: [offsite]
      drills: {{D3: weekly, D4: monthly}}
  bare:
    sources: {{docs: {{kind: sqlite, path: {folder}/bare.db}}}}
"""


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def at(hours: float) -> str:
    return rfc3339(NOW - timedelta(hours=hours))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    path = tmp_path / "guardian.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), "utf-8")
    return Node(load(path), SystemClock(), lambda _event: None, Stop())


def backup(hours: float, **more: Any) -> BackupReceipt:
    said: dict[str, Any] = {
        "run_id": digest(hours)[:32], **PLACE, "source_kind": "files", "repository": "main",
        "repository_id": digest("r"), "snapshot_id": digest("s", hours), "tree_id": digest("t", hours),
        "paths": ("/srv",), "outcome": "complete", "counts": Counts(files=1, bytes=1), "started": at(hours),
        "ended": at(hours - 0.1), "plan_sha256": digest("p"), "tools": {},
    }  # fmt: skip
    return BackupReceipt(**{**said, **more})


def copied(hours: float) -> CopyReceipt:
    return CopyReceipt(
        run_id=digest("c")[:32], **PLACE, repository="main", repository_id=digest("r"), snapshot_id=digest("s", hours),
        receipt=digest("l"), to="offsite", to_id=digest("o"), copy_id=digest("k"), tree_id=digest("t", hours),
        outcome="complete", bytes=1, started=at(1), ended=at(1), tools={},
    )  # fmt: skip


def drill(
    hours: float, level: Any, outcome: Any = "PASS", repository: str = "main", rto: float | None = 600
) -> DrillResult:
    levels: tuple[Any, ...] = ("D0", "D1", "D2", "D3", "D4")
    checks = [DrillCheck(level=one, name="check", outcome="PASS") for one in levels[: levels.index(level)]]
    return DrillResult(
        drill_id=digest("d", hours)[:32], **PLACE, repository=repository, repository_id=digest("r"), level=level,
        outcome=outcome, checks=(*checks, DrillCheck(level=level, name="check", outcome=outcome)), rto_seconds=rto,
        started=at(hours + 1), ended=at(hours), tools={},
    )  # fmt: skip


def escrow(event: str = "password-escrowed", repository: str = "main") -> KeyEvent:
    return KeyEvent(event=event, **WHO, key_id="k", repository=repository, threshold=2, shares=3, at=at(500))


def looked(immutable: bool | None = True) -> RepositoryPosture:
    return RepositoryPosture(
        **WHO, repository="main", repository_id=digest("r"), kind="s3", outcome="complete", immutable=immutable,
        started=at(20), ended=at(20),
    )  # fmt: skip


def mark(hours: float) -> Suspicion:
    return Suspicion(
        **PLACE,
        repository="main",
        repository_id=digest("r"),
        snapshot_id=digest("x"),
        score=1.0,
        signals=(),
        at=at(hours),
    )


def told(*said: Predicate) -> Story:
    return story(Entry(index, bytes(32), b"", one.name, one, ()) for index, one in enumerate(said))


def whole(node: Node) -> list[Predicate]:
    return [
        ConfigChange(sha256=node.loaded.sha256, at=at(900), **WHO), escrow(), escrow(repository="offsite"), looked(),
        backup(5), copied(5), drill(100, "D4"), drill(90, "D3", repository="offsite"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> list[Ready]:
    return [rule for rule in made_ready(library()) if rule.target == "protection"]


def broken(rules: list[Ready], tree: Any, status: str = "fail") -> set[str]:
    return {rule.rule.id[-3:] for rule in rules if rule.judge(tree, NOW).status == status}


def read(node: Node, log: Story | str, name: str = "app") -> dict[str, Any]:
    system = node.loaded.config.systems[name]
    asked = demands(policies(), system.mlps_level, system.objectives.dr_level)
    return facts(subject(node, name), log, asked, NOW)


def test_a_system_that_is_protected_as_its_level_asks_passes_everything(node: Node, rules: list[Ready]) -> None:
    tree = read(node, told(*whole(node)))
    assert broken(rules, tree, "pass") == {rule.rule.id[-3:] for rule in rules}


def test_a_system_of_which_nothing_was_ever_done_fails_and_is_not_unknown(node: Node, rules: list[Ready]) -> None:
    """Never is a value: no drill is not the same as a log that cannot be read."""
    tree = read(node, told(), "bare")
    assert broken(rules, tree, "unknown") == set()
    wanted = {"001", "002", "003", "004", "005", "006", "007", "008", "011", "012", "013", "015", "016", "024"}
    assert broken(rules, tree) == wanted


def test_a_log_that_cannot_be_read_is_unknown_and_what_is_configured_stays_known(
    node: Node, rules: list[Ready]
) -> None:
    good, hidden = read(node, told(*whole(node))), read(node, "the log cannot be read: log-damaged")
    assert broken(rules, hidden) == set()
    assert broken(rules, hidden, "unknown") == {
        "007",
        "011",
        "013",
        "014",
        "015",
        "016",
        "017",
        "018",
        "019",
        "021",
        "024",
    }
    assert {key: hidden[key] for key in ("system", "plan", "demands")} == {
        key: good[key] for key in ("system", "plan", "demands")
    }


@pytest.mark.parametrize(
    ("more", "number"),
    [
        ([backup(30, outcome="partial")], ""),
        ([drill(1, "D3", "FAIL")], "014"),
        ([escrow("password-rotated")], "016"),
        ([looked(False)], "011"),
        ([mark(1)], "021"),
        ([drill(1, "D4", rto=99999)], "015"),
        ([ConfigChange(sha256=digest("other"), at=at(1), **WHO)], "024"),
    ],
)  # fmt: skip
def test_one_thing_that_goes_wrong_breaks_its_rule(
    node: Node, rules: list[Ready], more: list[Predicate], number: str
) -> None:
    assert broken(rules, read(node, told(*whole(node), *more))) == ({number} if number else set())


def test_a_suspicion_that_somebody_cleared_is_none(node: Node) -> None:
    clear = SuspicionCleared(
        **PLACE, repository="main", snapshots=(digest("x"),), harmless=True, reason="r", by="li", at=at(1)
    )
    assert read(node, told(mark(2), clear))["places"][0]["suspicious"] == 0


def test_old_backups_and_drills_are_told_by_how_much(node: Node, rules: list[Ready]) -> None:
    late: dict[type[Predicate], Predicate] = {BackupReceipt: backup(7), DrillResult: drill(3000, "D4")}
    said = [late.get(type(one), one) for one in whole(node)]
    tree = read(node, told(*said))
    assert tree["places"][0]["backup"]["age_over"] == 3600
    assert {"007", "013"} <= broken(rules, tree)


def test_the_node_without_a_log_is_unknown_by_reason(node: Node) -> None:
    found = dict(read_systems(node, policies()))
    assert set(found) == {"app", "bare"}
    assert found["app"]["log"] == {"$err": "the log cannot be read: configuration"}
    assert found["app"]["places"][0]["backup"] == {"$err": "the log cannot be read: configuration"}


@pytest.mark.parametrize(
    ("retention", "days"),
    [
        ({"daily": 14}, 14), ({"hourly": 48}, 2), ({"daily": 14, "monthly": 12}, 360), ({"last": 5}, 0),
        ({"within": timedelta(days=9), "daily": 3}, 9),
    ],
)  # fmt: skip
def test_how_far_back_a_retention_reaches(retention: dict[str, Any], days: int) -> None:
    assert keep_days(Retention(**retention)) == days
    assert keep_days(None) is None


def test_the_strictest_of_all_policies_holds() -> None:
    known = policies()
    three = demands(known, 3, None)
    assert (three.rpo, three.immutable_days) == (timedelta(hours=12), 30)
    both = demands(known, 3, 5)
    assert (both.rpo, both.places) == (timedelta(minutes=30), 2)
    # A system without a level is held to the default one; nobody is held to nothing by saying nothing.
    assert demands(known, None, None) == demands(known, 2, None)
    assert Demands().with_(three) == three


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("rpo: 24h", "rpo: 24", "levels.2.rpo"),
        ("  \"3\":\n    rpo: 12h", "  \"3\":\n    rpo: 48h", "less than a lower one"),
        ("by: mlps-level", "by: weather", "by"),
        ("default_level: 2", "default_level: 6", "not among the levels"),
        ("{threshold: 2, shares: 3}", "{threshold: 4, shares: 3}", "than there are"),
    ],
)  # fmt: skip
def test_a_policy_that_is_wrong_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    shipped = Path(__file__).parents[3] / "policies" / "protection" / "mlps.yaml"
    text = shipped.read_text("utf-8")
    assert before in text
    own = tmp_path / "own.yaml"
    own.write_text(text.replace(before, after), "utf-8")
    with pytest.raises(ConfigError, match=said):
        policies([own])


def test_of_files_nobody_asks_for_a_drill_of_databases(tmp_path: Path, rules: list[Ready]) -> None:
    path = tmp_path / "guardian.yaml"
    files = (
        CONFIG.format(folder=tmp_path).replace("kind: sqlite, path: ", "kind: files, paths: [").replace(".db}", "]}")
    )
    path.write_text(files.replace("D3: weekly, D4: monthly", "D3: weekly"), "utf-8")
    node = Node(load(path), SystemClock(), lambda _event: None, Stop())
    said = [one for one in whole(node) if not isinstance(one, DrillResult)]
    tree = read(node, told(*said, drill(90, "D3"), drill(90, "D3", repository="offsite")))
    assert [one["level"] for one in tree["places"][0]["drills"]] == ["D3"]
    assert {"012", "013", "015"}.isdisjoint(broken(rules, tree))
