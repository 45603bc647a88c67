"""The parsers of host collectors: what each grammar means, and that hostile text never crashes one."""

import gzip
import ipaddress
import json
import lzma
import random
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.baseline.facts import (
    accounts,
    audit,
    certificates,
    containers,
    cron,
    firewall,
    kernel,
    lastlog,
    login,
    logs,
    lz4,
    mac,
    mounts,
    packages,
    pam,
    ports,
    services,
    sshd,
    sshdfiles,
    sudo,
    sysctl,
    system,
    text,
    time,
    updates,
)  # fmt: skip
from guardian.baseline.facts.debversion import newer
from guardian.baseline.facts.reading import Unread


def lines(*parts: str) -> str:
    return "\n".join(parts)


def of_stack(*rows: str) -> list[Any]:
    return pam.parse(lines(*rows))


PARSERS: dict[str, Callable[[str], Any]] = {
    "passwd": accounts.parse_passwd, "shadow": accounts.parse_shadow, "group": accounts.parse_group, "pam": pam.parse,
    "audit": audit.parse_rules, "auditd": audit.parse_config, "daemon": containers.parse_daemon,
    "nft": firewall.parse_nft,
    "docker unit": lambda t: containers.parse_unit(t, tls=False), "cron": lambda t: cron.parse(t, with_user=True),
    "iptables": firewall.parse_iptables, "modprobe": lambda t: sorted(kernel.parse_modprobe(t)),
    "limits": kernel.parse_limits,
    "login.defs": login.parse_defs, "shell": login.parse_shell, "rsyslog": logs.parse_rsyslog,
    "logrotate": logs.parse_logrotate,
    "apparmor": mac.parse_profiles, "mounts": mounts.parse, "rpm": packages.parse_rpm,
    "ports": lambda t: ports.parse(t, "tcp"),
    "systemctl": services.parse_states, "xinetd": services.parse_xinetd, "sshd -T": sshd.parse_effective,
    "sshd": sshdfiles.parse,
    "sshd options": sshd.given_options, "sudo": sudo.joined, "sudo rule": sudo.parse_rule,
    "os-release": system.os_release,
    "servers": time.parse_servers, "advisories": updates.parse_advisories, "span": text.seconds, "ini": text.sections,
    "sysctl": lambda t: sysctl.merge({}, t), "sudo line": lambda t: sudo.parse_line(t, {}, {"rules": [],
    "defaults": {}, "aliases": []}),
    "status": lambda t: packages.parse_status(t.encode("utf-8", "surrogateescape")),
    "list": lambda t: list(updates.parse_list([t.encode("utf-8", "surrogateescape")])),
    "lz4": lambda t: list(lz4.blocks(b"\x04\x22\x4d\x18" + t.encode("utf-8", "surrogateescape"))),
    "certificate": lambda t: certificates.parse(
        b"-----BEGIN CERTIFICATE-----" + t.encode("utf-8", "surrogateescape") + b"-----END CERTIFICATE-----", "/x"
    ),
    "lastlog": lambda t: lastlog.parse(t.encode("utf-8", "surrogateescape")),
}  # fmt: skip
# Text made of what these grammars are made of gets further than noise.
PIECES = st.sampled_from(
    ["root", ":", "=", " ", "\n", "\t", "\\", '"', "'", "#", "[", "]", "{", "}", "(", ")", "@include x", "auth ",
    "-w ", "-a ", "-S ",
     "-e 2", "0", "99999999999999999999", "-1", "*", "+", "!", "$6$", "\x00", "\x1b[2J", "\u2028", "\x85", "\udcff",
     "口令", "ALL", ",",
     "service x", "Match ", "Include ", "postrotate", "umask 022", "TMOUT=", "server ", "/", "%",
     "install a /bin/false", "  0: 0100007F:0016"],
)  # fmt: skip
HOSTILE = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=50)
@given(HOSTILE)
def test_no_text_crashes_a_parser(name: str, hostile: str) -> None:
    try:
        told = PARSERS[name](hostile)
    except (Unread, lz4.BadFrame):
        return
    json.dumps(told)


