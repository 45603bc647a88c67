"""What is protected and how: sources, repositories, plans. These are the nouns a configuration is made of."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo

from guardian.model.border import Duration, Id, Size, Written
from guardian.model.estate import LocalText, Objectives

SecretRef = Annotated[str, StringConstraints(pattern=r"^(file|env|systemd|command):.+$")]
"""Where a secret is, never the secret: ``file:PATH``, ``env:NAME``, ``systemd:CREDENTIAL``, ``command:ARGV``."""


def _absolute(text: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base")
    if base is not None and not text.startswith("/"):
        text = f"{base}/{text}"
    # Two slashes at the start are kept by pathlib, as POSIX allows; restic and the kernel see one.
    path = PurePosixPath("/" + text.lstrip("/") if text.startswith("/") else text)
    if not path.is_absolute() or ".." in path.parts or "\0" in text:
        raise ValueError("not a path without ..")
    return str(path)


AbsolutePath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_absolute)]
"""A path on the host, without ``..``; a relative one is completed by ``base`` in the context of validation."""


class FilesSource(Written):
    """Files and directories, as restic saves them."""

    kind: Literal["files"]
    paths: Annotated[tuple[AbsolutePath, ...], Field(min_length=1)]
    exclude: tuple[str, ...] = Field((), description="restic exclude patterns")
    one_file_system: bool = False
    require_mount: bool = Field(
        False, description="every path must be a mount point: an unmounted disk is not an empty source"
    )
    allow_empty: bool = Field(False, description="an empty source is a success; by default it is a failure")
    critical: tuple[str, ...] = Field(
        ("*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*.sql", "*.dump", "*.bak"),
        description="names of small files that a drill reads every one of, such as keys and dumps",
    )
    min_files: Annotated[int, Field(ge=1)] | None = None
    min_bytes: Annotated[int, Field(ge=1)] | None = None


class Assertion(Written):
    """SQL that must be true of the restored data: the first column of its first row. A bare text is the SQL alone."""

    sql: Annotated[str, StringConstraints(min_length=1, max_length=8192)]
    database: str | None = Field(None, description="where it is asked; default: the first of the source's databases")


def _sql(value: object) -> object:
    return {"sql": value} if isinstance(value, str) else value


Sql = Annotated[Assertion, BeforeValidator(_sql)]
"""A query, written as a text or with the database it is asked in."""


class SqlProof(Written):
    """How the owner tells that restored data is the data: asked in a drill of level D4, in a scratch copy."""

    assertions: tuple[Sql, ...] = Field((), description="SQL that must be true of the restored data")
    newest: Sql | None = Field(
        None, description="SQL for the time of the newest business record; the measured RPO is reckoned from it"
    )


class SqliteSource(SqlProof):
    """One SQLite database, taken by the online backup API and streamed."""

    kind: Literal["sqlite"]
    path: AbsolutePath
    busy_timeout: Duration = Field("60s", validate_default=True)


class CommandSource(Written):
    """What a program writes to its standard output."""

    kind: Literal["command"]
    argv: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="the program and its arguments; never a shell line"
    )
    filename: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")] | None = Field(
        None, description="the name of the stream in the snapshot; default: the id of the source"
    )
    trailer: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        None,
        description="text that must stand in the last 4 KiB of a whole stream, such as '-- Dump completed'",
    )
    min_bytes: Annotated[int, Field(ge=1)] = 1
    time_limit: Duration = Field("24h", validate_default=True)
    environment: dict[str, SecretRef] = Field(
        default_factory=dict, description="variables for the program, by reference"
    )


class DatabaseSource(SqlProof):
    """What every database server's source has."""

    dsn: SecretRef
    databases: tuple[str, ...] = Field((), description="default: all but the engine's own")
    programs: dict[str, AbsolutePath] = Field(
        default_factory=dict,
        description="the engine's own programs by their usual names, such as pg_dump, where they are not in PATH",
    )
    time_limit: Duration = Field("24h", validate_default=True)


class PostgresqlSource(DatabaseSource):
    """A PostgreSQL server, or one derived from it. ``dsn`` leads to a libpq connection string or URI."""

    kind: Literal["postgresql"]
    format: Literal["custom", "directory"] = Field(
        "custom",
        description="of pg_dump; directory dumps in parallel, and needs room for the dump in the state directory",
    )
    jobs: Annotated[int, Field(ge=1, le=64)] = Field(2, description="parallel dumps (directory) and loads")
    globals: bool = Field(True, description="roles and tablespaces too (pg_dumpall --globals-only)")


