"""All facts of a host: every collector once, each on its own, so that one which fails costs only its own facts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from guardian.baseline.fact import Path
from guardian.baseline.facts import (
    accounts,
    audit,
    certificates,
    containers,
    cron,
    defence,
    files,
    firewall,
    kernel,
    login,
    logs,
    mac,
    mounts,
    packages,
    pam,
    ports,
    services,
    sshd,
    sudo,
    sysctl,
    system,
    time,
    updates,
    walk,
)  # fmt: skip
from guardian.baseline.facts.reading import Host, Tree, err, shown
from guardian.model.finding import CollectorRun

NOT_ASKED: Final = "not asked: no rule needs it"


@dataclass(frozen=True, slots=True)
class Collector:
    """One collector: the keys it answers for, whom it needs to be, and the seconds it may take."""

    name: str
    keys: tuple[str, ...]
    collect: Callable[[Host], Tree]
    privilege: str
    seconds: float = 60.0


COLLECTORS = (
    Collector("system", ("os", "host"), system.collect, "any"),
    Collector("accounts", ("accounts",), accounts.collect, "root: /etc/shadow, /etc/gshadow"),
    Collector("sudo", ("sudo",), sudo.collect, "root: /etc/sudoers"),
    Collector("pam", ("pam",), pam.collect, "any"),
    Collector("login", ("login",), login.collect, "any"),
    Collector("sshd", ("sshd",), sshd.collect, "root: host keys"),
    Collector("sysctl", ("sysctl",), sysctl.collect, "any; a few keys: root"),
    Collector("kernel", ("kernel", "boot", "dumps", "swap"), kernel.collect, "root: grub.cfg"),
    Collector("services", ("services",), services.collect, "any"),
    Collector("ports", ("ports",), ports.collect, "root: descriptors of other users' processes"),
    Collector("packages", ("packages",), packages.collect, "any"),
    Collector("updates", ("updates",), updates.collect, "any", 120.0),
    Collector("mounts", ("mounts",), mounts.collect, "any"),
    Collector("files", ("files", "ssh_keys"), files.collect, "root: below /root"),
    Collector("walk", ("walk",), walk.collect, "root: folders of other users", walk.SECONDS + 60.0),
    Collector("audit", ("audit",), audit.collect, "root: audit rules"),
    Collector("logs", ("logging",), logs.collect, "any"),
    Collector("time", ("time",), time.collect, "any"),
    Collector("firewall", ("firewall",), firewall.collect, "root: rules in the kernel"),
    Collector("mac", ("mac",), mac.collect, "root: profiles"),
    Collector("certificates", ("certificates",), certificates.collect, "root: private folders"),
    Collector("cron", ("cron",), cron.collect, "root: root's table"),
    Collector("containers", ("containers",), containers.collect, "any"),
    Collector("defence", ("defence",), defence.collect, "any"),
)
"""Every collector of a host, with the privilege it needs to read everything."""


def chosen(needed: frozenset[Path] | None) -> tuple[Collector, ...]:
    """The collectors of the facts that rules read; all of them where that is not known, or where a rule reads all."""
    if needed is None or () in needed:
        return COLLECTORS
    tops = {path[0] for path in needed}
    return tuple(collector for collector in COLLECTORS if not tops.isdisjoint(collector.keys))


def unasked(collectors: tuple[Collector, ...]) -> Tree:
    """What is said of the facts of all other collectors: a fact that is not there would be known to be absent."""
    return {key: err(NOT_ASKED) for other in COLLECTORS if other not in collectors for key in other.keys}


def collect(host: Host, collectors: tuple[Collector, ...] = COLLECTORS) -> tuple[Tree, tuple[CollectorRun, ...]]:
    """The facts of a host, and how each collector fared. Never raises for what a host is like."""
    facts: Tree = {}
    runs: list[CollectorRun] = []
    for collector in collectors:
        start = host.clock.monotonic()
        part, outcome = _one(collector, host)
        facts.update(part)
        runs.append(
            CollectorRun(name=collector.name, seconds=round(host.clock.monotonic() - start, 3), outcome=outcome)
        )
    return facts, tuple(runs)


def _one(collector: Collector, host: Host) -> tuple[Tree, Any]:
    """Run one collector in a thread of its own: one that hangs (a dead disk, a directory that does not answer) is
    left."""
    box: list[Tree] = []
    crash: list[str] = []

    def work() -> None:
        try:
            box.append(_plain(collector.collect(host)))
        except Exception as error:  # noqa: BLE001  whatever a collector does not foresee is a fact we do not have
            crash.append(f"collector {collector.name} failed: {type(error).__name__}")

    thread = threading.Thread(target=work, name=f"collect-{collector.name}", daemon=True)
    thread.start()
    thread.join(collector.seconds)
    if box:
        part = {key: box[0].get(key, err(f"collector {collector.name} said nothing of it")) for key in collector.keys}
        return part, "partial" if _holes(part) else "complete"
    why = crash[0] if crash else f"timeout after {collector.seconds:g} s"
    return {key: err(why) for key in collector.keys}, "failed"


def _plain(node: Any) -> Any:
    """The same with names that are no UTF-8 made fit for JSON, wherever a collector took one from a folder."""
    if isinstance(node, str):
        return node if node.isascii() else shown(node)
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _holes(part: object) -> bool:
    if isinstance(part, dict):
        return "$err" in part or any(map(_holes, part.values()))
    return isinstance(part, list) and any(map(_holes, part))
