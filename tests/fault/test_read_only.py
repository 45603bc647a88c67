"""Nothing that a drill does writes to the repository or the source: tried where neither could be written to."""

import hashlib
import importlib.util
import json
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.demo.server import SeaweedFS
from guardian.objectstore.s3 import S3Store

WRITES = re.compile(
    r"\b(?:creat|mkdir(?:at)?|mknod(?:at)?|unlink(?:at)?|rmdir|rename(?:at2?)?|(?:sym)?link(?:at)?|f?truncate"
    r"|f?chmod(?:at2?)?|[fl]?chown(?:at)?|utimensat|utimes?|[fl]?(?:set|remove)xattr)\("
    r"|\bopen(?:at2?)?\(.*\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)\b"
)
TRACED = (
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,"
    "symlink,symlinkat,truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,setxattr,"
    "lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr"
)


def _databases() -> ModuleType:
    name = "guardian_tests_databases"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "databases.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _prepared(site: Any, more: dict[str, Any]) -> Any:
    """``site`` with its database in a folder of its own, and ``more`` sources."""
    folder = site.root / "dbs"
    folder.mkdir()
    for path in site.root.glob("app.db*"):
        path.rename(folder / path.name)
    site.source("db", kind="sqlite", path=str(folder / "app.db"))
    for name, spec in more.items():
        site.source(name, **spec)
    site.write()
    return site


def facts(*roots: Path) -> dict[str, tuple[int, int, int, str]]:
    """Mode, size, time of change and digest of everything under ``roots``."""
    found = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


# a repository in a directory


