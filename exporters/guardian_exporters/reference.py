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

- A time is a gauge `…_timestamp_seconds`; its age is `time() - x`. `0` means never. 时间为时间戳，`0` 表示从未发生。
- Where a value is not known there is no series, and no stand-in. 未知的值不输出，不用占位值。
- Gate every alert with `guardian_plan_enabled == 1`, and look at `guardian_exporter_collector_success` and at
  `time() - guardian_agent_status_timestamp_seconds`. 所有告警都应以 `guardian_plan_enabled == 1` 为前提。
- `kind` of a plan and verdicts are as in `guardian agent status`; exit codes as in `guardian --help`.
- Never a label: snapshot ids, paths, texts of errors, secrets; nor tenant, host or region, which Prometheus adds by its
  own service discovery. 标签中不含快照号、路径、错误文本、口令，也不含租户、主机和区划（由服务发现添加）。
"""


def reference_text() -> str:
    """The whole page."""
    total, fleet = sum(f.series for f in FAMILIES), sum(f.series for f in FAMILIES if f.fleet)
    lines = [_PREFACE]
    lines.append(f"Series of a reference host ({REFERENCE}): {total}, at most {HOST_BUDGET}; of them for a fleet")
    lines.append(f"(column F): {fleet}, at most {FLEET_BUDGET}.")
    part = ""
    for family in FAMILIES:
        if (now := family.name.split("_")[1]) != part:
            part = now
            lines += ["", f"## guardian_{part}", "", "| metric | type | labels | series | F | meaning · 含义 |"]
            lines.append("|---|---|---|---|---|---|")
        lines.append(_row(family))
    return "\n".join(lines) + "\n"


def _row(family: Family) -> str:
    cells: Iterator[str] = iter(
        (
            f"`{family.name}`",
            family.kind,
            " ".join(f"`{name}`" for name in family.labels),
            str(family.series),
            "✓" if family.fleet else "",
            f"{family.en}<br>{family.zh}",
        )
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: python -m guardian_exporters.reference --write")
    PAGE.write_text(reference_text(), "utf-8")
