"""What is stated of this host's systems, read: its configuration, its log, its storages and their identities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from guardian.baseline.cloud import read_identities, read_storage
from guardian.baseline.facts import s3
from guardian.baseline.facts.access_policy import parse as parse_policy
from guardian.baseline.facts.protection_log import Story
from guardian.baseline.facts.protection_node import read_story
from guardian.baseline.facts.unread import is_unread, unread
from guardian.baseline.survival.rights import Identity
from guardian.baseline.survival.stated import Account, Bucket, Custody, Place, Stated
from guardian.config.loaded import ResolvedRepository
from guardian.config.secrets import credentials
from guardian.errors import GuardianError, Interrupted
from guardian.model.address import S3Address
from guardian.model.scan_target import S3Target
from guardian.node import Node
from guardian.objectstore.service import Service

_WANTED = frozenset({"versioning", "lock", "encryption", "policy", "acl"})
_EVERYTHING = parse_policy({"Statement": {"Sid": "all", "Effect": "Allow", "Action": "*", "Resource": "*"}})


@dataclass(slots=True)
class _Read:
    """What was read so far, each once. ``story`` is the log's, or why it could not be read."""

    node: Node
    story: Story | str
    accounts: dict[str, Account] = field(default_factory=dict)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    """By endpoint: the last characters of an access key, and whose it is."""
    buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    @property
    def targets(self) -> dict[str, S3Target]:
        """The storages of ``scan.targets`` by where they answer."""
        found = self.node.loaded.config.scan.targets.values()
        return {one.endpoint.rstrip("/"): one for one in found if isinstance(one, S3Target)}


def read_stated(node: Node) -> Iterator[Stated]:
    """What is stated of every configured system. Raises Interrupted; what cannot be read is stated as unread."""
    read = _Read(node, read_story(node))
    for name in node.loaded.config.systems:
        repositories = _of_system(node, name)
        places = tuple(_place(read, one) for one in repositories)
        endpoints = {place.bucket.endpoint for place in places if place.bucket is not None}
        yield Stated(
            system=name,
            host=node.host,
            places=places,
            custody={one.key: _custody(read.story, one) for one in repositories},
            accounts=tuple(read.accounts[endpoint] for endpoint in sorted(endpoints)),
        )


def _of_system(node: Node, name: str) -> list[ResolvedRepository]:
    targets = node.loaded.targets((name,))
    found = {target.key: node.loaded.repository(target) for target in targets}
    return list({**found, **{copy.key: copy for target in targets for copy in node.loaded.copies(target)}}.values())


def _place(read: _Read, one: ResolvedRepository) -> Place:
    known = read.story.storage(one.key) if isinstance(read.story, Story) else None
    plain = Place(one.key, one.kind, on_host=one.kind == "local", held=known.immutable if known else None)
    if one.s3 is None:
        return plain
    _look(read, one, one.s3)
    return Place(
        key=one.key,
        kind=one.kind,
        bucket=read.buckets[one.s3.endpoint, one.s3.bucket],
        prefix=one.s3.prefix,
        identities=tuple(_identities(read, one, one.s3)),
        held=plain.held,
        locked_days=unread("the log cannot be read")
        if known is None
        else _days(known.lock_until, read.node.clock.now()),
    )


def _days(until: str | None, now: datetime) -> int | None:
    """Whole days until the first lock ends that a live restore point needs; None: nobody looked, or one has no lock."""
    return None if until is None else max(0, (datetime.fromisoformat(until) - now).days)


def _custody(story: Story | str, one: ResolvedRepository) -> Custody:
    elsewhere = (one.spec.password or "").startswith("command:")
    if isinstance(story, str):
        return Custody(unread(story), elsewhere=elsewhere)
    standing = story.escrows.standings().get(one.key)
    if standing is None or standing.stale:
        return Custody(elsewhere=elsewhere)
    return Custody(standing.shares, standing.threshold, elsewhere)


# storages


