"""The page of a fleet: what its hosts say, in parts that make a whole, within its budget, and safe to read."""

import gzip
import importlib.util
import io
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from prometheus_client.registry import CollectorRegistry

from guardian.clock import SystemClock
from guardian.model.fleet import FleetHost, FleetStatus, fleet_of
from guardian.model.fleet_file import MOST_LINE, FleetLines, lines
from guardian.province import Province, Shape
from guardian_exporters import catalogue, fleet_page, history
from guardian_exporters.family import IDENTITY
from guardian_exporters.fleet_feed import FleetFile, fill
from guardian_exporters.fleet_page import FleetPage, Shard, made_of

_spec = importlib.util.spec_from_file_location("guardian_tests_hosts", Path(__file__).with_name("hosts.py"))
assert _spec is not None
assert _spec.loader is not None
hosts = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hosts)

PROVINCE = Province(Shape(hosts=80))
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Series → value; the same series twice, and a family in two places, fail."""
    found: Samples = {}
    names = Counter(family.name for family in parse_plain(text))
    assert set(names.values()) == {1}
    for family in parse_plain(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def filled(status: FleetStatus) -> FleetPage:
    page = FleetPage(SystemClock())
    fill(page, status)
    return page


def text(page: FleetPage, shard: str = "1/1", **options: bool) -> str:
    return b"".join(page.parts((), Shard.parse(shard), **options)).decode()


@pytest.fixture(scope="module")
def page() -> FleetPage:
    return filled(PROVINCE.fleet())


@pytest.fixture(scope="module")
def told(page: FleetPage) -> Samples:
    return samples(text(page))


def of(told: Samples, name: str, /, **labels: str) -> list[float]:
    """Values of the series of ``guardian_name`` with these labels."""
    wanted = set(labels.items())
    return [value for (found, has), value in told.items() if found == f"guardian_{name}" and wanted <= has]


def test_the_budget_holds_on_a_fleet_with_every_fault(page: FleetPage, told: Samples) -> None:
    mine = Counter(dict(has)["host"] for (_name, has) in told if "host" in dict(has))
    assert sum(mine.values()) == of(told, "fleet_series")[0] == page.whole.series
    assert sum(mine.values()) / len(mine) <= catalogue.FLEET_BUDGET
    everything = filled(fleet_of(PROVINCE.head(PROVINCE.end), [FleetHost(
        id="x", tenant="t", region="520000", last_contact=hosts.AT, contact_interval_seconds=300,
        clock_offset_seconds=0.1, certificate_expires=hosts.AT, lag_seconds=1, log_entries=812,
        status=hosts.reference_host(),
    )]))  # fmt: skip
    counted = Counter(name for (name, has) in samples(text(everything)) if "host" in dict(has))
    assert dict(counted) == {family.name: family.fleet for family in catalogue.FAMILIES if family.fleet}


def test_every_series_of_a_host_says_whose_it_is_and_nothing_undeclared_is_served(told: Samples) -> None:
    for name, has in told:
        family = catalogue.BY_NAME[name]
        whole = family.whole or name.startswith("guardian_exporter_")
        assert {label for label, _value in has} == set(family.labels) | (set() if whole else set(IDENTITY))
        assert family.in_fleet or name == "guardian_exporter_collector_success"


def test_faults_can_be_seen(told: Samples) -> None:
    def victim(fault: str) -> str:
        return PROVINCE.victims(fault)[0]

    end = PROVINCE.end.timestamp()
    heard = of(told, "host_last_contact_timestamp_seconds", host=victim("host-silent"))[0]
    assert 7200 <= end - heard < 7500
    assert of(told, "backup_consecutive_failures", host=victim("backup-failing"))[0] >= 3
    assert of(told, "backup_consecutive_failures", host=victim("backup-incomplete")) == [], "0 is not said"
    assert of(told, "backup_last_exit_code", host=victim("backup-incomplete")) == [3]
    assert of(told, "plan_enabled", host=victim("plan-paused")).count(0) == 1
    assert of(told, "plan_paused_since_timestamp_seconds", host=victim("plan-paused")) == [end - 10 * 86400]
    assert of(told, "backup_missing_snapshots", host=victim("snapshots-deleted")) == [17]
    assert of(told, "repo_immutable", host=victim("canary-deleted")) == [0]
    assert of(told, "repo_reason", host=victim("canary-deleted"), reason="canary-deleted") == [1]
    assert of(told, "host_info", host=victim("identity-conflict"), state="conflict") == [1]
    assert of(told, "drill_planted_missed", host=victim("planted-missed"), level="D2") == [1]
    assert max(of(told, "plan_assured_max_loss_ratio", host=victim("assurance-weak"))) == 0.2
    assert of(told, "custody_last_proven_timestamp_seconds", host=victim("custody-never")) == [0]
    assert of(told, "ledger_intact", host=victim("ledger-broken")) == [0]
    assert of(told, "host_log_missing_entries", host=victim("log-behind"))[0] >= 8
    assert min(of(told, "drill_deadline_timestamp_seconds", host=victim("drill-overdue"))) < end - 86400
    assert of(told, "relay_missing_bundles", relay="relay-second-level") == [3]


def test_a_host_nobody_expects_wakes_nobody(told: Samples) -> None:
    mine = {name for name, has in told if ("host", PROVINCE.victims("host-retired")[0]) in has}
    assert mine == {"guardian_host_info", "guardian_host_expected"}


def test_what_is_counted_is_what_is_there(told: Samples) -> None:
    every = list(PROVINCE.hosts(PROVINCE.end))
    assert sum(of(told, "fleet_hosts")) == len(every)
    assert of(told, "fleet_hosts", state="retired") == [1]
    expected = [host for host in every if host.expected and host.status]
    verdicts = Counter(source.verdict for host in expected for source in host.status.sources)  # type: ignore[union-attr]
    for verdict in catalogue.VERDICTS:
        assert sum(of(told, "fleet_plans", verdict=verdict)) == verdicts[verdict]
        assert sum(of(told, "plan_verdict", verdict=verdict)) == verdicts[verdict]


@pytest.mark.parametrize("of_them", [2, 3, 7])
def test_shards_make_the_whole(page: FleetPage, told: Samples, of_them: int) -> None:
    parts = [samples(text(page, f"{number}/{of_them}")) for number in range(1, of_them + 1)]
    merged: Samples = {}
    for part in parts:
        mine = {key: value for key, value in part.items() if not key[0].startswith("guardian_exporter_")}
        assert not merged.keys() & mine.keys()
        merged |= mine
    assert merged == {key: value for key, value in told.items() if not key[0].startswith("guardian_exporter_")}
    assert all(sum("host" in dict(has) for _name, has in part) > 0 for part in parts)


@pytest.mark.parametrize("said", ["", "0/1", "2/1", "1", "1/65", "-1/2", "1/2/3", "x/y", "1/", "¹/2", "1 /2"])
def test_what_is_no_shard_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        Shard.parse(said)


HOSTILE = ('quo"te', "back\\slash", "line\nend", "\ufffe\x00", "x" * 10_000, "\udcff\ud800", '"} 1\nevil{a="', "{},= #")


class Told:
    """The fleet for prometheus_client to write."""

    def __init__(self, page: FleetPage, every: list[FleetHost]) -> None:
        self.page, self.every = page, every

    def collect(self) -> Iterator[Metric]:
        metrics: dict[str, Metric] = {}
        for host in self.every:
            who = dict(zip(IDENTITY, (host.tenant, host.region or "", host.id), strict=True))
            for name, series in made_of(host)[0].items():
                family = catalogue.BY_NAME[name]
                metric = metrics.setdefault(name, Metric(family.stem, family.en, family.kind, family.unit))
                for values, value in series.items():
                    metric.add_sample(name, {**who, **dict(zip(family.labels, values, strict=True))}, value)
        yield from (metrics[family.name] for family in fleet_page.SERVED if family.name in metrics)


def test_the_text_is_what_prometheus_client_writes() -> None:
    every = list(PROVINCE.hosts(PROVINCE.end))[:12]
    for at, value in enumerate(HOSTILE):
        every[at] = every[at].model_copy(update={"network": value, "name": value})
    page = filled(fleet_of(PROVINCE.head(PROVINCE.end), every))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told(page, every))  # type: ignore[arg-type]
    ours = list(page.parts())
    assert b"".join(ours[1:]) == generate_latest(registry)
    ours = list(page.parts(openmetrics=True))
    assert b"".join(ours[1:]) == openmetrics_exposition.generate_latest(registry)
    assert len(list(parse_openmetrics(b"".join(ours).decode()))) > 50
    networks = {value for _name, has in samples(text(page)) for label, value in has if label == "network"}
    relays = {relay.network for relay in PROVINCE.head(PROVINCE.end).relays}
    assert networks == relays | {fleet_page.label(host.network) for host in every}


def test_promtool_has_nothing_to_say_and_takes_a_history(page: FleetPage, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here (Debian package prometheus)")
    whole = gzip.decompress(page.gzip())
    done = subprocess.run([promtool, "check", "metrics"], input=whole, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")
    small = Province(Shape(hosts=4))
    moments = [small.end - timedelta(minutes=30) * back for back in (3, 2, 1, 0)]
    past = tmp_path / "past.om"
    with past.open("wb") as file:
        file.writelines(history.of_fleet(small.fleet, moments, job="guardian-fleet", instance="hub"))
        file.writelines(history.of_hosts(small.fleet, moments, job="guardian-agent"))
        file.write(history.END)
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(past), str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    assert done.returncode == 0, done.stderr
    (tmp_path / "data" / "wal").mkdir()  # it looks there too
    dump = [promtool, "tsdb", "dump", "--match", '{job="guardian-fleet",__name__="guardian_host_expected"}']
    done = subprocess.run([*dump, str(tmp_path / "data")], capture_output=True, timeout=60, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4 * 4
    assert 'tenant="' in done.stdout


# files


def written(tmp_path: Path, status: FleetStatus) -> Path:
    path = tmp_path / "fleet.jsonl"
    path.write_bytes(b"".join(lines(status)))
    return path


def test_a_file_tells_the_same_and_only_changed_lines_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Samples
) -> None:
    page = FleetPage(SystemClock())
    file = FleetFile(written(tmp_path, PROVINCE.fleet()), page)
    assert file.refresh()
    assert samples(text(page)) == told
    read: list[str] = []
    really = FleetLines.host

    def seen(lines: FleetLines, line: bytes) -> FleetHost | None:
        host = really(lines, line)
        read.append(host.id if host else "")
        return host

    monkeypatch.setattr(FleetLines, "host", seen)
    assert file.refresh()
    assert read == []
    every = list(PROVINCE.hosts(PROVINCE.end))
    changed = every[3].model_copy(update={"clock_offset_seconds": 77.0})
    written(tmp_path, fleet_of(PROVINCE.head(PROVINCE.end), [*every[:3], changed, *every[5:]]))
    assert file.refresh()
    assert read == [changed.id]
    now = samples(text(page))
    assert of(now, "host_clock_offset_seconds", host=changed.id) == [77]
    assert of(now, "host_info", host=every[4].id) == []


def test_a_file_that_is_cut_off_makes_nobody_disappear(tmp_path: Path) -> None:
    page = FleetPage(SystemClock())
    path = written(tmp_path, PROVINCE.fleet())
    file = FleetFile(path, page)
    assert file.refresh()
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, whole.rindex(b"\n", 0, -1) + 1):
        path.write_bytes(whole[:size])
        assert not file.refresh()
        assert len(page) == 80
        assert of(samples(text(page)), "fleet_complete") == [0]
    path.write_bytes(whole)
    assert file.refresh()
    assert of(samples(text(page)), "fleet_complete") == [1]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"[]", b"\xff\xfe\x00", b'{"schema":"guardian.fleet/v2","at":"x"}\n', b"[" * 100_000, b'{"schema":7}'],
    ids=range(7),
)
def test_what_is_no_fleet_is_refused_and_what_is_known_stays(content: bytes, tmp_path: Path) -> None:
    page = FleetPage(SystemClock())
    path = written(tmp_path, PROVINCE.fleet())
    file = FleetFile(path, page)
    assert file.refresh()
    path.write_bytes(content)
    assert not file.refresh()
    assert file.problem
    assert of(samples(text(page)), "fleet_complete") == [0]
    path.unlink()
    assert not file.refresh()
    assert len(page) == 80


def test_lines_that_are_no_hosts_are_counted_and_passed_over(tmp_path: Path) -> None:
    every = [host.model_dump_json().encode() for host in list(PROVINCE.hosts(PROVINCE.end))[:4]]
    head = next(lines(PROVINCE.fleet()))
    bad = [b"", b"null", b'{"id":"x"}', b'{"id":"' + b"x" * MOST_LINE + b'"}', b"[" * 200_000, b"\xff", every[0]]
    body = b"".join(line + b"\n" for line in (every[0], *bad, *every[1:]))
    path = tmp_path / "fleet.jsonl"
    path.write_bytes(head + body + b'{"end":%d}\n' % (len(bad) + 4))
    page = FleetPage(SystemClock())
    assert FleetFile(path, page).refresh()
    assert len(page) == 4
    assert of(samples(text(page)), "fleet_unread_hosts") == [len(bad)]


def test_the_reader_gives_what_was_written() -> None:
    read = FleetLines(io.BytesIO(b"".join(lines(PROVINCE.fleet()))))
    assert list(read.hosts()) == list(PROVINCE.hosts(PROVINCE.end))
    assert read.head == PROVINCE.head(PROVINCE.end)
    assert (read.complete, read.unread) == (True, 0)


# faults


def test_a_collector_that_fails_for_one_host_is_told_and_takes_nothing_else_along(page: FleetPage) -> None:
    every = list(PROVINCE.hosts(PROVINCE.end))[:5]
    status = every[0].status
    assert status is not None
    said = status.model_copy(update={"scans": (hosts.scan(evaluated="never"),)})
    broken = every[0].model_copy(update={"status": said})
    now = samples(text(filled(fleet_of(PROVINCE.head(PROVINCE.end), [broken, *every[1:]]))))
    assert of(now, "exporter_collector_success", collector="scans") == [0]
    assert of(now, "exporter_collector_success", collector="sources") == [1]
    assert of(now, "baseline_score_ratio", host=broken.id) == []
    assert of(now, "plan_enabled", host=broken.id) != []
    assert of(now, "baseline_score_ratio", host=every[1].id) != []


def test_a_host_that_hangs_is_left_out_and_the_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    every = list(PROVINCE.hosts(PROVINCE.end))[:5]
    release, really = threading.Event(), fleet_page.made_of

    def hangs(host: FleetHost) -> Any:
        if host.id == every[2].id:
            release.wait(30.0)
        return really(host)

    monkeypatch.setattr(fleet_page, "made_of", hangs)
    page = FleetPage(SystemClock(), hosts.ShortFor(every[2].id))
    fill(page, fleet_of(PROVINCE.head(PROVINCE.end), every))
    release.set()
    now = samples(text(page))
    assert of(now, "fleet_unread_hosts") == [1]
    assert len({dict(has)["host"] for _name, has in now if "host" in dict(has)}) == 4


def test_two_hosts_of_one_name_stay_two_and_one_id_stays_one() -> None:
    first, second, *_others = PROVINCE.hosts(PROVINCE.end)
    clone = second.model_copy(update={"name": first.name, "state": "conflict"})
    now = samples(text(filled(fleet_of(PROVINCE.head(PROVINCE.end), [first, clone, first]))))
    assert len(of(now, "host_info", name=first.name)) == 2
    assert of(now, "fleet_unread_hosts") == [1]


def test_a_head_that_says_a_thing_twice_loses_the_head_and_no_host() -> None:
    head = PROVINCE.head(PROVINCE.end)
    twice = head.model_copy(update={"tenants": (*head.tenants, head.tenants[0])})
    now = samples(text(filled(fleet_of(twice, PROVINCE.hosts(PROVINCE.end)))))
    assert of(now, "exporter_collector_success", collector="fleet") == [0]
    assert of(now, "fleet_hosts") == []
    assert len(of(now, "host_expected")) == 80


def test_a_clock_that_jumps_changes_no_number(page: FleetPage, told: Samples) -> None:
    """Nothing on the page is an age: what is an age is made of times where it is asked for."""
    ages = {name for name, _has in told if name.endswith("_age_seconds")}
    assert not ages
    again = filled(PROVINCE.fleet())
    assert samples(text(again)) == told
