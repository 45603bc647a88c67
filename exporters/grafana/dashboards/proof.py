"""Drills and what they assure; baselines and what they find."""

from dashboards.noun import BAD, GOOD, MORE_IS_WORSE, SHARE, WARN, Board, Panel, Query, Row, Say
from dashboards.shared import AGES, HOST, NONE, REGION, SYSTEM, TENANT, columns

MANY = 'region=~"$region", tenant=~"$tenant", system=~"$system"'
PROVED = "guardian:region_tenant_system_verified_age_seconds"
HOSTS = 'region=~"$region", tenant=~"$tenant", host=~"$host"'
WHERE = 'region=~"$region", tenant=~"$tenant"'


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
                        Say("可能未发现的损坏比例（最差 15 个）", "Bad data left possible (worst 15)"),
                        Say("最近一次抽样不能排除的损坏比例上限。", "The upper bound that the newest sample leaves."),
                        (
                            Query(
                                f"topk(15, guardian_plan_assured_max_loss_ratio{{{MANY}}})",
                                "{{host}}/{{system}}/{{source}}",
                            ),
                        ),
                        unit="percentunit",
                        steps=((None, GOOD), (0.01, WARN), (0.05, BAD)),
                        width=12,
                    ),
                    Panel(
                        "bars",
                        Say("轮换读取覆盖（最低 15 个仓库）", "Bytes read in rotation (lowest 15)"),
                        Say(
                            "一个轮换周期内读取校验过的数据比例。",
                            "The share of stored bytes that was read within the rotation.",
                        ),
                        (
                            Query(
                                f"bottomk(15, guardian_repo_verified_ratio{{{MANY.split(', system', maxsplit=1)[0]}}})",
                                "{{host}} {{repository}}",
                            ),
                        ),
                        unit="percentunit",
                        steps=((None, BAD), (0.9, WARN), (0.97, GOOD)),
                        width=12,
                        most=1,
                    ),
                    Panel(
                        "lines",
                        Say("距上次证明（平均与最差）", "Time since proof (mean and worst)"),
                        Say("平均值升高说明演练跟不上。", "A mean that rises means that drills do not keep up."),
                        (
                            Query(f"sum({PROVED}:sum{{{MANY}}}) / sum({PROVED}:count{{{MANY}}})", Say("平均", "mean")),
                            Query(f"max({PROVED}:max{{{MANY}}})", Say("最差", "worst")),
                        ),
                        unit="s",
                        width=12,
                    ),
                    Panel(
                        "bars",
                        Say("实测恢复时间", "Measured recovery time"),
                        Say("最慢的 10 个数据源。", "The ten slowest sources."),
                        (
                            Query(
                                f"topk(10, guardian_drill_last_rto_seconds{{{MANY}}})", "{{host}}/{{source}} {{level}}"
                            ),
                        ),
                        unit="s",
                        width=12,
                    ),
                    Panel(
                        "table",
                        Say("最久未通过的演练", "Drills longest without a pass"),
                        Say("距该级别上次通过的时间。", "Since that level last passed."),
                        (Query(f"topk(20, time() - (guardian_drill_last_success_timestamp_seconds{{{MANY}}} > 0))"),),
                        unit="s",
                        width=24,
                        columns=columns("tenant", "host", "system", "source", "level", value=Say("距今", "Ago")),
                        steps=AGES,
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
                        steps=((None, BAD), (0.8, WARN), (0.95, GOOD)),
                    ),
                    Panel(
                        "stat",
                        Say("已判定比例", "Decided, of what applies"),
                        Say("低说明缺少读取权限。", "Low means that rights to read are missing."),
                        (Query(f"avg(guardian_baseline_coverage_ratio{{{HOSTS}}})"),),
                        unit="percentunit",
                        steps=((None, BAD), (0.8, WARN), (0.95, GOOD)),
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
                        (
                            Query(
                                f"sum by (check_severity) (guardian:region_tenant_baseline_failed_checks:sum{{{WHERE}}})",
                                "{{check_severity}}",
                            ),
                        ),
                        width=12,
                        stacked=True,
                    ),
                    Panel(
                        "bars",
                        Say("合格率最低的对象", "Targets with the lowest share"),
                        Say("最低的 15 个。", "The lowest 15."),
                        (
                            Query(
                                f"bottomk(15, guardian_baseline_score_ratio{{{HOSTS}}})",
                                "{{host}} {{target}} {{baseline}}",
                            ),
                        ),
                        unit="percentunit",
                        steps=((None, BAD), (0.8, WARN), (0.95, GOOD)),
                        width=12,
                        most=1,
                    ),
                    Panel(
                        "table",
                        Say("不合格项最多的对象", "Targets with most findings"),
                        Say("严重与高危之和。", "Critical and high together."),
                        (
                            Query(
                                f'topk(20, sum by (tenant, host, baseline, target) (guardian_baseline_failed_checks{{check_severity=~"critical|high", {HOSTS}}}) > 0)'
                            ),
                        ),
                        width=12,
                        columns=columns("tenant", "host", "baseline", "target", value=Say("不合格", "Findings")),
                        empty=NONE,
                    ),
                    Panel(
                        "table",
                        Say("最久未扫描的对象", "Targets longest not looked at"),
                        Say("旧结论不代表现状。", "An old verdict says nothing of today."),
                        (Query(f"topk(20, time() - (guardian_baseline_last_scan_timestamp_seconds{{{HOSTS}}} > 0))"),),
                        unit="s",
                        width=12,
                        columns=columns("tenant", "host", "baseline", "target", value=Say("距今", "Ago")),
                        steps=AGES,
                        empty=NONE,
                    ),
                ),
            ),
        ),
        (REGION, TENANT, HOST),
        hours=30 * 24,
        refresh="5m",
    )
