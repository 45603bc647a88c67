"""Metrics of security baselines: how the newest scans came out. Which rule it was is for the report to say."""

from typing import Final

from guardian_exporters.family import SCAN, family, rare

BASELINE: Final = (
    family(
        "baseline_last_scan_timestamp_seconds",
        SCAN,
        "When the target was last looked at, 0 for never.",
        "该对象最近一次扫描的时间，0 表示从未。",
        fleet=True,
    ),
    family(
        "baseline_score_ratio",
        SCAN,
        "The share of rules that hold, of those that could be decided.",
        "可判定规则中符合的比例。",
        fleet=True,
    ),
    family(
        "baseline_coverage_ratio",
        SCAN,
        "The share of rules that could be decided, of those that apply.",
        "适用规则中可判定的比例。",
    ),
    family(
        "baseline_checks",
        (*SCAN, "status"),
        "Rules by what they came to, waived ones among them.",
        "按结果统计的规则数，含已豁免的。",
        series=5,
    ),
    rare(
        "baseline_failed_checks",
        (*SCAN, "check_severity"),
        "Rules that are broken and not waived, by how bad that is.",
        "不符合且未豁免的规则数，按严重程度。",
        fleet=2,
        series=5,
    ),
    rare(
        "baseline_waived_checks",
        SCAN,
        "Broken rules that a waiver holds for.",
        "不符合但已豁免的规则数。",
        fleet=1,
    ),
    rare(
        "baseline_unmatched_waivers",
        SCAN,
        "Waivers that match nothing.",
        "未匹配到任何对象的豁免数。",
        fleet=0,
    ),
    family(
        "baseline_next_waiver_expiry_timestamp_seconds",
        SCAN,
        "When the first waiver ends that holds; there only while one does.",
        "现有豁免中最早的到期时间；仅在有豁免时输出。",
        fleet=True,
    ),
    family(
        "baseline_next_due_timestamp_seconds",
        SCAN,
        "When the next scan is due.",
        "下一次扫描的计划时间。",
    ),
)
