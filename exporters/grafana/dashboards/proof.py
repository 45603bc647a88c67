"""Drills and what they assure; baselines and what they find."""

from typing import Final

from dashboards.noun import BAD, DIM, GOOD, MORE_IS_WORSE, SHARE, WARN, Board, Column, Panel, Query, Row, Say, Steps
from dashboards.shared import HOST, NONE, REGION, SEVERITIES, SYSTEM, TENANT, columns, value

MANY = 'region=~"$region", tenant=~"$tenant", system=~"$system"'
WHERE = 'region=~"$region", tenant=~"$tenant"'
PROVED = "guardian:region_tenant_system_verified_age_seconds"
HOSTS = 'region=~"$region", tenant=~"$tenant", host=~"$host"'

GOOD_SHARE: Final[Steps] = ((None, BAD), (0.8, WARN), (0.95, GOOD))
"""Of rules that hold, and of rules that could be decided."""


def drills() -> Board:
    """Is it proved, how surely, and do drills find what is planted."""
    return Board(
        "guardian-drills",
        Say("演练与可信度", "Drills and assurance"),
        Say(
            "恢复演练是否按计划通过、结论有多可靠、植入的故障是否被发现。",
            "Whether drills pass as planned, how sure they are, and whether they find what is planted.",
        ),
        (
            Row(
                Say("现状", "How things stand"),
                (
                    Panel(
                        "stat",
                        Say("8 天内证明过", "Proved within 8 days"),
                        Say(
                            "启用的数据源中近 8 天内证明可恢复的比例。",
                            "The share of active sources that was proved restorable within 8 days.",
                        ),
                        (
                            Query(
                                f"(count(guardian:verified_age_seconds{{{MANY}}} < 8 * 86400) or vector(0)) / count(guardian:plan_active{{{MANY}}})"
                            ),
                        ),
                        unit="percentunit",
                        steps=SHARE,
                    ),
                    Panel(
                        "stat",
                        Say("演练逾期", "Drills overdue"),
                        Say(
                            "某级演练已超过两个周期没有通过的数据源数。",
                            "Sources of which a level has gone without a pass for twice its interval.",
                        ),
                        (Query(f"count(guardian_drill_deadline_timestamp_seconds{{{MANY}}} < time()) or vector(0)"),),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "stat",
                        Say("植入故障未被发现", "Planted faults not found"),
                        Say("没有发现植入故障的演练视为无效。", "A drill that does not find what was planted is void."),
                        (Query(f"sum(guardian_drill_planted_missed{{{MANY}}}) or vector(0)"),),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "stat",
                        Say("解码器与 restic 不一致", "Decoder and restic disagree"),
                        Say(
                            "两条独立路径给出不同结论，必须查明。",
                            "Two independent paths say different things: find out why.",
                        ),
                        (Query(f"sum(guardian_drill_disagreements{{{MANY}}}) or vector(0)"),),
                        steps=MORE_IS_WORSE,
                    ),
                ),
            ),
            Row(
                Say("可信度", "Assurance"),
                (
                    Panel(
                        "bars",
                        Say("可能未发现的损坏比例（最差 10 个）", "Bad data left possible (worst 10)"),
                        Say("最近一次抽样不能排除的损坏比例上限。", "The upper bound that the newest sample leaves."),
                        (
                            Query(
                                f"topk(10, guardian_plan_assured_max_loss_ratio{{{MANY}}})",
                                "{{host}}/{{source}}",
                            ),
                        ),
                        unit="percentunit",
                        steps=((None, GOOD), (0.01, WARN), (0.05, BAD)),
                        width=12,
                    ),
                    Panel(
                        "bars",
                        Say("轮换读取覆盖（最低 10 个仓库）", "Bytes read in rotation (lowest 10)"),
                        Say(
                            "一个轮换周期内读取校验过的数据比例。",
                            "The share of stored bytes that was read within the rotation.",
                        ),
                        (
                            Query(
                                f"bottomk(10, guardian_repo_verified_ratio{{{MANY.split(', system', maxsplit=1)[0]}}})",
                                "{{host}} {{repository}}",
                            ),
                        ),
                        unit="percentunit",
                        steps=((None, BAD), (0.25, WARN), (0.5, GOOD)),
                        width=12,
                        most=1,
                    ),
                    Panel(
                        "lines",
                        Say("距上次证明", "Time since proof"),
                        Say("平均值升高说明演练跟不上。", "A mean that rises means that drills do not keep up."),
                        (
                            Query(f"sum({PROVED}:sum{{{MANY}}}) / sum({PROVED}:count{{{MANY}}})", Say("平均", "mean")),
                            Query(f"max({PROVED}:max{{{MANY}}})", Say("最差", "worst"), BAD),
                        ),
                        unit="days",
                        width=12,
                        height=9,
                    ),
                    Panel(
                        "bars",
                        Say("实测恢复时间（最慢 10 个）", "Measured recovery time (slowest 10)"),
                        Say("最近一次演练中恢复所用的时间。", "How long the recovery took in the newest drill."),
                        (Query(f"topk(10, guardian_drill_last_rto_seconds{{{MANY}}})", "{{host}}/{{source}}"),),
                        unit="minutes",
                        width=12,
                        empty=Say("未测量", "not measured"),
                    ),
                    Panel(
                        "table",
                        Say("演练期限最近的数据源", "Sources whose drills are due first"),
                        Say(
                            "距首个级别超过两个周期没有通过的时间；负数即逾期。",
                            "Until the first of its levels has gone without a pass for twice its interval; negative is overdue.",
                        ),
                        (Query(f"bottomk(20, guardian_drill_deadline_timestamp_seconds{{{MANY}}} - time())"),),
                        unit="days",
                        width=24,
                        columns=columns("tenant", "host", "system", "source", Value=value("距期限", "Left", width=110)),
                        sort="Value",
                        steps=((None, BAD), (0, WARN), (86400, GOOD)),
                        empty=NONE,
                    ),
                    Panel(
                        "table",
                        Say("无效或互相矛盾的演练", "Drills that are void or contradict themselves"),
                        Say(
                            "没有发现植入的故障，或解码器与 restic 给出不同结论。",
                            "They did not find what was planted, or the decoder and restic said different things.",
                        ),
                        (
                            Query(
                                f"max by (tenant, host, system, source, level) (guardian_drill_planted_missed{{{MANY}}} > 0)"
                            ),
                            Query(
                                f"max by (tenant, host, system, source, level) (guardian_drill_disagreements{{{MANY}}} > 0)"
                            ),
                        ),
                        width=24,
                        height=6,
                        columns=columns(
                            "tenant",
                            "host",
                            "system",
                            "source",
                            "level",
                            A=value("植入未发现", "Not found", "locale", ((None, DIM), (1, BAD)), width=110),
                            B=value("不一致", "Disagree", "locale", ((None, DIM), (1, BAD)), width=100),
                        ),
                        empty=NONE,
                    ),
                ),
            ),
        ),
        (REGION, TENANT, SYSTEM),
        hours=14 * 24,
        refresh="5m",
    )


