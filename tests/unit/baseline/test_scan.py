"""One scan after another: what is kept, what changed, what can be made again, and what happens when nobody answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.baseline import delta
from guardian.baseline.delta import Was
from guardian.baseline.judge import Judge
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import Library
from guardian.baseline.replay import replay
from guardian.baseline.scan import Gathered, Site, scan_places
from guardian.baseline.store import ScanStore, canonical
from guardian.baseline.targets import Provider
from guardian.baseline.waivers import Waiver, Waivers
from guardian.clock import SystemClock
from guardian.errors import EvidenceInvalid, ExitCode, StorageUnreachable, Unavailable
from guardian.model.finding import Level, TargetRef

from .conftest import AT

GOOD: dict[str, Any] = {
    "packages": {"openssh-server": "9.2"},
    "sshd": {"effective": {"permitrootlogin": "no", "maxauthtries": 3}},
    "pg": {"hba": [{"type": "local", "method": "peer"}], "ssl": "off"},
    "users": [{"name": "li", "uid": 1000, "max_days": 60}],
    "sysctl": {"run": {"net.ipv4.ip_forward": "0"}, "boot": {}},
}
BAD = {**GOOD, "users": [{"name": "li", "uid": 1000, "max_days": 9999}]}


class Fixed(SystemClock):
    def now(self) -> Any:
        return AT


def place(facts: Any) -> Provider:
    def collect() -> Iterator[Any]:
        if isinstance(facts, Exception):
            raise facts
        yield TargetRef(kind="host", id="app-1"), facts, ()

    return Provider("host", ("host",), collect)


Scan = Callable[..., Scanned]
NONE = Waivers()


@pytest.fixture
def scan(rules: Library, tmp_path: Path) -> Scan:
    store = ScanStore(tmp_path / "scans")

    def one(facts: Any, waivers: Waivers = NONE, fail_on: Level = "medium", *, full: bool = True) -> Scanned:
        judge = Judge("gz", rules.chosen(["example"]), waivers, AT)
        gathered = Gathered(store.standing(), full=full)
        scanned = scan_places(Site("gz", "app-1", Fixed()), [place(facts)], judge, gathered, (rules, fail_on, store))
        store.stand(gathered.standing)
        return scanned

    one.store = store  # type: ignore[attr-defined]
    return one


def changes(scanned: Scanned) -> dict[str, str]:
    return {finding.rule: finding.change for finding in scanned.findings}


def test_what_changed_is_told_from_scan_to_scan(scan: Scan) -> None:
    first = scan(GOOD)
    assert (first.result.outcome, first.exit_code) == ("passed", ExitCode.OK)
    assert set(changes(first).values()) == {"first"}
    second = scan(BAD)
    assert (second.result.outcome, second.exit_code) == ("failed", ExitCode.BAD_ANSWER)
    assert changes(second)["GD-EX-003"] == "new"
    assert changes(scan(BAD))["GD-EX-003"] == "still"
    hidden = scan({**GOOD, "users": {"$err": "denied: needs root"}})
    assert (hidden.result.outcome, hidden.exit_code) == ("unknown", ExitCode.COULD_NOT_VERIFY)
    assert changes(hidden)["GD-EX-003"] == "became-unreadable"
    assert changes(scan(GOOD))["GD-EX-003"] == "became-readable"
    scan(BAD)
    fixed = scan(GOOD)
    assert changes(fixed)["GD-EX-003"] == "fixed"
    assert len({f.id for f in first.findings} | {f.id for f in fixed.findings}) == len(first.findings)


@pytest.mark.parametrize("error", [StorageUnreachable("nobody answers"), RuntimeError("boom")])
def test_a_target_that_cannot_be_looked_at_loses_no_verdict(scan: Scan, error: Exception) -> None:
    scan(GOOD)
    blind = scan(error)
    # Only the provider's name is known then, so it is told under that.
    assert [f.status for f in blind.findings if f.rule != "GD-EX-005"] == ["unknown"] * 4
    assert list(blind.result.unreachable) == ["host:host"]
    assert blind.exit_code is ExitCode.COULD_NOT_VERIFY
    assert len(blind.vanished) == 5  # of host:app-1, which nobody saw this time


def test_a_waived_finding_stays_failed_and_does_not_count(scan: Scan) -> None:
    waiver = Waiver.model_validate_json(
        json.dumps(
            {
                "rule": "GD-EX-003",
                "target": "host:app-*",
                "owner": "a",
                "approver": "b",
                "reason": "r",
                "ticket": "CHG-1",
                "until": "2026-12-24",
            }
        )
    )
    astray = waiver.model_copy(update={"target": "host:gone"})
    scanned = scan(BAD, Waivers((waiver,)))
    (finding,) = [f for f in scanned.findings if f.rule == "GD-EX-003"]
    assert (finding.status, finding.waived, finding.waiver) == ("fail", True, "CHG-1")
    assert scanned.exit_code is ExitCode.OK
    assert scan(GOOD, Waivers((waiver, astray))).exit_code is ExitCode.USAGE
    assert scan(GOOD, Waivers((astray,)), full=False).exit_code is ExitCode.OK


def test_a_part_says_nothing_of_the_rest(scan: Scan) -> None:
    scan(BAD)
    partly = scan(StorageUnreachable("x"), full=False)
    assert partly.vanished == ()
    assert changes(scan(BAD))["GD-EX-003"] == "still"


def test_verdicts_are_made_again_from_what_was_kept(scan: Scan) -> None:
    scanned = scan(BAD)
    (target,) = scanned.targets
    store: ScanStore = scan.store  # type: ignore[attr-defined]
    again = replay(store, scanned.result.policy, target)
    assert len(again) == 5
    assert all(one.same for one in again)
    assert json.loads(store.read(scanned.result.manifest))[0]["facts"] == target.facts
    # Somebody puts other facts, well made, in the place of those that were judged.
    better = target.model_copy(update={"facts": scan(GOOD).targets[0].facts})
    assert [one.now for one in replay(store, scanned.result.policy, better) if not one.same] == ["pass"]
    short = target.model_copy(update={"findings": store.keep(canonical([]))})
    with pytest.raises(EvidenceInvalid):
        replay(store, scanned.result.policy, short)


def test_kept_things_that_were_altered_or_lost_are_told(scan: Scan, tmp_path: Path) -> None:
    digest = scan(GOOD).targets[0].facts
    store: ScanStore = scan.store  # type: ignore[attr-defined]
    (path,) = (tmp_path / "scans" / "objects").glob(f"*/{digest}.zst")
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(EvidenceInvalid):
        store.read(digest)
    other = store.keep(b"other")
    path.write_bytes((tmp_path / "scans" / "objects" / other[:2] / f"{other}.zst").read_bytes())
    with pytest.raises(EvidenceInvalid):
        store.read(digest)
    path.unlink()
    with pytest.raises(Unavailable):
        store.read(digest)
    (tmp_path / "scans" / "standing.json").write_text("{", "utf-8")
    assert store.standing() == {}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, "fail", "new"),
        ("pass", "fail", "new"),
        ("unknown", "fail", "new"),
        ("fail", "fail", "still"),
        ("fail", "pass", "fixed"),
        ("fail", "not_applicable", "fixed"),
        ("fail", "unknown", "became-unreadable"),
        ("pass", "unknown", "became-unreadable"),
        ("unknown", "unknown", "same"),
        ("unknown", "pass", "became-readable"),
        ("pass", "pass", "same"),
        (None, "pass", "same"),
    ],
)
def test_changes(before: Any, now: Any, expected: str) -> None:
    was = Was(status=before, since="2026-01-01T00:00:00Z") if before else None
    assert delta.change(was, now, first=False) == expected
    kept = before == now
    assert (delta.since(was, now, "now") == "2026-01-01T00:00:00Z") == kept


def test_what_is_kept_behind_is_there_at_the_end_or_the_scan_is_told(tmp_path: Path) -> None:
    store = ScanStore(tmp_path / "scans")
    things = [str(number).encode() for number in range(40)] * 2
    with store.behind() as keep:
        digests = [keep.keep(thing) for thing in things]
    assert [store.read(digest) for digest in digests] == things
    (tmp_path / "blocked").write_bytes(b"")
    with pytest.raises(Unavailable), ScanStore(tmp_path / "blocked").behind() as keep:
        keep.keep(b"lost")
