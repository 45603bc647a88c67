"""Services that are found by their files below a root, where no configuration of ours names them."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from guardian.baseline.fact import ERR, hole
from guardian.baseline.facts import nginx, redis
from guardian.baseline.facts.reading import Host, Tree
from guardian.baseline.facts.root import Root
from guardian.baseline.targets import Provider
from guardian.errors import Unavailable
from guardian.model.finding import CollectorRun, Json, TargetKind, TargetRef

NGINX_CONFIG: Final = "/etc/nginx/nginx.conf"
REDIS_CONFIGS: Final = ("/etc/redis/redis.conf", "/etc/redis.conf", "/etc/redis/6379.conf", "/etc/valkey/valkey.conf")
"""Where distributions put them: looked for below a root."""

Found = Iterator[tuple[TargetRef, Json, tuple[CollectorRun, ...]]]


def services_below(root: Root, name: str) -> Iterator[Provider]:
    """nginx and Redis, where their files lie below ``root``; ``name`` is the host's."""
    host = Host(root)
    if host.exists(NGINX_CONFIG):
        yield served_by(f"{name}/nginx", "nginx", {}, lambda: nginx.collect(nginx.Options(host=host)))
    for path in REDIS_CONFIGS:
        if host.exists(path):
            options = redis.Options(config=path, host=host)
            yield served_by(f"{name}/redis", "redis", {}, partial(redis.collect, options))
            return


def served_by(name: str, kind: TargetKind, labels: Mapping[str, str], collect: Callable[[], Tree]) -> Provider:
    """The provider of one service's facts; one that gives nothing but a reason could not be looked at."""
    return Provider(name, (kind,), lambda: _looked(TargetRef(kind=kind, id=name, labels=dict(labels)), collect))


def _looked(target: TargetRef, collect: Callable[[], Tree]) -> Found:
    facts = collect()
    for part in facts.values():
        if isinstance(part, dict) and ERR in part:
            raise Unavailable(str(part[ERR]))
    yield target, facts, (CollectorRun(name=target.kind, outcome="partial" if hole(facts) else "complete"),)
