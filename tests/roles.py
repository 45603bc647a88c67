"""A SeaweedFS whose identities have exactly the rights that ``guardian posture policy`` prints, one for each role.

It enforces policies and object lock together: a thief of one of these keys is held to what the storage allows.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from guardian.demo.server import SeaweedFS
from guardian.model.address import S3Address
from guardian.model.protection import BucketLock
from guardian.model.secret import Secret
from guardian.objectstore.policies import policy
from guardian.objectstore.s3 import S3Store

BUCKET = "backups"
ROLES = ("agent", "maintenance", "auditor")


@dataclass(frozen=True, slots=True)
class Realm:
    """The server and the keys of its identities: ``owner``, and each role for the prefixes it was made with."""

    server: SeaweedFS
    folder: Path
    keys: dict[str, tuple[str, str]]

    def address(self, prefix: str) -> S3Address:
        return self.server.address(BUCKET, prefix)

    def secrets(self, name: str) -> dict[str, Secret]:
        """The key of an identity (``owner``, ``agent@PREFIX``), as stores take it."""
        key = self.keys[name]
        return {"AWS_ACCESS_KEY_ID": Secret(key[0].encode()), "AWS_SECRET_ACCESS_KEY": Secret(key[1].encode())}

    def file(self, name: str) -> Path:
        """The key of an identity in a credentials file."""
        path = self.folder / f"credentials-{name.replace('/', '-')}"
        key = self.keys[name]
        path.write_text(f"AWS_ACCESS_KEY_ID={key[0]}\nAWS_SECRET_ACCESS_KEY={key[1]}\n")
        path.chmod(0o600)
        return path

    def client(self, name: str) -> Any:
        """A bare client with an identity's key, as an attacker would use it."""
        key = self.keys[name]
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
        )


@contextmanager
def realm(folder: Path, prefixes: tuple[str, ...], lock: BucketLock) -> Iterator[Realm]:
    """A server with one locked bucket, and for every prefix an identity of each role."""
    keys = {"owner": (secrets.token_hex(10), secrets.token_hex(32))}
    identities: list[Any] = [
        _identity("owner", keys["owner"], {"actions": ["Admin", "Read", "Write", "List", "Tagging"]})
    ]
    policies: list[Any] = []
    for prefix in prefixes:
        for role in ROLES:
            name = f"{role}@{prefix}"
            keys[name] = (secrets.token_hex(10), secrets.token_hex(32))
            document = policy(role, "seaweedfs", (BUCKET, prefix))
            held = f"{role}-{prefix.replace('/', '-')}"
            policies.append({"name": held, "content": document["policies"][0]["content"]})
            identities.append(_identity(held, keys[name], {"policyNames": [held]}))
    (folder / "s3").mkdir(mode=0o700)
    (folder / "s3" / "identities.json").write_text(json.dumps({"identities": identities, "policies": policies}))
    with SeaweedFS.start(folder / "s3") as server:
        made = Realm(server, folder, keys)
        with S3Store(server.address(BUCKET), made.secrets("owner")) as store:
            store.ensure_bucket(lock)
        yield made


def _identity(name: str, key: tuple[str, str], more: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": key[0], "secretKey": key[1]}], **more}


def move(site: Any, address: S3Address, client: Any, credentials: Path) -> Any:
    """Bring the local repository of ``site`` into a bucket: its key is cheap to derive, as no new one's is."""
    for path in sorted(site.repository.rglob("*")):
        if path.is_file():
            key = f"{address.prefix}/{path.relative_to(site.repository)}"
            client.put_object(Bucket=address.bucket, Key=key, Body=path.read_bytes())
    site.url, site.credentials = address.location, credentials
    site.config["repositories"]["main"] = {"url": site.url, "credentials": f"file:{credentials}"}
    site.write()
    return site


def append_only(site: Any, realm: Realm, prefix: str, lock: BucketLock) -> Any:
    """``site`` as the guide sets it up: it backs up with the agent's key, and maintenance has one of its own."""
    main = site.config["repositories"]["main"]
    main["lock"] = {"mode": lock.mode, "days": lock.days}
    main["credentials"] = f"file:{realm.file(f'agent@{prefix}')}"
    main["maintenance_credentials"] = f"file:{realm.file(f'maintenance@{prefix}')}"
    site.credentials = realm.file(f"agent@{prefix}")
    site.write()
    return site


def moved(site: Any, realm: Realm, prefix: str, lock: BucketLock) -> Any:
    """A host with a local repository, brought into the realm and set up append-only."""
    address = realm.address(prefix)
    move(site, address, realm.client(f"maintenance@{prefix}"), realm.file(f"agent@{prefix}"))
    return append_only(site, realm, prefix, lock)
