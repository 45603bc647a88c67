"""One system: is it ready to be recovered, from when, how fast, and who says so."""

from dashboards.noun import BAD, GOOD, MORE_IS_WORSE, USED, WARN, Board, Column, Panel, Query, Row, Say
from dashboards.shared import ONE_SYSTEM, ONE_TENANT, columns, firing, newest, value

HERE = 'tenant="$tenant", system="$system"'


def system() -> Board:
    """Recovery readiness of one system."""
    return Board(
        "guardian-system",
        Say("系统恢复就绪度", "System recovery readiness"),
        Say(
            "现在能恢复吗、恢复到什么时候、要多久。", "Can it be recovered now, as of when, and how long would it take."
        ),
        (_answers(), Row(Say("告警", "Alerts"), (firing(HERE, ("host", "source"), 6),)), _points(), _drills()),
        (ONE_TENANT, ONE_SYSTEM),
        hours=7 * 24,
    )


def _answers() -> Row:
    return Row(
        Say("三个问题", "Three questions"),
        (
            Panel(
                "stat",
                Say("可恢复到（最差的数据源）", "Recoverable as of (worst source)"),
                Say(
                    "各数据源最新、已证明可恢复的恢复点中最早的一个。",
                    "The oldest among the newest restore points that were proved restorable, over all sources.",
                ),
                (
                    Query(
                        f"min(guardian_backup_last_verified_timestamp_seconds{{{HERE}}} > 0 and on (tenant, host, system, source) guardian:plan_active) * 1000"
                    ),
                ),
                unit="dateTimeAsIso",
                width=6,
                height=5,
                empty=Say("从未证明", "never proved"),
            ),
            Panel(
                "stat",
                Say("已用 RPO（最差的数据源）", "RPO used (worst source)"),
                Say("最新恢复点的年龄与 RPO 之比。", "The age of the newest restore point over the objective."),
                (Query(f"max(guardian:rpo_used_ratio{{{HERE}}})"),),
                unit="percentunit",
                steps=USED,
                width=6,
                height=5,
                empty=Say("无恢复点", "no restore point"),
            ),
            Panel(
                "stat",
                Say("实测恢复时间", "Measured recovery time"),
                Say("最近一次演练中最慢的数据源恢复所用时间。", "The slowest source in its newest drill."),
                (Query(f"max(guardian_drill_last_rto_seconds{{{HERE}}})"),),
                unit="minutes",
                width=6,
                height=5,
                empty=Say("未测量", "not measured"),
            ),
            Panel(
                "stat",
                Say("占恢复时间目标", "Of the recovery time objective"),
                Say("实测恢复时间与 RTO 之比。", "Measured recovery time over RTO."),
                (
                    Query(
                        f"max(guardian_drill_last_rto_seconds{{{HERE}}}) / min(guardian_plan_rto_seconds{{{HERE}}} > 0)"
                    ),
                ),
                unit="percentunit",
                steps=USED,
                width=6,
                height=5,
                empty=Say("未测量", "not measured"),
            ),
            Panel(
                "table",
                Say("登记的级别与目标", "Levels and objectives on record"),
                Say(
                    "等级保护级别、灾难恢复级别、恢复点与恢复时间目标。",
                    "MLPS level, disaster recovery level, and how much may be lost and how long it may take.",
                ),
                (
                    Query(f"guardian_system_info{{{HERE}}}"),
                    Query(f"guardian_system_rpo_seconds{{{HERE}}}"),
                    Query(f"guardian_system_rto_seconds{{{HERE}}}"),
                ),
                width=24,
                height=4,
                columns={
                    "name_<lang>": Column(Say("名称", "Name")),
                    "mlps_level": Column(Say("等保级别", "MLPS level")),
                    "dr_level": Column(Say("灾备级别", "DR level")),
                    "Value #B": value("RPO 目标", "RPO", "hours"),
                    "Value #C": value("RTO 目标", "RTO", "hours"),
                },
                empty=Say("未登记", "not on record"),
            ),
        ),
    )


