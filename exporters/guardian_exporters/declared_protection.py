"""Metrics of what is protected: sources and their plans, drills, copies, repositories."""

from typing import Final

from guardian_exporters.family import COPY, DRILL, REPOSITORY, SOURCE, family

SOURCES: Final = (
    family(
        "plan_info",
        (*SOURCE, "kind", "repository"),
        "What kind of source it is, and where it is backed up to.",
        "数据源类型及其备份到的仓库。",
        series=3,
    ),
    family(
        "plan_enabled",
        SOURCE,
        "Whether the source's plan is in force; gate every alert with it.",
        "该数据源的保护计划是否启用；所有告警应以此为前提。",
        fleet=True,
    ),
    family(
        "plan_verdict",
        (*SOURCE, "verdict"),
        "1 for the verdict that holds, 0 for the others.",
        "当前结论为 1，其余为 0。",
        fleet=True,
        series=12,
    ),
    family(
        "plan_created_timestamp_seconds",
        SOURCE,
        "Since when the agent knows the source.",
        "代理从何时起知道该数据源。",
        fleet=True,
    ),
    family(
        "plan_rpo_seconds",
        SOURCE,
        "How much time's data may be lost: the objective.",
        "目标：最多可丢失多长时间的数据（RPO）。",
        fleet=True,
    ),
    family(
        "plan_rto_seconds",
        SOURCE,
        "How long a recovery may take: the objective.",
        "目标：恢复最多可用多长时间（RTO）。",
    ),
    family(
        "backup_last_success_timestamp_seconds",
        SOURCE,
        "Creation time of the newest good restore point, 0 for never.",
        "最新可用恢复点的创建时间，0 表示从未有过。",
        fleet=True,
    ),
    family(
        "backup_last_verified_timestamp_seconds",
        SOURCE,
        "Creation time of the newest restore point that was proved restorable, 0 for never.",
        "最新的、已证明可恢复的恢复点的创建时间，0 表示从未证明。",
        fleet=True,
    ),
    family(
        "backup_last_start_timestamp_seconds",
        SOURCE,
        "When the newest backup was begun, 0 for never.",
        "最近一次备份的开始时间，0 表示从未。",
        fleet=True,
    ),
    family(
        "backup_last_exit_code",
        SOURCE,
        "Exit code of the newest backup: 0 good, see the table of exit codes.",
        "最近一次备份的退出码：0 为成功，其余见退出码表。",
        fleet=True,
    ),
    family(
        "backup_consecutive_failures",
        SOURCE,
        "Backups without success since the last good one.",
        "自上次成功以来连续未成功的备份次数。",
        fleet=True,
    ),
    family("backup_running", SOURCE, "Whether a backup of it runs now.", "当前是否正在备份。", fleet=True),
    family("backup_next_due_timestamp_seconds", SOURCE, "When its next backup is due.", "下一次备份的计划时间。"),
    family(
        "backup_slots_missed_total",
        SOURCE,
        "Slots in which no backup ran although it was due.",
        "应备份而未备份的计划时段数。",
    ),
    family(
        "backup_slots_skipped_total", SOURCE, "Slots in which no backup ran on purpose.", "按规则跳过的计划时段数。"
    ),
    family(
        "backup_suspicious_snapshots",
        SOURCE,
        "Snapshots that are marked as suspicious and not yet cleared.",
        "被标记为可疑且尚未解除的快照数。",
        fleet=True,
    ),
    family("backup_last_duration_seconds", SOURCE, "How long the newest backup took.", "最近一次备份所用时间。"),
    family(
        "backup_baseline_duration_seconds",
        SOURCE,
        "Median of that over the newest backups.",
        "近期备份所用时间的中位数。",
        fleet=True,
    ),
    family(
        "backup_last_source_bytes", SOURCE, "Size of the source in the newest backup.", "最近一次备份中数据源的大小。"
    ),
    family(
        "backup_baseline_source_bytes",
        SOURCE,
        "Median of that over the newest backups.",
        "近期备份中数据源大小的中位数。",
    ),
    family(
        "backup_last_source_files",
        SOURCE,
        "Files of the source in the newest backup.",
        "最近一次备份中数据源的文件数。",
    ),
    family(
        "backup_last_changed_files",
        SOURCE,
        "Files that were new or changed in the newest backup.",
        "最近一次备份中新增或变化的文件数。",
    ),
    family(
        "backup_last_added_bytes",
        SOURCE,
        "What the newest backup added to the repository.",
        "最近一次备份向仓库新增的数据量。",
    ),
    family(
        "backup_baseline_added_bytes", SOURCE, "Median of that over the newest backups.", "近期备份新增数据量的中位数。"
    ),
)