def test_a_separator_of_other_alphabets_splits_no_record() -> None:
    told = accounts.parse_passwd("li\u2028:x:0:0::/:/bin/sh\nwu\x85toor:x:5:5::/:/bin/sh")
    assert [(user["name"], user["uid"]) for user in told] == [("li\u2028", 0), ("wu\x85toor", 5)]


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("", ("empty", None)), ("*", ("locked", None)), ("!", ("locked", None)), ("!!", ("locked", None)), ("!*",
        ("locked", None)),
        ("$6$a$b", ("set", "sha512crypt")), ("!$6$a$b", ("locked", "sha512crypt")), ("$y$j9T$a$b", ("set", "yescrypt")),
        ("$sm3$a$b", ("set", "sm3crypt")), ("$1$a$b", ("set", "md5crypt")), ("abcdefghijklm", ("set", "des")), ("x",
        ("locked", "none")),
        ("$9$a", ("set", "unknown")),
    ],
)  # fmt: skip
def test_kinds_of_passwords(secret: str, kind: tuple[str, str | None]) -> None:
    told = accounts.parse_shadow(f"li:{secret}:1::90")["li"]
    assert (told["password"], told["hash"]) == kind
    assert (told["last_change"], told["min_days"], told["max_days"]) == (1, None, 90)


def test_no_hash_gets_into_the_facts() -> None:
    assert "SECRET" not in json.dumps(accounts.parse_shadow("li:$6$salt$SECRET:1:2:3:4:5:6:"))
    assert "SECRET" not in json.dumps(accounts.parse_passwd("li:SECRETHASH123:1:1::/:/bin/sh"))


def test_last_logins_of_both_kinds(tmp_path: Path) -> None:
    record = struct.Struct("=i32s256s")
    data = record.pack(0, b"", b"") + record.pack(86400 * 100 + 5, b"pts/0", b"x") + b"half a record"
    assert lastlog.parse(data) == {1: 100}
    with closing(sqlite3.connect(tmp_path / "lastlog2.db")) as made:
        made.execute(
            "CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT)"
        )
        made.execute(
            "INSERT INTO Lastlog2 VALUES('li', ?, 'pts/0', NULL, 'sshd'), ('odd', 'text', '', '', '')", (86400 * 7,)
        )
        made.commit()
    table = (tmp_path / "lastlog2.db").read_bytes()
    assert lastlog.parse_table(table) == {"li": 7}
    for broken in (b"", b"nothing", table[:1000]):
        with pytest.raises(Unread):
            lastlog.parse_table(broken)


def test_lines_of_passwd_that_are_no_accounts() -> None:
    told = accounts.parse_passwd("+::::::\nli:x:1:1::/:/bin/sh\nbroken:x:1\n-wu:x:2:2::/:\n")
    assert [user["name"] for user in told if user["malformed"]] == ["+", "broken", "-wu"]


def test_stacks_of_pam() -> None:
    counted = of_stack("auth required pam_faillock.so preauth", "auth [default=die] pam_faillock.so authfail deny=4")
    assert pam.lockout(counted, {"unlock_time": "never", "even_deny_root": True}) == {
        "module": "faillock", "deny": 4, "unlock_seconds": 315_576_000, "root": True, "window_seconds": 900,
    }  # fmt: skip
    only_asked = of_stack("auth required pam_faillock.so preauth deny=4")
    assert pam.lockout(only_asked, {})["module"] is None  # nothing counts: it locks nobody
    tally = of_stack("auth required pam_tally2.so deny=5 unlock_time=300 even_deny_root")
    assert pam.lockout(tally, {})["deny"] == 5
    cracklib = of_stack("password requisite pam_cracklib.so minlen=10 dcredit=-1 ucredit=-1 lcredit=-1 ocredit=-1")
    assert (pam.quality(cracklib, {})["length"], pam.quality(cracklib, {})["classes"]) == (10, 4)
    generous = of_stack("password requisite pam_pwquality.so minlen=10 dcredit=3")
    assert pam.quality(generous, {"minclass": 2})["length"] == 7  # three digits count twice
    assert pam.parse("auth [success=1 \\\n default=ignore] pam_unix.so nullok # comment")[0]["args"] == {"nullok": True}
    assert pam.parse("-session optional pam_x.so [a=b c]")[0]["words"] == ["[a=b c]"]


