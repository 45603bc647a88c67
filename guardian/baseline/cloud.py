"""What a configuration makes worth looking at beyond hosts and servers: storages, clusters, exports, protection."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from guardian.baseline.fact import hole
from guardian.baseline.facts import document, kubernetes, s3
from guardian.baseline.facts.document_files import read_paths
from guardian.baseline.facts.iam_account import read_account
from guardian.baseline.facts.protection_node import read_systems
from guardian.baseline.facts.unread import is_unread, unread
from guardian.baseline.protection_policy import policies
from guardian.baseline.targets import Collect, Needed, Provider
from guardian.config.secrets import credentials
from guardian.errors import Unavailable
from guardian.i18n import _
from guardian.model.address import S3Address, parse
from guardian.model.finding import CollectorRun, Json, TargetKind, TargetRef
from guardian.model.scan_target import DocumentTarget, KubernetesTarget, S3Target
from guardian.node import Node
from guardian.objectstore.account import Account
from guardian.objectstore.patience import within
from guardian.objectstore.service import Service, open_service

Found = Iterator[tuple[TargetRef, Json, tuple[CollectorRun, ...]]]

_NOT_ASKED = "not asked: no rule needs it"
_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


def cloud_places(node: Node) -> Iterator[Provider]:
    """The protection of this host's systems, the buckets of its repositories, and targets of the kinds told here."""
    yield Provider("protection", ("protection",), lambda: _protection(node))
    targets = node.loaded.config.scan.targets
    for name, target in targets.items():
        match target:
            case S3Target():
                yield _storage(node, name, target)
            case KubernetesTarget():
                yield Provider(name, ("kubernetes",), _later(_kubernetes, node, name, target))
            case DocumentTarget():
                yield Provider(name, ("document",), _later(_document, node, name, target))
            case _:
                pass
    yield from _repositories(node, {target.endpoint for target in targets.values() if isinstance(target, S3Target)})


def _later(collect: Callable[..., Found], *given: Any) -> Collect:
    return lambda: collect(*given)


def _protection(node: Node) -> Found:
    for name, facts in read_systems(node, policies()):
        yield TargetRef(kind="protection", id=name), facts, (_run("protection", facts),)


def _kubernetes(node: Node, name: str, target: KubernetesTarget) -> Found:
    documents = read_paths([node.loaded.resolve(path) for path in target.paths], node.heed)
    empty = True
    for what, facts in kubernetes.views(documents):
        empty = False
        labels = {**target.labels, "cluster": name}
        yield _ref("kubernetes", f"{name}/{what}", labels), facts, (_run("kubernetes", facts),)
    if empty:
        raise Unavailable(_("there is no Kubernetes object in {names}").format(names=", ".join(target.paths)[:200]))


def _document(node: Node, name: str, target: DocumentTarget) -> Found:
    facts = document.facts(list(read_paths([node.loaded.resolve(target.path)], node.heed)))
    yield _ref("document", name, target.labels), facts, (_run("document", facts),)


# storages


def _storage(node: Node, name: str, target: S3Target) -> Provider:
    kinds: tuple[TargetKind, ...] = ("s3-bucket", "s3-account") if target.identities else ("s3-bucket",)
    address = parse(f"s3:{target.endpoint.rstrip('/')}/any")  # only the server counts
    roles = {one.bucket: "backup" for one in _addresses(node) if one.endpoint == address.endpoint}

    def sparing(needed: Needed) -> Collect:
        people = any(path[:1] == ("account",) for path in needed)
        wish = s3.Wish(wanted_of(needed), roles)
        return lambda: _storage_facts(node, (name, target, address), wish, people=people)

    return Provider(name, kinds, sparing(_EVERY), sparing)


_EVERY: Needed = frozenset({("bucket", fact) for fact in s3.EVERY} | {("account",)})


def wanted_of(needed: Needed) -> frozenset[str]:
    """The facts of a bucket that have to be asked for; all where a rule reads all."""
    named = {path[1] for path in needed if path[:1] == ("bucket",) and len(path) > 1}
    return s3.EVERY if ("bucket",) in needed else s3.EVERY & named


