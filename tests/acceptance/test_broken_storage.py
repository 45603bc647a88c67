"""Break what keeps backups restorable and see who is told: drills, storage, custody, baselines, on two hosts at once.

Real agents, Prometheus with the shipped rules, Alertmanager, a webhook. Of the rules only ``for`` is shortened, and how
long a value outlives a restart: where a rule waits for days, the host is really so old (tests/acceptance/neglected.py),
and Prometheus remembers what it scraped yesterday.

Everything is broken before anybody waits; then everything is mended, and the alerts must end. Two of them say that
Guardian itself, or restic, cannot be trusted. They are proved by programs that somebody altered: a Guardian that keeps
quiet about snapshots that are gone, and a restic that tells of other trees.
"""

import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import guardian
from guardian.clock import SystemClock
from guardian_exporters.history import END, stamped
from tests.acceptance import neglected

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no file system in memory for holders' sheets"),
]
WHERE = {"tenant": "agency", "region": "520000"}
LIES = """#!/bin/sh
# Every snapshot is there, and none holds what it did.
case " $* " in
*" snapshots "*) {restic} "$@" | sed 's/"tree":"0/"tree":"1/g;t;s/"tree":"./"tree":"0/g' ;;
*) exec {restic} "$@" ;;
esac
"""


class Watched:
    """Both hosts, everything broken, and those who watch."""

    def __init__(self, folder: Path, original: Any, realm: Any, tools: tuple[ModuleType, ModuleType]) -> None:
        agents, self.monitoring = tools
        ports = {name: self.monitoring.free_port() for name in ("vault", "desk")}
        self.realm = realm
        self.vault = neglected.vault(original, folder / "vault", realm, ports["vault"])
        neglected.its_past(self.vault)
        self.desk = neglected.Desk(original, folder / "desk", ports["desk"])
        self.mend: dict[str, Callable[[], object]] = dict(_broken(self.vault, realm))
        self.agents = {site.config["host"]: agents.Running(site) for site in (self.vault, self.desk.site)}
        watch = folder / "watch"
        watch.mkdir()
        self.told = self.monitoring.Receiver()
        manager = self.monitoring.Alertmanager.start(watch, self.told.configuration())
        page = self.monitoring.until(
            lambda: _page(ports["vault"]), "metrics of the vault", lambda: self.agents["vault"].log
        )
        tsdb = self.monitoring.filled(watch / "tsdb", _of_yesterday(page, watch / "yesterday.txt"))
        scrape = [{"targets": [f"127.0.0.1:{port}"], "labels": {**WHERE, "host": host}} for host, port in ports.items()]
        self.prometheus = self.monitoring.Prometheus.start(
            watch, {"guardian-agents": scrape}, manager, rules=("host-*.yml",), tsdb=tsdb
        )

    def wait(self, name: str, status: str = "firing", **labels: str) -> None:
        """Until the webhook was told of one with these labels."""

        def found() -> dict[str, Any] | None:
            told = (one for one in self.told.alerts(status) if one["labels"]["alertname"] == name)
            return next((one for one in told if labels.items() <= one["labels"].items()), None)

        said = self.monitoring.until(found, f"{name} {labels} ({status})", self._heard)
        assert said["annotations"]["summary_zh"]
        assert said["annotations"]["runbook_url"].endswith(name)

    def _heard(self) -> str:
        named = sorted({one["labels"]["alertname"] for one in self.told.alerts()})
        return "\n".join([*named, *(running.log[-4000:] for running in self.agents.values())])

    def mistrusted(self) -> None:
        """Drill with an altered Guardian, an altered restic, and an objective that no restore keeps."""
        vault, lies = self.vault, self.vault.root / "lies"
        assert vault.guardian("verify", "--level", "D4", "pay/db").code == 3
        altered = vault.guardian("verify", "--level", "D2", "pay/db", PYTHONPATH=str(_altered(vault.root / "altered")))
        assert (altered.code, "planted-fault-not-found" in altered.reasons) == (4, True), altered
        lies.mkdir()
        (lies / "restic").write_text(LIES.format(restic=shutil.which("restic")), "utf-8")
        (lies / "restic").chmod(0o700)
        lied = vault.guardian("verify", "--level", "D0", "store/files", PATH=f"{lies}:{os.environ['PATH']}")
        assert (lied.code, "paths-disagree" in lied.reasons) == (3, True), lied


