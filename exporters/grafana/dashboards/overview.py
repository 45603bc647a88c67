"""The province at a glance, a region, a tenant: the same questions, asked of less and less."""

from dashboards.noun import MORE_IS_WORSE, SHARE, USED, WARN, Board, Panel, Query, Row, Say
from dashboards.scorecard import hosts, regions, systems, tenants
from dashboards.shared import NONE, ONE_REGION, ONE_TENANT, VERDICTS, columns, firing, value

ALL = ""
IN_REGION = 'region="$region"'
IN_TENANT = 'tenant="$tenant"'


def province() -> Board:
    """For the emergency lead and the operators of the province."""
    expected = Panel(
        "stat",
        Say("应在线主机", "Hosts expected"),
        Say("登记在册、应当上报的主机数。", "Hosts that are enrolled and that somebody counts on."),
        (Query("sum(guardian_host_expected)"),),
        unit="locale",
        width=4,
    )
    return Board(
        "guardian-province",
        Say("全省总览", "Province overview"),
        Say(
            "全省备份、可恢复性与告警的总体情况。",
            "How backups, proof that they restore, and alerts stand in the whole province.",
        ),
        (
            _standing(ALL, expected),
            _worst(ALL),
            Row(Say("按区划", "By region"), (regions(),)),
            Row(Say("按单位", "By tenant"), (tenants(ALL),)),
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
            _standing(IN_REGION, _name(Say("区划", "Region"), 'guardian_region_info{region="$region"}')),
            _worst(IN_REGION),
            Row(Say("按单位", "By tenant"), (tenants(IN_REGION),)),
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
            _standing(IN_TENANT, _name(Say("单位", "Tenant"), 'guardian_tenant_info{tenant="$tenant"}')),
            _worst(IN_TENANT),
            Row(Say("RPO 达成率（目标 99%）", "RPO kept (objective 99 %)"), _kept()),
            Row(Say("按系统和主机", "By system and host"), (systems(IN_TENANT), hosts(IN_TENANT))),
        ),
        (ONE_TENANT,),
        hours=168,
    )


def _kept() -> tuple[Panel, ...]:
    return (
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
            Say("超出 RPO 的数据源占比", "Share of sources outside RPO"),
            Say(
                "全单位，以及有数据源超出的系统。持续高于 1% 会用尽当月额度。",
                "All of the tenant, and the systems in which one is. Above 1 % for long, the month's allowance is used up.",
            ),
            (
                Query('guardian:tenant_rpo_bad:ratio{tenant="$tenant"}', Say("全单位", "all of it")),
                Query('guardian:system_rpo_bad:ratio{tenant="$tenant"} > 0', "{{system}}"),
            ),
            unit="percentunit",
            width=18,
        ),
    )


def _name(title: Say, info: str) -> Panel:
    """What it is called: the choices at the top have codes alone."""
    return Panel(
        "stat",
        title,
        Say("登记的名称；没有中心上报时为空。", "The name on record; none where no hub tells."),
        (Query(f"group by (name_<lang>) ({info})", "{{name_<lang>}}"),),
        width=4,
        named=True,
        empty=Say("未登记", "not on record"),
    )


def _standing(where: str, first: Panel) -> Row:
    return Row(
        Say("现状", "How things stand"),
        (
            first,
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
            _count(
                Say("超出 RPO 的数据源", "Sources outside RPO"),
                Say(
                    "最新可用恢复点已超出目标的数据源数。",
                    "Sources whose newest good restore point is older than the objective.",
                ),
                f"sum(guardian:rpo_bad{{{where}}}) or vector(0)",
            ),
            _count(
                Say("8 天内未证明可恢复", "Not proved in 8 days"),
                Say(
                    "距最近一次证明可恢复已超过 8 天的数据源数；有备份不等于能恢复。",
                    "Sources not proved restorable for more than 8 days. A backup is not yet a restore.",
                ),
                f"count(guardian:verified_age_seconds{{{where}}} > 8 * 86400) or vector(0)",
            ),
            _count(
                Say("失联主机", "Hosts silent"),
                Say("超过三个上报周期没有消息的主机数。", "Hosts not heard of for three times their interval."),
                f"sum(guardian:host_silent{{{where}}}) or vector(0)",
            ),
            _count(
                Say("严重告警", "Critical alerts"),
                Say("当前触发的严重告警数。", "Critical alerts that fire now."),
                f'count(ALERTS{{alertstate="firing", severity="critical", {where}}}) or vector(0)',
            ),
            Panel(
                "lines",
                Say("数据源结论的变化", "Verdicts over time"),
                Say("按结论统计的数据源数。“未知”不是“没问题”。", "Sources by verdict. Not known is not good."),
                tuple(
                    Query(
                        f'sum(guardian:region_tenant_verdict:count{{verdict="{name}", {where}}}) or vector(0)',
                        text,
                        colour,
                    )
                    for name, (text, colour) in VERDICTS.items()
                ),
                width=16,
                stacked=True,
            ),
            Panel(
                "lines",
                Say("超出 RPO 的变化", "Outside RPO over time"),
                Say(
                    "最新恢复点已超出目标的数据源数。",
                    "Sources whose newest good restore point was older than the objective.",
                ),
                (
                    Query(
                        f"sum(guardian:region_tenant_system_rpo_bad:sum{{{where}}})",
                        Say("超出 RPO 的数据源", "sources outside RPO"),
                        "red",
                    ),
                ),
                width=8,
            ),
        ),
    )


def _count(title: Say, about: Say, expr: str) -> Panel:
    return Panel("stat", title, about, (Query(expr),), unit="locale", steps=MORE_IS_WORSE, width=4)


def _worst(where: str) -> Row:
    who = ("host", "system", "source") if where == IN_TENANT else ("tenant", "host", "system", "source")
    return Row(
        Say("最需要处理的", "What needs somebody first"),
        (
            Panel(
                "table",
                Say("超出 RPO 最多的数据源", "Sources furthest outside RPO"),
                Say(
                    "最新恢复点的年龄与 RPO 之比，大于 100% 即超出。",
                    "Age of the newest restore point over RPO; above 100 % it is broken.",
                ),
                (Query(f"topk(20, guardian:rpo_used_ratio{{{where}}} > 1)"),),
                unit="percentunit",
                width=12,
                columns=columns(*who, Value=value("已用 RPO", "RPO used", width=120)),
                sort="-Value",
                steps=((None, WARN), (2, "red")),
                empty=NONE,
            ),
            Panel(
                "table",
                Say("最久未证明可恢复的数据源", "Sources longest not proved restorable"),
                Say(
                    "距最近一次通过恢复演练的时间；期限为 8 天。",
                    "How long ago a restore drill last proved it; 8 days are the limit.",
                ),
                (Query(f"topk(20, guardian:verified_age_seconds{{{where}}})"),),
                unit="days",
                width=12,
                columns=columns(*who, Value=value("未证明时长", "Not proved for", width=140)),
                sort="-Value",
                steps=tuple((at and at * 8 * 86400, colour) for at, colour in USED),
                empty=NONE,
            ),
            firing(where, who),
        ),
    )
