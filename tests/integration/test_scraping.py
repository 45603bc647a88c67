"""The configurations that are shipped: the real programs accept them, and they do what they are for."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from guardian_exporters.catalogue import FAMILIES
from guardian_exporters.declared_host import EXPORTER

_HERE = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location("guardian_tests_monitoring_of_scraping", _HERE / "monitoring.py")
assert _spec is not None
assert _spec.loader is not None
programs = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)

SHIPPED = programs.ROOT / "exporters" / "prometheus"
CONFIGURATIONS = sorted(
    str(path.relative_to(SHIPPED)) for path in (*SHIPPED.glob("prometheus-*.yml"), *SHIPPED.glob("remote-write/*.yml"))
)
PAGE = "guardian_ledger_entries 812\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is shipped, with secrets where it looks for them."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    secrets = folder / "secrets"
    secrets.mkdir()
    made = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    ]
    names = ("-subj", "/CN=test", "-keyout", "prometheus.key", "-out", "prometheus.pem")
    subprocess.run([*made, *names], cwd=secrets, check=True, capture_output=True, timeout=60)
    for path in sorted(folder.rglob("*.yml")):
        text = path.read_text("utf-8")
        for name in re.findall(r"/etc/prometheus/secrets/([\w.-]+)", text):
            if not (secrets / name).exists():
                shutil.copy(secrets / "prometheus.pem", secrets / name)
        path.write_text(text.replace("/etc/prometheus/secrets", str(secrets)), "utf-8")
    return folder


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_promtool_accepts_what_is_shipped(installed: Path, name: str) -> None:
    said = programs.promtool("check", "config", str(installed / name))
    assert "rules found" in said or "rule_files" not in (installed / name).read_text("utf-8")


def test_vmagent_and_vmalert_accept_what_is_shipped(installed: Path) -> None:
    for argv in (
        ("vmagent", "-dryRun", "-promscrape.config=vmagent.yml", "-remoteWrite.url=http://127.0.0.1:1/"),
        ("vmalert", "-dryRun", "-rule=rules/*.yml"),
    ):
        found = programs.program(argv[0], "victoria-metrics")
        done = subprocess.run(
            [found, *argv[1:]], cwd=installed, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    broken = ("-promscrape.config=rules/watchdog.yml", "-promscrape.config.strictParse=true")
    argv = (programs.program("vmagent", "victoria-metrics"), "-dryRun", *broken, "-remoteWrite.url=http://127.0.0.1:1/")
    assert subprocess.run(argv, cwd=installed, capture_output=True, timeout=60, check=False).returncode != 0


def test_every_interval_is_short_enough_for_alerts_to_hold() -> None:
    for path in (*SHIPPED.glob("prometheus-*.yml"), SHIPPED / "vmagent.yml"):
        said = yaml.safe_load(path.read_text("utf-8"))
        for interval in (said["global"], *said["scrape_configs"]):
            assert int(interval.get("scrape_interval", "60s").removesuffix("s")) <= 120, path


def _plain(said: Any) -> Any:
    """A configuration for loopback: no TLS, no users, a look every second."""
    if isinstance(said, dict):
        kept = {key: _plain(value) for key, value in said.items() if key not in ("tls_config", "basic_auth", "scheme")}
        for name in ("scrape_interval", "scrape_timeout", "evaluation_interval"):
            kept |= {name: "1s"} if name in kept else {}
        return kept
    return [_plain(one) for one in said] if isinstance(said, list) else said


def _started(folder: Path, said: dict[str, Any], module: ModuleType) -> Any:
    said.pop("alerting", None)
    (folder / "plain.yml").write_text(yaml.safe_dump(said), "utf-8")
    port = module.free_port()
    options = (f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn")
    argv = (module.program("prometheus", "prometheus"), f"--config.file={folder / 'plain.yml'}", *options)
    return module.Program(argv, folder, port)


def _labels(server: Any, expression: str, module: ModuleType) -> list[dict[str, str]]:
    def asked() -> list[dict[str, str]]:
        return [one["metric"] for one in server.get("/api/v1/query", query=expression)["data"]["result"]]

    return module.until(asked, expression, lambda: server.get("/api/v1/targets"))  # type: ignore[no-any-return]


def test_a_host_without_a_name_is_called_by_its_address(
    installed: Path, monitoring: ModuleType, tmp_path: Path
) -> None:
    nameless, named = monitoring.Page(PAGE), monitoring.Page(PAGE)
    said = _plain(yaml.safe_load((installed / "prometheus-hosts.yml").read_text("utf-8")))
    said["rule_files"] = [str(installed / "rules" / "host-*.yml")]
    said["scrape_configs"][1]["file_sd_configs"] = [{"files": [str(tmp_path / "targets-*.yml")]}]
    targets = [{"targets": [nameless.address]}, {"targets": [named.address], "labels": {"host": "db-1"}}]
    (tmp_path / "targets-1.yml").write_text(yaml.safe_dump(targets), "utf-8")
    server = _started(tmp_path, said, monitoring)
    monitoring.until(lambda: len(_labels(server, "guardian_ledger_entries", monitoring)) == 2, "both hosts")
    assert {one["host"] for one in _labels(server, "guardian_ledger_entries", monitoring)} == {"127.0.0.1", "db-1"}


def test_a_fleet_is_scraped_by_shards_and_what_it_says_of_hosts_stands(
    installed: Path, monitoring: ModuleType, tmp_path: Path
) -> None:
    own = 'guardian_exporter_collector_success{collector="fleet"} 1\n'
    hub = monitoring.Page(own + 'guardian_ledger_entries{host="app-1",tenant="t"} 812\n')
    city = monitoring.Page("[]")
    said = _plain(yaml.safe_load((installed / "prometheus-fleet.yml").read_text("utf-8")))
    said["rule_files"] = [str(installed / "rules" / "*.yml")]
    fleet, agents = said["scrape_configs"][1:]
    fleet["relabel_configs"][2]["replacement"] = hub.address
    agents["http_sd_configs"][0]["url"] = f"http://{city.address}/sd"
    server = _started(tmp_path, said, monitoring)
    shards = ["1/4", "2/4", "3/4", "4/4"]
    monitoring.until(lambda: len(_labels(server, 'up{job="guardian-fleet"} == 1', monitoring)) == 4, "all shards")
    assert sorted(one["shard"] for one in _labels(server, "up{job='guardian-fleet'}", monitoring)) == shards
    assert {one["shard"] for one in _labels(server, "guardian_exporter_collector_success", monitoring)} == set(shards)
    (pattern,) = (one["regex"] for one in fleet["metric_relabel_configs"])
    assert {family.name for family in FAMILIES if not re.fullmatch(pattern, family.name)} == {e.name for e in EXPORTER}
    (told,) = _labels(server, "guardian_ledger_entries", monitoring)
    assert told == {
        "__name__": "guardian_ledger_entries", "host": "app-1", "tenant": "t", "job": "guardian-fleet",
        "instance": "hub.example:9788",
    }  # fmt: skip
    assert {f"/metrics?shard={shard.replace('/', '%2F')}" for shard in shards} <= set(hub.asked)
