"""Two hosts for tests/acceptance/test_broken_storage.py: what was done on them long ago was done then, by their clock.

``vault`` has four systems, each in a repository of its own, so that each can have its own fault; ``desk`` is looked at
by nobody. Nothing here is broken yet.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from guardian.clock import SystemClock
from guardian.custody import Plan, handed_out, prepare
from guardian.decoder.repository import open_repository
from guardian.keys.escrow import write
from guardian.model.protection import BucketLock
from guardian.objectstore.local import LocalReader

ROOM = 2 << 20
"""Bytes that the repository ``small`` has room for."""
LOCK = BucketLock(mode="compliance", days=2)
PREFIX = "agency/vault"
SLOW = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000000) select max(i) > 0 from n"
"""A query of the owner's that takes more than a second: no restore can be proved within an RTO of one."""
RULES = """
family: portal
target: document
title: {zh: 门户, en: Portals}
rules:
"""
RULE = """
  - id: OWN-PORTAL-00%(number)s
    rev: 1
    severity: low
    title: {zh: 开关 %(name)s 已打开, en: The switch %(name)s is on}
    why: {zh: 测试, en: A test}
    needs: [{fact: document/%(name)s, by: an export, as: the exporter}]
    check: {path: document/%(name)s, op: "==", value: true}
    fix: {zh: 打开, en: Turn it on}
    tests:
      pass: {document: {%(name)s: true}}
      fail: {document: {%(name)s: false}}
      unknown: {document: {$err: "not JSON: line 1"}}
"""


def module(name: str) -> ModuleType:
    """One of the modules of tests/."""
    full = f"guardian_tests_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).parents[1] / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


def export(site: Any, name: str, **switches: bool) -> None:
    """What the nightly export of a portal's configuration says."""
    (site.root / f"{name}.json").write_text(json.dumps(switches), "utf-8")


def _scanned(site: Any) -> None:
    (site.root / "rules").mkdir()
    rules = [RULE % {"number": number, "name": name} for number, name in enumerate(("audit", "tls"), 1)]
    (site.root / "rules" / "portal.yaml").write_text(RULES + "".join(rules), "utf-8")
    targets = {name: {"kind": "document", "path": f"{name}.json"} for name in ("front", "gate")}
    for name in targets:
        export(site, name, audit=True, tls=True)
    site.config["scan"] = {"baselines": ["portal"], "policies": ["rules"], "targets": targets, "every": "8s"}


def _agent(port: int) -> dict[str, Any]:
    return {"metrics": {"listen": f"127.0.0.1:{port}"}, "nice": 0, "concurrency": 4}


def vault(original: Any, root: Path, realm: Any, port: int) -> Any:
    """The host with repositories ``main`` (of ``app``), ``pay`` with its copy ``far``, ``small`` (of ``store``) and
    ``bucket`` (of ``cloud``)."""
    root.mkdir()
    site = module("site").make(root)
    local = {name: {"url": str(root / name)} for name in ("main", "pay", "far", "small")}
    site.url = str(root / "main")
    for name in (*local, "bucket"):
        module("cheap").another(original, site, name, root / name)
    address, client = realm.address(PREFIX), realm.client(f"maintenance@{PREFIX}")
    for path in (one for one in (root / "bucket").rglob("*") if one.is_file()):
        key = f"{address.prefix}/{path.relative_to(root / 'bucket')}"
        client.put_object(Bucket=address.bucket, Key=key, Body=path.read_bytes())
    shutil.rmtree(root / "bucket")
    bucket = {
        "url": address.location, "lock": {"mode": LOCK.mode, "days": LOCK.days}, "posture": "every 8s",
        "credentials": f"file:{realm.file(f'agent@{PREFIX}')}",
        "maintenance_credentials": f"file:{realm.file(f'maintenance@{PREFIX}')}",
    }  # fmt: skip
    small = {**local["small"], "maintain": "every 8s", "quota": ROOM}
    (root / "store").mkdir()
    (root / "store" / "first").write_bytes(bytes(range(256)) * 16)
    sources = site.config["systems"]["app"]["sources"]
    site.config = {
        "tenant": {"id": "agency"},
        "host": "vault",
        "repositories": {**local, "small": small, "bucket": bucket},
        "systems": {
            "app": {
                "repository": "main", "sources": {"docs": sources["docs"]},
                "plan": {"schedule": "every 24h", "drills": {"D3": "every 8s"}},
            },
            "pay": {
                "repository": "pay", "objectives": {"rpo": "1d", "rto": "1s"},
                "sources": {"db": {**sources["db"], "assertions": [SLOW]}},
                "plan": {"schedule": "every 8s", "copy_to": ["far"]},
            },
            "store": {
                "repository": "small", "sources": {"files": {"kind": "files", "paths": [str(root / "store")]}},
                "plan": {"schedule": "every 24h"},
            },
            "cloud": {
                "repository": "bucket", "sources": {"files": {"kind": "files", "paths": [str(root / "store")]}},
                "plan": {"schedule": "every 24h", "drills": {"D1": "every 8s"}},
            },
        },
        "agent": _agent(port),
    }  # fmt: skip
    _scanned(site)
    site.write()
    return site


