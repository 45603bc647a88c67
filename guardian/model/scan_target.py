"""What a scan looks at beside this host: the nouns of ``scan.targets``, told apart by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guardian.model.border import Duration, Id, Written
from guardian.model.protection import AbsolutePath, SecretRef

Endpoint = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?):[0-9]{1,5}$")
]
"""Where a service answers: ``HOST:PORT`` or ``[IPV6]:PORT``."""

Labels = Annotated[dict[Id, Annotated[str, StringConstraints(max_length=200)]], Field(max_length=32)]


class AnyTarget(Written):
    """What every target has."""

    labels: Labels = Field(
        default_factory=dict, description="what rules and waivers may tell targets apart by, such as role: backup"
    )


class ServerTarget(AnyTarget):
    """What every server has that is asked over a connection."""

    time_limit: Duration = Field("60s", validate_default=True, description="for all that is asked in one look")


class DatabaseTarget(ServerTarget):
    """What every database server has."""

    dsn: SecretRef = Field(description="the connection, as for a source; a role that may only read is enough")
    programs: dict[str, AbsolutePath] = Field(
        default_factory=dict, description="the engine's own client by its usual name, where it is not in PATH"
    )


class PostgresqlTarget(DatabaseTarget):
    """A PostgreSQL server. With the roles ``pg_monitor`` and ``pg_read_all_settings`` nearly all can be read."""

    kind: Literal["postgresql"]


class MysqlTarget(DatabaseTarget):
    """A MySQL or MariaDB server. ``SELECT`` on the schema ``mysql``, ``PROCESS`` and ``SHOW DATABASES`` are enough."""

    kind: Literal["mysql"]


class RedisTarget(ServerTarget):
    """A Redis server, or one that speaks its protocol: asked where it answers, or its configuration file, or both."""

    kind: Literal["redis"]
    address: Endpoint | None = Field(None, description="HOST:PORT")
    socket: AbsolutePath | None = Field(None, description="the path of its socket, instead of an address")
    user: str | None = Field(None, description="default: the default user")
    password: SecretRef | None = None
    tls: bool = False
    cacert: AbsolutePath | None = Field(None, description="a PEM file with the authority of the server's certificate")
    config: AbsolutePath | None = Field(
        None, description="its configuration file: read where nobody answers, and for what the server does not tell"
    )


class NginxTarget(AnyTarget):
    """An nginx on this host, by the files of its configuration and, where it is installed, ``nginx -T``."""

    kind: Literal["nginx"]
    config: AbsolutePath = "/etc/nginx/nginx.conf"
    program: AbsolutePath | None = Field(None, description="default: nginx in PATH or /usr/sbin")


class TlsTarget(ServerTarget):
    """A place where TLS is spoken, as seen from outside: its certificate, protocols and ciphers."""

    kind: Literal["tls"]
    address: Endpoint
    server_name: str | None = Field(None, description="the name asked for; default: the host of the address")
    starttls: Literal["postgresql"] | None = Field(None, description="TLS begins after a word of this protocol")
    cacert: AbsolutePath | None = Field(
        None, description="a PEM file with the authority its certificate must come from; default: the system's"
    )


ServiceUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(:[0-9]{1,5})?/?$")
]
"""Where a service of a cloud answers: ``https://HOST[:PORT]``."""


class S3Target(AnyTarget):
    """A storage that speaks S3: all its buckets, and the identities of its account where it has an IAM service."""

    kind: Literal["s3"]
    endpoint: ServiceUrl
    credentials: SecretRef = Field(
        description="lines AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=… of an identity that may only read"
    )
    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    cacert: AbsolutePath | None = Field(None, description="a PEM file with the authority of the storage's certificate")
    identities: bool = Field(True, description="look at the account's users, keys, roles and policies too")
    iam: ServiceUrl | None = Field(
        None, description="where its IAM service answers; default: at the same place, for Amazon's at Amazon's"
    )
    time_limit: Duration = Field("10m", validate_default=True, description="for all buckets together")


class KubernetesTarget(AnyTarget):
    """Objects of a Kubernetes cluster, as manifests or as ``kubectl get -o json`` gives them."""

    kind: Literal["kubernetes"]
    paths: Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(min_length=1)] = Field(
        description="files, and folders of which every .yaml, .yml and .json is read"
    )


class DocumentTarget(AnyTarget):
    """An export of any system's configuration, JSON or YAML, to write rules of your own for."""

    kind: Literal["document"]
    path: Annotated[str, StringConstraints(min_length=1)]


ScanTarget = Annotated[
    PostgresqlTarget
    | MysqlTarget
    | RedisTarget
    | NginxTarget
    | TlsTarget
    | S3Target
    | KubernetesTarget
    | DocumentTarget,
    Field(discriminator="kind"),
]
