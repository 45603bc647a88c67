"""Collectors on this very machine: what its own tools say is what the facts say, and nobody may do without rights."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardian.baseline.facts import lz4
from guardian.baseline.facts.debversion import newer
from guardian.baseline.facts.host import COLLECTORS, collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.baseline.facts.root import Notes, below
from guardian.baseline.policy import library
from tests.hosttree import Denying

# A walk of the whole machine would take as long as all other tests of this file: it has its own, on small trees.
CHOSEN = tuple(one for one in COLLECTORS if one.name != "walk")
root_only = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program} here")


def said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout


@pytest.fixture(scope="module")
def facts() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told, runs = collect(Host(LocalRoot()), CHOSEN)
        told["listening"] = listening.getsockname()[1]
    assert [run.name for run in runs if run.outcome == "failed"] == []
    json.dumps(told, allow_nan=False).encode("utf-8")
    return told


def test_what_this_machine_says_of_itself(facts: Any) -> None:
    assert facts["os"]["kernel"]["release"] == os.uname().release
    mine = [port for port in facts["ports"] if port["port"] == facts["listening"]]
    assert [(port["address"], port["scope"]) for port in mine] == [("127.0.0.1", "loopback")]
    assert mine[0]["process"] == Path("/proc/self/comm").read_text("utf-8").strip()
    assert facts["mounts"]["now"]["/"]["options"]
    assert facts["files"]["/etc/passwd"]["owner"] == "root"
    assert facts["sysctl"]["run"]["kernel.randomize_va_space"] == int(
        Path("/proc/sys/kernel/randomize_va_space").read_text("utf-8")
    )
    assert isinstance(facts["time"]["synchronised"], bool)
    users = {line.split(":")[0] for line in Path("/etc/passwd").read_text("utf-8").splitlines()}
    assert {user["name"] for user in facts["accounts"]["users"]} == users


@needs("dpkg-query")
def test_packages_are_those_of_dpkg(facts: Any) -> None:
    listed = said("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n").splitlines()
    there = {
        name: version
        for state, name, version in (line.split(" ") for line in listed)
        if state not in ("config-files", "not-installed")
    }
    assert facts["packages"] == there


@needs("dpkg")
def test_order_of_versions_is_that_of_dpkg() -> None:
    listed = sorted({v for line in said("dpkg-query", "-W", "-f", "${Version}\\n").splitlines() if (v := line.strip())})
    some = [
        *listed[:: max(1, len(listed) // 12)],
        "1.0~rc1-1",
        "1.0-1+b1",
        "1.0-1.1",
        "2:0",
        "1.0",
        "1.0-0",
        "1.0a",
        "1.0+x",
    ]
    for one in some:
        for other in some[::3]:
            asked = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False)
            assert newer(one, other) == (asked.returncode == 0), (one, other)


@needs("apt-get")
def test_pending_security_updates_are_those_of_apt(facts: Any) -> None:
    pending = facts["updates"]["security"]
    if isinstance(pending, dict):
        pytest.skip(pending["$err"])
    simulated = said(
        "apt-get",
        "-s",
        "-o",
        "Debug::NoLocking=1",
        "-o",
        "Dir::Cache::pkgcache=",
        "-o",
        "Dir::Cache::srcpkgcache=",
        "dist-upgrade",
    )
    wanted = dict(re.findall(r"^Inst (\S+) \[[^]]*\] \((\S+) [^)]*-security", simulated, re.MULTILINE))
    ours = {update["name"]: update["available"] for update in pending}
    # apt takes the newest of all sources, and keeps back what it cannot install.
    assert {name: version for name, version in wanted.items() if name in ours} == {
        name: version for name, version in ours.items() if name in wanted
    }
    assert wanted.keys() <= ours.keys()


def test_lists_that_apt_has_packed() -> None:
    packed = sorted(Path("/var/lib/apt/lists").glob("*security*_Packages.lz4"))
    helper = Path("/usr/lib/apt/apt-helper")
    if not packed or not helper.exists():
        pytest.skip("apt keeps no list in LZ4 here")
    unpacked = subprocess.run([helper, "cat-file", packed[0]], capture_output=True, check=True).stdout
    assert b"".join(lz4.blocks(packed[0].read_bytes())) == unpacked


@pytest.fixture
def sshd_folder() -> Iterator[None]:
    """The folder that the service of sshd makes when it starts."""
    made = not Path("/run/sshd").exists()
    if made:
        Path("/run/sshd").mkdir(mode=0o755)
    yield
    if made:
        Path("/run/sshd").rmdir()


@root_only
@needs("sshd")
def test_sshd_is_asked_itself_and_its_files_agree(sshd_folder: None) -> None:
    from guardian.baseline.facts import sshd

    told = sshd.collect(Host(LocalRoot()))["sshd"]
    assert told["source"] == "sshd -T"
    asked, read = told["effective"], sshd.from_lines(told["lines"])
    assert asked["ciphers"]
    differing = {
        name: (asked[name], value)
        for name, value in read.items()
        if "$err" not in str(value) and asked.get(name, value) != value
    }
    assert differing.keys() <= {"usepam", "x11forwarding", "acceptenv", "subsystem"}  # what distributions build in


def test_a_walk_is_that_of_find(tmp_path: Path) -> None:
    for folder in ("/etc", "/usr/sbin", "/var/lib/dpkg/info"):
        notes = Notes()
        ours = {below(at, name) for at, lain in LocalRoot(Path(folder)).walk(notes) for name, *_more in lain}
        theirs = said("find", folder, "-mindepth", "1", "-xdev", "!", "-type", "l", "-printf", "/%P\\0").split("\0")
        assert ours == set(filter(None, theirs))
        assert notes.missed_count == 0 or os.getuid() != 0


NOBODY = """
import json, os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from guardian.baseline.facts.host import COLLECTORS, collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
facts, runs = collect(Host(LocalRoot()), tuple(one for one in COLLECTORS if one.name != "walk"))
json.dump([facts, [run.name for run in runs if run.outcome == "failed"]], sys.stdout)
"""


@root_only
def test_what_nobody_may_read_is_never_good_news(facts: Any) -> None:
    # Everything is imported before rights are dropped, since nobody may not read everybody's Python.
    script = NOBODY.replace("import json, os, sys\n", "import json, os, sys\nimport guardian.baseline.facts.host\n")
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    theirs, failed = json.loads(ran.stdout)
    assert failed == []
    assert "$err" in theirs["accounts"]["users"][0]["password"]
    assert "$err" in theirs["accounts"]["group_passwords"]
    at, better = datetime.now(UTC), []
    for rule in library().chosen(["mlps-l3-host"]).of("host"):
        mine, his = rule.judge(facts, at).status, rule.judge(theirs, at).status
        if his not in ("unknown", mine):
            better.append(f"{rule.rule.id}: root {mine}, nobody {his}")
    # Nobody reads the files of sshd where root asks it: more may be known that way, but nothing better.
    assert [line for line in better if "nobody pass" in line or "root unknown" not in line] == []


@root_only
@pytest.mark.parametrize(
    "name", ["accounts", "pam", "login", "sysctl", "kernel", "services", "files", "audit", "time", "firewall", "cron"]
)
def test_a_refused_question_on_this_machine_makes_no_verdict_but_unknown(facts: Any, name: str) -> None:
    collector = next(one for one in COLLECTORS if one.name == name)
    counting = Denying(LocalRoot())
    full = {**facts, **collect(Host(counting), (collector,))[0]}
    rules = [
        r
        for r in library().chosen(["mlps-l3-host"]).of("host")
        if any(n.fact[0] in collector.keys for n in r.rule.needs)
    ]
    at, wrong = datetime.now(UTC), []
    before = {rule.rule.id: rule.judge(full, at).status for rule in rules}
    for refused in range(1, counting.asked + 1, max(1, counting.asked // 40)):
        part = {**full, **collect(Host(Denying(LocalRoot(), refused)), (collector,))[0]}
        after = {rule.rule.id: rule.judge(part, at).status for rule in rules}
        wrong += [
            f"{rule}@{refused}: {before[rule]} → {now}"
            for rule, now in after.items()
            if now not in ("unknown", before[rule])
        ]
    assert wrong == []


LIARS = {
    "silent": "exit 0", "failing": "echo 'Operation not permitted' >&2; exit 1", "noisy": "head -c 6000000 /dev/zero",
    "garbled": "printf '\\377\\000{\\n]] enabled\\n'; exit 0", "killed": "kill -9 $$",
}  # fmt: skip
ASKED = (
    "sshd",
    "nft",
    "iptables",
    "iptables-legacy",
    "ip6tables",
    "ip6tables-legacy",
    "auditctl",
    "systemctl",
    "rpm",
    "dnf",
)
LIED_TO = """
import json, sys
from guardian.baseline.facts.host import COLLECTORS, collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
chosen = tuple(one for one in COLLECTORS if one.name in ("sshd", "services", "audit", "firewall", "packages"))
json.dump(collect(Host(LocalRoot()), chosen)[0], sys.stdout)
"""


@pytest.mark.parametrize("how", LIARS)
def test_a_program_that_says_nothing_useful_is_no_good_news(facts: Any, how: str, tmp_path: Path) -> None:
    for name in ASKED:
        (tmp_path / name).write_text(f"#!/bin/sh\n{LIARS[how]}\n")
        (tmp_path / name).chmod(0o755)
    lied = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([sys.executable, "-c", LIED_TO], capture_output=True, text=True, check=True, env=lied)
    theirs = {**facts, **json.loads(ran.stdout)}
    at = datetime.now(UTC)
    changed = {}
    for rule in library().chosen(["mlps-l3-host"]).of("host"):
        before, after = rule.judge(facts, at).status, rule.judge(theirs, at).status
        if after not in ("unknown", before):
            changed[rule.rule.id] = (before, after)
    # Where nobody could be asked before either, nothing may become known.
    assert changed == {}


RULES = """
table inet filter {
 chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept
 }
 chain onward { type filter hook forward priority 0; policy accept; reject
 }
}
"""
IN_A_NETWORK_OF_ITS_OWN = """
import json, socket, subprocess, sys
from pathlib import Path
from guardian.baseline.facts.host import COLLECTORS, collect
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
listening = socket.create_server(("0.0.0.0", 23))
chosen = tuple(one for one in COLLECTORS if one.name in ("firewall", "ports", "sysctl"))
before = collect(Host(LocalRoot()), chosen)[0]
subprocess.run(["nft", "-f", sys.argv[1]], check=True)
json.dump([before, collect(Host(LocalRoot()), chosen)[0]], sys.stdout)
"""


@root_only
@needs("nft")
@needs("unshare")
def test_a_firewall_a_port_and_a_switch_that_are_really_there(facts: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.nft").write_text(RULES)
    argv = ["unshare", "-n", sys.executable, "-c", IN_A_NETWORK_OF_ITS_OWN, str(tmp_path / "rules.nft")]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "unshare failed" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    open_, closed = ({**facts, **part} for part in json.loads(ran.stdout))
    at, rules = datetime.now(UTC), {rule.rule.id: rule for rule in library().chosen(["mlps-l3-host"]).of("host")}
    asked = ("GD-FW-001", "GD-FW-002", "GD-FW-005", "GD-SVC-013", "GD-KRN-006")
    assert {name: rules[name].judge(open_, at).status for name in asked} == dict.fromkeys(asked, "fail")
    assert [rules[name].judge(closed, at).status for name in asked[:3]] == ["pass", "pass", "pass"]
    port = next(one for one in closed["ports"] if one["port"] == 23)
    assert (port["address"], port["scope"], port["process"][:6]) == ("0.0.0.0", "any", "python")