DRILLS: Final = (
    family("drill_enabled", DRILL, "Whether drills of this level are planned.", "是否计划了该级别的演练。"),
    family(
        "drill_last_success_timestamp_seconds",
        DRILL,
        "When a drill of this level last passed, 0 for never.",
        "该级别演练最近一次通过的时间，0 表示从未。",
        fleet=True,
    ),
    family(
        "drill_last_exit_code",
        DRILL,
        "Exit code of the newest drill: 0 passed, 3 failed, 4 could not verify.",
        "最近一次演练的退出码：0 通过，3 未通过，4 无法验证。",
    ),
    family(
        "drill_next_due_timestamp_seconds",
        DRILL,
        "When the next drill of this level is due.",
        "该级别下一次演练的计划时间。",
    ),
    family(
        "drill_last_rto_seconds",
        DRILL,
        "How long the recovery took in the newest drill.",
        "最近一次演练中恢复所用时间。",
        fleet=True,
        series=3,
    ),
    family(
        "drill_last_rpo_seconds",
        DRILL,
        "How old the recovered data was in the newest drill.",
        "最近一次演练中所恢复数据的时间差。",
        series=3,
    ),
    family(
        "drill_last_confidence_ratio",
        DRILL,
        "How sure the newest drill is of its bound.",
        "最近一次演练结论的置信度。",
        series=6,
    ),
    family(
        "drill_last_max_loss_ratio",
        DRILL,
        "The share of bad data that the newest drill leaves possible.",
        "最近一次演练仍可能未发现的损坏数据比例上限。",
        series=6,
    ),
)

COPIES: Final = (
    family("copy_enabled", COPY, "Whether copies to this repository are planned.", "是否计划了到该仓库的复制。"),
    family(
        "copy_last_success_timestamp_seconds",
        COPY,
        "Creation time of the newest restore point in the further repository, 0 for never.",
        "副本仓库中最新恢复点的创建时间，0 表示从未。",
        fleet=True,
    ),
    family("copy_last_exit_code", COPY, "Exit code of the newest copy.", "最近一次复制的退出码。"),
    family(
        "copy_consecutive_failures",
        COPY,
        "Copies without success since the last good one.",
        "自上次成功以来连续未成功的复制次数。",
    ),
    family("copy_behind_snapshots", COPY, "Restore points that are not copied yet.", "尚未复制的恢复点数。"),
)

REPOSITORIES: Final = (
    family("repo_snapshots", REPOSITORY, "Snapshots in the repository.", "仓库中的快照数。", fleet=True),
    family("repo_size_bytes", REPOSITORY, "Size of the repository.", "仓库大小。", fleet=True),
    family("repo_locks", REPOSITORY, "restic locks in the repository.", "仓库中的 restic 锁数。", fleet=True),
    family(
        "repo_oldest_lock_timestamp_seconds",
        REPOSITORY,
        "When the oldest of the locks was made.",
        "最早的锁的创建时间。",
        fleet=True,
    ),
    family(
        "repo_verified_ratio",
        REPOSITORY,
        "Share of its bytes that were read within the rotation's time.",
        "在一个轮换周期内被读取校验的数据比例。",
        fleet=True,
    ),
    family(
        "repo_object_lock_until_timestamp_seconds",
        REPOSITORY,
        "When the first lock ends that a live snapshot needs.",
        "现存快照所依赖的对象锁中最早的到期时间。",
        fleet=True,
    ),
    family(
        "repo_immutable",
        REPOSITORY,
        "Whether our own attempts to delete and to overwrite were refused.",
        "我方尝试删除和覆盖是否被拒绝。",
        fleet=True,
    ),
    family(
        "repo_maintain_last_success_timestamp_seconds",
        REPOSITORY,
        "When retention and pruning last succeeded, 0 for never.",
        "保留与清理最近一次成功的时间，0 表示从未。",
        fleet=True,
    ),
    family(
        "repo_maintain_last_exit_code", REPOSITORY, "Exit code of the newest maintenance.", "最近一次维护的退出码。"
    ),
    family(
        "repo_posture_last_success_timestamp_seconds",
        REPOSITORY,
        "When the storage was last found set up as it must be, 0 for never.",
        "最近一次确认存储设置符合要求的时间，0 表示从未。",
    ),
    family(
        "repo_posture_last_exit_code",
        REPOSITORY,
        "Exit code of the newest look at the storage.",
        "最近一次检查存储设置的退出码。",
    ),
)