def _look(read: _Read, one: ResolvedRepository, address: S3Address) -> None:
    """Read the bucket of a repository, and the identities of its storage where a target of the configuration is it."""
    place = (address.endpoint, address.bucket)
    if place in read.buckets:
        return
    target = read.targets.get(address.endpoint)
    try:
        facts, account = _read_place(read, one, address, target)
    except Interrupted:
        raise
    except GuardianError as error:
        facts, account = dict.fromkeys(_WANTED, unread(str(error))), unread(str(error))
    read.buckets[place] = Bucket(address.bucket, address.endpoint, facts)
    if address.endpoint not in read.accounts:
        read.accounts[address.endpoint], read.ids[address.endpoint] = account_of(address.endpoint, account)


def _read_place(
    read: _Read, one: ResolvedRepository, address: S3Address, target: S3Target | None
) -> tuple[Mapping[str, Any], Any]:
    node = read.node
    reference = target.credentials if target else one.spec.credentials
    secrets = credentials(reference, node.loaded.base) if reference else {}
    cacert = (target and target.cacert) or (str(one.cacert) if one.cacert else None)
    service = Service(address.endpoint, address.host, target.region if target else "us-east-1", cacert, s3.THREADS)
    wish = s3.Wish(_WANTED, {address.bucket: "backup"}, listing=False)
    found = read_storage(address, service, secrets, (wish, node))
    if target is None or not target.identities:
        return found.facts[address.bucket], unread("no target of scan.targets reads its identities")
    known = address.endpoint in read.accounts
    return found.facts[address.bucket], {} if known else read_identities(target, service, secrets, node)


def _identities(read: _Read, one: ResolvedRepository, address: S3Address) -> Iterator[str]:
    """Whose keys lie on this host for a repository: by name where the storage told, else by what they are for."""
    told = read.ids[address.endpoint]
    for reference, use in ((one.spec.credentials, ""), (one.spec.maintenance_credentials, " (maintenance)")):
        if reference is None:
            continue
        try:
            key = credentials(reference, read.node.loaded.base)["AWS_ACCESS_KEY_ID"].reveal().decode("utf-8", "replace")
        except GuardianError:
            key = ""  # they cannot be read now, and whoever has the host may come to read them
        yield told.get(key[-4:], f"keys of {one.key}{use}")


def account_of(endpoint: str, facts: Any) -> tuple[Account, dict[str, str]]:
    """The account that the facts of an ``s3-account`` tell of, and whose each access key is."""
    problem = next((part["$err"] for part in (facts, *_parts(facts)) if is_unread(part)), "")
    if problem:
        return Account(endpoint, unread=problem), {}
    users = [
        _identity(
            one["name"], one["arn"], facts["policies"], {f"user:{one['name']}", *(f"group:{g}" for g in one["groups"])}
        )
        for one in facts["users"]
    ]
    roles = [_identity(one["name"], one["arn"], facts["policies"], {f"role:{one['name']}"}) for one in facts["roles"]]
    states = {one["name"]: _alive(one) for one in facts["users"]}
    account = Account(
        endpoint=endpoint,
        identities=(*users, *roles),
        trusts={one["name"]: one["trusts"] for one in facts["roles"]},
        users=tuple(name for name, alive in states.items() if alive is True),
        perhaps=tuple(name for name, alive in states.items() if alive is None),
    )
    keys = [
        (key["id"][-4:], one["name"]) for one in facts["users"] if not is_unread(one["keys"]) for key in one["keys"]
    ]
    return account, dict(keys)


def _parts(facts: Any) -> list[Any]:
    return [] if is_unread(facts) else [facts[part] for part in ("users", "roles", "policies")]


def _alive(user: Mapping[str, Any]) -> bool | None:
    """Whether somebody can be this user; None where that could not be read."""
    found = [user["active_keys"], user["password"]]
    if any(not is_unread(one) and one for one in found):
        return True
    return None if any(is_unread(one) for one in found) else False


def _identity(name: str, arn: str, policies: list[dict[str, Any]], holders: set[str]) -> Identity:
    mine = [policy for policy in policies if holders.intersection(policy["holders"])]
    statements: list[Mapping[str, Any]] = []
    hidden: set[str] = set()
    for policy in mine:
        if not is_unread(policy["statements"]):
            statements += policy["statements"]
        elif not is_unread(policy["everything"]) and policy["everything"]:
            statements += _EVERYTHING  # the provider's own policy for administrators: its name says what it is
        else:
            hidden.add(f"policy {policy['name']}")
    return Identity(name, arn, tuple(statements), frozenset(hidden))
