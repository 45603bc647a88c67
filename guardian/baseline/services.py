"""Services worth looking at: databases that are backed up, and what ``scan.targets`` names."""

from collections.abc import Callable, Iterator

from guardian.baseline.facts import mysql, nginx, postgresql, redis, tls
from guardian.baseline.facts.reading import Tree
from guardian.baseline.services_below import served_by
from guardian.baseline.targets import Provider
from guardian.config.secrets import resolve
from guardian.model.protection import MysqlSource, PostgresqlSource
from guardian.model.scan_target import MysqlTarget, NginxTarget, PostgresqlTarget, RedisTarget, TlsTarget
from guardian.model.secret import Secret
from guardian.node import Node

Service = PostgresqlTarget | MysqlTarget | RedisTarget | NginxTarget | TlsTarget


def service_places(node: Node) -> Iterator[Provider]:
    """The database servers of this host's sources, each as ``SYSTEM/SOURCE``, and the services of ``scan.targets``."""
    config = node.loaded.config
    for system_id, system in config.systems.items():
        for source_id, source in system.sources.items():
            if isinstance(source, PostgresqlSource | MysqlSource):
                yield served_by(f"{system_id}/{source_id}", source.kind, {}, _database(node, source))
    for name, target in config.scan.targets.items():
        if isinstance(target, Service):
            yield served_by(name, target.kind, target.labels, _collector(node, target))


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
