"""Repositories: how they grow, whether they can be destroyed, whether somebody can still open them."""

from dashboards.noun import BAD, GOOD, MORE_IS_WORSE, WARN, Board, Column, Panel, Query, Row, Say
from dashboards.shared import HOST, NONE, REGION, TENANT, YES_GOOD, columns, newest, value

WHERE = 'region=~"$region", tenant=~"$tenant"'
MANY = 'region=~"$region", tenant=~"$tenant", host=~"$host"'


def repositories() -> Board:
    """Storage growth, locks, immutability, custody."""
    return Board(
        "guardian-repositories",
        Say("仓库与存储增长", "Repositories and storage growth"),
        Say(
            "仓库的大小与增长、锁与不可变性、口令托管。",
            "Size and growth, locks and immutability, custody of passwords.",
        ),
        (_growth(), _immutability(), _custody()),
        (REGION, TENANT, HOST),
        hours=30 * 24,
        refresh="5m",
    )


def _growth() -> Row:
    return Row(
        Say("增长", "Growth"),
        (
            Panel(
                "stat",
                Say("总大小", "Size in all"),
                Say("所选范围内仓库大小之和。", "All repositories that are chosen."),
                (Query(f"sum(guardian_repo_size_bytes{{{MANY}}})"),),
                unit="bytes",
                width=6,
            ),
            Panel(
                "stat",
                Say("近 7 天增长", "Grown in 7 days"),
                Say(
                    "为负说明清理多于新增；只计 7 天前和现在都有数据的仓库。",
                    "Negative: more was freed than added. Of repositories that were told of then and now.",
                ),
                (
                    Query(
                        f"sum(last_over_time(guardian:repo_size_bytes{{{MANY}}}[20m]) - last_over_time(guardian:repo_size_bytes{{{MANY}}}[20m] offset 7d))"
                    ),
                ),
                unit="bytes",
                width=6,
            ),
            Panel(
                "stat",
                Say("恢复点", "Restore points"),
                Say("仓库中的快照数。", "Snapshots in the repositories."),
                (Query(f"sum(guardian_repo_snapshots{{{MANY}}})"),),
                unit="locale",
                width=6,
            ),
            Panel(
                "stat",
                Say("无法使用的仓库", "Repositories that cannot be used"),
                Say("最近一次尝试没有结果的仓库数。", "Where the newest attempt came to nothing."),
                (Query(f"count(guardian_repo_unusable{{{MANY}}} == 1) or vector(0)"),),
                steps=MORE_IS_WORSE,
                width=6,
            ),
            Panel(
                "bars",
                Say("最大的仓库", "Largest repositories"),
                Say(
                    "最大的 10 个；增长过程见“主机”仪表盘。",
                    "The ten largest; how one grew is on the dashboard of its host.",
                ),
                (Query(f"topk(10, guardian_repo_size_bytes{{{MANY}}})", "{{host}} {{repository}}"),),
                unit="bytes",
                width=12,
            ),
            Panel(
                "lines",
                Say("按单位的总大小", "Size by tenant"),
                Say(
                    "目前最大的 10 个单位，堆叠显示；不随主机筛选。",
                    "The ten tenants that are largest now, stacked; of all hosts, whichever is chosen.",
                ),
                (
                    Query(
                        newest(10, f"sum by (tenant) (guardian:region_tenant_repo_size_bytes:sum{{{WHERE}}})"),
                        "{{tenant}}",
                    ),
                ),
                unit="bytes",
                width=12,
                height=9,
                stacked=True,
            ),
        ),
    )


