"""Break a protected host and see who is told: a real agent, Prometheus with the real rules, Alertmanager, a webhook.

The rules are the shipped ones; only how long something must last is shortened.
"""

import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

RULES = """
family: proof
target: host
title: {zh: 测试, en: Of this test}
rules:
  - id: GD-PROOF-001
    rev: 1
    severity: critical
    title: {zh: 不可能满足, en: Root has no name}
    why: {zh: 测试, en: A test}
    needs: [{fact: accounts/root_names, by: /etc/passwd, as: any}]
    check: {path: accounts/root_names, op: "==", value: []}
    fix: {zh: 无, en: None}
    tests:
      pass: {accounts: {root_names: []}}
      fail: {accounts: {root_names: [root]}}
      unknown: {accounts: {root_names: {$err: denied}}}
"""


class Watched:
    """A site with an agent, and everybody who watches it."""

    def __init__(self, site: Any, agents: Any, monitoring: Any) -> None:
        self.site, self.agents = site, agents
        port = monitoring.free_port()
        site.config["systems"]["app"]["objectives"] = {"rpo": "20s", "rto": "4h"}
        site.config["tenant"]["region"] = "520000"
        del site.config["systems"]["app"]["sources"]["db"]
        soon = (datetime.now(UTC) + timedelta(days=3)).date()
        (site.root / "rules").mkdir()
        (site.root / "rules" / "proof.yaml").write_text(RULES, "utf-8")
        waiver = "owner: a, approver: b, reason: r, ticket: T-1"
        (site.root / "waivers.yaml").write_text(
            f'waivers:\n  - {{rule: GD-PROOF-001, target: "host:gone", {waiver}, until: {soon}}}\n', "utf-8"
        )
        site.config["scan"] = {
            "baselines": ["proof"], "policies": ["rules"], "waivers": ["waivers.yaml"], "every": "24h"
        }  # fmt: skip
        agents.planned(site, "every 1h", metrics={"listen": f"127.0.0.1:{port}"})
        self.good = site.yaml.read_text("utf-8")
        assert site.guardian("scan").code == 3
        self.agent = agents.Running(site)
        self.agent.heard("backup:app/docs: complete")
        folder = site.root / "watch"
        folder.mkdir()
        self.told = monitoring.Receiver()
        manager = monitoring.Alertmanager.start(folder, self.told.configuration())
        labels = {"tenant": "agency", "region": "520000", "host": "host-1"}
        scrape = {"guardian-agents": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}
        self.prometheus = monitoring.Prometheus.start(folder, scrape=scrape, alertmanager=manager)
        self.prometheus.wait("guardian:plan_active")

    def wait(self, *names: str, status: str = "firing") -> None:
        for name in names:
            told = self.told.wait(name, status)
            assert told["annotations"]["summary_zh"]
            assert told["annotations"]["runbook_url"].endswith(name)

    def reload(self, text: str) -> None:
        self.site.yaml.write_text(text, "utf-8")
        self.agent.signal(signal.SIGHUP)


@pytest.fixture
def watched(site: Any, agents: Any, monitoring: Any) -> Watched:
    return Watched(site, agents, monitoring)


def test_what_breaks_on_a_host_reaches_somebody_once(watched: Watched) -> None:
    site = watched.site
    # Nobody holds shares, a rule is broken, and a waiver that ends soon speaks of nothing.
    watched.wait("GuardianKeyNotEscrowed", "GuardianBaselineCriticalFailed")
    watched.wait("GuardianWaiverUnmatched", "GuardianWaiverExpiring")
    # The source is gone: backups fail one after another, until the newest good one is older than the objective.
    docs = site.docs.rename(site.root / "moved")
    watched.reload(watched.good.replace("every 1h", "every 3s"))
    watched.wait("GuardianBackupFailing", "GuardianBackupRpoBreached")
    docs.rename(site.docs)
    watched.wait("GuardianBackupRpoBreached", status="resolved")
    watched.reload(watched.good)
    # The configuration changed to nonsense, and put right again.
    watched.reload(watched.good.replace("systems:", "sytems:"))
    watched.wait("GuardianConfigRefused")
    watched.reload(watched.good)
    watched.wait("GuardianConfigRefused", status="resolved")
    # A snapshot made by somebody else, with the right password and our words on it.
    site.restic("backup", "--tag", "system=app", "--tag", "source=docs", str(site.root / "rules"))
    site.guardian("verify", "--level", "D0", "app/docs")
    watched.wait("GuardianSnapshotWithoutReceipt")
    # A pack with a flipped bit.
    packs = [path for path in (site.repository / "data").rglob("*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    assert site.guardian("verify", "--level", "D2", "--full", "app/docs").code == 3
    watched.wait("GuardianDrillFailed")
    # The receipts' snapshots are deleted.
    for path in (site.repository / "snapshots").iterdir():
        path.unlink()
    assert site.guardian("verify", "--level", "D0", "app/docs").code == 3
    watched.wait("GuardianSnapshotsDeleted")
    # The repository itself is gone.
    site.repository.rename(site.root / "elsewhere")
    watched.reload(watched.good.replace("every 1h", "every 3s"))
    watched.wait("GuardianRepositoryUnusable")
    # Somebody signs the log's head anew, with another root.
    head = site.state / "log" / "checkpoint"
    lines = head.read_text("utf-8").split("\n")
    lines[2] = "A" * 43 + "="
    (head.parent / "forged").write_text("\n".join(lines), "utf-8")
    (head.parent / "forged").rename(head)
    watched.wait("GuardianLedgerBroken")
    # And the agent ends.
    watched.agent.kill()
    watched.wait("GuardianAgentDown")
    once = [one["labels"] for one in watched.told.alerts() if one["labels"]["alertname"] == "GuardianSnapshotsDeleted"]
    assert len(once) == 1, "the right page arrives, once"
