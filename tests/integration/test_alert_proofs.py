"""Real faults on a real host with a real agent: the right alert arrives, and ends when the fault does."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.slow

HOSTS = ("host-*.yml", "watchdog.yml")
"""What a site without a hub installs."""
WHERE = {"tenant": "gz-hrss", "region": "520100", "host": "app-1"}


def test_a_repository_that_goes_away_and_an_agent_that_dies(site: Any, agents: Any, monitoring: ModuleType) -> None:
    del site.config["systems"]["app"]["sources"]["db"]
    site.config["systems"]["app"]["objectives"] = {"rpo": "20s", "rto": "4h"}
    address = f"127.0.0.1:{monitoring.free_port()}"
    agents.planned(site, "every 2s", metrics={"listen": address})
    agent = agents.Running(site)
    agent.heard("backup:app/docs: complete")
    told = monitoring.Receiver()
    folder = site.root / "monitoring"
    folder.mkdir()
    alertmanager = monitoring.Alertmanager.start(folder, told.configuration())
    where = [{"targets": [address], "labels": WHERE}]
    prometheus = monitoring.Prometheus.start(folder, {"guardian-agents": where}, alertmanager, rules=HOSTS)
    prometheus.wait("guardian:rpo_used_ratio < 1")
    told.wait("GuardianWatchdog")
    assert not [one["labels"] for one in told.alerts() if one["labels"]["severity"] == "critical"]

    repository = Path(site.url)
    assert repository.is_dir()
    repository.rename(site.root / "elsewhere")
    unusable = told.wait("GuardianRepositoryUnusable")["labels"]
    assert (unusable["host"], unusable["reason"]) == ("app-1", "repository-missing")
    told.wait("GuardianBackupFailing")
    breached = told.wait("GuardianBackupRpoBreached")
    assert {breached["labels"][name] for name in ("system", "source")} == {"app", "docs"}
    assert "最新备份已超出 RPO" in breached["annotations"]["summary_zh"]

    (site.root / "elsewhere").rename(repository)
    told.wait("GuardianBackupRpoBreached", "resolved")
    told.wait("GuardianRepositoryUnusable", "resolved")

    agent.kill()
    assert told.wait("GuardianAgentDown")["labels"]["host"] == "app-1"
