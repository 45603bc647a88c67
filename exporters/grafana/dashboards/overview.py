"""The province at a glance, a region, a tenant: the same questions, asked of less and less."""

from dashboards.noun import BAD, GOOD, MORE_IS_WORSE, SHARE, WARN, Board, Panel, Query, Row, Say
from dashboards.shared import NONE, ONE_REGION, ONE_TENANT, TO_SYSTEM, VERDICTS, columns, firing

ALL = ""
IN_REGION = 'region="$region"'
IN_TENANT = 'tenant="$tenant"'


def province() -> Board:
    """For the emergency lead and the operators of the province."""
    return Board(
        "guardian-province",
        Say("全省总览", "Province overview"),
        Say(
            "全省备份、可恢复性与告警的总体情况。",
            "How backups, proof that they restore, and alerts stand in the whole province.",
        ),
        (
            *_standing(ALL),
            Row(
                Say("按区划", "By region"),
                (
                    _bars_by("region", ALL),
                    _outside_by("region", ALL),
                ),
            ),
            Row(Say("按单位", "By tenant"), (_bars_by("tenant", ALL), _silent_by("tenant", ALL))),
            *_worst(ALL),
        ),
        hours=168,
    )


def region() -> Board:
    """For the data office of a city or county."""
    return Board(
        "guardian-region",
        Say("区划", "Region"),
        Say("一个区划内各单位的保护情况。", "How the tenants of one region are protected."),
        (
            *_standing(IN_REGION),
            Row(Say("按单位", "By tenant"), (_bars_by("tenant", IN_REGION), _silent_by("tenant", IN_REGION))),
            *_worst(IN_REGION),
        ),
        (ONE_REGION,),
        hours=168,
    )


def tenant() -> Board:
    """For a department and those who look after it."""
    return Board(
        "guardian-tenant",
        Say("单位", "Tenant"),
        Say(
            "一个单位的系统与主机的保护情况，以及 RPO 达成率。",
            "How the systems and hosts of one tenant are protected, and how well RPO is kept.",
        ),
        (
            *_standing(IN_TENANT),
            Row(
                Say("RPO 达成率（目标 99%）", "RPO kept (objective 99 %)"),
                (
                    Panel(
                        "stat",
                        Say("近 30 天达成率", "Kept over 30 days"),
                        Say(
                            "计划时间中处于 RPO 之内的比例。目标为 99%。",
                            "The share of plan-minutes inside RPO. The objective is 99 %.",
                        ),
                        (Query('1 - avg_over_time(guardian:tenant_rpo_bad:ratio{tenant="$tenant"}[30d])'),),
                        unit="percentunit",
                        steps=SHARE,
                        width=6,
                        height=8,
                    ),
                    Panel(
                        "lines",
                        Say("超出 RPO 的计划占比", "Share of plans outside RPO"),
                        Say("持续高于 1% 会用尽当月额度。", "Above 1 % for long, the month's allowance is used up."),
                        (
                            Query('guardian:tenant_rpo_bad:ratio{tenant="$tenant"}', Say("全部", "all")),
                            Query('guardian:system_rpo_bad:ratio{tenant="$tenant"} > 0', "{{system}}"),
                        ),
                        unit="percentunit",
                        width=18,
                    ),
                ),
            ),
            Row(Say("按系统", "By system"), (_bars_by("system", IN_TENANT), _outside_by("system", IN_TENANT))),
            *_worst(IN_TENANT),
        ),
        (ONE_TENANT,),
        hours=168,
    )