@pytest.mark.parametrize(
    ("code", "tmouts", "umasks", "readonly"),
    [
        ("TMOUT=600", [600], [], False), ("readonly TMOUT=300", [300], [], True), ("export TMOUT=60; readonly TMOUT",
        [60], [], True),
        ("# TMOUT=600", [], [], False), ("typeset -xr TMOUT=900", [900], [], True), ("MYTMOUT=5", [], [], False),
        ('if [ "$(id -u)" -gt 199 ]; then\n umask 002\nelse\n umask 022\nfi', [], ["0002", "0022"], False),
        ("umask 027 && echo", [], ["0027"], False), ("umask u=rwx", [], [], False),
    ],
)  # fmt: skip
def test_what_shell_files_set(code: str, tmouts: list[int], umasks: list[str], readonly: bool) -> None:
    told = login.parse_shell(code)
    assert (told["tmouts"], told["umasks"], told["readonly"]) == (tmouts, umasks, readonly)


def test_sshd_files() -> None:
    told = sshdfiles.parse('Port=22\nPermitRootLogin "no" # why\n\tMaxAuthTries\t4\nMatch User a,b\n')
    assert told == [(1, "port", "22"), (2, "permitrootlogin", "no"), (3, "maxauthtries", "4"), (4, "match", "User a,b")]
    first_wins = [{"option": "maxauthtries", "value": value, "match": ""} for value in ("3", "9")]
    effective = sshd.from_lines([*first_wins, {"option": "ciphers", "value": "+aes128-cbc", "match": ""}])
    assert effective["maxauthtries"] == 3
    assert "$err" in effective["ciphers"]  # what is added to is not known from files
    assert sshd.given_options("CRYPTO_POLICY='-oCiphers=a,b -oMACs=c'\nOPTIONS=-4 -D -f /x") == [
        "-oCiphers=a,b",
        "-oMACs=c",
    ]
    said = sshd.parse_effective(
        "port 22\nport 2222\npermitrootlogin without-password\nlogingracetime 2m\nmaxstartups 10:30:60"
    )
    assert (said["port"], said["permitrootlogin"], said["logingracetime"]) == ([22, 2222], "prohibit-password", 120)
    assert said["maxstartups"] == [10, 30, 60]


def test_sudo_rules() -> None:
    assert sudo.parse_rule("%wheel ALL=(ALL) NOPASSWD: ALL") == {
        "who": "%wheel", "hosts": "ALL", "runas": "ALL", "tags": ["NOPASSWD"], "commands": ["ALL"], "all": True,
        "nopasswd": True,
    }  # fmt: skip
    narrow = sudo.parse_rule("zabbix ALL=(root) NOPASSWD: /usr/bin/nmap, /bin/ls")
    assert (narrow["all"], narrow["commands"]) == (False, ["/usr/bin/nmap", "/bin/ls"])
    assert sudo.joined("a = \\\n b # c\n#include /etc/x\n# note\n#1000 ALL=ALL") == [
        (1, "a =  b"), (3, "#include /etc/x"), (5, "#1000 ALL=ALL"),
    ]  # fmt: skip


def test_rules_of_audit() -> None:
    told = audit.parse_rules(lines(
        "-w /etc/old -p wa", "-D", "-w /etc/passwd -p wa -k id", "-w /etc/read -p r",
        "-a never,exit -F arch=b64 -S mount",
        "-a always,exit -F arch=b64 -S adjtimex,settimeofday -k t", "-a always,exit -S chmod -F uid=1000",
        "-a always,exit -F dir=/srv/ -F perm=wa",
        "-e 1", "-e 2",
    ))  # fmt: skip
    assert told["watched"] == ["/etc/passwd", "/srv"]
    assert told["syscalls"] == ["adjtimex", "settimeofday"]
    assert (told["immutable"], told["rules"]) == (True, 6)