def _storage_facts(node: Node, place: tuple[str, S3Target, S3Address], wish: s3.Wish, *, people: bool) -> Found:
    name, target, address = place
    wish = replace(wish, seconds=target.time_limit.total_seconds())
    secrets = credentials(target.credentials, node.loaded.base)
    service = Service(address.endpoint, address.host, target.region, target.cacert, s3.THREADS)
    labels = {**target.labels, "endpoint": address.authority}
    with Account(address, service, secrets) as account:
        listing = s3.list_buckets(account, wish)
        if target.identities:
            identities = read_identities(target, service, secrets, node) if people else unread(_NOT_ASKED)
            facts = {"buckets": listing.listed, "account": identities}
            yield _ref("s3-account", name, labels), facts, (_run("s3-account", facts),)
        yield from _bucket_views(name, labels, s3.read_each(account, listing, wish, node.heed))
    if is_unread(listing.listed):
        # There are buckets that nobody sees: their verdicts do not vanish.
        raise Unavailable(_("the buckets cannot be listed: {why}").format(why=listing.listed["$err"]))


def read_storage(
    address: S3Address, service: Service, secrets: Mapping[str, Any], by: tuple[s3.Wish, Node]
) -> s3.Buckets:
    """The buckets at ``address``'s server, as the wish in ``by`` has it."""
    wish, node = by
    with Account(address, service, secrets) as account:
        return s3.read_buckets(account, wish, node.heed)


def read_identities(target: S3Target, service: Service, secrets: Mapping[str, Any], node: Node) -> Any:
    """The identities of a storage's account."""
    place = target.iam or (None if service.host.endswith(_AMAZON) else service.endpoint)
    client = open_service("iam", replace(service, endpoint=place), secrets)
    seconds = target.time_limit.total_seconds()
    try:
        return within(seconds, lambda: read_account(client, node.heed))
    except TimeoutError:
        return unread(f"timeout after {seconds:.0f} s")
    finally:
        client.close()


def _bucket_views(name: str, labels: Mapping[str, str], read: Iterable[tuple[str, dict[str, Any]]]) -> Found:
    for bucket, facts in read:
        role = {"role": facts["role"]} if facts["role"] else {}
        tree = {"bucket": facts}
        yield _ref("s3-bucket", f"{name}/{bucket}", {**role, **labels}), tree, (_run("s3-bucket", tree),)


# the buckets of repositories, with the keys of backups: what these may not see is unknown


def _addresses(node: Node) -> list[S3Address]:
    return [one.s3 for one in node.loaded.repositories() if one.s3 is not None]


def _repositories(node: Node, covered: set[str]) -> Iterator[Provider]:
    """One provider for each bucket that no storage of ``scan.targets`` covers."""
    there = {endpoint.rstrip("/") for endpoint in covered}
    told: set[tuple[str, str]] = set()
    for one in node.loaded.repositories():
        if one.s3 is None or one.spec.credentials is None:
            continue
        bucket = (one.s3.endpoint, one.s3.bucket)
        if one.s3.endpoint in there or bucket in told:
            continue
        told.add(bucket)

        def sparing(needed: Needed, key: str = one.key) -> Collect:
            return lambda: _repository(node, key, wanted_of(needed))

        yield Provider(f"repository:{one.key}", ("s3-bucket",), sparing(_EVERY), sparing)


def _repository(node: Node, key: str, wanted: frozenset[str]) -> Found:
    one = node.loaded.repository(key)
    if one.s3 is None or one.spec.credentials is None:
        return
    secrets = credentials(one.spec.credentials, node.loaded.base)
    cacert = str(one.cacert) if one.cacert else None
    service = Service(one.s3.endpoint, one.s3.host, "us-east-1", cacert, s3.THREADS)
    wish = s3.Wish(wanted, {one.s3.bucket: "backup"}, listing=False)
    read = read_storage(one.s3, service, secrets, (wish, node))
    yield from _bucket_views(f"repository:{key}", {"endpoint": one.s3.authority}, read.facts.items())


def _ref(kind: TargetKind, name: str, labels: Mapping[str, str]) -> TargetRef:
    return TargetRef(kind=kind, id=name[:253], labels=dict(labels))


def _run(name: str, facts: Json) -> CollectorRun:
    return CollectorRun(name=name, outcome="complete" if hole(facts) is None else "partial")
