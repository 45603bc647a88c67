"""A thief with this host's credentials and password tries to destroy history, and so does the bucket's owner.

What was verified before is read out of the bucket as it was then, and is whole.
"""

import importlib.util
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.decoder.repository import open_repository
from guardian.keys import passwords
from guardian.model.protection import BucketLock
from guardian.objectstore.asof import AsOfReader

LOCK = BucketLock(mode="compliance", days=7)
PREFIX = "agency/host-1"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


roles = _module("roles")
sites = _module("site")


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with roles.realm(tmp_path_factory.mktemp("realm"), (PREFIX,), LOCK) as made:
        yield made


@dataclass(frozen=True, slots=True)
class Host:
    """A host set up append-only, and the ``moment`` when its newest backup had been verified; all else came later."""

    site: Any
    moment: datetime
    realm: Any

    def past(self) -> AsOfReader:
        """The repository as it was then, with the key of an auditor."""
        return AsOfReader(self.realm.address(PREFIX), self.realm.secrets(f"auditor@{PREFIX}"), self.moment)

    @property
    def password(self) -> Any:
        return passwords.load(self.site.state / "keys" / "main.password")


@pytest.fixture(scope="module")
def host(realm: Any, initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> Host:
    site = sites.copy(initialised, tmp_path_factory.mktemp("host") / "site")
    roles.moved(site, realm, PREFIX, LOCK)
    assert site.guardian("backup", "app/docs").code == 0
    said = site.guardian("verify", "app/docs", "--full")
    assert said.code == 0, said
    moment = datetime.now(UTC)
    time.sleep(1.1)  # the storage tells times in seconds
    return Host(site, moment, realm)


class Thief:
    """Whoever holds a key of the storage and does the worst that it lets him."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.refused: dict[str, set[str]] = {}
        self.done: dict[str, set[str]] = {}

    def keys(self) -> list[str]:
        answer = self._client.list_objects_v2(Bucket=roles.BUCKET, Prefix=f"{PREFIX}/")
        return [item["Key"] for item in answer.get("Contents", ())]

    def versions(self) -> list[tuple[str, str]]:
        answer = self._client.list_object_versions(Bucket=roles.BUCKET, Prefix=f"{PREFIX}/")
        return [(v["Key"], v["VersionId"]) for v in answer.get("Versions", ())]

    def tries(self, what: str, key: str, act: Callable[..., Any], **more: Any) -> None:
        more |= {"Key": key} if key else {}
        folder = key.removeprefix(f"{PREFIX}/").partition("/")[0]
        try:
            act(Bucket=roles.BUCKET, **more)
        except ClientError:
            self.refused.setdefault(what, set()).add(folder)
        else:
            self.done.setdefault(what, set()).add(folder)

    def destroys(self) -> None:
        client = self._client
        for key, version in self.versions():
            self.tries("delete a version", key, client.delete_object, VersionId=version)
            self.tries("bypass", key, client.delete_object, VersionId=version, BypassGovernanceRetention=True)
            sooner: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2027, 1, 1, tzinfo=UTC)}
            self.tries("unlock", key, client.put_object_retention, VersionId=version, Retention=sooner)
        for key in self.keys():
            self.tries("delete", key, client.delete_object)
        for key in self.keys():
            self.tries("overwrite", key, client.put_object, Body=secrets.token_bytes(100))
        self.tries("suspend", "", client.put_bucket_versioning, VersioningConfiguration={"Status": "Suspended"})
        for folder in ("keys", "locks", "snapshots", "index"):
            for _n in range(25):
                name = f"{PREFIX}/{folder}/{secrets.token_hex(32)}"
                self.tries("junk", name, client.put_object, Body=secrets.token_bytes(200))


def read_back(host: Host, target: Path) -> None:
    """Every file of the snapshot as of then, into ``target``, by our decoder alone; nothing of it may be damaged."""
    with host.past() as reader, ThreadPoolExecutor(4) as threads:
        loaded = open_repository(reader, host.password).load()
        structure = loaded.check_structure(threads)
        assert (loaded.findings.kept, structure.findings.kept, structure.bad) == ((), (), frozenset())
        reports = list(loaded.verify_packs(loaded.packs(), threads))
        assert reports
        assert not [report for report in reports if report.bad]
        (snapshot,) = loaded.snapshots
        for entry in loaded.walk(snapshot):
            assert not isinstance(entry, Exception)
            if entry.node.kind == "file":
                path = Path(os.fsdecode(os.fsencode(target) + entry.path))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"".join(loaded.file(entry.node).read()))


def contents(folder: Path) -> dict[bytes, bytes]:
    found = {}
    for place, _folders, names in os.walk(os.fsencode(folder)):
        for name in names:
            path = place + b"/" + name
            file = Path(os.fsdecode(path))
            if not file.is_symlink():
                found[os.path.relpath(path, os.fsencode(folder))] = file.read_bytes()
    return found


def test_a_pack_that_was_overwritten_is_told_and_its_old_version_locked_for_longer(host: Host) -> None:
    client = host.realm.client(f"agent@{PREFIX}")
    listed = client.list_objects_v2(Bucket=roles.BUCKET, Prefix=f"{PREFIX}/data/")["Contents"]
    largest = max(listed, key=lambda item: item["Size"])
    client.put_object(Bucket=roles.BUCKET, Key=largest["Key"], Body=bytes(largest["Size"]))
    said = host.site.guardian("posture")
    assert said.code == 3, said
    assert "objects-overwritten" in said.reasons
    # Nothing was lost, and somebody wrote where nobody should.
    assert said.json["repositories"][0]["immutable"] is True
    extended = host.site.guardian("posture", "extend", "--margin", "8").json["repositories"][0]
    assert (extended["failed"], extended["outcome"]) == (0, "failed")
    name = largest["Key"]
    found = client.list_object_versions(Bucket=roles.BUCKET, Prefix=name)["Versions"]
    ends = [
        client.get_object_retention(Bucket=roles.BUCKET, Key=name, VersionId=v["VersionId"])["Retention"] for v in found
    ]
    assert len({end["RetainUntilDate"] for end in ends}) == 1


def test_history_outlives_a_thief_and_even_the_owner(host: Host, tmp_path: Path) -> None:
    # The password opens everything: a snapshot from the future, to have retention drop the real ones.
    forged = host.site.restic("backup", "--time", "2031-01-01 00:00:00", "--host", "host-1", str(host.site.yaml))
    assert forged.returncode == 0, forged.stderr
    thief = Thief(host.realm.client(f"agent@{PREFIX}"))
    thief.destroys()
    assert thief.done.keys() == {"overwrite", "junk"}
    assert {"data", "index", "keys", "snapshots", "config"} <= thief.refused["delete"]
    owner = Thief(host.realm.client("owner"))
    owner.destroys()
    # What it deletes only hides what is under it.
    assert owner.done.keys() == {"delete", "junk"}
    assert {"delete a version", "bypass", "unlock", "suspend"} <= owner.refused.keys()
    assert host.site.guardian("verify", "app/docs").code != 0
    read_back(host, tmp_path / "back")
    brought = contents(tmp_path / "back" / host.site.docs.relative_to("/"))
    assert brought == contents(host.site.docs)


def test_with_restic_alone_it_comes_back_too(host: Host, tmp_path: Path) -> None:
    """The view of the past, written down into an empty directory, is a repository like any other."""
    target = tmp_path / "repository"
    moment = host.moment.isoformat()
    said = host.site.guardian("posture", "recover", "main", "--as-of", moment, "--to", target)
    assert (said.code, said.json["snapshots"], said.json["reasons"]) == (0, 1, []), said
    assert not (target / "guardian-canary").exists()
    assert host.site.guardian("posture", "recover", "main", "--as-of", moment, "--to", target).code == 2
    for bad in ("yesterday", "2026-11-23T12:00:00"):
        assert host.site.guardian("posture", "recover", "main", "--as-of", bad, "--to", tmp_path / "no").code == 2
    # As it is now, and as it was before there was anything: neither is a repository that one could use.
    for when in ("2001-01-01T00:00:00Z", datetime.now(UTC).isoformat()):
        said = host.site.guardian("posture", "recover", "main", "--as-of", when, "--to", tmp_path / when[:4])
        assert (said.code, said.json["snapshots"]) == (3, 0), said
    password = str(host.site.state / "keys" / "main.password")
    for arguments in (("check", "--read-data"), ("restore", "latest", "--target", str(tmp_path / "back"))):
        argv = ["restic", "--no-cache", "-r", str(tmp_path / "repository"), "-p", password, *arguments]
        done = subprocess.run(argv, env=host.site.env(), capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "back" / host.site.docs.relative_to("/")) == contents(host.site.docs)
