"""One host, and the agents as such."""

from dashboards.noun import BAD, GOOD, MORE_IS_WORSE, USED, WARN, Board, Column, Panel, Query, Row, Say, Steps, Unit
from dashboards.shared import (
    EXIT_CODES,
    HOST,
    NONE,
    ONE_HOST,
    ONE_TENANT,
    REGION,
    TENANT,
    YES_BAD,
    YES_GOOD,
    columns,
    firing,
)

HERE = 'tenant="$tenant", host="$host"'
JOBS = {
    "running": Say("运行", "running"),
    "queued": Say("排队", "queued"),
    "stopping": Say("停止中", "stopping"),
}
WHERE = 'region=~"$region", tenant=~"$tenant"'
MANY = 'region=~"$region", tenant=~"$tenant", host=~"$host"'


def host() -> Board:
    """What one host protects, and what stands in its way."""
    return Board(
        "guardian-host",
        Say("主机", "Host"),
        Say("一台主机保护了什么，代理自身是否正常。", "What one host protects, and whether its agent is well."),
        (
            Row(
                Say("代理", "Agent"),
                (
                    _age(
                        Say("最近一次状态", "Newest status"),
                        f"time() - max(guardian_agent_status_timestamp_seconds{{{HERE}}})",
                        600,
                        3600,
                    ),
                    _yes(Say("时钟可信", "Clock trusted"), f"min(guardian_agent_clock_trusted{{{HERE}}})"),
                    _yes(Say("日志完整", "Log intact"), f"min(guardian_ledger_intact{{{HERE}}})"),
                    _yes(Say("运行库可用", "Journal intact"), f"min(guardian_agent_journal_intact{{{HERE}}})"),
                    Panel(
                        "stat",
                        Say("新配置被拒绝", "Configuration refused"),
                        Say(
                            "有更新的配置因错误被拒绝，旧配置仍然生效。",
                            "A newer configuration is wrong; the one before stays in force.",
                        ),
                        (Query(f"max(guardian_agent_config_refused{{{HERE}}})"),),
                        values=YES_BAD,
                        width=4,
                    ),
                    Panel(
                        "stat",
                        Say("状态目录剩余空间", "Free space for state"),
                        Say(
                            "用尽后日志无法写入，备份会停止。",
                            "Without it the log cannot be written, and backups stop.",
                        ),
                        (Query(f"min(guardian_agent_state_free_bytes{{{HERE}}})"),),
                        unit="bytes",
                        steps=((None, BAD), (1 << 30, WARN), (5 << 30, GOOD)),
                        width=4,
                        empty=Say("未上报", "not reported"),
                    ),
                ),
            ),
            Row(Say("告警", "Alerts"), (firing(HERE, ("system", "source"), 7),)),
            Row(
                Say("数据源", "Sources"),
                (
                    Panel(
                        "table",
                        Say("结论", "Verdicts"),
                        Say("每个数据源当前的结论。", "The verdict that holds for each source."),
                        (Query(f"guardian_plan_verdict{{{HERE}}} == 1"),),
                        width=8,
                        columns=columns("system", "source", "verdict"),
                    ),
                    Panel(
                        "table",
                        Say("原因", "Reasons"),
                        Say("当前不利于各数据源的原因代码。", "What speaks against sources now, by code."),
                        (Query(f"guardian_plan_reason{{{HERE}}} == 1"),),
                        width=8,
                        columns=columns("source", "severity", "reason"),
                        sort="severity",
                        empty=NONE,
                    ),
                    Panel(
                        "table",
                        Say("最近一次备份的结果", "What the newest backup came to"),
                        Say(
                            "退出码表见文档；0 以外都需要查看。", "See the table of exit codes; all but 0 want a look."
                        ),
                        (Query(f"guardian_backup_last_exit_code{{{HERE}}}"),),
                        width=8,
                        columns=columns("system", "source", Value=Column(Say("结果", "Result"))),
                        values=EXIT_CODES,
                    ),
                    Panel(
                        "lines",
                        Say("备份用时与中位数", "How long backups take"),
                        Say(
                            "明显高于中位数，往往是存储或网络变慢。",
                            "Far above its median it is mostly storage or the network.",
                        ),
                        (
                            Query(f"guardian_backup_last_duration_seconds{{{HERE}}}", "{{system}}/{{source}}"),
                            Query(
                                f"guardian_backup_baseline_duration_seconds{{{HERE}}}",
                                Say("{{source}} 中位数", "{{source}} median"),
                            ),
                        ),
                        unit="minutes",
                        width=12,
                    ),
                    Panel(
                        "lines",
                        Say("每次备份新增数据", "What backups add"),
                        Say(
                            "突增可能是加密勒索或大量改写，突降可能是数据源空了。",
                            "A jump may be ransomware or a rewrite; a fall may be a source that is empty.",
                        ),
                        (Query(f"guardian_backup_last_added_bytes{{{HERE}}}", "{{system}}/{{source}}"),),
                        unit="bytes",
                        width=12,
                    ),
                ),
            ),
            Row(
                Say("仓库", "Repositories"),
                (
                    Panel(
                        "lines",
                        Say("仓库大小", "Size of repositories"),
                        Say("应平稳增长，清理后回落。", "It should grow evenly, and fall when space is freed."),
                        (Query(f"guardian_repo_size_bytes{{{HERE}}}", "{{repository}}"),),
                        unit="bytes",
                        width=24,
                    ),
                ),
            ),
        ),
        (ONE_TENANT, ONE_HOST),
        hours=72,
    )


