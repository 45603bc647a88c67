"""Metrics of where backups lie: repositories, and who can open them."""

from typing import Final

from guardian_exporters.family import REPOSITORY, family, rare

REPOSITORIES: Final = (
    family(
        "repo_snapshots",
        REPOSITORY,
        "Restore points in the repository: those on record, without the ones that the newest look did not find.",
        "仓库中的恢复点数：有记录的恢复点，减去最近一次检查中未找到的。",
        fleet=True,
    ),
    family(
        "repo_size_bytes",
        REPOSITORY,
        "Size of its packs, as the newest maintenance or drill of level D1 and above saw them.",
        "数据包总大小，取自最近一次维护或 D1 及以上级别的演练。",
        fleet=True,
    ),
    family(
        "repo_quota_bytes",
        REPOSITORY,
        "How much it may grow to, where the configuration says so.",
        "仓库容量上限（配置中指定时输出）。",
        fleet=True,
        series=0,
    ),
    family("repo_locks", REPOSITORY, "restic locks in the repository.", "仓库中的 restic 锁数。"),
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
    rare(
        "repo_immutable_promised",
        REPOSITORY,
        "Whether the configuration promises that nothing in it can be destroyed.",
        "配置是否承诺其中内容不可被销毁。",
        fleet=1,
    ),
    rare(
        "repo_unusable",
        (*REPOSITORY, "reason"),
        "1 for why the newest attempt to work with it failed, as the one before; none where it could be used.",
        "最近一次访问该仓库失败、且此前一次也失败时，其原因为 1；可正常使用时不输出。",
        fleet=0,
        series=0,
    ),
    rare(
        "repo_unplanned",
        (*REPOSITORY, "task"),
        "Whether this is not planned for it: maintain, posture.",
        "是否未计划对该仓库执行该任务：maintain（维护）、posture（存储检查）。",
        fleet=0,
        series=2,
    ),
    rare(
        "repo_reason",
        (*REPOSITORY, "reason", "severity"),
        "1 for everything that the newest look at the storage and the newest maintenance found, by its code.",
        "最近一次存储检查与维护发现的每个问题为 1（按原因代码）。",
        fleet=1,
        series=1,
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

CUSTODY: Final = (
    family(
        "custody_last_proven_timestamp_seconds",
        REPOSITORY,
        "When holders last proved that their shares open the repository, 0 for never.",
        "保管人最近一次证明其份额能打开仓库的时间，0 表示从未。",
        fleet=True,
    ),
    family(
        "custody_last_escrow_timestamp_seconds",
        REPOSITORY,
        "When the repository's password was last split into shares, 0 for never.",
        "仓库密码最近一次拆分为份额的时间，0 表示从未。",
        fleet=True,
    ),
    rare(
        "custody_stale",
        REPOSITORY,
        "Whether the password was changed after it was last split.",
        "密码在最近一次拆分之后是否又更换过。",
        fleet=0,
    ),
    family(
        "custody_interval_seconds",
        REPOSITORY,
        "How often holders are to prove their shares by plan.",
        "按计划保管人应多久证明一次。",
        fleet=True,
        series=0,
    ),
)