@pytest.fixture(scope="module")
def local(staging: ModuleType, original: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host with files, an SQLite database and, where that is installed, a PostgreSQL server that is gone by now."""
    root = tmp_path_factory.mktemp("read-only")
    sites = sys.modules[type(original.site).__module__]
    site = sites.make(root)
    databases = _databases()
    if databases.postgres_bin() is None:
        _prepared(site, {})
        _save(site)
    else:
        with databases.postgres_server() as server:
            server.sql("create database app")
            server.sql("create table payments as select generate_series(1, 3000) id", database="app")
            (root / "pg.dsn").write_text(server.dsn())
            (root / "pg.dsn").chmod(0o600)
            _prepared(site, {"core": {"kind": "postgresql", "dsn": "file:pg.dsn", "databases": ["app"]}})
            _save(site)
    return staging.Stage(site, site.docs)


def _save(site: Any) -> None:
    assert site.guardian("init").code == 0
    sys.modules["guardian_tests_cheap"].cheapen(site)
    said = site.guardian("backup")
    assert said.code == 0, said


def traced(log: Path) -> list[str]:
    return ["strace", "-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-o", str(log), "-e", f"trace={TRACED}"]


def writes(log: Path, *roots: Path) -> list[str]:
    """The calls that would have written below ``roots``."""
    # Named from the top or by a descriptor (-y): what is restored lies in scratch under the same names.
    names = [f"{mark}{root}{end}" for root in roots for mark, end in (('"', '"'), ('"', "/"), ("<", ">"), ("<", "/"))]
    lines = log.read_text("utf-8", "replace").splitlines()
    return [line for line in lines if WRITES.search(line) and any(name in line for name in names)]


def test_a_whole_drill_of_every_level_opens_nothing_for_writing(
    local: Any, staging: ModuleType, tmp_path: Path
) -> None:
    if not staging.may_mount():
        pytest.skip("NOT TRIED: no mount namespaces here")
    if shutil.which("strace") is None:
        pytest.skip("NOT TRIED: strace is not installed")
    site, log = local.site, tmp_path / "strace"
    protected = (site.repository, site.docs, site.root / "dbs")
    before = facts(*protected)
    prefix = [*staging.read_only(*protected), *traced(log)]
    said = local.within(prefix, "verify", "--level", "D4", "--full")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said.out
    climbed = {drill["source"]: [check["level"] for check in drill["checks"]] for drill in said.json["drills"]}
    assert climbed["docs"][-1] == "D3"
    assert {climbed[name][-1] for name in climbed if name != "docs"} == {"D4"}
    assert all(drill["entry"] is not None for drill in said.json["drills"]), "the log is elsewhere, and was written to"
    assert facts(*protected) == before
    assert writes(log, *protected) == []
    assert f'"{site.repository}/' in log.read_text("utf-8", "replace"), "it did not even look there"
    # The other way round: a backup is seen to write, and ends soon where it may not.
    tried = local.within([*staging.read_only(*protected), *traced(log)], "backup", "app/docs")
    assert tried.code == 4, tried.out
    assert {run["error"]["code"] for run in tried.json["runs"]} == {"lock-refused"}
    assert writes(log, *protected)
    assert facts(*protected) == before


# a repository in a bucket


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SeaweedFS, dict[str, Path]]]:
    """A server of our own with identities of few rights, and a credentials file for each."""
    directory = tmp_path_factory.mktemp("rights")
    rights = {"admin": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
    rights |= {"getter": ["Read"], "lister": ["List"]}
    identities, files = [], {}
    for name, actions in rights.items():
        keys = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_hex(32)}
        identities.append({"name": name, "credentials": [keys], "actions": actions})
        files[name] = directory / f"{name}.credentials"
        files[name].write_text(f"AWS_ACCESS_KEY_ID={keys['accessKey']}\nAWS_SECRET_ACCESS_KEY={keys['secretKey']}\n")
        files[name].chmod(0o600)
    (directory / "identities.json").write_text(json.dumps({"identities": identities}))
    with SeaweedFS.start(directory) as running:
        yield running, files


@pytest.fixture(scope="module")
def remote(server: Any, staging: ModuleType, original: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host whose repository lies there, saved with all rights."""
    running, files = server
    address = running.address("rights", "repository")
    with S3Store(address, running.credentials) as store:
        store.ensure_bucket()
    sites = sys.modules[type(original.site).__module__]
    site = _prepared(sites.make(tmp_path_factory.mktemp("remote"), address.location, files["admin"]), {})
    for verb in ("init", "backup"):
        said = site.guardian(verb)
        assert said.code == 0, said
    return staging.Stage(site, site.docs)


def objects(running: SeaweedFS) -> dict[str, tuple[int, str, str]]:
    """Every object in the bucket: length, time of change, ETag."""
    with S3Store(running.address("rights"), running.credentials) as store:
        pages = store._client.get_paginator("list_objects_v2").paginate(Bucket="rights")
        listed = [item for page in pages for item in page.get("Contents", ())]
    return {item["Key"]: (item["Size"], str(item["LastModified"]), item["ETag"]) for item in listed}


def within(remote: Any, files: dict[str, Path], who: str, *arguments: str) -> Any:
    """One call of Guardian with the rights of ``who``."""
    remote.site.config["repositories"]["main"]["credentials"] = f"file:{files[who]}"
    remote.site.write()
    return remote.site.guardian(*arguments)


def test_credentials_that_only_read_are_enough(remote: Any, server: Any) -> None:
    running, files = server
    before = objects(running)
    assert len(before) > 5
    said = within(remote, files, "reader", "verify", "--level", "D4", "--full")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said.out
    assert {check["outcome"] for drill in said.json["drills"] for check in drill["checks"]} == {"PASS"}
    assert objects(running) == before
    # And they are indeed all the rights there are.
    refused = within(remote, files, "reader", "backup", "app/docs")
    assert refused.code == 4, refused
    assert objects(running) == before


def test_credentials_that_only_read_bring_data_back(remote: Any, server: Any, tmp_path: Path) -> None:
    running, files = server
    before = objects(running)
    said = within(remote, files, "reader", "restore", "app/docs", "--target", str(tmp_path / "back"))
    assert (said.code, said.json["outcome"]) == (0, "complete"), said.out
    assert "restored-without-lock" in said.reasons
    assert objects(running) == before


@pytest.mark.parametrize("who", ["getter", "lister"])
def test_half_the_rights_to_read_are_no_verdict(remote: Any, server: Any, who: str) -> None:
    _running, files = server
    said = within(remote, files, who, "verify")
    assert said.code == 4, said.out
    assert said.json["outcome"] == "COULD_NOT_VERIFY"
    assert "PASS" not in {check["outcome"] for drill in said.json["drills"] for check in drill["checks"]}
    assert {drill["error"]["code"] for drill in said.json["drills"]} == {"storage-refused"}
    assert all(drill["entry"] is not None for drill in said.json["drills"])