def test_tables_of_sockets() -> None:
    head = "  sl  local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode\n"
    row = "   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000  110        0 4242 1\n"
    told = ports.parse(
        head + row.format("0100007F:1538", "0A") + row.format("0100007F:1539", "01") + "garbage\n", "tcp"
    )
    assert told == [
        {"proto": "tcp", "address": "127.0.0.1", "port": 5432, "scope": "loopback", "uid": 110, "inode": "4242"}
    ]
    mapped = ports.parse(head + row.format("0000000000000000FFFF00000100007F:0050", "0A"), "tcp6")
    assert (mapped[0]["port"], mapped[0]["scope"]) == (80, "loopback")
    everywhere = ports.parse(head + row.format("00000000000000000000000000000000:0035", "07"), "udp6")
    assert (everywhere[0]["address"], everywhere[0]["scope"]) == (str(ipaddress.ip_address("::")), "any")


def chain(policy: str, *rules: list[Any], family: str = "inet") -> str:
    made = {
        "chain": {"family": family, "table": "t", "name": "in", "type": "filter", "hook": "input", "policy": policy}
    }
    listed = [{"rule": {"family": family, "table": "t", "chain": "in", "expr": rule}} for rule in rules]
    return json.dumps({"nftables": [{"metainfo": {}}, made, *listed]})


@pytest.mark.parametrize(
    ("ruleset", "ip", "ip6"),
    [
        ('{"nftables": []}', "none", "none"), (chain("drop"), "drop", "drop"), (chain("accept"), "accept", "accept"),
        (chain("drop", family="ip"), "drop", "none"), (chain("accept", [{"reject": {"type": "icmpx"}}]), "drop",
        "drop"),
        (chain("accept", [{"match": {}}, {"drop": None}]), "accept", "accept"), (chain("accept", [{"limit": {}},
        {"drop": None}]), "accept", "accept"),
        (chain("accept", [{"drop": None}], [{"match": {}}, {"accept": None}]), "accept", "accept"),
    ],
)  # fmt: skip
def test_policies_of_nftables(ruleset: str, ip: str, ip6: str) -> None:
    assert firewall.parse_nft(ruleset)["input"] == {"ip": ip, "ip6": ip6}


def test_policies_of_iptables() -> None:
    assert firewall.parse_iptables("-P INPUT DROP\n-P FORWARD ACCEPT\n") == {"input": "drop", "forward": "accept"}
    closed = (
        "-P INPUT ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n"
    )
    assert firewall.parse_iptables(closed)["input"] == "drop"


def test_where_logs_go_and_how_long_they_stay() -> None:
    new = 'action(type="omfwd"\n target="10.0.0.9" port="6514" StreamDriverMode="1")\nmodule(load="imtcp")'
    told = logs.parse_rsyslog(new)
    assert (told["remote"], told["tls"], told["listens"]) == (["10.0.0.9"], True, True)
    assert logs.parse_rsyslog("# *.* @@10.0.0.1\n*.* @127.0.0.1\nmail.* -/var/log/mail")["remote"] == []
    assert logs.parse_rsyslog('if $msg contains "user@@host" then stop')["remote"] == []
    outside, blocks = logs.parse_logrotate(
        "daily\nrotate 30\n/var/log/secure {\n rotate 200\n}\n/var/log/messages\n/var/log/cron {\n size 1M\n}\n"
        "/x {\nmaxage 7\n}\n"
    )
    assert outside["rotate"] == 30
    assert [(block["days"], block["important"]) for block in blocks] == [(200, True), (None, True), (7, False)]


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("90", 90),
        ("6month", 15_778_800),
        ("2h 30m", 9000),
        ("1w", 604_800),
        ("", None),
        ("soon", None),
        ("5 parsecs", None),
    ],
)
def test_spans_of_time(span: str, seconds: int | None) -> None:
    assert text.seconds(span) == seconds