def _standing(where: str) -> tuple[Row, ...]:
    hosts = f"guardian_host_expected{{{where}}}"
    return (
        Row(
            Say("现状", "How things stand"),
            (
                Panel(
                    "stat",
                    Say("受保护的数据源", "Sources protected"),
                    Say(
                        "结论为“受保护”的数据源占启用中数据源的比例。",
                        "The share of active sources whose verdict is protected.",
                    ),
                    (
                        Query(
                            f'sum(guardian_plan_verdict{{verdict="protected", {where}}}) / count(guardian:plan_active{{{where}}})'
                        ),
                    ),
                    unit="percentunit",
                    steps=SHARE,
                    width=4,
                ),
                Panel(
                    "stat",
                    Say("超出 RPO", "Outside RPO"),
                    Say(
                        "最新可用恢复点已超出目标的数据源数。",
                        "Sources whose newest good restore point is older than the objective.",
                    ),
                    (Query(f"sum(guardian:rpo_bad{{{where}}})"),),
                    steps=MORE_IS_WORSE,
                    width=4,
                    empty=NONE,
                ),
                Panel(
                    "stat",
                    Say("8 天内未证明可恢复", "Not proved in 8 days"),
                    Say(
                        "距最近一次证明可恢复已超过 8 天的数据源数；有备份不等于能恢复。",
                        "Sources not proved restorable for more than 8 days. A backup is not yet a restore.",
                    ),
                    (Query(f"count(guardian:verified_age_seconds{{{where}}} > 8 * 86400) or vector(0)"),),
                    steps=MORE_IS_WORSE,
                    width=4,
                ),
                Panel(
                    "stat",
                    Say("失联主机", "Hosts silent"),
                    Say("超过三个上报周期没有消息的主机数。", "Hosts not heard of for three times their interval."),
                    (Query(f"sum(guardian:host_silent{{{where}}}) or vector(0)"),),
                    steps=MORE_IS_WORSE,
                    width=4,
                ),
                Panel(
                    "stat",
                    Say("应在线主机", "Hosts expected"),
                    Say("登记在册、应当上报的主机数。", "Hosts that are enrolled and count on to report."),
                    (Query(f"sum({hosts})"),),
                    width=4,
                ),
                Panel(
                    "stat",
                    Say("严重告警", "Critical alerts"),
                    Say("当前触发的严重告警数。", "Critical alerts that fire now."),
                    (Query(f'count(ALERTS{{alertstate="firing", severity="critical", {where}}}) or vector(0)'),),
                    steps=MORE_IS_WORSE,
                    width=4,
                ),
                Panel(
                    "lines",
                    Say("数据源结论的变化", "Verdicts over time"),
                    Say("按结论统计的数据源数。“未知”不是“没问题”。", "Sources by verdict. Not known is not good."),
                    tuple(
                        Query(
                            f'sum(guardian:region_tenant_verdict:count{{verdict="{name}", {where}}}) or vector(0)', text
                        )
                        for name, (text, _colour) in VERDICTS.items()
                    ),
                    width=24,
                    stacked=True,
                ),
            ),
        ),
    )


def _bars_by(label: str, where: str) -> Panel:
    counted = "guardian_plan_verdict" if label == "system" else "guardian:region_tenant_verdict:count"
    return Panel(
        "bars",
        Say("未受保护或有风险的数据源", "Sources unprotected or at risk"),
        Say("数量最多的 15 个。", "The 15 with the most."),
        (
            Query(
                f'topk(15, sum by ({label}) ({counted}{{verdict=~"unprotected|at-risk", {where}}}) > 0)',
                f"{{{{{label}}}}}",
            ),
        ),
        steps=((None, GOOD), (1, WARN), (10, BAD)),
        width=12,
        empty=NONE,
    )


def _outside_by(label: str, where: str) -> Panel:
    return Panel(
        "lines",
        Say("超出 RPO 的数据源占比", "Share of sources outside RPO"),
        Say("比例最高的 10 个。", "The ten with the largest share."),
        (Query(f"topk(10, guardian:{label}_rpo_bad:ratio{{{where}}} > 0)", f"{{{{{label}}}}}"),),
        unit="percentunit",
        width=12,
    )


def _silent_by(label: str, where: str) -> Panel:
    return Panel(
        "bars",
        Say("失联主机", "Hosts silent"),
        Say("数量最多的 15 个。沉默本身就是告警。", "The 15 with the most. Silence is a finding."),
        (Query(f"topk(15, sum by ({label}) (guardian:host_silent{{{where}}}) > 0)", f"{{{{{label}}}}}"),),
        steps=((None, GOOD), (1, WARN), (5, BAD)),
        width=12,
        empty=NONE,
    )


def _worst(where: str) -> tuple[Row, ...]:
    return (
        Row(
            Say("最需要处理的", "What needs somebody first"),
            (
                Panel(
                    "table",
                    Say("超出 RPO 最多的数据源", "Sources furthest outside RPO"),
                    Say(
                        "最新恢复点的年龄与 RPO 之比，大于 1 即超出。",
                        "Age of the newest restore point over RPO; above 1 it is broken.",
                    ),
                    (Query(f"topk(20, guardian:rpo_used_ratio{{{where}}} > 1)"),),
                    unit="percentunit",
                    width=12,
                    columns=columns("tenant", "host", "system", "source", value=Say("已用 RPO", "RPO used")),
                    links={"system": TO_SYSTEM},
                    steps=((None, WARN), (2, BAD)),
                    empty=NONE,
                ),
                Panel(
                    "table",
                    Say("最久未证明可恢复的数据源", "Sources longest not proved restorable"),
                    Say("距最近一次通过恢复演练的时间。", "How long ago a restore drill last proved it."),
                    (Query(f"topk(20, guardian:verified_age_seconds{{{where}}})"),),
                    unit="s",
                    width=12,
                    columns=columns("tenant", "host", "system", "source", value=Say("未证明时长", "Not proved for")),
                    links={"system": TO_SYSTEM},
                    empty=NONE,
                ),
                firing(where),
            ),
        ),
    )
