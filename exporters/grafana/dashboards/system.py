"""One system: is it ready to be recovered, from when, how fast, and who says so."""

from dashboards.noun import BAD, DIM, GOOD, MORE_IS_WORSE, USED, WARN, Board, Panel, Query, Row, Say
from dashboards.shared import AGES, NONE, ONE_SYSTEM, ONE_TENANT, YES_GOOD, columns, firing

HERE = 'tenant="$tenant", system="$system"'

NEWEST = f"guardian_backup_last_success_timestamp_seconds{{{HERE}}}"


def system() -> Board:
    """Recovery readiness of one system."""
    return Board(
        "guardian-system",
        Say("系统恢复就绪度", "System recovery readiness"),
        Say(
            "现在能恢复吗、恢复到什么时候、要多久。", "Can it be recovered now, as of when, and how long would it take."
        ),
        (_answers(), _points(), _drills(), Row(Say("告警", "Alerts"), (firing(HERE),))),
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
                        f"min(guardian_backup_last_verified_timestamp_seconds{{{HERE}}} and on (tenant, host, system, source) guardian:plan_active) * 1000"
                    ),
                ),
                unit="dateTimeFromNow",
                width=6,
                height=6,
            ),
            Panel(
                "stat",
                Say("已用 RPO（最差的数据源）", "RPO used (worst source)"),
                Say("最新恢复点的年龄与 RPO 之比。", "The age of the newest restore point over the objective."),
                (Query(f"max(guardian:rpo_used_ratio{{{HERE}}})"),),
                unit="percentunit",
                steps=USED,
                width=6,
                height=6,
            ),
            Panel(
                "stat",
                Say("实测恢复时间", "Measured recovery time"),
                Say("最近一次演练中最慢的数据源恢复所用时间。", "The slowest source in its newest drill."),
                (Query(f"max(guardian_drill_last_rto_seconds{{{HERE}}})"),),
                unit="s",
                width=6,
                height=6,
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
                height=6,
                empty=Say("未测量", "not measured"),
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
                Say("恢复点年龄", "Age of the newest restore point"),
                Say(
                    "锯齿应低于 RPO；当前最旧的 20 个数据源。",
                    "The teeth should stay below the RPO; the 20 sources oldest now.",
                ),
                (
                    Query(
                        f"time() - ({NEWEST} > 0 and bottomk(20, {NEWEST} @ end() > 0))",
                        "{{host}}/{{source}}",
                    ),
                    Query(f"min(guardian_plan_rpo_seconds{{{HERE}}} > 0)", "RPO"),
                ),
                unit="s",
                width=12,
            ),
            Panel(
                "table",
                Say("数据源", "Sources"),
                Say(
                    "最新恢复点、已证明可恢复的恢复点及其年龄。",
                    "Newest restore point, and how long ago one was proved.",
                ),
                (Query(f"topk(100, guardian:verified_age_seconds{{{HERE}}})"),),
                unit="s",
                width=12,
                columns=columns("host", "source", value=Say("距上次证明", "Proved ago")),
                steps=AGES,
            ),
            Panel(
                "table",
                Say("副本", "Copies"),
                Say(
                    "副本仓库中最新恢复点的年龄；没有副本就没有异地保护。",
                    "Age of the newest restore point in further repositories; without one there is no second place.",
                ),
                (Query(f"topk(100, time() - (guardian_copy_last_success_timestamp_seconds{{{HERE}}} > 0))"),),
                unit="s",
                width=12,
                columns=columns("host", "source", "repository", value=Say("年龄", "Age")),
                steps=AGES,
                empty=NONE,
            ),
        ),
    )


def _drills() -> Row:
    return Row(
        Say("证明", "Proof"),
        (
            Panel(
                "table",
                Say("各级演练最近一次通过", "When each level last passed"),
                Say(
                    "D0 清点、D1 结构、D2 数据完整、D3 文件恢复、D4 应用数据可用。",
                    "D0 present, D1 whole, D2 intact, D3 files come back, D4 the data works.",
                ),
                (Query(f"topk(100, time() - (guardian_drill_last_success_timestamp_seconds{{{HERE}}} > 0))"),),
                unit="s",
                width=12,
                columns=columns("host", "source", "level", value=Say("距今", "Ago")),
                steps=AGES,
                empty=Say("从未通过", "never passed"),
            ),
            Panel(
                "bars",
                Say("抽样可能漏掉的损坏比例上限", "Bad data that samples leave possible"),
                Say(
                    "最近一次抽样的结论：损坏比例不超过该值。",
                    "What the newest sample rules out: no more than this share is bad.",
                ),
                (Query(f"topk(20, guardian_plan_assured_max_loss_ratio{{{HERE}}})", "{{host}}/{{source}}"),),
                unit="percentunit",
                steps=((None, GOOD), (0.01, WARN), (0.05, BAD)),
                width=12,
                height=9,
                empty=Say("没有抽样", "no sample"),
            ),
            Panel(
                "table",
                Say("系统登记的级别与目标", "Levels and objectives of the system"),
                Say("等级保护级别与灾难恢复级别。", "MLPS level and disaster recovery level."),
                (Query(f"guardian_system_info{{{HERE}}}"),),
                width=24,
                height=4,
                columns={
                    "system": Say("系统", "System"),
                    "mlps_level": Say("等保级别", "MLPS level"),
                    "dr_level": Say("灾备级别", "DR level"),
                    "name_zh": Say("中文名", "Chinese name"),
                    "name_en": Say("英文名", "English name"),
                },
                values=YES_GOOD,
                steps=((None, DIM),),
                empty=NONE,
            ),
        ),
    )