class MysqlSource(DatabaseSource):
    """A MySQL or MariaDB server. ``dsn`` leads to ``mysql://user:password@host:port/`` or to an option file's text."""

    kind: Literal["mysql"]


SourceSpec = Annotated[
    FilesSource | SqliteSource | CommandSource | PostgresqlSource | MysqlSource, Field(discriminator="kind")
]


class BucketLock(Written):
    """Object lock asked of the bucket: nobody, or nobody without a special right, deletes for so many days."""

    mode: Literal["governance", "compliance"]
    days: Annotated[int, Field(ge=1, le=36500)]


class RepositorySpec(Written):
    """Where backups go: an exact restic location; ``{tenant}``, ``{system}`` and ``{host}`` are filled in."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    credentials: SecretRef | None = Field(
        None, description="S3 credentials: lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…"
    )
    password: SecretRef | None = Field(
        None, description="the repository's password; default: one Guardian makes and keeps in its state"
    )
    cacert: str | None = Field(None, description="a PEM file with the authority of the storage's certificate")
    lock: BucketLock | None = None
    limit_upload: Annotated[int, Field(ge=1)] | None = Field(None, description="KiB per second")
    limit_download: Annotated[int, Field(ge=1)] | None = Field(None, description="KiB per second")
    connections: Annotated[int, Field(ge=1, le=256)] | None = None
    quota: Size | None = Field(None, description="how much it may grow to, such as 2TiB; metrics and alerts go by it")
    maintain: str = Field("weekly", description="when retention is applied and space is freed")
    posture: str = Field("daily", description="when the storage's own set-up is looked at and tried")
    maintenance_credentials: SecretRef | None = Field(
        None,
        description="S3 credentials of the identity that may delete, for maintenance only; default: those of backups",
    )


class Retention(Written):
    """How many restore points of each age are kept, and what no rule may remove."""

    last: Annotated[int, Field(ge=1)] | None = None
    hourly: Annotated[int, Field(ge=1)] | None = None
    daily: Annotated[int, Field(ge=1)] | None = None
    weekly: Annotated[int, Field(ge=1)] | None = None
    monthly: Annotated[int, Field(ge=1)] | None = None
    yearly: Annotated[int, Field(ge=1)] | None = None
    within: Duration | None = Field(None, description="everything younger than this is kept")
    minimum: Annotated[int, Field(ge=1)] = Field(3, description="of every source so many good ones stay, always")
    max_removal: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="no run removes a larger share of a source's restore points than this"
    )


class Hook(Written):
    """A program to run beside a job; never a shell line. Exit status 75 of one that runs before skips the job."""

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    time_limit: Duration = Field("5m", validate_default=True)


class Hooks(Written):
    """Programs to run before a system's backup, after a good one, and after one that failed."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
    failed: tuple[Hook, ...] = ()


DrillLevel = Literal["K", "D0", "D1", "D2", "D3", "D4", "D5", "D6"]


class Plan(Written):
    """When a system is backed up, what is kept, where it is copied, how often its return is proven."""

    enabled: bool = Field(True, description="false pauses everything that comes round; what is due meanwhile is told")
    schedule: str | None = None
    jitter: Duration | None = Field(
        None, description="runs begin up to so much later, by an amount that is each host's own and stays the same"
    )
    blackout: tuple[str, ...] = Field(
        (), description="when nothing runs, such as 'mon-fri 08:00-18:00'; what is running is interrupted and resumed"
    )
    priority: Annotated[int, Field(ge=0, le=100)] = Field(
        50, description="of systems that are due, the higher is first"
    )
    hooks: Hooks = Hooks()
    retention: Retention | None = None
    copy_to: tuple[Id, ...] = ()
    drills: dict[DrillLevel, str] = Field(default_factory=dict)
    rotation: Duration = Field(
        "30d", validate_default=True, description="drills of level D2 read every stored byte within this time"
    )


class System(Written):
    """A service with an owner, a protection level and objectives."""

    name: LocalText | None = None
    owner: str | None = None
    mlps_level: Annotated[int, Field(ge=1, le=5)] | None = Field(
        None, description="MLPS 2.0 (GB/T 22240) protection level"
    )
    objectives: Objectives = Objectives()
    depends_on: tuple[Id, ...] = ()
    repository: Id | None = Field(
        None, description="default: 'main', or the only repository that is not a copy's target"
    )
    legal_hold: str | None = Field(
        None, description="why nothing of this system may be removed for now; whatever the retention says"
    )
    sources: Annotated[dict[Id, SourceSpec], Field(min_length=1)]
    plan: Plan = Plan()