def its_past(site: Any) -> None:
    """What its agent did on the vault 20, 16, 9 and 4 days ago, and never since."""
    past = module("longago").Past
    past(site, timedelta(days=20)).set_up()
    past(site, timedelta(days=16)).did("backup:app/docs", "drill:D3:app/docs")
    then = past(site, timedelta(days=9))
    then.did("maintain:small", "backup:store/files", "backup:cloud/files", "posture:bucket", "scan")
    past(site, timedelta(days=4)).did("backup:pay/db", "copy:pay/db:far")


class Desk:
    """A host whose password was given to three holders 46 days ago; they were to prove their shares every 30 days.

    Its baseline is configured and its rules are gone: it was never scanned.
    """

    def __init__(self, original: Any, root: Path, port: int) -> None:
        root.mkdir()
        self.site = module("site").make(root)
        module("cheap").another(original, self.site, "main", self.site.repository)
        app = self.site.config["systems"]["app"]
        del app["sources"]["db"]
        app["plan"] = {"schedule": "every 24h", "drills": {"K": "every 30d"}}
        self.site.config |= {"host": "desk", "agent": _agent(port)}
        _scanned(self.site)
        self.site.write()
        then = module("longago").Past(self.site, timedelta(days=46))
        then.set_up()
        then.did("backup:app/docs")
        (self.site.root / "rules").rename(self.site.root / "rules.gone")
        self.media = [Path(tempfile.mkdtemp(dir="/dev/shm", prefix="guardian-test-")) for _number in range(3)]
        self.sheets = self.escrow(then.node)

    def escrow(self, node: Any) -> tuple[Path, ...]:
        """Split its password among the three; the sheets that they get."""
        sheets = prepare(node, "main", Plan(2, 3))
        for medium in self.media:
            for old in medium.iterdir():
                old.unlink()
        paths = write(sheets, self.media)
        handed_out(node, sheets)
        return tuple(path for path in paths if path.suffix == ".txt")

    def prove(self) -> Any:
        """Two holders come with their sheets."""
        words = [word for path in self.sheets[:2] for word in ("--share", str(path))]
        return self.site.guardian("verify", "--level", "K", *words)

    def mend(self) -> None:
        """Bring its rules back."""
        (self.site.root / "rules.gone").rename(self.site.root / "rules")

    def close(self) -> None:
        """Leave nothing in memory."""
        for medium in self.media:
            shutil.rmtree(medium)


def lock_for(realm: Any, days: int) -> None:
    """Have the storage's owner ask for longer locks."""
    rule = {"DefaultRetention": {"Mode": LOCK.mode.upper(), "Days": days}}
    realm.client("owner").put_object_lock_configuration(
        Bucket=realm.address(PREFIX).bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )


def foreign_lock(site: Any, key: str, age: timedelta) -> Path:
    """A lock of restic's on another host, as old as that: what a machine leaves that dies in the middle of a backup."""
    points = module("points")
    moment = SystemClock().now() - age
    document = {
        "time": moment.isoformat(), "exclusive": False, "hostname": "gone-host", "username": "root", "pid": 4711,
        "uid": 0, "gid": 0,
    }  # fmt: skip
    folder = site.root / key
    with LocalReader(folder) as reader:
        opened = open_repository(reader, points.node_of(site).keys().password(key))
        sealed = opened.told([]).sealed(json.dumps(document).encode(), os.urandom(16))
    path: Path = folder / "locks" / hashlib.sha256(sealed).hexdigest()
    path.write_bytes(sealed)
    return path
