"""The alerts as a page for people. ``python -m guardian_exporters.alert_reference --write`` renews it.

It is made of the rules, of what silences them, of the cases that test them, and of the runbooks and proofs that are in
the checkout: what is missing shows.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "alerts.md"
RULES: Final = ROOT / "exporters" / "prometheus" / "rules"
CASES: Final = ROOT / "exporters" / "prometheus" / "tests"
ALERTMANAGER: Final = ROOT / "exporters" / "alertmanager" / "alertmanager.yml"
RUNBOOKS: Final = ROOT / "runbooks"
PROOFS: Final = ("acceptance", "fault", "integration")
_NO_PROOF: Final = frozenset({"test_rules.py", "test_alertmanager.py"})
"""Tests that name alerts and break nothing real."""

_PREFACE: Final = """\
# Alerts · 告警

Made from `exporters/prometheus` by `python -m guardian_exporters.alert_reference --write`: do not edit.
本页由 `exporters/prometheus` 生成，请勿手工修改。

How to install them, who is told, what silences what: [alerting](../guide/alerting.md).
安装方法、通知对象与抑制关系见[告警](../guide/alerting.zh-CN.md)。

`host-*.yml` needs agents or a hub, `fleet-*.yml` a hub. Holds: how long it must be so before it is told.
`host-*.yml` 抓取代理或中心均可，`fleet-*.yml` 需要中心。“持续”指满足条件多久才通知。
"""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: its file, and what people are told."""

    name: str
    file: str
    severity: str
    holds: str
    zh: str
    en: str


def alerts() -> list[Alert]:
    """Every alert, file by file. Raises OSError and KeyError for a checkout that is not whole."""
    return list(_alerts())


def _alerts() -> Iterator[Alert]:
    for path in sorted(RULES.glob("*.yml")):
        for group in _yaml(path)["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    said = rule["annotations"]
                    zh, en = _plain(said["summary_zh"]), _plain(said["summary"])
                    holds = rule.get("for", "")
                    yield Alert(rule["alert"], path.name, rule["labels"]["severity"], holds, zh, en)


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def _plain(text: str) -> str:
    """A template as a sentence: labels are slanted, figures are an N."""
    text = re.sub(r"\{\{ (?:or )?\$labels\.(\w+)[^}]*\}\}", r"*\1*", text)
    return re.sub(r"\{\{ \$value[^}]*\}\}", "*N*", text)


def silenced_by() -> dict[str, list[str]]:
    """Alert → those that silence it, without ``Guardian``."""
    found: dict[str, list[str]] = {}
    names = [alert.name for alert in alerts()]
    for rule in _yaml(ALERTMANAGER)["inhibit_rules"]:
        causes, silenced = (_named(rule[key], names) for key in ("source_matchers", "target_matchers"))
        for name in silenced:
            found.setdefault(name, []).extend(cause for cause in causes if cause not in found.get(name, ()))
    return found


def _named(matchers: list[str], names: list[str]) -> list[str]:
    pattern = re.compile(matchers[0].removeprefix("alertname").lstrip("=~").strip('"'))
    return [name for name in names if pattern.fullmatch(name)]


def reference_text() -> str:
    """The whole page."""
    found = alerts()
    lines = [_PREFACE]
    for file in sorted({alert.file for alert in found}):
        lines += [
            "",
            f"## {file}",
            "",
            "| alert | severity | holds | says · 内容 | silenced by |",
            "|---|---|---|---|---|",
        ]
        silence = silenced_by()
        for alert in (one for one in found if one.file == file):
            by = ", ".join(name.removeprefix("Guardian") for name in silence.get(alert.name, ()))
            says = f"{alert.zh}<br>{alert.en}"
            lines.append(f"| `{alert.name}` | {alert.severity} | {alert.holds} | {says} | {by} |")
    lines += ["", *_coverage(found)]
    return "\n".join(lines) + "\n"


def _coverage(found: list[Alert]) -> Iterator[str]:
    cases = {name: said for path in sorted(CASES.glob("*.yml")) for name, said in _yaml(path).items()}
    proofs = {
        path: path.read_text("utf-8") for part in PROOFS for path in sorted((ROOT / "tests" / part).glob("test_*.py"))
    }
    yield "## What is proved · 验证情况"
    yield ""
    yield "Unit test: cases by promtool. Proof: a test that breaks something real and waits for the alert to arrive."
    yield "单元测试：promtool 用例数。实证：真实制造故障并等待告警送达的测试。"
    yield ""
    yield "| alert | unit test | proof | runbook |"
    yield "|---|---|---|---|"
    done = [0, 0, 0]
    for alert in found:
        proof = [path.name for path, text in proofs.items() if path.name not in _NO_PROOF and f'"{alert.name}"' in text]
        said = cases.get(alert.name, [])
        runbook = _runbook(alert.name)
        done = [old + bool(new) for old, new in zip(done, (said, proof, runbook), strict=True)]
        yield f"| `{alert.name}` | {len(said) or ''} | {', '.join(proof)} | {runbook} |"
    yield f"| {len(found)} | {done[0]} | {done[1]} | {done[2]} |"


def _runbook(name: str) -> str:
    pages = ((RUNBOOKS / f"{name}.md", "en"), (RUNBOOKS / f"{name}.zh-CN.md", "中文"))
    return " · ".join(f"[{word}](../../runbooks/{path.name})" for path, word in pages if path.is_file())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python -m guardian_exporters.alert_reference --write")
    PAGE.write_text(reference_text(), "utf-8")