def _immutability() -> Row:
    return Row(
        Say("锁与不可变", "Locks and immutability"),
        (
            Panel(
                "table",
                Say("可被删除的仓库", "Repositories that can be destroyed"),
                Say(
                    "用备份自己的凭据尝试删除和覆盖没有被拒绝；“否”必须处理。",
                    "Our own credentials were not refused when they tried to delete and overwrite. “No” has to be dealt with.",
                ),
                (Query(f"guardian_repo_immutable{{{MANY}}} == 0"),),
                width=12,
                columns=columns("tenant", "host", "repository", Value=value("不可变", "Immutable", width=120)),
                values=YES_GOOD,
                empty=NONE,
            ),
            Panel(
                "table",
                Say("对象锁最早到期", "First object lock to end"),
                Say(
                    "现存恢复点所依赖的对象锁；到期后可被删除。",
                    "Of what live restore points need; after that it can be deleted.",
                ),
                (Query(f"bottomk(20, guardian_repo_object_lock_until_timestamp_seconds{{{MANY}}} - time())"),),
                unit="days",
                width=12,
                columns=columns("tenant", "host", "repository", Value=value("剩余", "Left", width=120)),
                sort="Value",
                steps=((None, BAD), (7 * 86400, WARN), (14 * 86400, GOOD)),
                empty=NONE,
            ),
            Panel(
                "table",
                Say("restic 锁", "restic locks"),
                Say(
                    "当前的锁和其中最早一个的存在时间；超过数小时说明有锁遗留。",
                    "Locks that are there now, and how old the oldest is; after hours one was left behind.",
                ),
                (
                    Query(f"max by (tenant, host, repository) (guardian_repo_locks{{{MANY}}} > 0)"),
                    Query(
                        f"max by (tenant, host, repository) (time() - (guardian_repo_oldest_lock_timestamp_seconds{{{MANY}}} > 0))"
                    ),
                ),
                width=12,
                columns=columns(
                    "tenant",
                    "host",
                    "repository",
                    A=value("锁", "Locks", width=80),
                    B=value("最早的锁", "Oldest", "hours", ((None, GOOD), (6 * 3600, WARN), (86400, BAD)), width=120),
                ),
                sort="-Value #B",
                empty=NONE,
            ),
            Panel(
                "table",
                Say("距上次维护", "Since the last maintenance"),
                Say("保留策略与空间清理最近一次成功。", "When retention and pruning last succeeded."),
                (Query(f"topk(20, time() - (guardian_repo_maintain_last_success_timestamp_seconds{{{MANY}}} > 0))"),),
                unit="days",
                width=12,
                columns=columns("tenant", "host", "repository", Value=value("距今", "Ago", width=120)),
                sort="-Value",
                steps=((None, GOOD), (7 * 86400, WARN), (8 * 86400, BAD)),
                empty=NONE,
            ),
        ),
    )


def _custody() -> Row:
    return Row(
        Say("口令托管", "Custody of passwords"),
        (
            Panel(
                "table",
                Say("托管份额最近一次证明", "When shares were last proved"),
                Say("持有人上次证明能打开仓库距今的时间。", "How long ago holders proved that they can open it."),
                (Query(f"topk(20, time() - (guardian_custody_last_proven_timestamp_seconds{{{MANY}}} > 0))"),),
                unit="days",
                width=12,
                columns=columns("tenant", "host", "repository", Value=value("距今", "Ago", width=120)),
                sort="-Value",
                steps=((None, GOOD), (45 * 86400, WARN), (100 * 86400, BAD)),
                empty=Say("从未证明", "never proved"),
            ),
            Panel(
                "table",
                Say("从未托管或已失效", "Never split, or stale"),
                Say(
                    "从未托管：主机毁坏后没有人能打开。已失效：托管之后口令又改过。",
                    "Never split: when the host is lost nobody can open it. Stale: the password was changed since.",
                ),
                (
                    Query(
                        f"guardian_custody_last_escrow_timestamp_seconds{{{MANY}}} == 0 or guardian_custody_stale{{{MANY}}} == 1"
                    ),
                ),
                width=12,
                columns=columns("tenant", "host", "repository", Value=Column(Say("情况", "State"), width=120)),
                values={0: (Say("从未托管", "never split"), BAD), 1: (Say("已失效", "stale"), WARN)},
                empty=NONE,
            ),
        ),
    )