def test_containers() -> None:
    assert containers.parse_daemon("")["icc"] is True
    unit = "ExecStart=/usr/bin/dockerd -H fd:// -H tcp://0.0.0.0:2375\n"
    assert containers.parse_unit(unit, tls=False) == [{"address": "0.0.0.0:2375", "tls": False}]
    with pytest.raises(Unread):
        containers.parse_daemon("[" * 100_000)


def test_cron_tables() -> None:
    table = "MAILTO=x\n*/5 * * * * root /a/b -c\n@reboot li /c\n* * * * *\n# 1 2 3 4 5 root /d\n"
    assert cron.parse(table, with_user=True) == [(2, "root", "/a/b -c"), (3, "li", "/c")]


def test_keys_of_sysctl() -> None:
    assert sysctl.dotted("net/ipv4/conf/eth0.1/rp_filter") == "net.ipv4.conf.eth0/1.rp_filter"
    assert sysctl.dotted("net.ipv4.ip_forward") == "net.ipv4.ip_forward"
    merged: dict[str, Any] = {}
    sysctl.merge(merged, "; c\n# c\na.b = 1\n-c/d=2  3\na.b=4\nnonsense\n")
    assert merged == {"a.b": 4, "c.d": "2 3"}


def test_units_of_inetd() -> None:
    told = services.parse_xinetd("service telnet\n{\n disable = no\n}\nservice tftp\n{\n disable = yes\n}\n")
    assert told == [("telnet", True), ("tftp", False)]


def test_advisories_of_dnf() -> None:
    told = updates.parse_advisories("openEuler-SA-2024-1  Important/Sec. openssl-1:1.1.1m-15.oe2203.x86_64\nnoise\n")
    assert told == [
        {"name": "openssl", "available": "1:1.1.1m-15.oe2203", "suite": "openEuler-SA-2024-1", "installed": None}
    ]


def test_lists_in_every_packing() -> None:
    plain = b"Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n"
    for name, data in (
        ("x_Packages", plain),
        ("x_Packages.gz", gzip.compress(plain)),
        ("x_Packages.xz", lzma.compress(plain)),
    ):
        assert list(updates.parse_list(updates.content(name, data))) == [("a", "1"), ("b", "2")]
    for name in ("x.gz", "x.xz", "x.lz4"):
        with pytest.raises(Unread):
            list(updates.content(name, b"not that"))


def test_lz4_blocks() -> None:
    head = b"\x04\x22\x4d\x18\x40\x40\xc0"
    # "abc" as it is, then nine bytes from three before: a copy that overlaps itself.
    block = bytes([0x35]) + b"abc" + b"\x03\x00" + bytes([0x00])
    framed = head + len(block).to_bytes(4, "little") + block + bytes(4)
    assert b"".join(lz4.blocks(framed)) == b"abc" * 4
    stored = head + (3 | 1 << 31).to_bytes(4, "little") + b"xyz" + bytes(4)
    assert b"".join(lz4.blocks(stored)) == b"xyz"
    for cut in range(len(framed)):
        with pytest.raises(lz4.BadFrame):
            list(lz4.blocks(framed[:cut]))


ORDERED = [
    "1.0~~",
    "1.0~rc1",
    "1.0",
    "1.0-1",
    "1.0-1a",
    "1.0-1+b1",
    "1.0-1.1",
    "1.0a",
    "1.0+dfsg",
    "1.0.1",
    "1.2",
    "1.10",
    "2",
    "1:0.1",
]


def test_order_of_versions() -> None:
    shuffled = random.Random(7).sample(ORDERED, len(ORDERED))
    for one in shuffled:
        for other in shuffled:
            assert newer(one, other) == (ORDERED.index(one) > ORDERED.index(other)), (one, other)
