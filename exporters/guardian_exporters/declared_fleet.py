"""Metrics that only a fleet has: of each host what its hub knows, and of the fleet what it is made of."""

from typing import Final

from guardian_exporters.family import of_fleet, of_whole

HOSTS: Final = (
    of_fleet(
        "host_info",
        ("name", "network", "state", "version", "restic"),
        "What the host is called now, its network, its state at the hub, its versions.",
        "主机当前名称、所在网络、在中心的状态以及版本。",
    ),
    of_fleet(
        "host_expected",
        ("network",),
        "Whether somebody counts on this host; gate every alert with it.",
        "该主机是否应在线；所有告警应以此为前提。",
    ),
    of_fleet(
        "host_last_contact_timestamp_seconds",
        ("network",),
        "When the hub last heard of it, 0 for never, by the hub's clock.",
        "中心最近一次收到该主机消息的时间（以中心时钟为准），0 表示从未。",
    ),
    of_fleet(
        "host_contact_interval_seconds",
        (),
        "How often it is to report.",
        "该主机应多久上报一次。",
    ),
    of_fleet(
        "host_clock_offset_seconds",
        (),
        "How far its clock is ahead of the hub's.",
        "该主机时钟比中心时钟快多少秒。",
    ),
    of_fleet(
        "host_certificate_expiry_timestamp_seconds",
        (),
        "When its certificate ends.",
        "该主机证书的到期时间。",
    ),
    of_fleet(
        "host_ingest_lag_seconds",
        (),
        "How old its newest report was when the hub had taken it in.",
        "最近一次上报从生成到入库所用的时间。",
    ),
    of_fleet(
        "host_log_missing_entries",
        (),
        "Entries of its signed log that the hub does not hold yet.",
        "其签名日志中尚未送达中心的条目数。",
        fleet=0,
        zeros=False,
    ),
    of_fleet(
        "host_reason",
        ("reason", "severity"),
        "1 for everything that speaks against the host as such: its identity, its log, its configuration.",
        "对该主机本身不利的每个原因为 1：身份、日志、配置。",
        fleet=0,
        zeros=False,
    ),
)

FLEET: Final = (
    of_whole(
        "fleet_status_timestamp_seconds",
        (),
        "When the state behind these metrics was put together.",
        "这些指标所依据的状态的生成时间。",
    ),
    of_whole(
        "fleet_complete",
        (),
        "Whether the newest reading of the fleet came to its end.",
        "最近一次读取机群状态是否完整。",
    ),
    of_whole(
        "fleet_unread_hosts",
        (),
        "Hosts whose record could not be read; what was said of them before is no longer said.",
        "记录无法读取的主机数；其原有指标不再输出。",
    ),
    of_whole(
        "fleet_hosts",
        ("tenant", "region", "state"),
        "Hosts by where they are and how they stand at the hub.",
        "按单位、区划和状态统计的主机数。",
        whole=2000,
    ),
    of_whole(
        "fleet_plans",
        ("tenant", "region", "verdict"),
        "Sources of expected hosts by their verdict.",
        "应在线主机上的数据源数，按结论统计。",
        whole=2500,
    ),
    of_whole(
        "fleet_series",
        (),
        "Series of hosts that are at hand, all shards together.",
        "现有的主机时间序列总数，含所有分片。",
    ),
    of_whole("fleet_queued_reports", (), "Reports that wait to be taken in.", "等待入库的上报数。"),
    of_whole(
        "hub_backup_last_success_timestamp_seconds",
        (),
        "When the hub's own state was last backed up, 0 for never.",
        "中心自身状态最近一次备份的时间，0 表示从未。",
    ),
    of_whole(
        "region_info",
        ("region", "level", "parent", "name_zh", "name_en"),
        "A region, what it is part of, what it is called.",
        "区划、上级区划及名称。",
        whole=100,
    ),
    of_whole(
        "tenant_info",
        ("tenant", "region", "name_zh", "name_en"),
        "A tenant, where it sits, what it is called.",
        "单位、所在区划及名称。",
        whole=25,
    ),
    of_whole(
        "system_info",
        ("tenant", "system", "mlps_level", "dr_level", "name_zh", "name_en"),
        "A system, its levels, what it is called.",
        "系统、等级保护级别、灾备等级及名称。",
        whole=1050,
    ),
    of_whole(
        "system_rpo_seconds",
        ("tenant", "system"),
        "How much time's data the system may lose: the objective.",
        "系统目标：最多可丢失多长时间的数据。",
        whole=1050,
    ),
    of_whole(
        "system_rto_seconds",
        ("tenant", "system"),
        "How long the recovery of the system may take: the objective.",
        "系统目标：恢复最多可用多长时间。",
        whole=1050,
    ),
    of_whole(
        "relay_last_bundle_timestamp_seconds",
        ("relay", "network"),
        "When the newest bundle came by this relay, 0 for never.",
        "该中继最近一个数据包到达的时间，0 表示从未。",
        whole=20,
    ),
    of_whole(
        "relay_expected_interval_seconds",
        ("relay", "network"),
        "How often a bundle is to come.",
        "该中继应多久送达一个数据包。",
        whole=20,
    ),
    of_whole(
        "relay_missing_bundles",
        ("relay", "network"),
        "Bundles that are known not to have come.",
        "已知缺失的数据包数。",
        whole=20,
    ),
    of_whole(
        "relay_backlog_bytes",
        ("relay", "network"),
        "What waits at the relay.",
        "中继上等待传送的数据量。",
        whole=20,
    ),
)