def _points() -> Row:
    return Row(
        Say("恢复点", "Restore points"),
        (
            Panel(
                "state",
                Say("是否超出 RPO", "Outside RPO"),
                Say(
                    "红色时段内最新恢复点已超出目标；所选时段内最差的 30 个数据源。",
                    "While red, the newest restore point was older than the objective; the worst 30 sources of the time shown.",
                ),
                (
                    Query(
                        f"guardian:rpo_bad{{{HERE}}} and topk(30, avg_over_time(guardian:rpo_bad{{{HERE}}}[$__range] @ end()))",
                        "{{host}}/{{source}}",
                    ),
                ),
                values={0: (Say("在内", "inside"), GOOD), 1: (Say("超出", "outside"), BAD)},
                steps=MORE_IS_WORSE,
                width=12,
            ),
            Panel(
                "lines",
                Say("已用 RPO", "RPO used"),
                Say(
                    "恢复点年龄与各自 RPO 之比，当前最高的 10 个；锯齿应低于虚线 100%。",
                    "Age of the newest restore point over its own RPO, the ten highest now; the teeth should stay below the line at 100 %.",
                ),
                (Query(newest(10, f"guardian:rpo_used_ratio{{{HERE}}}"), "{{host}}/{{source}}"),),
                unit="percentunit",
                steps=((None, "transparent"), (1, BAD)),
                limits=True,
                width=12,
            ),
            Panel(
                "table",
                Say("数据源", "Sources"),
                Say(
                    "最新恢复点的年龄、已用 RPO、距上次证明可恢复的时间和实测恢复时间。",
                    "Age of the newest restore point, RPO used, how long ago one was proved, and the recovery time measured.",
                ),
                (
                    Query(f"max by (host, source) (guardian:rpo_used_ratio{{{HERE}}})"),
                    Query(
                        f"max by (host, source) (time() - (guardian_backup_last_success_timestamp_seconds{{{HERE}}} > 0))"
                    ),
                    Query(f"max by (host, source) (guardian:verified_age_seconds{{{HERE}}})"),
                    Query(f"max by (host, source) (guardian_drill_last_rto_seconds{{{HERE}}})"),
                ),
                width=14,
                columns=columns(
                    "host",
                    "source",
                    A=value("已用 RPO", "RPO used", "percentunit", USED, width=110),
                    B=value("恢复点年龄", "Newest point", "hours", width=120),
                    C=value(
                        "距上次证明",
                        "Proved ago",
                        "days",
                        ((None, GOOD), (6 * 86400, WARN), (8 * 86400, BAD)),
                        width=120,
                    ),
                    D=value("实测恢复", "Recovery took", "minutes", width=130),
                ),
                sort="-Value #A",
            ),
            Panel(
                "table",
                Say("副本", "Copies"),
                Say(
                    "副本仓库中最新恢复点的年龄；没有副本就没有异地保护。",
                    "Age of the newest restore point in further repositories; without one there is no second place.",
                ),
                (
                    Query(
                        f"max by (host, source, repository) (time() - (guardian_copy_last_success_timestamp_seconds{{{HERE}}} > 0))"
                    ),
                ),
                unit="hours",
                width=10,
                columns=columns("host", "source", "repository", Value=value("年龄", "Age", width=100)),
                sort="-Value",
                steps=((None, GOOD), (2 * 86400, WARN), (8 * 86400, BAD)),
                empty=Say("没有副本", "no copies"),
            ),
        ),
    )


def _drills() -> Row:
    levels = {"A": "D0", "B": "D1", "C": "D2", "D": "D3", "E": "D4"}
    passed = 'time() - max by (host, source) (guardian_drill_last_success_timestamp_seconds{{{}, level="{}"}} > 0)'
    due = f"min by (host, source) (guardian_drill_deadline_timestamp_seconds{{{HERE}}}) - time()"
    return Row(
        Say("证明", "Proof"),
        (
            Panel(
                "table",
                Say("各级演练最近一次通过", "How long ago each level passed"),
                Say(
                    "距今天数。D0 清点、D1 结构、D2 数据完整、D3 文件恢复、D4 应用数据可用。期限：首个级别超过两个周期没有通过的时刻，负数即逾期。",
                    "Days ago. D0 present, D1 whole, D2 intact, D3 files come back, D4 the data works. Left: until the first level has gone without a pass for twice its interval; negative is overdue.",
                ),
                (*(Query(passed.format(HERE, level)) for level in levels.values()), Query(due)),
                width=14,
                columns=columns(
                    "host",
                    "source",
                    **{key: value(level, level, "days", width=80) for key, level in levels.items()},
                    F=value("距期限", "Left", "days", ((None, BAD), (0, WARN), (86400, GOOD)), width=100),
                ),
                sort="Value #F",
                empty=Say("从未通过", "never passed"),
            ),
            Panel(
                "bars",
                Say("抽样可能漏掉的损坏比例上限", "Bad data that samples leave possible"),
                Say(
                    "最近一次抽样的结论：损坏比例不超过该值。",
                    "What the newest sample rules out: no more than this share is bad.",
                ),
                (Query(f"topk(10, guardian_plan_assured_max_loss_ratio{{{HERE}}})", "{{host}}/{{source}}"),),
                unit="percentunit",
                steps=((None, GOOD), (0.01, WARN), (0.05, BAD)),
                width=10,
                empty=Say("没有抽样", "no sample"),
            ),
        ),
    )
