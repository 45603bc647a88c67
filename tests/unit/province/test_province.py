"""The made-up province: the same in any order, true to life, with every fault where it is said to be."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from guardian.model.fleet import FleetHost
from guardian.province import FAULTS, Province, Shape
from guardian.province.faults import OF_HUB

HOUR = timedelta(hours=1)
SOUND = Province(Shape(hosts=40), faults=())


def one(fault: str, **shape: Any) -> tuple[FleetHost, Province]:
    """A host that ``fault`` has befallen, at the end of history."""
    province = Province(Shape(hosts=40, **shape), faults=(fault,))
    victim = province.victims(fault)[0]
    return next(host for host in province.hosts(province.end) if host.id == victim), province


def test_a_moment_is_the_same_whenever_and_in_whatever_order_it_is_asked_for() -> None:
    moment = SOUND.origin + timedelta(days=200, hours=7)
    first = list(SOUND.hosts(moment))
    again = Province(Shape(hosts=40), faults=())
    list(again.hosts(again.end))
    assert list(again.hosts(moment)) == first
    assert again.host(7, moment) in first
    assert list(Province(Shape(seed=2, hosts=40), faults=()).hosts(moment)) != first


def test_history_goes_forward() -> None:
    """Of every source what was backed up or proved stays so, and what is counted does not shrink."""
    province = Province(Shape(hosts=12), faults=())
    before: dict[tuple[str, str], tuple[str, str]] = {}
    entries: dict[str, int] = {}
    for hours in range(0, 24 * 40, 13):
        for host in province.hosts(province.origin + timedelta(days=300) + hours * HOUR):
            assert host.status is not None
            assert host.status.log is not None
            assert host.status.log.entries >= entries.get(host.id, 0)
            entries[host.id] = host.status.log.entries
            for source in host.status.sources:
                now = source.restore_point or "", source.verified or ""
                assert now >= before.get((host.id, source.source), ("", ""))
                assert now[1] <= now[0], "nothing is proved that was not backed up"
                before[host.id, source.source] = now


def test_a_province_grows_and_is_well_where_nothing_befell_it() -> None:
    counts = [len(list(SOUND.hosts(SOUND.origin + timedelta(days=days)))) for days in (10, 120, 365)]
    assert counts[0] < counts[1] <= counts[2] == 40
    hosts = list(SOUND.hosts(SOUND.end))
    verdicts = Counter(source.verdict for host in hosts if host.status for source in host.status.sources)
    assert verdicts["protected"] >= 0.97 * sum(verdicts.values())
    assert {host.id for host in hosts} == {host.id for host in SOUND.hosts(SOUND.end)}
    assert len({(host.region, host.network) for host in hosts}) > 10
    head = SOUND.head(SOUND.end)
    assert {host.region for host in hosts} <= {region.code for region in head.regions}
    assert {(host.tenant, source.system) for host in hosts if host.status for source in host.status.sources} <= {
        (system.tenant, system.id) for system in head.systems
    }
    parents = {region.code: region.parent for region in head.regions}
    assert parents["520102"] == "520100"
    assert parents["520100"] == "520000"
    assert parents["520000"] is None


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in OF_HUB])
def test_every_fault_shows_after_it_befell_and_not_before(fault: str) -> None:
    faulty = Province(Shape(hosts=40), faults=(fault,))
    assert faulty.victims(fault)
    for number in faulty.befallen:
        if faulty.plan(number).born < faulty.onset(fault):
            before = faulty.origin + timedelta(seconds=faulty.onset(fault) - 301)
            assert faulty.host(number, before) == SOUND.host(number, before)
        assert faulty.host(number, faulty.end) != SOUND.host(number, SOUND.end)


@pytest.mark.parametrize("fault", OF_HUB)
def test_faults_of_the_hub_show_in_the_head(fault: str) -> None:
    faulty = Province(Shape(hosts=5), faults=(fault,))
    before = faulty.origin + timedelta(seconds=faulty.onset(fault) - 60)
    assert faulty.head(before) == SOUND.head(before)
    assert faulty.head(faulty.end) != SOUND.head(faulty.end)


def test_faults_befall_different_hosts_while_there_are_enough() -> None:
    province = Province(Shape(hosts=400))
    assert max(len(names) for names in province.befallen.values()) == 1
    assert set().union(*province.befallen.values()) == set(FAULTS) - set(OF_HUB)
    site = [host for host in province.hosts(province.end) if host.id in province.victims("site-silent")]
    assert len(site) >= 3
    assert len({(host.region, host.network) for host in site}) == 1


def test_a_host_that_is_silent_says_what_it_said_then() -> None:
    host, province = one("host-silent")
    assert host.last_contact is not None
    silent = province.end - datetime.fromisoformat(host.last_contact)
    assert timedelta(hours=2) <= silent < timedelta(hours=2, seconds=300)
    assert host.status is not None
    assert host.status.at == host.last_contact


def test_failing_backups_fail_since_the_onset() -> None:
    host, province = one("backup-failing")
    assert host.status is not None
    source = host.status.sources[0]
    assert source.backup.failures_in_a_row >= 3
    assert source.backup.last_exit_code == 4
    assert source.verdict == "at-risk"
    assert "recovery-point-too-old" in {why.code for why in source.reasons}
    assert source.restore_point is not None
    age = province.end - datetime.fromisoformat(source.restore_point)
    assert timedelta(days=3) < age < timedelta(days=4)
    assert {other.backup.failures_in_a_row for other in host.status.sources[1:]} == {0}


def test_a_renamed_host_keeps_its_id_and_a_retired_one_is_not_expected() -> None:
    renamed, province = one("host-renamed")
    assert renamed.name.startswith("new-")
    assert renamed.id in {host.id for host in SOUND.hosts(province.end)}
    retired, _province = one("host-retired")
    assert (retired.state, retired.expected) == ("retired", False)
