"""One row for each region, tenant, system or host, with the same figures, the worst first; a click leads into it.

Where nothing is known of the plans of whoever is silent, cells say so, and come first.
"""

from typing import Final

from dashboards.noun import BAD, DIM, SHARE, Column, Panel, Query, Say, Steps
from dashboards.shared import NONE, columns

_MANY: Final[Steps] = ((None, DIM), (1, BAD))


def regions() -> Panel:
    """Every region of the province."""
    named = "group by (region, name_<lang>) (guardian_region_info) and on (region) (guardian_host_expected == 1)"
    return _scorecard("region", "", Say("各区划", "Regions"), Query(named))


def tenants(where: str) -> Panel:
    """Every tenant within ``where``."""
    named = f"group by (tenant, name_<lang>) (guardian_tenant_info) and on (tenant) (guardian_host_expected{{{where}}} == 1)"
    return _scorecard("tenant", where, Say("各单位", "Tenants"), Query(named))


def systems(where: str) -> Panel:
    """Every system of a tenant."""
    named = f"group by (system, name_<lang>) (guardian_system_info{{{where}}}) and on (system) guardian:plan_active{{{where}}}"
    return _scorecard("system", where, Say("各系统", "Systems"), Query(named), width=12)


def hosts(where: str) -> Panel:
    """Every host of a tenant."""
    return _scorecard("host", where, Say("各主机", "Hosts"), None, width=12)


def _scorecard(label: str, where: str, title: Say, named: Query | None, width: int = 24) -> Panel:
    active = f"count by ({label}) (guardian:plan_active{{{where}}})"
    none = f"0 * {active}"
    figures: list[tuple[Column, str]] = [
        (
            Column(Say("受保护", "Protected"), "percentunit", SHARE, gauge=True, width=220 if width > 12 else 160),
            f'sum by ({label}) (guardian_plan_verdict{{verdict="protected", {where}}}) / {active}',
        ),
        (Column(Say("数据源", "Sources"), "locale", width=90), active),
        (
            _few(Say("有风险、未受保护或未知", "At risk or not known"), 170),
            f'sum by ({label}) (guardian_plan_verdict{{verdict=~"unprotected|at-risk|unknown", {where}}})',
        ),
        (_few(Say("超出 RPO", "Outside RPO"), 120), f"sum by ({label}) (guardian:rpo_bad{{{where}}}) or {none}"),
        (
            _few(Say("8 天内未证明", "Not proved in 8 days"), 160),
            f"count by ({label}) (guardian:verified_age_seconds{{{where}}} > 8 * 86400) or {none}",
        ),
    ]
    if width > 12:
        silent = f"sum by ({label}) (guardian:host_silent{{{where}}}) or {none}"
        figures.append((_few(Say("失联主机", "Hosts silent"), 120), silent))
    else:
        figures = [one for one in figures if one[0].title.en in ("Protected", "Sources", "Outside RPO")]
    letters = "ABCDEFG"
    queries = [Query(expr) for _column, expr in figures]
    shown = columns(label, *(["name_<lang>"] if named else []))
    shown |= {f"Value #{letter}": column for letter, (column, _expr) in zip(letters, figures, strict=False)}
    return Panel(
        "table",
        title,
        Say(
            "受保护比例最低的在前；点击名称查看详情。",
            "The lowest share of protected sources first; a click on a name leads into it.",
        ),
        (*queries, *([named] if named else [])),
        width=width,
        height=10 if width > 12 else 8,
        columns=shown,
        sort="Value #A",
        empty=NONE,
    )


def _few(title: Say, width: int) -> Column:
    return Column(title, "locale", _MANY, width=width)
