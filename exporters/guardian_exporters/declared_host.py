"""Metrics of the agent itself, of its signed log, and of these metrics."""

from typing import Final

from guardian_exporters.family import family, of_every_page, rare

EXPORTER: Final = (
    of_every_page(
        "exporter_collector_success",
        ("collector",),
        "Whether this part of the metrics could be made at this scrape.",
        "本次抓取时该部分指标是否成功生成。",
        series=8,
        whole=9,
    ),
    family(
        "exporter_collector_duration_seconds",
        ("collector",),
        "How long this part of the metrics took to make at this scrape.",
        "本次抓取时生成该部分指标所用时间。",
        series=8,
    ),
    family(
        "exporter_collector_last_success_timestamp_seconds",
        ("collector",),
        "Time of the newest status this part was made from, 0 for none.",
        "该部分最近一次成功所依据的状态的时间，0 表示从未成功。",
        series=8,
    ),
    of_every_page(
        "exporter_scrapes_total", (), "Answers with metrics since the server started.", "服务启动以来提供指标的次数。"
    ),
    of_every_page(
        "exporter_refused_total",
        (),
        "Requests turned away since the server started: no access, too large, too slow, too many.",
        "服务启动以来被拒绝的请求数：无权限、过大、过慢或过多。",
    ),
)

AGENT: Final = (
    family(
        "agent_build_info",
        ("version", "restic"),
        "Versions of the agent and of its restic.",
        "代理及其 restic 的版本。",
        series=1,
    ),
    family("agent_start_timestamp_seconds", (), "When the agent started.", "代理的启动时间。"),
    family(
        "agent_status_timestamp_seconds",
        (),
        "When the status behind these metrics was made.",
        "这些指标所依据的状态的生成时间。",
        fleet=True,
    ),
    family(
        "agent_config_loaded_timestamp_seconds",
        (),
        "When the configuration in force was read.",
        "生效配置的读取时间。",
    ),
    family(
        "agent_config_refused",
        (),
        "Whether a newer configuration was refused; the one before stays in force.",
        "是否有更新的配置被拒绝；被拒绝时沿用之前的配置。",
        fleet=True,
    ),
    family("agent_clock_trusted", (), "Whether the clock of the host is trusted.", "主机时钟是否可信。", fleet=True),
    family(
        "agent_journal_intact",
        (),
        "Whether the journal of the agent can be read and written.",
        "代理的任务记录库是否可读写。",
        fleet=True,
    ),
    family(
        "agent_draining",
        (),
        "Whether the agent is ending and begins nothing new.",
        "代理是否正在退出、不再开始新任务。",
    ),
    family(
        "agent_next_wake_timestamp_seconds",
        (),
        "When the agent looks next for what is due.",
        "代理下一次检查到期任务的时间。",
    ),
    family("agent_state_free_bytes", (), "Free space where state is kept.", "状态目录所在位置的剩余空间。"),
    family(
        "agent_max_loss_objective_ratio",
        (),
        "The share of bad data that samples are to rule out.",
        "抽样应排除的损坏数据比例（目标）。",
        fleet=True,
    ),
    rare(
        "agent_problems",
        ("severity",),
        "Problems of the agent itself that stand now.",
        "代理自身当前存在的问题数。",
        fleet=1,
        series=2,
    ),
    rare(
        "agent_reason",
        ("reason", "severity"),
        "1 for each problem of the agent itself that stands now.",
        "代理自身当前存在的每个问题为 1。",
        fleet=1,
        series=1,
    ),
    family(
        "agent_jobs",
        ("state",),
        "Jobs that run, wait for their turn or are being stopped.",
        "正在运行、排队或正在停止的任务数。",
        series=3,
    ),
    family("agent_resident_memory_bytes", (), "Memory that the agent's process holds.", "代理进程占用的内存。"),
    family(
        "agent_cpu_seconds_total",
        (),
        "Processor time of the agent's process, jobs not counted.",
        "代理进程使用的处理器时间，不含各任务。",
    ),
)

LEDGER: Final = (
    family("ledger_entries", (), "Entries in the signed log.", "签名日志的条目数。", fleet=True),
    family(
        "ledger_intact",
        (),
        "Whether the signed log held together when it was last checked.",
        "最近一次检查时签名日志是否完好。",
        fleet=True,
    ),
    family(
        "ledger_newest_timestamp_seconds",
        (),
        "Time of the newest entry in the signed log, 0 for none.",
        "签名日志最新条目的时间，0 表示没有。",
    ),
)
