"""The catalogue as a page for people. ``python -m guardian_exporters.reference --write`` renews it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guardian_exporters.catalogue import FAMILIES, FLEET_BUDGET, HOST_BUDGET, REFERENCE
from guardian_exporters.family import Family

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"

_PREFACE: Final = """\
# Metrics · 指标

Made from `exporters/guardian_exporters` by `python -m guardian_exporters.reference --write`: do not edit.
本页由 `exporters/guardian_exporters` 生成，请勿手工修改。

- A time is a gauge `…_timestamp_seconds`; its age is `time() - x`. `0` means never. 时间为时间戳，`0` 表示从未发生。
- Where a value is not known there is no series, and no stand-in. 未知的值不输出，不用占位值。
- Gate every alert with `guardian_plan_enabled == 1`, for a fleet with `guardian_host_expected == 1` too, and look at
  `guardian_exporter_collector_success` and at `time() - guardian_agent_status_timestamp_seconds`.
  所有告警都应以 `guardian_plan_enabled == 1` 为前提，机群还应以 `guardian_host_expected == 1` 为前提。
- `kind` of a plan and verdicts are as in `guardian agent status`; exit codes as in `guardian --help`; `reason` holds
  the codes that `--json` shows.
- Never a label: snapshot ids, paths, texts of errors, secrets. 标签中不含快照号、路径、错误文本、密码。

**Host** · 主机: series on the own page of a reference host. A host says nothing of its tenant, region or name there:
Prometheus adds `tenant`, `region`, `host` and `network` by service discovery (`/sd`).
主机自身页面上的序列数；`tenant`、`region`、`host`、`network` 由服务发现添加。

**Fleet** · 机群: series of that host on a fleet's page, where every series of a host also has the labels `tenant`,
`region` and `host`. `+` is there too, and costs the reference host nothing; `once` belongs to no host. With `≠0` a
value of 0 is not said there: compare with `> 0` or `!= 0`. A host that is not expected has `guardian_host_info` and
`guardian_host_expected` only.
机群页面上该主机的序列数，另带 `tenant`、`region`、`host` 标签；`+` 表示也会输出；`once` 不属于任何主机；
`≠0` 表示值为 0 时不输出，请用 `> 0` 或 `!= 0` 比较。不再应在线的主机只输出 `guardian_host_info` 与
`guardian_host_expected`。

**10 k**: series of a fleet of 10,000 such hosts. 一万台主机的机群的序列数。
"""


def reference_text() -> str:
    """The whole page."""
    total, fleet = sum(f.series for f in FAMILIES), sum(f.fleet for f in FAMILIES)
    lines = [_PREFACE]
    lines.append(f"The reference host has {REFERENCE}. It costs {total} series of its own, at most {HOST_BUDGET}, and")
    lines.append(
        f"{fleet} on a fleet's page, at most {FLEET_BUDGET}; 10,000 of them {sum(f.at_10k for f in FAMILIES):,}."
    )
    part = ""
    for family in FAMILIES:
        if (now := family.name.split("_")[1]) != part:
            part = now
            lines += [
                "",
                f"## guardian_{part}",
                "",
                "| metric | type | labels | host | fleet | 10 k | meaning · 含义 |",
            ]
            lines.append("|---|---|---|---|---|---|---|")
        lines.append(_row(family))
    return "\n".join(lines) + "\n"


def _row(family: Family) -> str:
    cells: Iterator[str] = iter(
        (
            f"`{family.name}`",
            family.kind,
            " ".join(f"`{name}`" for name in family.labels),
            str(family.series or ("+" if _on_hosts(family) else "")),
            _fleet(family),
            f"{family.at_10k:,}" if family.at_10k else "",
            f"{family.en}<br>{family.zh}",
        )
    )
    return f"| {' | '.join(cells)} |"


def _on_hosts(family: Family) -> bool:
    return not family.whole and not family.name.startswith("guardian_host_")  # those are of the hub


def _fleet(family: Family) -> str:
    if not family.in_fleet:
        return ""
    if family.whole:
        return "once"
    return f"{family.fleet or '+'}{'' if family.zeros else ' ≠0'}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python -m guardian_exporters.reference --write")
    PAGE.write_text(reference_text(), "utf-8")
