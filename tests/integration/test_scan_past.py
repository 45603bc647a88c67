"""Rules over the files of a host as its backups hold them: then, since when, and what nobody can tell."""

from typing import Any

import pytest

from guardian.baseline.facts.host import collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.baseline.timetravel import Inside, looked_into, past
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.node import Node
from guardian.proc import Stop

RULES = """
family: past
target: host
title: {zh: 测试, en: Of this test}
rules:
  - id: GD-PAST-001
    rev: 1
    severity: high
    title: {zh: root 不用口令登录, en: Root does not log in with a password}
    why: {zh: 口令可被猜出, en: Passwords can be guessed}
    needs: [{fact: sshd/effective, by: sshd_config, as: root}]
    check: {path: sshd/effective/permitrootlogin, op: in, value: ["no", prohibit-password]}
    fix: {zh: 设为 no, en: Set it to no}
    tests:
      pass: {sshd: {effective: {permitrootlogin: "no"}}}
      fail: {sshd: {effective: {permitrootlogin: "yes"}}}
      unknown: {sshd: {effective: {$err: denied}}}
  - id: GD-PAST-002
    rev: 1
    severity: low
    title: {zh: 无多余超级用户, en: Root is the only one with number 0}
    why: {zh: 多个超级用户难以追责, en: Who did it cannot be told}
    needs: [{fact: accounts/root_names, by: /etc/passwd, as: any}]
    check: {path: accounts/root_names, op: "==", value: [root]}
    fix: {zh: 删除, en: Remove it}
    tests:
      pass: {accounts: {root_names: [root]}}
      fail: {accounts: {root_names: [root, toor]}}
      unknown: {accounts: {root_names: {$err: denied}}}
"""