def agents() -> Board:
    """The insides of agents: for who looks after many."""
    return Board(
        "guardian-agents",
        Say("代理内部", "Agent internals"),
        Say("代理的资源占用、任务、抓取和版本。", "What agents cost, do and run."),
        (
            Row(
                Say("总体", "All together"),
                (
                    Panel(
                        "stat",
                        Say("状态超过一小时的代理", "Agents with a status older than an hour"),
                        Say("没有新状态，其余数字都是旧的。", "Without a new status, all other figures are old."),
                        (
                            Query(
                                f"count(time() - guardian_agent_status_timestamp_seconds{{{MANY}}} > 3600) or vector(0)"
                            ),
                        ),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "stat",
                        Say("采集失败的部分", "Collectors that fail"),
                        Say(
                            "失败的采集器不再给出旧值，而是在此计数。",
                            "One that fails says nothing old: it is counted here.",
                        ),
                        (Query(f"sum(guardian_exporter_collector_success{{{MANY}}} == bool 0) or vector(0)"),),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "stat",
                        Say("配置被拒绝的代理", "Agents with a refused configuration"),
                        Say("仍在使用旧配置。", "They go on with the one before."),
                        (Query(f"sum(guardian_agent_config_refused{{{MANY}}}) or vector(0)"),),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "stat",
                        Say("时钟不可信的代理", "Agents with a clock that is not trusted"),
                        Say("时间不对，期限和证据都不可靠。", "Deadlines and evidence are worth what the clock is."),
                        (Query(f"count(guardian_agent_clock_trusted{{{MANY}}} == 0) or vector(0)"),),
                        steps=MORE_IS_WORSE,
                    ),
                    Panel(
                        "bars",
                        Say("版本", "Versions"),
                        Say("按版本统计的代理数。", "Agents by version."),
                        (
                            Query(
                                f'count by (version) (group by (tenant, host, version) (guardian_agent_build_info{{{MANY}}} or guardian_host_info{{version!="", {MANY}}}))',
                                "{{version}}",
                            ),
                        ),
                        width=8,
                        height=8,
                    ),
                    Panel(
                        "table",
                        Say("自身问题", "Problems of their own"),
                        Say("代理自身的问题，按主机和原因代码。", "Problems of agents themselves, by host and code."),
                        (Query(f"topk(50, guardian_agent_reason{{{MANY}}} == 1)"),),
                        width=16,
                        height=8,
                        columns=columns("severity", "tenant", "host", "reason"),
                        sort="severity",
                        empty=NONE,
                    ),
                ),
            ),
            Row(
                Say("每台主机", "Each host"),
                (
                    _most(
                        Say("内存", "Memory"),
                        Say(
                            "常驻内存最多的 10 台；空闲时上限 70 MiB。",
                            "Resident memory, the ten with the most; at most 70 MiB when idle.",
                        ),
                        f"topk(10, guardian_agent_resident_memory_bytes{{{MANY}}})",
                        "bytes",
                        ((None, GOOD), (70 << 20, WARN), (140 << 20, BAD)),
                    ),
                    _most(
                        Say("处理器", "Processor"),
                        Say(
                            "代理进程占用一个核的比例，不含任务；最多的 10 台。",
                            "Share of one core, jobs not counted; the ten with the most.",
                        ),
                        f"topk(10, rate(guardian_agent_cpu_seconds_total{{{MANY}}}[$__rate_interval]))",
                        "percentunit",
                        ((None, GOOD), (0.02, WARN), (0.1, BAD)),
                    ),
                    Panel(
                        "lines",
                        Say("任务", "Jobs"),
                        Say(
                            "正在运行、排队与正在停止的任务；不随主机筛选。",
                            "Jobs that run, wait or are being stopped; of all hosts, whichever is chosen.",
                        ),
                        tuple(
                            Query(f'sum(guardian:region_tenant_agent_jobs:sum{{state="{state}", {WHERE}}})', text)
                            for state, text in JOBS.items()
                        ),
                        width=8,
                        height=9,
                    ),
                    _most(
                        Say("上报延迟", "Ingest lag"),
                        Say("上报从生成到入库的时间，最长的 10 台。", "From report to hub, the ten longest."),
                        f"topk(10, guardian_host_ingest_lag_seconds{{{MANY}}})",
                        "minutes",
                        ((None, GOOD), (900, WARN), (3600, BAD)),
                    ),
                    _most(
                        Say("时钟偏差", "Clock offset"),
                        Say("相对中心时钟的偏差，最大的 10 台。", "Against the hub's clock, the ten largest."),
                        f"topk(10, abs(guardian_host_clock_offset_seconds{{{MANY}}}))",
                        "seconds",
                        ((None, GOOD), (30, WARN), (300, BAD)),
                    ),
                    _most(
                        Say("抓取被拒绝", "Scrapes refused"),
                        Say(
                            "近一段时间内无权限、过大、过慢或过多的请求。",
                            "Lately: no access, too large, too slow, too many.",
                        ),
                        f"topk(10, sum by (host) (increase(guardian_exporter_refused_total{{{MANY}}}[$__rate_interval])) > 0)",
                        "short",
                        ((None, WARN),),
                    ),
                ),
            ),
        ),
        (REGION, TENANT, HOST),
    )


def _age(title: Say, expr: str, warn: float, bad: float) -> Panel:
    about = Say("距今时间；过大说明没有新状态。", "How long ago; large means that nothing new comes.")
    return Panel(
        "stat", title, about, (Query(expr),), unit="minutes", steps=((None, GOOD), (warn, WARN), (bad, BAD)), width=4
    )


def _yes(title: Say, expr: str) -> Panel:
    about = Say("“否”时请看本页下方的告警与处置手册。", "Where it says no, see the alerts below and their runbooks.")
    return Panel("stat", title, about, (Query(expr),), values=YES_GOOD, steps=USED, width=4)


def _most(title: Say, about: Say, expr: str, unit: Unit, steps: Steps) -> Panel:
    """The ten hosts with the most of it now: a chart of ten thousand over time nobody can read, nor Prometheus answer."""
    return Panel("bars", title, about, (Query(expr, "{{host}}"),), unit=unit, steps=steps, width=8, empty=NONE)
