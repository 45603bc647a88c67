"""Whether an identity may delete in a repository: asked before restic tries for minutes.

The question is a request to delete an object that does not exist. Who may delete is told that it is gone, who may not
is refused, and nothing has changed either way.
"""

import secrets
from dataclasses import dataclass
from typing import Literal

from guardian.config.secrets import credentials
from guardian.model.reason import Reason, reason
from guardian.node import Node

Identity = Literal["backup", "maintenance"]


@dataclass(frozen=True, slots=True)
class Right:
    """Whether ``identity`` may delete: True, False, or None where only trying tells. ``said``: the storage's word."""

    identity: Identity
    allowed: bool | None
    said: str = ""


def may_delete(node: Node, key: str) -> Right:
    """Ask the storage of the repository ``key``. Raises StorageUnreachable, ConfigError for bad credentials."""
    repository = node.loaded.repository(key)
    spec = repository.spec
    identity: Identity = "maintenance" if spec.maintenance_credentials else "backup"
    named = spec.maintenance_credentials or spec.credentials
    if repository.s3 is None or named is None:
        return Right(identity, None)
    from guardian.objectstore.bucket import open_bucket  # noqa: PLC0415  boto3 is heavy

    cacert = str(repository.cacert) if repository.cacert else None
    nobody = secrets.token_hex(32)
    with open_bucket(repository.s3, credentials(named, node.loaded.base), cacert) as bucket:
        said = bucket.ask(
            lambda: bucket.client.delete_object(Bucket=bucket.name, Key=f"{bucket.prefix}snapshots/{nobody}")
        )
    if said.done:
        return Right(identity, allowed=True)
    return Right(identity, allowed=False if said.refused else None, said=said.code)


def refused(right: Right) -> Reason:
    """Why an identity without the right removes nothing."""
    code = "delete-refused-backup" if right.identity == "backup" else "delete-refused-maintenance"
    return reason(code, "warning", said=right.said)
