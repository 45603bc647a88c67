"""What several dashboards have in common: choices, colours of verdicts, and panels that say the same everywhere."""

import re
from typing import Final

from dashboards.noun import BAD, DIM, GOOD, WARN, Column, Panel, Query, Say, Steps, Unit, Values, Variable

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

VERDICTS: Final[Values] = {
    "protected": (Say("受保护", "protected"), GOOD),
    "at-risk": (Say("有风险", "at risk"), WARN),
    "unprotected": (Say("未受保护", "unprotected"), BAD),
    "unknown": (Say("未知", "not known"), DIM),
}
YES_BAD: Final[Values] = {0: (Say("否", "no"), GOOD), 1: (Say("是", "yes"), BAD)}
YES_GOOD: Final[Values] = {0: (Say("否", "no"), BAD), 1: (Say("是", "yes"), GOOD)}
EXIT_CODES: Final[Values] = {
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
SEVERITIES: Final[Values] = {
    "critical": (Say("严重", "critical"), BAD),
    "high": (Say("高", "high"), WARN),
    "warning": (Say("警告", "warning"), WARN),
    "medium": (Say("中", "medium"), "yellow"),
    "low": (Say("低", "low"), "blue"),
    "info": (Say("提示", "info"), DIM),
}
RUNBOOK: Final = ("https://guardian.example/runbooks/${__value.raw}", Say("打开处置手册", "Open the runbook"))
"""The address that rules have too: whoever installs them says once where runbooks are read."""
_TITLES: Final = {
    "tenant": Say("单位", "Tenant"),
    "region": Say("区划", "Region"),
    "host": Say("主机", "Host"),
    "system": Say("系统", "System"),
    "source": Say("数据源", "Source"),
    "repository": Say("仓库", "Repository"),
    "level": Say("级别", "Level"),
    "baseline": Say("基线", "Baseline"),
    "target": Say("对象", "Target"),
    "reason": Say("原因", "Reason"),
    "name_<lang>": Say("名称", "Name"),
}
_OPEN: Final = {
    "region": Say("打开该区划", "Open this region"),
    "tenant": Say("打开该单位", "Open this tenant"),
    "system": Say("打开该系统", "Open this system"),
    "host": Say("打开该主机", "Open this host"),
}


def columns(*labels: str, **values: Column) -> dict[str, Column]:
    """Columns of a table: labels by their usual names, then values (``Value``, or ``A``, ``B``… of several questions).

    A region, tenant, system or host leads to its own dashboard.
    """
    # A system and a host are found by their tenant, which is in the same row or chosen at the top.
    tenant = "${__data.fields.tenant}" if "tenant" in labels else "${tenant}"
    found = {}
    for label in labels:
        link = None
        if label in ("region", "tenant"):
            link = (f"/d/guardian-{label}-<lang>?var-{label}=${{__value.raw}}", _OPEN[label])
        elif label in ("system", "host"):
            url = f"/d/guardian-{label}-<lang>?var-tenant={tenant}&var-{label}=${{__value.raw}}"
            link = (url, _OPEN[label])
        if label == "severity":
            found[label] = Column(Say("严重程度", "Severity"), values=SEVERITIES, width=110)
        elif label == "verdict":
            found[label] = Column(Say("结论", "Verdict"), values=VERDICTS, width=110)
        elif label == "level":
            found[label] = Column(_TITLES[label], width=80)
        elif label == "alertname":
            found[label] = Column(Say("告警", "Alert"), link=RUNBOOK)
        else:
            found[label] = Column(_TITLES[label], link=link)
    return found | {key if key == "Value" else f"Value #{key}": column for key, column in values.items()}


def value(zh: str, en: str, unit: Unit | None = None, steps: Steps = (), *, width: int = 0) -> Column:
    """A column of figures."""
    return Column(Say(zh, en), unit, steps, width=width)


def newest(count: int, expression: str, *, least: bool = False) -> str:
    """The ``count`` largest (``least``: smallest) series by how they end: those alone, over the whole time that is shown.

    ``topk`` by itself takes others at every moment, and a chart gets a legend of dozens.
    """
    ends = re.sub(r"(guardian[_:][a-z0-9_:]+(?:\{[^{}]*\})?(?:\[[^\]]*\])?)", r"\1 @ end()", expression)
    return f"{expression} and {'bottomk' if least else 'topk'}({count}, {ends})"


def firing(selector: str, labels: tuple[str, ...] = ("tenant", "host", "system", "source"), height: int = 9) -> Panel:
    """The alerts that fire now."""
    return Panel(
        "table",
        Say("正在触发的告警", "Alerts that fire now"),
        Say(
            "严重的在前；点击告警名打开同名的处置手册页面。",
            "The critical ones first; the name of an alert leads to its page in the runbooks.",
        ),
        (Query(f"sort_desc({' or '.join(_graded(selector, rank, severity) for severity, rank in _RANKS)})"),),
        width=24,
        height=height,
        columns=columns("severity", "alertname", *labels),
        empty=Say("没有告警", "no alerts"),
    )


_RANKS: Final = (("critical", 3), ("warning", 2), ("info", 1))
"""A table sorts by letters: the order is the question's own."""


def _graded(selector: str, rank: int, severity: str) -> str:
    labels = "alertname, severity, tenant, host, system, source"
    return f'{rank} * group by ({labels}) (ALERTS{{alertstate="firing", severity="{severity}", {selector}}})'
