"""Break backups in every way there is an alert for, and see who is told: real agents, Prometheus, Alertmanager.

The rules are the shipped ones. How long something must last is one second, and their hours and days go by 360 times
faster: an hour takes ten seconds. What must have lasted for days has: it was done by a clock that was set back, and the
agents then run by the right one. All faults are caused together, since most of the time is waiting. It is also looked
at whether the first command of every page shows what is wrong.
"""

import importlib.util
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.agent import reload
from guardian.agent.daemon import Agent, Manner
from guardian.agent.notify import Notifier
from guardian.backup.run import back_up
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.model.events import silent
from guardian.model.protection import BucketLock
from guardian.node import Node
from guardian.proc import Stop

pytestmark = pytest.mark.slow

HASTEN = 360
RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
LOCK = BucketLock(mode="governance", days=30)
WHO = "agency/host-1"
_CAPABILITIES = ("--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")
UNPRIVILEGED = ("setpriv", *_CAPABILITIES, "--") if os.geteuid() == 0 else ()
"""Root reads everything; without these rights it is refused what its mode forbids."""


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


roles = _module("roles")


class Moved(SystemClock):
    """The machine's clock, set wrong."""

    def __init__(self, **by: float) -> None:
        self.by = timedelta(**by)

    def now(self) -> datetime:
        return super().now() + self.by


class Host:
    """A site with an agent that serves metrics on ``address``."""

    def __init__(self, site: Any, agents: Any, port: int, name: str) -> None:
        self.site, self.agents, self.name = site, agents, name
        self.address = f"127.0.0.1:{port}"
        self.agent: Any = None
        self.systems: dict[str, Any] = {}
        site.config["agent"] = {"metrics": {"listen": self.address}, "nice": 0, "time_zone": "UTC"}
        site.config["systems"] = self.systems

    def system(self, name: str, source: dict[str, Any], plan: dict[str, Any], **more: Any) -> None:
        """A system with one source, ``data``."""
        self.systems[name] = {"sources": {"data": source}, "plan": dict(plan), **more}

    def folder(self, name: str, files: int = 3) -> Path:
        """A folder with a few files to back up."""
        made: Path = self.site.root / name
        made.mkdir()
        for number in range(files):
            (made / f"{number}.txt").write_text(f"{name} {number}\n" * 50)
        return made

    def start(self, by: tuple[str, ...] = ()) -> None:
        self.site.write()
        self.agent = self.agents.Running(self.site, by=by)

    def reload(self) -> None:
        self.site.write()
        self.agent.signal(signal.SIGHUP)

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a person at the terminal reads."""
        said = self.site.guardian(*arguments, PLAIN="1")
        assert said.code == code, said
        return str(said.out + said.err)

    def insist(self, *arguments: str) -> None:
        """The same beside an agent that may be at work in the repository: again, until it is this one's turn."""
        self.agent.until(lambda: self.site.guardian(*arguments).code == 0, arguments)

    @property
    def scraped(self) -> dict[str, Any]:
        return {"targets": [self.address], "labels": {"tenant": "agency", "region": "520000", "host": self.name}}


def files(path: Path) -> dict[str, Any]:
    return {"kind": "files", "paths": [str(path)]}


def far() -> str:
    """A schedule with no slot within a week and a half of now, before or after."""
    return f"monthly on {min(28, (datetime.now(UTC) - timedelta(days=14)).day)} at 02:00"


class Watch:
    """What was told of which host."""

    def __init__(self, monitoring: Any, folder: Path, hosts: tuple[Host, ...]) -> None:
        self.until = monitoring.until
        self.told = monitoring.Receiver()
        manager = monitoring.Alertmanager.start(folder, self.told.configuration())
        jobs = {"guardian-agents": [one.scraped for one in hosts]}
        self.prometheus = monitoring.Prometheus.start(folder, jobs, manager, rules=("host-*.yml",), hasten=HASTEN)

    def comes(self, host: Host, *names: str, status: str = "firing") -> None:
        """Wait until all of them were told of ``host``."""

        def lacking() -> set[str]:
            told = [one["labels"] for one in self.told.alerts(status)]
            return set(names) - {one["alertname"] for one in told if one.get("host") == host.name}

        self.until(lambda: not lacking(), f"{names} ({status})", lacking)

    def goes(self, host: Host, *names: str) -> None:
        """Wait until they are over."""
        self.comes(host, *names, status="resolved")

    def shown(self, host: Host, name: str, text: str, source: str) -> None:
        """The alert has come, it says of what, and the first command of its page shows ``text``."""
        self.comes(host, name)
        wanted = {"alertname": name, "host": host.name}
        every = [one for one in self.told.alerts() if wanted.items() <= one["labels"].items()]
        told = next(one for one in every if one["labels"].get("system", "") in source)
        assert told["annotations"]["runbook_url"].endswith(name)
        for language in ("summary", "summary_zh"):
            assert (source if "source" in told["labels"] else "main") in told["annotations"][language]
        said = host.site.guardian(*first_command(name, source), PLAIN="1")
        assert text in said.out, (name, said)


