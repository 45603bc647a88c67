"""``guardian posture`` on a real S3 server that enforces policies and locks: what is told of it, and what is proven."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.backup.lock_extension import extend_locks
from guardian.backup.posture import run_posture
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.errors import Unavailable
from guardian.model.protection import BucketLock
from guardian.node import Node
from guardian.proc import Stop

LOCK = BucketLock(mode="compliance", days=30)


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
    with roles.realm(tmp_path_factory.mktemp("realm"), ("agency/host-1",), LOCK) as made:
        yield made


@pytest.fixture(scope="module")
def host(realm: Any, initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host that has backed up once, with the agent's key."""
    copied = sites.copy(initialised, tmp_path_factory.mktemp("host") / "site")
    site = roles.moved(copied, realm, "agency/host-1", LOCK)
    said = site.guardian("backup", "app/docs")
    assert said.code == 0, said
    return site


def one(said: Any) -> dict[str, Any]:
    (found,) = said.json["repositories"]
    return dict(found)


def trials(found: dict[str, Any]) -> dict[str, str]:
    return {trial["what"]: trial["result"] for trial in found["trials"]}


def test_a_good_bucket_is_proven_and_put_on_record(host: Any) -> None:
    said = host.guardian("posture")
    assert said.code == 0, said
    found = one(said)
    assert (found["outcome"], found["immutable"], found["promised"]) == ("complete", True, ["lock", "append-only"])
    facts = {name: fact["value"] for name, fact in found["facts"].items()}
    assert facts["versioning"] == "enabled"
    assert facts["default-retention"] == "compliance 30 d"
    assert facts["lists-versions"] is True
    # SeaweedFS has no such setting: that is no pass, and it is told.
    assert found["facts"]["public-access-blocked"] == {"value": None, "error": "NotImplemented"}
    assert trials(found) == {
        "overwrite": "kept",
        "delete": "refused",
        "delete-version": "refused",
        "delete-version-bypass": "refused",
        "shorten-lock": "refused",
        "shorten-lock-bypass": "refused",
        "put-versioning": "refused",
        "put-object-lock": "refused",
        "put-lifecycle": "not-tried",
        "put-policy": "not-tried",
    }
    locked = found["locked"]
    assert locked["unlocked"] == locked["ending"] == locked["unreadable"] == 0
    assert locked["objects"] >= locked["packs"] + 4
    left = datetime.fromisoformat(locked["until"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    entry = host.guardian("ledger", "show")
    assert entry.code == 0, entry
    assert "repository-posture" in entry.out


def test_looking_again_uses_the_same_canary_and_remembers_locks(host: Any, realm: Any) -> None:
    assert host.guardian("posture").code == 0
    answer = realm.client("owner").list_objects_v2(Bucket=roles.BUCKET, Prefix="agency/host-1/guardian-canary/")
    assert len(answer["Contents"]) == 1
    book = json.loads((host.state / "posture" / "main.json").read_text())
    assert book["ends"]


def test_restic_and_the_decoder_do_not_see_the_canary(host: Any) -> None:
    assert (host.state / "posture" / "main.json").exists()
    assert host.restic("check", "--no-lock").returncode == 0
    said = host.guardian("verify", "--level", "D1", "app/docs")
    assert said.code == 0, said
    assert host.guardian("backup", "app/docs").code == 0


def test_people_read_it_in_lines(host: Any) -> None:
    said = host.guardian("posture", "main", PLAIN="1")
    assert said.code == 0, said
    assert "overwrite an object: done, and the old version is still there" in said.out
    assert "delete an object: refused" in said.out
    assert "the first lock ends" in said.out


def test_an_unknown_repository_is_wrong_usage(host: Any) -> None:
    assert host.guardian("posture", "nowhere").code == 2


@dataclass(frozen=True, slots=True)
class Later(SystemClock):
    """This machine's clock, set to another day."""

    days: float

    def now(self) -> datetime:
        return super(Later, self).now() + timedelta(days=self.days)


def node_of(host: Any, days: float) -> Node:
    return Node(load(host.yaml), Later(days), lambda _event: None, Stop())


def test_locks_that_lapse_under_deduplication_are_told(host: Any) -> None:
    """Nobody has extended anything for too long: what was promised holds no more."""
    soon = run_posture(node_of(host, 29), "main")
    assert "locks-ending" in {why.code for why in soon.reasons}
    lapsed = run_posture(node_of(host, 31), "main")
    assert (lapsed.outcome, int(lapsed.exit_code)) == ("failed", 3)
    assert "locks-lapsed" in {why.code for why in lapsed.reasons}
    assert lapsed.posture.locked is not None
    assert lapsed.posture.locked.unlocked == lapsed.posture.locked.objects


def test_no_lock_is_touched_by_a_wrong_clock(host: Any) -> None:
    with pytest.raises(Unavailable, match="clock"):
        extend_locks(node_of(host, 365 * 73), "main")


def test_locks_are_extended_by_maintenance_and_by_nobody_else(host: Any) -> None:
    nothing = host.guardian("posture", "extend")
    assert (nothing.code, one(nothing)["extended"], one(nothing)["entry"]) == (0, 0, None)
    credentials = host.config["repositories"]["main"].pop("maintenance_credentials")
    host.write()
    try:
        refused = host.guardian("posture", "extend", "--margin", "31")
    finally:
        host.config["repositories"]["main"]["maintenance_credentials"] = credentials
        host.write()
    assert refused.code == 3, refused
    assert "locks-not-extended" in refused.reasons
    before = one(host.guardian("posture"))["locked"]
    said = host.guardian("posture", "extend", "--margin", "31")
    assert said.code == 0, said
    found = one(said)
    assert (found["outcome"], found["failed"], found["mode"]) == ("complete", 0, "compliance")
    assert found["extended"] >= before["objects"]
    assert found["entry"] is not None
    after = one(host.guardian("posture"))["locked"]
    assert after["until"] > before["until"]
    # Read from the storage itself, not from what we remember.
    (host.state / "posture" / "main.json").unlink()
    assert one(host.guardian("posture"))["locked"]["until"] == after["until"]


def test_a_storage_that_is_not_there_is_told_and_put_on_record(host: Any) -> None:
    url = host.config["repositories"]["main"]["url"]
    host.config["repositories"]["main"]["url"] = url.replace(url.split("/")[2], "127.0.0.1:9")
    host.write()
    try:
        said = host.guardian("posture")
    finally:
        host.config["repositories"]["main"]["url"] = url
        host.write()
    assert said.code == 4, said
    assert (one(said)["outcome"], one(said)["immutable"], one(said)["trials"]) == ("failed", None, [])
    assert "storage-unreachable" in said.reasons


def test_a_plain_bucket_breaks_what_was_promised(site: Any, realm: Any) -> None:
    owner = realm.client("owner")
    owner.create_bucket(Bucket="plain-bucket")
    roles.move(site, realm.server.address("plain-bucket", "p"), owner, realm.file("owner"))
    bare = one(site.guardian("posture"))
    assert (bare["outcome"], bare["immutable"], bare["locked"]) == ("complete", False, None)
    site.config["repositories"]["main"]["lock"] = {"mode": "governance", "days": 1}
    site.write()
    said = site.guardian("posture")
    assert said.code == 3, said
    assert {"bucket-lock-differs", "canary-overwritten", "canary-deleted"} <= said.reasons
    assert site.guardian("posture", "extend").code == 2


def test_a_directory_locks_nothing(site: Any) -> None:
    said = site.guardian("posture")
    assert said.code == 0, said
    assert (one(said)["immutable"], said.reasons) == (False, {"posture-of-a-directory"})
    assert one(site.guardian("posture", "extend"))["outcome"] == "skipped"


def test_the_policy_is_printed_alone() -> None:
    site = sites.Site(Path("/"), "")
    said = site.guardian("posture", "policy", "--role", "agent", "--bucket", "backups", "--prefix", "a/b", PLAIN="1")
    assert said.code == 0, said
    assert json.loads(said.out)["Version"] == "2012-10-17"
    assert "arn:aws:s3:::backups/a/b/locks/*" in said.out
