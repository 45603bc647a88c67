"""Rules of every form a check can have, and what is needed to ask them."""

import copy
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from guardian.baseline.evaluate import Ready, ready
from guardian.baseline.fact import hidden
from guardian.baseline.policy import Library, library

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)

RULES = """
family: example
target: host
title: {zh: 示例, en: Examples}
rules:
  - id: GD-EX-001
    rev: 1
    severity: high
    title: {zh: 禁止 root 口令登录, en: Root does not log in with a password}
    why: {zh: 口令可被猜出, en: Passwords can be guessed}
    needs:
      - {fact: sshd/effective, by: sshd -T, as: root}
      - {fact: packages/openssh-server, by: the package database, as: any}
    applies: {path: packages/openssh-server, op: "!=", value: null}
    params: {max_tries: {default: 4, bound: "<="}, roots: {default: ["no", prohibit-password], bound: subset}}
    check:
      all:
        - {path: sshd/effective/permitrootlogin, op: in, value: $roots}
        - {path: sshd/effective/maxauthtries, op: "<=", value: $max_tries}
    fix: {zh: 修改 sshd_config, en: Change sshd_config, risk: {zh: 可能锁住自己, en: You may lock yourself out}}
    tests:
      pass: {packages: {openssh-server: "9.2"}, sshd: {effective: {permitrootlogin: "no", maxauthtries: 3}}}
      fail:
        - {packages: {openssh-server: "9.2"}, sshd: {effective: {permitrootlogin: "yes", maxauthtries: 3}}}
        - {packages: {openssh-server: "9.2"}, sshd: {effective: {permitrootlogin: "yes", maxauthtries: {$err: denied}}}}
      unknown: {packages: {openssh-server: "9.2"}, sshd: {effective: {$err: "denied: needs root"}}}
      not_applicable: {packages: {openssh-server: null}}
  - id: GD-EX-002
    rev: 1
    severity: critical
    title: {zh: 无信任行, en: No line trusts}
    why: {zh: 任何人可登录, en: Anybody could log in}
    needs: [{fact: pg/hba, by: pg_hba_file_rules, as: pg_monitor}, {fact: pg/ssl, by: SHOW ssl, as: any}]
    check:
      any:
        - {cel: 'hba.all(l, l.method != "trust" && (l.type == "local" || l.method != "password"))', with: {hba: pg/hba}}
        - {path: pg/ssl, op: "==", value: strict}
    fix: {zh: 修改 pg_hba.conf, en: Change pg_hba.conf}
    tests:
      pass:
        - {pg: {hba: [{type: local, method: peer}], ssl: "off"}}
        - {pg: {hba: {$err: denied}, ssl: strict}}
      fail: {pg: {hba: [{type: host, method: trust}], ssl: "off"}}
      unknown:
        - {pg: {hba: {$err: denied}, ssl: "off"}}
        - {pg: {hba: [{type: host, method: peer}, {$err: line 2 cut off}], ssl: "off"}}
  - id: GD-EX-003
    rev: 1
    severity: medium
    title: {zh: 账户有期限, en: People's passwords end}
    why: {zh: 旧口令危险, en: Old passwords are dangerous}
    needs: [{fact: users, by: /etc/shadow, as: root}]
    params: {days: {default: 90, bound: "<=", unit: days}}
    check:
      every: users
      where: {path: uid, op: ">=", value: 1000}
      check: {path: max_days, op: "<=", value: $days}
      name: name
    fix: {zh: chage -M, en: chage -M}
    tests:
      pass: {users: [{name: root, uid: 0, max_days: 99999}, {name: li, uid: 1000, max_days: 60}]}
      fail: {users: [{name: li, uid: 1000, max_days: 99999}, {name: wu, uid: 1001, max_days: {$err: cut off}}]}
      unknown:
        - {users: [{name: li, uid: 1000, max_days: {$err: denied}}, {name: root, uid: 0, max_days: 99999}]}
        - {users: [{name: li, uid: {$err: odd}, max_days: 99999}]}
        - {users: {$err: denied}}
  - id: GD-EX-004
    rev: 1
    severity: low
    title: {zh: 无转发, en: Nothing is forwarded}
    why: {zh: 主机不是路由器, en: A host is no router}
    needs: [{fact: sysctl/run, by: /proc/sys, as: any}, {fact: sysctl/boot, by: sysctl.d, as: any}]
    check:
      all:
        - {path: [sysctl, run, net.ipv4.ip_forward], op: "==", value: "0"}
        - none: [{path: sysctl/boot/net.ipv4.ip_forward, op: "==", value: "1", absent: "0"}]
        - {some: sysctl/run, check: {path: key, op: glob, value: net.*}}
    fix: {zh: 设为 0, en: Set it to 0}
    tests:
      pass: {sysctl: {run: {net.ipv4.ip_forward: "0"}, boot: {}}}
      fail: {sysctl: {run: {net.ipv4.ip_forward: "0"}, boot: {net.ipv4.ip_forward: "1"}}}
      unknown: {sysctl: {run: {net.ipv4.ip_forward: "0"}, boot: {$err: denied}}}
  - id: GD-EX-005
    rev: 1
    severity: info
    title: {zh: 机房, en: The room is locked}
    why: {zh: 物理安全, en: Whoever touches it owns it}
    needs: [{fact: room, by: a person, as: any}]
    manual: {zh: 到现场查看, en: Go and look}
    fix: {zh: 上锁, en: Lock it}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "example.yaml").write_text(RULES, "utf-8")
    return library(folder=folder)


def made_ready(chosen: Library) -> list[Ready]:
    return [ready(rule, family.family, family.target) for rule, family in chosen.rules.values()]


def expected(rule: Ready) -> Iterator[tuple[str, Any]]:
    if rule.rule.tests is not None:
        yield from rule.rule.tests.trees()


def denied(rule: Ready, tree: Any) -> Iterator[Any]:
    """``tree`` with every subset of the facts that the rule needs hidden."""
    needs = [need.fact for need in rule.rule.needs]
    for count in range(1, len(needs) + 1):
        for chosen in itertools.combinations(needs, count):
            partial = copy.deepcopy(tree)
            for path in chosen:
                partial = hidden(partial, path)
            yield partial