def first_command(name: str, source: str) -> list[str]:
    """What the page of an alert says is to be typed first, for another source than its own."""
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    words = shlex.split(page.partition("\n$ guardian ")[2].splitlines()[0])
    return [source if word.startswith("portal/") else word for word in words]


# one host whose backups do not come


def neglected(host: Host, soon: datetime) -> None:
    """Sources that go away, were never there, cannot be read, are paused, forgotten, or dated wrong."""
    often = {"schedule": "every 8s"}
    ahead = host.folder("ahead")
    host.systems.clear()
    host.system("ahead", files(ahead), {"schedule": far()})
    host.site.write()
    backed_up_ahead(host, soon)
    host.systems.clear()
    host.system("archive", files(host.folder("archive")), {"schedule": far(), "enabled": False})
    host.site.write()
    paused(host.site, Moved(days=-8))
    host.system("ahead", files(ahead), {"schedule": far()})
    host.system("web", files(host.folder("web")), {"schedule": "every 4s", "priority": 90}, objectives={"rpo": "32s"})
    host.system("new", files(host.site.root / "new"), often, objectives={"rpo": "12s"})
    shared = host.folder("shared")
    (shared / "secret.key").write_text("nobody may read this")
    (shared / "secret.key").chmod(0)
    host.system("shared", files(shared), often)
    host.system("loose", files(host.folder("loose")), {})
    host.start(by=UNPRIVILEGED)


def backed_up_ahead(host: Host, soon: datetime) -> None:
    """By a clock that is ahead and shows ``soon``, Guardian's as well as restic's."""
    program = host.site.root / "restic-ahead"
    real, then = shutil.which("restic"), f"{soon.astimezone():%Y-%m-%d %H:%M:%S}"
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" backup "*) set -- "$@" --time "{then}";; esac\nexec {real} "$@"\n'
    )
    program.chmod(0o755)
    host.site.config["restic"] = {"program": str(program)}
    host.site.write()
    node = Node(load(host.site.yaml), Moved(hours=1), silent, Stop())
    run = back_up(node, node.loaded.targets(("ahead",))[0]).run
    assert run.outcome == "complete", run
    del host.site.config["restic"]


def paused(site: Any, clock: SystemClock) -> None:
    """The agent of days ago sees that a plan is paused."""
    agent = Agent(reload.first(site.yaml, clock), clock, Manner(lambda why: why.code, Notifier()))
    with ExitStack() as held:
        agent.prepare(held)
        agent.look()
        assert not agent.jobs.running()


def mended(host: Host) -> None:
    """Everything is put right."""
    host.folder("new")
    (host.site.root / "shared" / "secret.key").chmod(0o600)
    host.systems["archive"]["plan"]["enabled"] = True
    host.systems["loose"]["plan"]["schedule"] = far()
    (host.site.root / "gone").rename(host.site.root / "web")
    host.reload()
    host.insist("backup", "ahead", "shared", "new")


# one whose source hangs


def hanging(host: Host) -> None:
    waits = f"while [ -e {host.site.root}/hang ]; do sleep 0.1; done; date"
    host.system("slow", {"kind": "command", "argv": ["sh", "-c", waits]}, {"schedule": "every 2s"})
    host.start()


# one that is attacked


def office(host: Host) -> None:
    """Documents and a large archive, backed up three times."""
    host.system("office", files(host.folder("office", 40)), {"schedule": far()})
    big = host.folder("big", 0)
    for number in range(4):
        with (big / f"{number}.bin").open("wb") as file:
            file.truncate(40 << 20)
    host.system("big", files(big), {"schedule": far()})
    host.site.write()
    for _time in range(3):
        host.run("backup")
    host.start(by=UNPRIVILEGED)


def attacked(host: Host, realm: Any) -> None:
    """Files are encrypted and deleted, an administrator's key is found, restore points are removed with it."""
    root = host.site.root
    for path in sorted((root / "office").iterdir())[::2]:
        path.write_bytes(os.urandom(path.stat().st_size))
    for number in range(3):
        (root / "big" / f"{number}.bin").rename(root / f"{number}.bin")
    host.run("backup", "office", code=3)
    host.run("backup", "big")
    host.site.credentials.write_text(realm.file("owner").read_text("utf-8"), "utf-8")
    host.run("posture", code=3)
    listed = json.loads(host.site.restic("snapshots", "--json", "--tag", "system=office").stdout)
    host.site.restic("forget", *(one["id"] for one in listed[:2]))
    host.run("verify", "office", "--level", "D0", code=3)


