"""What several dashboards have in common: choices, colours of verdicts, and panels that say the same everywhere."""

from typing import Final

from dashboards.noun import BAD, DIM, GOOD, WARN, Panel, Query, Say, Steps, Variable

REGION: Final = Variable("region", Say("区划", "Region"), "label_values(guardian:plan_active, region)")
TENANT: Final = Variable(
    "tenant", Say("单位", "Tenant"), 'label_values(guardian:plan_active{region=~"$region"}, tenant)'
)
SYSTEM: Final = Variable(
    "system", Say("系统", "System"), 'label_values(guardian:plan_active{region=~"$region", tenant=~"$tenant"}, system)'
)
HOST: Final = Variable(
    "host", Say("主机", "Host"), 'label_values(guardian:plan_active{region=~"$region", tenant=~"$tenant"}, host)'
)
ONE_REGION: Final = Variable("region", REGION.title, REGION.query, many=False)
ONE_TENANT: Final = Variable("tenant", TENANT.title, "label_values(guardian:plan_active, tenant)", many=False)
ONE_SYSTEM: Final = Variable(
    "system", SYSTEM.title, 'label_values(guardian:plan_active{tenant=~"$tenant"}, system)', many=False
)
ONE_HOST: Final = Variable(
    "host", HOST.title, 'label_values(guardian:plan_active{tenant=~"$tenant"}, host)', many=False
)

VERDICTS: Final = {
    "protected": (Say("受保护", "protected"), GOOD),
    "at-risk": (Say("有风险", "at risk"), WARN),
    "unprotected": (Say("未受保护", "unprotected"), BAD),
    "unknown": (Say("未知", "not known"), DIM),
}
YES_BAD: Final = {0: (Say("否", "no"), GOOD), 1: (Say("是", "yes"), BAD)}
YES_GOOD: Final = {0: (Say("否", "no"), BAD), 1: (Say("是", "yes"), GOOD)}
EXIT_CODES: Final = {
    0: (Say("成功", "good"), GOOD),
    3: (Say("未通过", "bad answer"), BAD),
    4: (Say("无法确认", "could not find out"), WARN),
    10: (Say("仓库不存在", "repository missing"), BAD),
    11: (Say("被锁定", "locked"), WARN),
    12: (Say("口令错误", "wrong password"), BAD),
    20: (Say("证据无效", "evidence invalid"), BAD),
    75: (Say("跳过", "skipped"), DIM),
    130: (Say("被中断", "interrupted"), WARN),
}
AGES: Final[Steps] = ((None, GOOD), (2 * 86400, WARN), (8 * 86400, BAD))
"""Seconds: how old something may be where nothing else says so."""
NONE: Final = Say("无", "none")
NAMES: Final = {
    "tenant": Say("单位", "Tenant"),
    "region": Say("区划", "Region"),
    "host": Say("主机", "Host"),
    "system": Say("系统", "System"),
    "source": Say("数据源", "Source"),
    "repository": Say("仓库", "Repository"),
    "level": Say("级别", "Level"),
    "baseline": Say("基线", "Baseline"),
    "target": Say("对象", "Target"),
    "alertname": Say("告警", "Alert"),
    "severity": Say("严重程度", "Severity"),
    "reason": Say("原因", "Reason"),
    "verdict": Say("结论", "Verdict"),
    "Value": Say("数值", "Value"),
}
TO_SYSTEM: Final = (
    "/d/guardian-system-{lang}?var-tenant=${__data.fields.tenant}&var-system=${__data.fields.system}",
    Say("打开该系统", "Open this system"),
)


def columns(*labels: str, value: Say) -> dict[str, Say]:
    """Columns of a table: labels by their usual names, then the value."""
    return {label: NAMES[label] for label in labels} | {"Value": value}


def firing(selector: str, width: int = 24) -> Panel:
    """The alerts that fire now."""
    return Panel(
        "table",
        Say("正在触发的告警", "Alerts that fire now"),
        Say(
            "按严重程度列出当前触发的告警；告警名对应处置手册中的同名页面。",
            "By severity; the name of an alert is the name of its page in the runbooks.",
        ),
        (
            Query(
                f'count by (alertname, severity, tenant, host, system, source) (ALERTS{{alertstate="firing", {selector}}})'
            ),
        ),
        width=width,
        columns={name: NAMES[name] for name in ("severity", "alertname", "tenant", "host", "system", "source")},
        empty=Say("没有告警", "no alerts"),
    )
