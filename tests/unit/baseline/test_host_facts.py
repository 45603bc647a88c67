"""Collectors of hosts over trees: what they say of known hosts, and that no refused question ever becomes good news."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.baseline.evaluate import Ready
from guardian.baseline.facts.host import COLLECTORS, NOT_ASKED, Collector, chosen, collect, unasked
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import NOT_LIVE, Host
from guardian.baseline.policy import library
from guardian.baseline.targets import tree_of
from guardian.baseline.view import View
from guardian.clock import SystemClock
from guardian.model.finding import Status, TargetRef
from tests.hosttree import DAY, DEBIAN, OPENEULER, Denying, plant

AT = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=DAY + 10)


class Then(SystemClock):
    """The tenth day after the passwords of the trees were set."""

    def now(self) -> datetime:
        return AT


@pytest.fixture(scope="module")
def rules() -> tuple[Ready, ...]:
    return library().chosen(["mlps-l3-host"]).of("host")


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = plant(tmp_path_factory.mktemp("debian"), DEBIAN)
    for name in ("home/li", "home/li/.profile"):
        if os.getuid() == 0:
            os.chown(folder / name, 1000, 1000)
    (folder / "etc/localtime").unlink()
    (folder / "etc/localtime").symlink_to("/usr/share/zoneinfo/Asia/Shanghai")
    for path in folder.rglob("*"):
        os.utime(path, (AT.timestamp(), AT.timestamp()), follow_symlinks=False)
    return folder


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("openeuler"), OPENEULER)


def verdicts(rules: tuple[Ready, ...], facts: Any) -> dict[str, Status]:
    return {rule.rule.id: rule.judge(facts, AT).status for rule in rules}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can plant files that belong to root")
def test_a_well_kept_host_breaks_no_rule(debian: Path, rules: tuple[Ready, ...]) -> None:
    facts, runs = collect(Host(LocalRoot(debian), Then()))
    found = verdicts(rules, facts)
    assert [name for name, status in found.items() if status == "fail"] == []
    assert [run.name for run in runs if run.outcome == "failed"] == []
    # Of a tree nobody can say what runs: those verdicts stay open, and only those.
    unknown = {name for name, status in found.items() if status == "unknown"}
    assert {"GD-TIME-003", "GD-SVC-014", "GD-KRN-007", "GD-AUD-003", "GD-FW-001"} <= unknown
    assert found["GD-SSH-001"] == found["GD-ACC-005"] == found["GD-FILE-010"] == found["GD-UPD-001"] == "pass"
    assert sum(status == "pass" for status in found.values()) > 100


def test_what_is_known_of_a_debian_tree(debian: Path) -> None:
    facts, _runs = collect(Host(LocalRoot(debian), Then()))
    assert facts["os"]["family"] == "deb"
    li = next(user for user in facts["accounts"]["users"] if user["name"] == "li")
    assert (li["password"], li["hash"], li["max_days"], li["password_age_days"]) == ("set", "yescrypt", 60, 10)
    assert [rule["who"] for rule in facts["sudo"]["rules"]] == ["root", "%sudo"]  # a name with a dot is left out
    assert facts["sudo"]["defaults"] == {"use_pty": True, "env_reset": True}
    assert facts["pam"]["lockout"][1] == {
        "service": "sshd", "module": "faillock", "deny": 5, "unlock_seconds": 900, "root": True, "window_seconds": 900,
    }  # fmt: skip
    assert facts["pam"]["quality"]["length"] == 10
    assert facts["pam"]["su_groups"] == ["sudo"]
    sshd = facts["sshd"]["effective"]
    # The drop-in is included before, and the first value counts.
    assert (sshd["permitrootlogin"], sshd["logingracetime"], sshd["clientaliveinterval"]) == ("no", 60, 300)
    assert sshd["allowgroups"] == ["ssh-admins"]
    assert facts["sshd"]["matches"] == [
        {"option": "x11forwarding", "value": "no", "file": "/etc/ssh/sshd_config", "line": 8, "match": "User backup"}
    ]
    assert facts["sysctl"]["boot"]["kernel.randomize_va_space"] == 2  # the name in /etc hides that in /usr/lib
    assert facts["sysctl"]["boot"]["net.ipv4.conf.default.accept_redirects"] == 0
    assert facts["sysctl"]["run"] == {"$err": NOT_LIVE}
    assert facts["packages"] == {"bash": "5.2.15-2", "openssl": "3.0.17-1~deb12u2"}
    assert facts["updates"] == {
        "security": [], "lists_age_days": 0, "automatic": True, "unsigned": [], "reboot_required": False,
    }  # fmt: skip
    assert facts["logging"]["rsyslog"]["remote"] == ["loghost.example.org"]
    assert facts["logging"]["journald"]["retention_days"] == 213
    assert [block["days"] for block in facts["logging"]["logrotate"]["blocks"]] == [189]
    assert {job["path"] for job in facts["cron"]["programs"]} == {"/usr/local/bin/job"}
    assert facts["audit"]["disk"]["immutable"] is True
    assert facts["time"]["zone"] == "Asia/Shanghai"
    assert {unit["name"] for unit in facts["services"]["units"] if unit["enabled"]} >= {"auditd.service"}
    assert next(m for m in facts["kernel"]["modules"]["unneeded"] if m["name"] == "dccp")["present"] is True
    assert facts["boot"]["grub"]["password"] is True


def test_what_is_known_of_an_openeuler_tree(sparse: Path) -> None:
    facts, _runs = collect(Host(LocalRoot(sparse), Then()))
    assert (facts["os"]["id"], facts["os"]["family"]) == ("openeuler", "rpm")
    # What stands on the line "preauth" is not what "authfail" counts by: root is never locked here.
    assert facts["pam"]["lockout"] == [
        {"service": name, "module": "faillock", "deny": 3, "unlock_seconds": 60, "root": False, "window_seconds": 900}
        for name in ("sshd", "system-auth")
    ]
    assert facts["pam"]["quality"]["classes"] == 3
    assert facts["pam"]["history"]["remember"] == 5
    assert facts["pam"]["hashing"] == "sha512"
    assert facts["pam"]["empty_allowed"][0] == {"service": "sshd", "nullok": True}
    assert facts["pam"]["su_groups"] == []
    assert facts["mac"]["selinux"]["boot"] == "enforcing"
    assert facts["updates"]["unsigned"] == [
        {"file": "/etc/yum.repos.d/openEuler.repo", "line": 0, "repository": "extra"}
    ]
    assert facts["packages"] == {"$err": "the rpm database is read on the running host only"}
    assert facts["sudo"] is None
    assert facts["sshd"]["installed"] is False
    assert facts["audit"]["installed"] is False


HOSTILE = (b"\xff\xfe", b"new\nline", b"\x1b[2J", "口令".encode(), b"'\"`$(x)", b"%s{0}")


def test_hostile_names_everywhere(tmp_path: Path) -> None:
    plant(
        tmp_path, {**OPENEULER, "usr/bin/sudo": "", "etc/sudoers": "@includedir /etc/sudoers.d\n", "usr/sbin/cron": ""}
    )
    for folder, suffix in (
        ("etc/systemd/system", b".service"), ("etc/sudoers.d", b""), ("etc/cron.d", b""), ("etc/cron.daily", b""),
        ("etc/ssh", b""), ("etc/ssl/certs", b".pem"), ("etc/sysctl.d", b".conf"), ("etc/modprobe.d", b".conf"),
        ("etc/profile.d", b".sh"), ("etc/logrotate.d", b""), ("etc/xinetd.d", b""), ("etc/yum.repos.d", b".repo"),
        ("lib/modules", b""), ("etc/apt/apt.conf.d", b""), ("var/lib/clamav", b""), ("srv", b".key"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in HOSTILE:
            path = tmp_path / folder / os.fsdecode((b"ssh_host_key" if folder == "etc/ssh" else b"") + name + suffix)
            path.write_bytes(b"li ALL=(ALL) ALL\n\xff\x00\n-----BEGIN CERTIFICATE-----\xff-----END CERTIFICATE-----\n")
            path.chmod(0o666)
    (tmp_path / "srv").chmod(0o777)
    facts, runs = collect(Host(LocalRoot(tmp_path), Then()))
    assert [run.name for run in runs if run.outcome == "failed"] == []
    json.dumps(facts, ensure_ascii=False, allow_nan=False).encode("utf-8")
    target = TargetRef(kind="host", id="x")
    assert View(target=target, at="2026-11-30T00:00:00Z", facts=facts).canonical()
    assert len(facts["sudo"]["rules"]) == 6
    assert len(facts["services"]["units"]) == 6


def told(rules: tuple[Ready, ...], keys: tuple[str, ...]) -> tuple[Ready, ...]:
    """The rules that read any of ``keys``."""
    return tuple(rule for rule in rules if any(need.fact[0] in keys for need in rule.rule.needs))


def lies(
    collector: Collector, host: Callable[[int], Host], full: Any, rules: tuple[Ready, ...], most: int
) -> list[str]:
    """Refuse each question of ``collector`` in turn, and name the verdicts that changed other than to unknown."""
    counting = host(0)
    collector.collect(counting)
    asked = counting.root.asked  # type: ignore[attr-defined]
    affected = told(rules, collector.keys)
    before = verdicts(affected, full)
    wrong = []
    for at in range(1, asked + 1, max(1, asked // most)):
        part, _runs = collect(host(at), (collector,))
        after = verdicts(affected, {**full, **part})
        wrong += [
            f"{name}@{at}: {before[name]} → {now}"
            for name, now in after.items()
            if now not in ("unknown", before[name])
        ]
    return wrong


@pytest.mark.parametrize("collector", COLLECTORS, ids=lambda c: c.name)
def test_a_refused_question_makes_no_verdict_but_unknown(
    debian: Path, sparse: Path, rules: tuple[Ready, ...], collector: Collector
) -> None:
    # The good host, and one where nearly everything is missing: "absent" must not come of a refusal either.
    for folder in (debian, sparse):
        full, _runs = collect(Host(LocalRoot(folder), Then()))
        assert (
            lies(collector, lambda at, to=folder: Host(Denying(LocalRoot(to), at), Then()), full, rules, most=400) == []
        )


def test_a_collector_that_fails_or_hangs_costs_its_own_facts_alone(debian: Path) -> None:
    def breaks(_host: Host) -> Any:
        raise RecursionError

    def hangs(_host: Host) -> Any:
        import threading

        threading.Event().wait(30)

    def forgets(_host: Host) -> Any:
        return {"a": {"x": {"$err": "denied"}}}

    chosen = (
        Collector("breaks", ("b",), breaks, "any"),
        Collector("hangs", ("h",), hangs, "any", seconds=0.05),
        Collector("forgets", ("a", "c"), forgets, "any"),
        *(one for one in COLLECTORS if one.name == "login"),
    )
    facts, runs = collect(Host(LocalRoot(debian), Then()), chosen)
    assert facts["b"] == {"$err": "collector breaks failed: RecursionError"}
    assert facts["h"] == {"$err": "timeout after 0.05 s"}
    assert facts["c"] == {"$err": "collector forgets said nothing of it"}
    assert facts["login"]["shell"]["tmout"] == 600
    assert [run.outcome for run in runs] == ["failed", "failed", "partial", "complete"]


def test_what_no_rule_reads_is_not_looked_at_and_changes_no_verdict(sparse: Path) -> None:
    assert chosen(None) == chosen(frozenset({()})) == COLLECTORS
    known = library()
    looked = list(tree_of(sparse).look(SystemClock(), known.chosen(["sshd"]).needed(["host"])))
    assert [run.name for run in looked[0].collectors] == ["sshd", "files"]
    assert looked[0].facts["walk"] == {"$err": NOT_ASKED}
    full, _runs = collect(Host(LocalRoot(sparse), Then()))
    for family in (name for name, one in known.families.items() if one.target == "host"):
        policy = known.chosen([family])
        few = chosen(policy.needed(["host"]))
        keys = {key for collector in few for key in collector.keys}
        facts = unasked(few) | {key: fact for key, fact in full.items() if key in keys}
        assert facts.keys() == full.keys()
        assert verdicts(policy.of("host"), facts) == verdicts(policy.of("host"), full), family