def _altered(folder: Path) -> Path:
    """A Guardian that somebody altered: it keeps quiet about snapshots that are gone."""
    shutil.copytree(Path(guardian.__file__).parent, folder / "guardian", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "guardian" / "drill" / "presence.py"
    text = path.read_text("utf-8")
    quiet = text.replace(
        '    yield from _named("snapshot-missing",', '    yield from () and _named("snapshot-missing",'
    )
    assert quiet != text
    path.write_text(quiet, "utf-8")
    return folder


def _broken(vault: Any, realm: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """Break the vault; what mends each part."""
    yield "bits", _flipped(max(_packs(vault.root / "main"), key=lambda pack: pack.stat().st_size))
    yield "lock", neglected.foreign_lock(vault, "pay", timedelta(hours=7)).unlink
    yield "far", _away(vault.root / "far")
    # The host grew: what it writes next takes nearly all of the room.
    (vault.root / "store" / "second").write_bytes(os.urandom(neglected.ROOM * 95 // 100))
    yield "pack", _away(max(_packs(vault.root / "small"), key=lambda pack: pack.stat().st_size))
    yield "rules", _away(vault.root / "rules")
    key = realm.file(f"agent@{neglected.PREFIX}")
    good = key.read_text()
    key.write_text("AWS_ACCESS_KEY_ID=withdrawn\nAWS_SECRET_ACCESS_KEY=withdrawn\n")
    yield "key", lambda: key.write_text(good)


def _packs(repository: Path) -> list[Path]:
    return [path for path in (repository / "data").rglob("*") if path.is_file()]


def _away(path: Path) -> Callable[[], object]:
    gone = path.rename(path.with_name(f"{path.name}.gone"))
    return lambda: gone.rename(path)


def _flipped(pack: Path) -> Callable[[], object]:
    def flip() -> None:
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)

    pack.chmod(0o600)
    flip()
    return flip


def _page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def _of_yesterday(page: str, path: Path) -> Path:
    """The scores of ``page`` as they were scraped yesterday, while this test runs and ten minutes longer."""
    scores = "\n".join(line for line in page.splitlines() if "guardian_baseline_score_ratio" in line)
    assert scores
    begin = SystemClock().now() - timedelta(days=1, minutes=1)
    moments = (begin + timedelta(seconds=5 * step) for step in range(130))
    labels = {**WHERE, "host": "vault", "job": "guardian-agents", "instance": "yesterday"}
    path.write_bytes(b"".join(part for moment in moments for part in stamped(scores.encode(), moment, labels)) + END)
    return path


BROKEN: tuple[tuple[str, dict[str, str]], ...] = (
    # Most of what is stored has a flipped bit, and the last good drill was 16 days ago.
    ("GuardianBackupsUnverified", {"system": "app"}),
    ("GuardianDrillOverdue", {"system": "app"}),
    ("GuardianAssuranceTooWeak", {"system": "app"}),
    ("GuardianRepoReadDataLow", {"repository": "main"}),
    # Drills that are right, and say that an objective is missed, or that someone cannot be trusted.
    ("GuardianDrillRtoMissed", {"system": "pay"}),
    ("GuardianPlantedFaultMissed", {"system": "pay", "level": "D0"}),
    ("GuardianDecoderDisagrees", {"system": "store", "level": "D0"}),
    # The storage knows our key no more, and what is locked in it is locked for two days.
    ("GuardianDrillInconclusive", {"system": "cloud"}),
    ("GuardianRepoPostureOverdue", {"repository": "bucket"}),
    ("GuardianImmutabilityExpiring", {"repository": "bucket"}),
    # A pack is gone: maintenance finds it out, and does nothing more.
    ("GuardianRepoCheckFailed", {"repository": "small", "reason": "pack-missing"}),
    ("GuardianRepoMaintenanceOverdue", {"repository": "small"}),
    # A host that died left its lock, and the second place is gone for four days.
    ("GuardianRepoStaleLock", {"repository": "pay"}),
    ("GuardianCopyFailing", {"system": "pay", "repository": "far"}),
    ("GuardianCopyBehind", {"system": "pay", "repository": "far"}),
    # Holders who do not come, and scans that do not end.
    ("GuardianKeyCustodyOverdue", {"host": "desk", "repository": "main"}),
    ("GuardianBaselineScanStale", {"host": "vault", "target": "document:front"}),
    ("GuardianBaselineNeverScanned", {"host": "desk"}),
)


@pytest.fixture(scope="module")
def watched(initialised: Any, watching: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Everything broken."""
    folder, roles = tmp_path_factory.mktemp("watched"), neglected.module("roles")
    (folder / "realm").mkdir()
    with roles.realm(folder / "realm", (neglected.PREFIX,), neglected.LOCK) as realm:
        made = Watched(folder, initialised, realm, (neglected.module("agents"), watching))
        try:
            yield made
        finally:
            for running in made.agents.values():
                running.end()
            made.desk.close()


def test_everything_that_is_broken_is_told(watched: Watched) -> None:
    watched.mistrusted()
    for name, labels in BROKEN:
        watched.wait(name, **labels)


def test_what_is_mended_ends_and_what_breaks_next_is_told(watched: Watched) -> None:
    vault, desk = watched.vault, watched.desk
    # One portal is set up worse than yesterday, the export of the other was cut off.
    neglected.export(vault, "front", audit=True, tls=False)
    (vault.root / "gate.json").write_text('{"audit": tr', "utf-8")
    for mend in watched.mend.values():
        mend()
    desk.mend()
    assert desk.prove().code == 0
    assert vault.guardian("verify", "--level", "D2", "pay/db").code == 0
    assert vault.guardian("verify", "--level", "D0", "store/files").code == 0
    neglected.lock_for(watched.realm, 30)
    assert vault.guardian("posture", "extend", "--margin", "31", "bucket").code == 0
    for name, labels in BROKEN:
        if name != "GuardianDrillRtoMissed":
            watched.wait(name, "resolved", **labels)
    watched.wait("GuardianBaselineScoreDropped", target="document:front")
    watched.wait("GuardianBaselineCoverageLow", target="document:gate")
    watched.wait("GuardianStorageNearlyFull", repository="small")
    watched.wait("GuardianStorageFullForecast", repository="small")
    # A new password is one that nobody holds a share of, until it is split as well.
    assert desk.site.guardian("keys", "rotate", "main").code == 0
    watched.wait("GuardianKeyCustodyStale", host="desk")
    desk.escrow(neglected.module("points").node_of(desk.site))
    watched.wait("GuardianKeyCustodyStale", "resolved", host="desk")
