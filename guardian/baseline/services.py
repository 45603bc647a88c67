"""Services worth looking at: databases that are backed up, what ``scan.targets`` names, what lies below a root."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from guardian.baseline.fact import ERR, hole
from guardian.baseline.facts import mysql, nginx, postgresql, redis, tls
from guardian.baseline.facts.reading import Host, Tree
from guardian.baseline.facts.root import Root
from guardian.baseline.targets import Provider
from guardian.config.secrets import resolve
from guardian.errors import Unavailable
from guardian.model.finding import CollectorRun, Json, TargetKind, TargetRef
from guardian.model.protection import MysqlSource, PostgresqlSource
from guardian.model.scan_target import MysqlTarget, NginxTarget, PostgresqlTarget, RedisTarget, TlsTarget
from guardian.model.secret import Secret
from guardian.node import Node

NGINX_CONFIG: Final = "/etc/nginx/nginx.conf"
REDIS_CONFIGS: Final = ("/etc/redis/redis.conf", "/etc/redis.conf", "/etc/redis/6379.conf", "/etc/valkey/valkey.conf")
"""Where distributions put them: looked for below a root, where no configuration of ours says."""

Service = PostgresqlTarget | MysqlTarget | RedisTarget | NginxTarget | TlsTarget
Found = Iterator[tuple[TargetRef, Json, tuple[CollectorRun, ...]]]


def service_places(node: Node) -> Iterator[Provider]:
    """The database servers of this host's sources, each as ``SYSTEM/SOURCE``, and the services of ``scan.targets``."""
    config = node.loaded.config
    for system_id, system in config.systems.items():
        for source_id, source in system.sources.items():
            if isinstance(source, PostgresqlSource | MysqlSource):
                yield _provider(f"{system_id}/{source_id}", source.kind, {}, _database(node, source))
    for name, target in config.scan.targets.items():
        if isinstance(target, Service):
            yield _provider(name, target.kind, target.labels, _collector(node, target))


def services_below(root: Root, name: str) -> Iterator[Provider]:
    """nginx and Redis, where their files lie below ``root``; ``name`` is the host's."""
    host = Host(root)
    if host.exists(NGINX_CONFIG):
        yield _provider(f"{name}/nginx", "nginx", {}, lambda: nginx.collect(nginx.Options(host=host)))
    for path in REDIS_CONFIGS:
        if host.exists(path):
            options = redis.Options(config=path, host=host)
            yield _provider(f"{name}/redis", "redis", {}, partial(redis.collect, options))
            return


def _provider(name: str, kind: TargetKind, labels: Mapping[str, str], collect: Callable[[], Tree]) -> Provider:
    return Provider(name, (kind,), lambda: _looked(TargetRef(kind=kind, id=name, labels=dict(labels)), collect))


def _looked(target: TargetRef, collect: Callable[[], Tree]) -> Found:
    facts = collect()
    for part in facts.values():
        if isinstance(part, dict) and ERR in part:
            raise Unavailable(str(part[ERR]))
    yield target, facts, (CollectorRun(name=target.kind, outcome="partial" if hole(facts) else "complete"),)


def _collector(node: Node, target: Service) -> Callable[[], Tree]:
    match target:
        case RedisTarget():
            return lambda: redis.collect(_redis(node, target))
        case NginxTarget():
            return lambda: nginx.collect(nginx.Options(target.config, target.program))
        case TlsTarget():
            return lambda: tls.collect(_tls(node, target))
        case _:
            return _database(node, target)


def _database(node: Node, spec: PostgresqlTarget | MysqlTarget | PostgresqlSource | MysqlSource) -> Callable[[], Tree]:
    limited = isinstance(spec, PostgresqlTarget | MysqlTarget)
    seconds = spec.time_limit.total_seconds() if limited else 60.0  # a source's limit is that of its dump

    def collect() -> Tree:
        dsn = resolve(spec.dsn, node.loaded.base)
        if isinstance(spec, PostgresqlTarget | PostgresqlSource):
            return postgresql.collect(postgresql.Options(dsn, spec.programs, seconds, clock=node.clock, stop=node.stop))
        return mysql.collect(mysql.Options(dsn, spec.programs, seconds, clock=node.clock, stop=node.stop))

    return collect


def _redis(node: Node, target: RedisTarget) -> redis.Options:
    return redis.Options(
        address=target.address,
        socket=target.socket,
        user=target.user,
        password=_secret(node, target.password),
        tls=target.tls,
        cacert=target.cacert,
        config=target.config,
        seconds=target.time_limit.total_seconds(),
        clock=node.clock,
    )


def _tls(node: Node, target: TlsTarget) -> tls.Options:
    seconds = target.time_limit.total_seconds()
    return tls.Options(target.address, target.server_name, target.starttls, target.cacert, seconds, node.clock)


def _secret(node: Node, reference: str | None) -> Secret | None:
    return None if reference is None else resolve(reference, node.loaded.base)