@pytest.fixture
def host(site: Any) -> Any:
    """A site whose documents are the root of a host, with rules of its own."""
    for folder in ("etc/ssh/sshd_config.d", "usr/sbin", "etc/link"):
        (site.docs / folder).mkdir(parents=True)
    (site.docs / "usr/sbin/sshd").write_text("#!\n")
    (site.docs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nli:x:1000:1000::/home/li:/bin/sh\n")
    (site.docs / "etc/shadow").write_text("root:*:19000:0:90:7:::\nli:$6$a$b:20000:1:90:7:::\n")
    (site.docs / "etc/ssh/sshd_config").write_text("Include sshd_config.d/*.conf\nPermitRootLogin no\n")
    (site.docs / "etc/os-release").symlink_to("/usr/lib/os-release")
    (site.docs / "usr/lib").mkdir()
    (site.docs / "usr/lib/os-release").write_text("ID=openeuler\nVERSION_ID=22.03\n")
    rules = site.root / "rules"
    rules.mkdir()
    (rules / "past.yaml").write_text(RULES, "utf-8")
    site.config["scan"] = {"baselines": ["past"], "policies": ["rules"]}
    site.write()
    assert site.guardian("init").code == 0
    return site


def break_it(site: Any) -> None:
    (site.docs / "etc/ssh/sshd_config.d/10-site.conf").write_text("PermitRootLogin yes\n")


def test_since_when_something_is_wrong_is_told_from_the_backups(host: Any) -> None:
    assert host.guardian("backup", "app/docs").code == 0
    (host.docs / "0.txt").write_bytes(b"other")
    assert host.guardian("backup", "app/docs").code == 0
    break_it(host)
    assert host.guardian("backup", "app/docs").code == 0
    (host.docs / "1.txt").write_bytes(b"other")
    assert host.guardian("backup", "app/docs").code == 0

    told = host.guardian("scan", "--history", "app/docs", "--below", host.docs, "--baseline", "past")
    assert told.code == 3
    points = told.json["restore_points"]
    assert len(points) == 4
    first, second = told.json["rules"]
    assert (first["rule"], first["status"]) == ("GD-PAST-001", "fail")
    assert first["since"] == points[2]["time"]
    assert first["before"] == {"time": points[1]["time"], "status": "pass"}
    assert (second["status"], second["since"], second["before"]) == ("pass", points[0]["time"], None)
    lines = host.guardian("scan", "--history", "app/docs", "--below", host.docs, "--baseline", "past", PLAIN="1").out
    assert "broken since" in lines

    now = host.guardian("scan", "--inside", "app/docs", "--below", host.docs, "--baseline", "past")
    assert now.code == 3
    (finding,) = [one for one in now.json["findings"] if one["status"] == "fail"]
    assert finding["rule"] == "GD-PAST-001"
    assert finding["target"]["id"] == f"app/docs@{points[3]['snapshot_id'][:12]}"
    assert now.json["entry"] is None, "it says how things were, and is no scan of how they are"
    then = ("--inside", "app/docs", "--below", host.docs, "--baseline", "past")
    assert host.guardian("scan", *then, "--at", points[1]["time"]).code == 0
    assert host.guardian("scan", *then, "--snapshot", points[2]["snapshot_id"][:8]).code == 3
    assert host.guardian("scan", *then, "--snapshot", "ffff0000").code == 4
    assert host.guardian("scan", *then, "--at", "2001-01-01").code == 4
    assert host.guardian("scan", "--inside", "app/db", "--below", "/").code == 2
    assert host.guardian("scan", *then, "host").code == 2


def test_what_a_backup_does_not_hold_is_unknown_and_never_absent(host: Any) -> None:
    host.source("docs", kind="files", paths=[str(host.docs / "etc/ssh"), str(host.docs / "usr")], exclude=["*.conf"])
    host.write()
    break_it(host)
    assert host.guardian("backup", "app/docs").code == 0
    said = host.guardian("scan", "--inside", "app/docs", "--below", host.docs, "--baseline", "past")
    assert said.code == 4
    assert {one["rule"]: one["status"] for one in said.json["findings"]} == {
        "GD-PAST-001": "unknown",  # sshd_config.d may have held files that were excluded
        "GD-PAST-002": "unknown",  # /etc/passwd is not in the backup
    }
    whys = [ground["why"] for one in said.json["findings"] for ground in one["evidence"]]
    said_of = ("excludes may have left something out", "not in this snapshot", "excluded from the backup")
    assert all(any(text in why for text in said_of) for why in whys), whys


def comparable(facts: Any) -> Any:
    """Without what a backup does not keep (how large a folder is) and with lists of a walk in one order."""
    files = {
        path: {**entry, "size": 0} if isinstance(entry, dict) and entry.get("kind") == "folder" else entry
        for path, entry in facts["files"].items()
    }
    walk = {
        key: sorted(value, key=str) if isinstance(value, list) and len(value) < 20 else type(value)
        for key, value in facts["walk"].items()
    }
    return {**facts, "files": files, "walk": walk}


def test_a_snapshot_tells_the_same_of_a_host_as_its_files_do(host: Any) -> None:
    break_it(host)
    assert host.guardian("backup", "app/docs").code == 0
    node = Node(load(host.yaml), SystemClock(), lambda _event: None, Stop())
    (target,) = node.loaded.targets(("app/docs",))
    with looked_into(node, target) as (loaded, moments):
        inside, _runs = Inside(loaded, node.clock, str(host.docs)).facts(moments[-1])
    outside, _runs = collect(Host(LocalRoot(host.docs)))
    assert comparable(inside) == comparable(outside)
    assert inside["os"] == outside["os"]
    assert inside["sshd"]["effective"]["permitrootlogin"] == "yes"


def test_links_never_lead_out_of_a_snapshot(host: Any) -> None:
    config = host.docs / "etc/ssh/sshd_config"
    config.unlink()
    outside = host.root / "outside"
    outside.write_text("PermitRootLogin yes\n")
    config.symlink_to("../" * 30 + str(outside).lstrip("/"))
    (host.docs / "etc/loop").symlink_to("loop")
    assert host.guardian("backup", "app/docs").code == 0
    said = host.guardian("scan", "--inside", "app/docs", "--below", host.docs, "--baseline", "past")
    (finding,) = [one for one in said.json["findings"] if one["rule"] == "GD-PAST-001"]
    assert finding["status"] != "fail", "what lies outside of the root says nothing of this host"


@pytest.mark.parametrize(
    ("line", "since", "before", "unknown"),
    [
        (["pass", "fail", "fail"], 1, (0, "pass"), 0),
        (["fail", "fail", "fail"], 0, None, 0),
        (["pass", "fail", "unknown", "fail"], 1, (0, "pass"), 1),
        (["pass", "unknown", "fail"], 2, (0, "pass"), 0),
        (["unknown", "fail"], 1, None, 0),
        (["fail"], 0, None, 0),
        (["fail", "pass", "fail", "pass"], 3, (2, "fail"), 0),
    ],
)
def test_since_when(line: list[Any], since: int, before: tuple[int, str] | None, unknown: int) -> None:
    from datetime import UTC, datetime

    days = [datetime(2026, 1, 1 + number, tzinfo=UTC) for number in range(len(line))]
    found = past("GD-PAST-001", list(zip(days, line, strict=True)))
    assert (found.since, found.unknown) == (days[since], unknown)
    assert found.before == ((days[before[0]], before[1]) if before else None)
