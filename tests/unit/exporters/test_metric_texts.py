"""Metrics of a status: declared before they are emitted, true to the status, and safe to read."""

import importlib.util
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from prometheus_client.registry import CollectorRegistry
from prometheus_client.utils import floatToGoString

from guardian.clock import SystemClock
from guardian.model.reason import reason
from guardian.model.status import HostStatus
from guardian_exporters import catalogue
from guardian_exporters.declared_host import EXPORTER
from guardian_exporters.exposition import COLLECT, Exporter
from guardian_exporters.reference import reference_text
from guardian_exporters.text import MAX_LABEL, OPENMETRICS, PLAIN, label, number, wants_openmetrics

_spec = importlib.util.spec_from_file_location("guardian_tests_hosts", Path(__file__).with_name("hosts.py"))
assert _spec is not None
assert _spec.loader is not None
hosts = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hosts)

EXTRA = tuple((name, (), 1.0) for name in (
    "exporter_scrapes_total", "exporter_refused_total", "agent_cpu_seconds_total", "agent_resident_memory_bytes",
))  # fmt: skip


def served(status: HostStatus | None, **options: bool) -> str:
    return Exporter(SystemClock()).text(status, EXTRA, **options).decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Series (name, then label values in the order of their names) → value; the same series twice fails."""
    found: dict[tuple[str, ...], float] = {}
    for family in parse_plain(text):
        for sample in family.samples:
            key = (sample.name, *(value for _name, value in sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here (Debian package prometheus)")
    return found


def test_every_metric_costs_what_is_declared() -> None:
    counted = Counter(name for name, *_labels in samples(served(hosts.reference_host())))
    assert dict(counted) == {family.name: family.series for family in catalogue.FAMILIES if family.series}


def test_budgets_hold() -> None:
    fleet = sum(family.fleet for family in catalogue.FAMILIES)
    everything = sum(family.series for family in catalogue.FAMILIES)
    assert fleet <= catalogue.FLEET_BUDGET
    assert everything <= catalogue.HOST_BUDGET


def test_a_metric_that_is_not_declared_fails_its_collector() -> None:
    exporter = Exporter(SystemClock(), {"agent": lambda _status: iter([("agent_invented", (), 1.0)])})
    assert samples(exporter.text(hosts.reference_host()).decode())["guardian_exporter_collector_success", "agent"] == 0


@pytest.mark.parametrize("family", catalogue.FAMILIES, ids=lambda family: family.name)
def test_declarations_keep_the_rules(family: catalogue.Family) -> None:
    assert re.fullmatch(r"guardian_[a-z]+(_[a-z]+)*", family.name)
    assert (family.kind == "counter") == family.name.endswith("_total")
    assert (family.kind == "info") == family.name.endswith("_info")
    assert not re.search(r"_(millis|secs|mb|gb|percent|count|sum|bucket)(_|$)", family.name)
    assert not set(family.labels) & {"host", "snapshot", "path", "error", "job", "instance"}
    assert family.whole or not set(family.labels) & {"tenant", "region"}, "added by who knows"
    assert family.zeros or family.kind == "gauge"
    assert family.en.endswith(".")
    assert family.zh.endswith("。")


def test_no_name_is_declared_twice() -> None:
    assert len(catalogue.BY_NAME) == len(catalogue.FAMILIES)


def test_what_the_status_says_is_what_is_served() -> None:
    told = samples(served(hosts.reference_host()))
    assert told["guardian_backup_last_success_timestamp_seconds", "documents", "social"] == 1795413610.0
    assert told["guardian_backup_last_verified_timestamp_seconds", "documents", "social"] == 1795413610.0 - 86400
    assert told["guardian_plan_verdict", "documents", "social", "protected"] == 1
    assert told["guardian_plan_verdict", "documents", "social", "unknown"] == 0
    assert told["guardian_backup_running", "mail", "social"] == 1
    assert told["guardian_backup_running", "documents", "social"] == 0
    assert told["guardian_backup_slots_missed_total", "mail", "social"] == 2
    assert told["guardian_drill_last_rto_seconds", "D4", "mail", "social"] == 90
    assert told["guardian_repo_immutable", "main"] == 1
    assert told["guardian_agent_status_timestamp_seconds",] == hosts.AT_SECONDS
    assert told["guardian_agent_problems", "warning"] == 1
    assert told["guardian_agent_problems", "critical"] == 0
    assert told["guardian_agent_build_info", "0.14.0", "0.1.0"] == 1
    assert told["guardian_exporter_collector_last_success_timestamp_seconds", "sources"] == hosts.AT_SECONDS


def test_never_is_zero_and_unknown_is_absent() -> None:
    nothing = {"restore_point": None, "verified": None, "figures": {}, "medians": {}, "rpo_seconds": None}
    never = hosts.source(name="never", verdict="unprotected", **nothing)
    unknown = hosts.source(name="unknown", verdict="unknown", **nothing)
    told = samples(served(hosts.reference_host(sources=(never, unknown))))
    assert told["guardian_backup_last_success_timestamp_seconds", "never", "social"] == 0
    assert told["guardian_backup_last_verified_timestamp_seconds", "never", "social"] == 0
    assert ("guardian_backup_last_success_timestamp_seconds", "unknown", "social") not in told
    assert ("guardian_plan_rpo_seconds", "never", "social") not in told
    assert ("guardian_backup_last_source_bytes", "never", "social") not in told


def test_a_figure_that_is_no_number_is_absent() -> None:
    odd = hosts.source(figures={"bytes": float("nan"), "files": float("inf"), "seconds": 1.0})
    told = samples(served(hosts.reference_host(sources=(odd,))))
    assert ("guardian_backup_last_source_bytes", "documents", "social") not in told
    assert ("guardian_backup_last_source_files", "documents", "social") not in told
    assert told["guardian_backup_last_duration_seconds", "documents", "social"] == 1.0


def test_one_broken_part_is_told_and_the_others_are_served() -> None:
    broken = hosts.reference_host(repositories=(
        hosts.reference_host().repositories[0].model_copy(update={"oldest_lock": "last Tuesday"}),
    ))  # fmt: skip
    told = samples(served(broken))
    assert told["guardian_exporter_collector_success", "repositories"] == 0
    assert told["guardian_exporter_collector_success", "sources"] == 1
    assert not [key for key in told if key[0].startswith("guardian_repo_")]
    assert told["guardian_plan_enabled", "mail", "social"] == 1


def test_a_part_that_broke_later_says_how_old_its_last_success_is_and_repeats_nothing() -> None:
    exporter = Exporter(SystemClock())
    exporter.text(hosts.reference_host())
    text = exporter.text(hosts.reference_host(at="2026-11-23T09:00:00Z", log={"entries": 1, "newest": "no time"}))
    told = samples(text.decode())
    assert told["guardian_exporter_collector_last_success_timestamp_seconds", "ledger"] == hosts.AT_SECONDS
    assert told["guardian_exporter_collector_last_success_timestamp_seconds", "agent"] == hosts.AT_SECONDS + 3600
    assert ("guardian_ledger_entries",) not in told


def test_a_part_that_hangs_is_waited_for_once_and_the_others_are_served() -> None:
    release, begun = threading.Event(), []

    def hangs(_status: HostStatus) -> Iterator[tuple[str, tuple[str, ...], float]]:
        begun.append(1)
        release.wait(30.0)
        yield "ledger_entries", (), 1.0

    exporter = Exporter(SystemClock(), {**COLLECT, "ledger": hangs}, hosts.ShortFor("ledger"))
    for _again in range(3):
        told = samples(exporter.text(hosts.reference_host()).decode())
        assert told["guardian_exporter_collector_success", "ledger"] == 0
        assert ("guardian_ledger_entries",) not in told
        assert told["guardian_exporter_collector_success", "scans"] == 1
        assert told["guardian_plan_enabled", "mail", "social"] == 1
    assert len(begun) == 1, "a hundred scrapes must not leave a hundred threads"
    release.set()
    while samples(exporter.text(hosts.reference_host()).decode())["guardian_exporter_collector_success", "ledger"] == 0:
        pass
    assert len(begun) == 2


def test_what_is_found_has_a_series_for_as_long_as_it_stands() -> None:
    twice = (reason("drill-says-no", level="D2"), reason("drill-says-no", "warning", level="D3"))
    bad = hosts.source(name="bad", verdict="at-risk", reasons=twice, missing=3, unaccounted=1, paused_since=hosts.AT)
    told = samples(served(hosts.reference_host(sources=(bad, hosts.source(name="good", missing=None)))))
    reasons = {key for key in told if key[0] == "guardian_plan_reason"}
    assert reasons == {("guardian_plan_reason", "drill-says-no", "critical", "bad", "social")}, "once, the worse"
    assert told["guardian_backup_missing_snapshots", "bad", "social"] == 3
    assert ("guardian_backup_missing_snapshots", "good", "social") not in told, "nobody has looked"
    assert told["guardian_plan_paused_since_timestamp_seconds", "bad", "social"] == hosts.AT_SECONDS
    assert ("guardian_plan_paused_since_timestamp_seconds", "good", "social") not in told
    assert told["guardian_repo_reason", "canary-hidden", "main", "info"] == 1


@pytest.mark.parametrize(
    ("ended", "outcome", "code", "told"),
    [
        ("07:00", "failed", "storage-unreachable", "storage-unreachable"),
        ("05:00", "failed", "storage-unreachable", None),  # maintenance has used it since
        ("07:00", "failed", "source-missing", None),  # not the repository's fault
        ("07:00", "complete", "repository-locked", None),  # it waited, and then went on
        ("07:00", "interrupted", "storage-unreachable", None),  # once is chance
    ],
)
def test_a_repository_is_unusable_while_the_newest_attempt_says_so(
    ended: str, outcome: str, code: str, told: str | None
) -> None:
    backup = hosts.ran(
        "backup:social/mail",
        last_ended=f"2026-11-23T{ended}:00Z",
        last_outcome=outcome,
        last_reasons=(reason(code),),
        failures_in_a_row={"failed": 2, "interrupted": 1, "complete": 0}[outcome],
    )
    found = samples(served(hosts.reference_host(sources=(hosts.source(backup=backup),))))
    unusable = [key for key in found if key[0] == "guardian_repo_unusable"]
    assert unusable == ([("guardian_repo_unusable", told, "main")] if told else [])
    assert found["guardian_repo_unplanned", "main", "posture"] == 0


def test_the_deadline_is_that_of_the_level_that_waits_longest() -> None:
    late = hosts.drill("mail", "D3").model_copy(update={"last_pass": "2026-11-01T00:00:00Z"})
    never = hosts.drill("never", "D3").model_copy(update={"last_pass": None})
    manual = hosts.drill("manual", "D4").model_copy(update={"interval_seconds": None})
    told = samples(served(hosts.reference_host(drills=(hosts.drill("mail", "D2"), late, never, manual))))
    november = hosts.AT_SECONDS - 22 * 86400 - 8 * 3600
    assert told["guardian_drill_deadline_timestamp_seconds", "mail", "social"] == november + 14 * 86400
    assert told["guardian_drill_deadline_timestamp_seconds", "never", "social"] == november + 14 * 86400
    assert ("guardian_drill_deadline_timestamp_seconds", "manual", "social") not in told


def test_a_baseline_nobody_has_scanned_says_so_and_nothing_else() -> None:
    never = hosts.scan(evaluated=None, baseline="sshd")
    told = samples(served(hosts.reference_host(scans=(hosts.scan(), never))))
    mine = {key[0]: value for key, value in told.items() if "sshd" in key}
    assert mine.pop("guardian_baseline_last_scan_timestamp_seconds") == 0
    assert set(mine) == {"guardian_baseline_next_due_timestamp_seconds"}
    where = ("mlps-l3-host", "host:app-1")
    failed = {key[2]: value for key, value in told.items() if key[0] == "guardian_baseline_failed_checks"}
    assert failed == {"info": 0, "low": 0, "medium": 0, "high": 3, "critical": 1}, "waived ones are told apart"
    assert told["guardian_baseline_waived_checks", *where] == 2
    assert told["guardian_baseline_checks", where[0], "fail", where[1]] == 6


def test_the_same_source_twice_does_not_spoil_the_page() -> None:
    told = samples(served(hosts.reference_host(sources=(hosts.source(), hosts.source()))))
    assert told["guardian_exporter_collector_success", "sources"] == 0
    assert told["guardian_ledger_entries",] == 812


def test_without_a_status_nothing_is_claimed() -> None:
    told = samples(served(None))
    assert {name for name, *_labels in told} == {family.name for family in EXPORTER} | {
        "guardian_agent_cpu_seconds_total",
        "guardian_agent_resident_memory_bytes",
    }
    assert not any(told["guardian_exporter_collector_success", name] for name in catalogue.COLLECTORS)


HOSTILE = (
    'quo"te',
    "back\\slash",
    "line\nend",
    "carriage\rreturn",
    "x" * 10_000,
    "\udcff\ud800",
    '"} 1\nevil{a="',
    "\x00",
)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_label_values_stay_label_values(value: str) -> None:
    status = hosts.reference_host()
    hostile = status.sources[0].model_copy(update={"repository": value, "kind": value})
    status = status.model_copy(update={"sources": (hostile,)})
    for family in parse_plain(served(status)):
        assert family.name.startswith("guardian_")
        for sample in family.samples:
            assert sample.name != "evil"
            if sample.name == "guardian_plan_info":
                assert sample.labels["kind"] == label(value)
                assert len(sample.labels["kind"]) <= MAX_LABEL


class Told:
    """What an exporter made, for prometheus_client to write."""

    def __init__(self, exporter: Exporter, status: HostStatus) -> None:
        self.made = exporter.made(status, EXTRA)

    def collect(self) -> Iterator[Metric]:
        for family in catalogue.FAMILIES:
            if family.name in self.made:
                metric = Metric(family.stem, family.en, family.kind, family.unit)
                for values, value in self.made[family.name].items():
                    metric.add_sample(family.name, dict(zip(family.labels, values, strict=True)), value)
                yield metric


class Stopped(SystemClock):
    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize("value", ["documents", *HOSTILE], ids=range(1 + len(HOSTILE)))
def test_the_text_is_what_prometheus_client_writes(value: str) -> None:
    status = hosts.reference_host()
    hostile = status.sources[0].model_copy(update={"repository": value, "kind": value})
    status = status.model_copy(update={"sources": (hostile, *status.sources[1:])})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told(Exporter(Stopped()), status))  # type: ignore[arg-type]
    exporter = Exporter(Stopped())
    assert exporter.text(status, EXTRA) == generate_latest(registry)
    assert exporter.text(status, EXTRA, openmetrics=True) == openmetrics_exposition.generate_latest(registry)
    assert (PLAIN, OPENMETRICS) == (CONTENT_TYPE_PLAIN_0_0_4, openmetrics_exposition.CONTENT_TYPE_LATEST)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60))
def test_numbers_are_written_as_prometheus_client_does(value: float) -> None:
    assert number(value) == floatToGoString(value)
    assert float(number(value)) == float(value)


def test_two_long_values_stay_two() -> None:
    assert label("x" * 10_000 + "a") != label("x" * 10_000 + "b")


def test_openmetrics_is_read_by_its_own_strict_parser() -> None:
    families = list(parse_openmetrics(served(hosts.reference_host(), openmetrics=True)))
    assert sum(len(family.samples) for family in families) == sum(family.series for family in catalogue.FAMILIES)
    units = {family.name: family.unit for family in families}
    assert units["guardian_backup_last_source_bytes"] == "bytes"
    assert units["guardian_agent_cpu_seconds"] == "seconds"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.3", True),
        ("text/html, application/openmetrics-text", True),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text;version=99999999999999999999.x", False),
        (";;;,,,=;" * 5000, False),
    ],
)
def test_which_text_is_asked_for(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


def test_promtool_has_nothing_to_say(promtool: str) -> None:
    text = Exporter(SystemClock()).text(hosts.reference_host(), EXTRA)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")


def test_the_reference_page_is_up_to_date() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"
    assert page.read_text("utf-8") == reference_text(), "run: python -m guardian_exporters.reference --write"