def baseline() -> Board:
    """Security baselines: two numbers that are never one, and what is behind them."""
    return Board(
        "guardian-baseline",
        Say("安全基线", "Security baseline"),
        Say(
            "配置对照安全基线的结果。读不到的不算合格。",
            "Configurations held against baselines. What cannot be read is not good.",
        ),
        (
            Row(
                Say("现状", "How things stand"),
                (
                    Panel(
                        "stat",
                        Say("合格率（已判定）", "Good, of what was decided"),
                        Say("不含未知与人工项。", "Without the unknown and what is for people."),
                        (Query(f"avg(guardian_baseline_score_ratio{{{HOSTS}}})"),),
                        unit="percentunit",
                        steps=GOOD_SHARE,
                    ),
                    Panel(
                        "stat",
                        Say("已判定比例", "Decided, of what applies"),
                        Say("低说明缺少读取权限。", "Low means that rights to read are missing."),
                        (Query(f"avg(guardian_baseline_coverage_ratio{{{HOSTS}}})"),),
                        unit="percentunit",
                        steps=GOOD_SHARE,
                        empty=Say("未上报", "not reported"),
                    ),
                    Panel(
                        "stat",
                        Say("严重与高危不合格项", "Critical and high findings"),
                        Say("未豁免的不合格项。", "Broken rules without a waiver."),
                        (
                            Query(
                                f'sum(guardian_baseline_failed_checks{{check_severity=~"critical|high", {HOSTS}}}) or vector(0)'
                            ),
                        ),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "stat",
                        Say("14 天内到期的豁免", "Waivers that end within 14 days"),
                        Say("到期后相应的不合格项重新计入。", "After that their findings count again."),
                        (
                            Query(
                                f"count(guardian_baseline_next_waiver_expiry_timestamp_seconds{{{HOSTS}}} - time() < 14 * 86400) or vector(0)"
                            ),
                        ),
                        steps=((None, GOOD), (1, WARN)),
                    ),
                ),
            ),
            Row(
                Say("分布", "Where"),
                (
                    Panel(
                        "lines",
                        Say("不合格项（按严重程度）", "Findings by severity"),
                        Say(
                            "未被豁免的不合格项，按严重程度堆叠；不随主机筛选。",
                            "Broken rules without a waiver, stacked by severity; of all hosts, whichever is chosen.",
                        ),
                        tuple(
                            Query(
                                f'sum(guardian:region_tenant_baseline_failed_checks:sum{{check_severity="{name}", {WHERE}}})',
                                SEVERITIES[name][0],
                                SEVERITIES[name][1],
                            )
                            for name in ("critical", "high", "medium", "low", "info")
                        ),
                        width=24,
                        stacked=True,
                    ),
                    _targets(),
                ),
            ),
        ),
        (REGION, TENANT, HOST),
        hours=30 * 24,
        refresh="5m",
    )


def _targets() -> Panel:
    worst = f"bottomk(50, guardian_baseline_score_ratio{{{HOSTS}}})"
    who = "(tenant, host, baseline, target)"
    grave = f'sum by {who} (guardian_baseline_failed_checks{{check_severity=~"critical|high", {HOSTS}}} and on {who} {worst})'
    every = f"sum by {who} (guardian_baseline_failed_checks{{{HOSTS}}} and on {who} {worst})"
    age = f"time() - max by {who} ((guardian_baseline_last_scan_timestamp_seconds{{{HOSTS}}} > 0) and on {who} {worst})"
    return Panel(
        "table",
        Say("合格率最低的对象", "Targets with the lowest share"),
        Say(
            "最低的 50 个，及其不合格项和上次扫描的时间；旧结论不代表现状。",
            "The lowest 50, with their findings and when they were last looked at. An old verdict says nothing of today.",
        ),
        (Query(f"max by {who} ({worst})"), Query(grave), Query(every), Query(age)),
        width=24,
        height=12,
        columns=columns(
            "tenant",
            "host",
            "target",
            "baseline",
            A=Column(Say("合格率", "Good"), "percentunit", GOOD_SHARE, gauge=True, width=220),
            B=value("严重与高危", "Critical and high", "locale", ((None, DIM), (1, BAD)), width=150),
            C=value("全部不合格", "All findings", "locale", width=130),
            D=value("距上次扫描", "Looked at", "days", ((None, GOOD), (2 * 86400, WARN), (8 * 86400, BAD)), width=120),
        ),
        sort="Value #A",
        empty=NONE,
    )