def recovered(host: Host, realm: Any) -> None:
    """What an administrator does after the attack. The restore points stay lost."""
    for number in range(3):
        (host.site.root / f"{number}.bin").rename(host.site.root / "big" / f"{number}.bin")
    realm.file(f"agent@{WHO}")
    host.run("suspicions", "clear", "office", "--reason", "incident 1", "--attack")
    host.run("backup", "big")
    host.run("posture")


@pytest.fixture
def host(initialised: Any, tmp_path: Path, agents: Any, monitoring: Any) -> Callable[[str], Host]:
    """``host(name)``: a copy of a site, set up and with nothing to protect yet."""
    copy = sys.modules[type(initialised).__module__].copy

    def make(name: str) -> Host:
        return Host(copy(initialised, tmp_path / name), agents, monitoring.free_port(), name)

    return make


def test_every_alert_about_backups_comes_and_goes(host: Any, monitoring: Any, tmp_path: Path) -> None:
    poor, slow, victim = host("poor"), host("slow"), host("victim")
    soon = datetime.now(UTC) + timedelta(hours=1)
    neglected(poor, soon)
    hanging(slow)
    watch = Watch(monitoring, tmp_path, (poor, slow, victim))
    poor.agent.heard("backup:web/data: complete")
    (poor.site.root / "web").rename(poor.site.root / "gone")
    slow.agent.heard("backup:slow/data: complete")
    (slow.site.root / "hang").touch()

    with roles.realm(tmp_path, (WHO,), LOCK) as realm:
        roles.moved(victim.site, realm, WHO, LOCK)
        office(victim)
        watch.prometheus.wait('guardian_repo_snapshots{host="victim"} > 0')
        attacked(victim, realm)
        watch.shown(victim, "GuardianRansomwareSuspected", "is suspicious; last clean", "office/data")
        watch.shown(victim, "GuardianSnapshotShrunk", "40.0 MiB", "big/data")
        watch.shown(victim, "GuardianRestorePointsDropped", "MISSING", "office/data")
        watch.shown(victim, "GuardianImmutabilityCanaryDeleted", "bypassing governance: ALLOWED", "main")
        recovered(victim, realm)
        (victim.site.state / "log").chmod(0)

        watch.shown(slow, "GuardianBackupStuck", "backup:slow/data  running", "slow/data")
        (slow.site.root / "hang").unlink()
        watch.shown(poor, "GuardianPlanPausedTooLong", "its plan is disabled", "archive/data")
        watch.shown(poor, "GuardianSourceUnscheduled", "there is no schedule", "loose/data")
        watch.shown(poor, "GuardianRestorePointFromFuture", f"{soon:%Y-%m-%d %H:%M:%S}", "ahead/data")
        watch.shown(poor, "GuardianBackupNeverSucceeded", f"the source {poor.site.root}/new does not exist", "new/data")
        watch.shown(poor, "GuardianBackupIncomplete", "secret.key could not be read", "shared/data")
        watch.shown(victim, "GuardianSourceStateUnknown", "the log cannot be read", "office/data")
        (victim.site.state / "log").chmod(0o700)
        watch.shown(slow, "GuardianBackupSlotsMissed", "slow/data", "slow/data")
        watch.shown(poor, "GuardianBackupRpoBurning", f"the source {poor.site.root}/web does not exist", "web/data")
        mended(poor)

        watch.goes(victim, "GuardianRansomwareSuspected", "GuardianSnapshotShrunk", "GuardianSourceStateUnknown")
        watch.goes(victim, "GuardianImmutabilityCanaryDeleted")
        watch.goes(slow, "GuardianBackupStuck")
        watch.goes(poor, "GuardianPlanPausedTooLong", "GuardianSourceUnscheduled", "GuardianRestorePointFromFuture")
        watch.goes(poor, "GuardianBackupNeverSucceeded", "GuardianBackupIncomplete", "GuardianBackupRpoBurning")
    for one in (poor, slow, victim):
        one.agent.signal(signal.SIGTERM)
    told = {(one["labels"]["host"], one["labels"]["alertname"].removeprefix("Guardian")) for one in watch.told.alerts()}
    assert ("poor", "BackupStuck") not in told, "a backup that has ended is not stuck"
    assert ("victim", "LedgerBroken") not in told, "a log that cannot be read is not one that was altered"
