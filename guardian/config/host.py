"""The root of a host's configuration."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from guardian.model.border import Duration, Id, Written
from guardian.model.estate import Tenant
from guardian.model.finding import Level as Severity
from guardian.model.finding import RuleId
from guardian.model.protection import RepositorySpec, SecretRef, System
from guardian.model.scan_target import ScanTarget

Probability = Annotated[float, Field(gt=0, lt=1)]


class ResticSettings(Written):
    """How the restic program is run."""

    program: Annotated[str, StringConstraints(min_length=1)] = Field(
        "restic", description="a name to find in PATH, or a path"
    )
    stall_timeout: Duration = Field(
        "120s", validate_default=True, description="restic is stopped when nothing moved for so long"
    )
    stop_grace: Duration = Field(
        "120s", validate_default=True, description="time to remove its lock after SIGINT, before SIGKILL"
    )
    lock_wait: Duration | None = Field(
        None, description="how long to wait for a repository that somebody else holds; default: not at all"
    )
    cache: bool = Field(True, description="keep restic's cache in the state directory")
    compression: Literal["auto", "off", "max"] = "auto"


class VerifySettings(Written):
    """What a sampled drill promises when nothing else is asked for."""

    confidence: Probability = Field(0.95, description="how sure the statement is")
    max_loss: Probability = Field(0.01, description="the share of bad data that would still go unnoticed")


class ScanSettings(Written):
    """Which security baselines are checked, and how often."""

    baselines: tuple[Id, ...] = ()
    every: Duration | None = None
    targets: dict[Id, ScanTarget] = Field(
        default_factory=dict, description="what is looked at beside this host, its sources and its repositories"
    )
    fail_on: Severity = Field("high", description="findings of this severity and over make a scan fail")
    params: dict[RuleId, dict[str, float | tuple[str, ...]]] = Field(
        default_factory=dict, description="parameters of rules, made tighter: {GD-SSH-003: {max_tries: 3}}"
    )
    waivers: tuple[str, ...] = Field((), description="files of waivers, relative to the configuration")
    policies: tuple[str, ...] = Field((), description="files or folders of rules of your own")


class Bandwidth(Written):
    """How much of the line restic may take in a part of the week, such as ``mon-fri 08:00-18:00``."""

    window: Annotated[str, StringConstraints(min_length=1)]
    upload: Annotated[int, Field(ge=1)] | None = Field(None, description="KiB per second")
    download: Annotated[int, Field(ge=1)] | None = Field(None, description="KiB per second")


class MetricsSettings(Written):
    """Where Prometheus finds this host's metrics."""

    listen: str | None = Field("127.0.0.1:9787", description="address and port of /metrics; null for none")
    web_config: str | None = Field(
        None, description="TLS and users, a file as Prometheus' own exporters take with --web.config.file"
    )
    insecure: bool = Field(
        False, description="allow an address that others reach without TLS: the network is protected by other means"
    )
    textfile: str | None = Field(None, description="a file for node_exporter's textfile collector, ending in .prom")


class AgentSettings(Written):
    """How the agent of this host works."""

    time_zone: str | None = Field(None, description="of all schedules, such as Asia/Shanghai; default: the host's")
    concurrency: Annotated[int, Field(ge=1, le=16)] = Field(2, description="so many jobs run at the same time")
    blackout: tuple[str, ...] = Field((), description="when no job of any system runs, such as '22:00-02:00'")
    nice: Annotated[int, Field(ge=0, le=19)] = Field(10, description="processor priority of jobs; 19 is the lowest")
    io_class: Literal["normal", "idle"] = Field("normal", description="idle: jobs read disks when nobody else does")
    bandwidth: tuple[Bandwidth, ...] = Field((), description="the first window that holds the moment counts")
    metrics: MetricsSettings = MetricsSettings()


_INCLUDE = {
    "type": "array",
    "items": {"type": "string", "minLength": 1},
    "default": [],
    "description": "files merged underneath this one, relative to it",
}


class HostConfig(Written):
    """What one host protects, where to, and how its return is proven.

    The rules that join several keys (names that must exist, locations that must not overlap) are checked by
    :func:`guardian.config.load.load`, not here, so that they are reported beside all other faults.
    """

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["properties"].update(include=_INCLUDE))

    tenant: Tenant
    host: Id | None = Field(None, description="this machine's id; default: made from its host name")
    state_dir: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None,
        description="where journal, log, keys and cache live; default: /var/lib/guardian for a configuration under "
        "/etc/guardian, otherwise state/ beside the configuration. A files source around it never takes it along",
    )
    scratch_dir: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None,
        description="where drills unpack and load data, and dumps are made that cannot be streamed; default: scratch/ "
        "in state_dir, and for the scratch database servers of a Guardian that runs as root a directory in /var/tmp",
    )
    signing_key: SecretRef | None = Field(
        None, description="the Ed25519 key of this host; default: one Guardian makes and keeps in its state"
    )
    restic: ResticSettings = ResticSettings()
    verify: VerifySettings = VerifySettings()
    repositories: Annotated[dict[Id, RepositorySpec], Field(min_length=1)]
    systems: Annotated[dict[Id, System], Field(min_length=1)]
    scan: ScanSettings = ScanSettings()
    agent: AgentSettings = AgentSettings()
