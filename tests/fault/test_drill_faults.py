"""Drills under faults: storage that lies or hangs, scratch without room, and a drill that is cut off at any level."""

import hashlib
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.objectstore.s3 import S3Store

# storage


@pytest.fixture(scope="module")
def stored(original: Any, s3_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host whose repository lies on S3, with one backup of its documents."""
    root = tmp_path_factory.mktemp("drilled")
    address = s3_server.address(f"drill-{secrets.token_hex(6)}", "repository")
    with S3Store(address, s3_server.credentials) as store:
        store.ensure_bucket()
    sites = sys.modules[type(original.site).__module__]
    site = sites.make(root, address.location, s3_server.credentials_file(root / "s3-credentials"))
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    for verb in ("init", "backup"):
        said = site.guardian(verb)
        assert said.code == 0, said
    site.config["restic"] = {"stall_timeout": "4s", "stop_grace": "5s"}
    site.write()
    return site


@pytest.fixture
def place(stored: Any, s3_server: Any, fault_proxy: Callable[[str], Any]) -> Iterator[tuple[Any, Any]]:
    """The host, and a proxy before its storage; without it afterwards, and no harm done."""
    proxy = fault_proxy(s3_server.endpoint)
    main = stored.config["repositories"]["main"]
    before = dict(main)
    main["url"] = main["url"].replace(s3_server.endpoint, proxy.endpoint)
    stored.write()
    yield stored, proxy
    main.clear()
    main.update(before)
    stored.write()


DOUBT, DAMAGE = 4, 3


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"action": "flip", "path": "/data/"}, DAMAGE),  # always the same wrong bytes: nobody can tell it from damage
        ({"action": "slow", "path": "/data/", "rate": 20}, DOUBT),
        ({"action": "status", "path": "/data/", "status": 403, "code": "AccessDenied", "after": 4}, DOUBT),
        ({"action": "status", "path": "list-type", "status": 403, "code": "AccessDenied"}, DOUBT),
        ({"action": "cut-list", "path": "data%2F"}, DAMAGE),
    ],
    ids=lambda rule: "-".join(str(value).strip("/") for value in rule.values()) if isinstance(rule, dict) else "",
)
def test_storage_that_lies_refuses_or_hangs(place: tuple[Any, Any], rule: dict[str, Any], code: int) -> None:
    site, proxy = place
    proxy.add(method="GET", **rule)
    began = time.monotonic()
    said = site.guardian("verify", "--level", "D3")
    assert said.code == code, said.out
    assert said.json["outcome"] == {DOUBT: "COULD_NOT_VERIFY", DAMAGE: "FAIL"}[code]
    assert proxy.seen("GET", rule["path"], rule["action"])
    assert time.monotonic() - began < 150
    (drill,) = said.json["drills"]
    entry = site.guardian("ledger", "show", "--entry", str(drill["entry"])).json["entries"][0]
    assert entry["predicate"]["outcome"] == said.json["outcome"]
    proxy.clear()
    proxy.release()
    good = site.guardian("verify", "--level", "D3")
    assert (good.code, good.json["outcome"]) == (0, "PASS"), good.out


def test_a_list_of_snapshots_from_yesterday(place: tuple[Any, Any], s3_server: Any) -> None:
    site, proxy = place
    proxy.add("stale", method="GET", path="snapshots%2F")
    assert site.guardian("verify", "--level", "D0").code == 0
    site.config["repositories"]["main"]["url"] = site.url
    site.write()
    assert site.guardian("backup").code == 0
    site.config["repositories"]["main"]["url"] = site.url.replace(s3_server.endpoint, proxy.endpoint)
    site.write()
    said = site.guardian("verify", "--level", "D0")
    assert (said.code, said.json["outcome"]) == (3, "FAIL"), said.out


# scratch


def on_a_small_disk(folder: Path, size: str) -> list[str]:
    """The words before a command for which ``folder`` is a disk of ``size``."""
    namespace = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m", "sh", "-c"]
    return [*namespace, f'mount -t tmpfs -o size={size},mode=0711 t {folder} && exec "$@"', "sh"]


def checks(said: Any, source: str) -> dict[str, Any]:
    (drill,) = [drill for drill in said.json["drills"] if drill["source"] == source]
    return {check["level"]: check for check in drill["checks"]}


@pytest.fixture
def room(stage: Any, staging: ModuleType) -> Iterator[Path]:
    """A scratch directory for ``stage`` alone, that servants can reach; nothing may be left in it or beside it."""
    if not staging.may_mount():
        pytest.skip("NOT TRIED: no mount namespaces here")
    folder = Path(tempfile.mkdtemp(prefix="guardian-faults-", dir="/var/tmp"))
    folder.chmod(0o711)
    stage.configure(scratch_dir=str(folder))
    yield folder
    assert not list(folder.iterdir())
    folder.rmdir()
    assert not [path for path in (stage.site.state / "scratch").glob("*") if path.suffix != ".lease"]


def test_no_room_for_what_restic_reads_again(stage: Any, room: Path) -> None:
    (stage.docs / "large").write_bytes(os.urandom(6 << 20))
    assert stage.site.guardian("backup").code == 0
    said = stage.within(on_a_small_disk(room, "64k"), "verify", "--full")
    assert (said.code, said.json["outcome"]) == (4, "COULD_NOT_VERIFY"), said.out
    levels = checks(said, "docs")
    assert [levels[level]["outcome"] for level in ("D0", "D1", "D2")] == ["PASS"] * 3
    assert levels["D3"]["outcome"] == "COULD_NOT_VERIFY"
    assert "storage-full" in said.reasons
    stage.good("--full")


def test_no_room_for_a_database(stage: Any, room: Path) -> None:
    with_database(stage)
    said = stage.within(on_a_small_disk(room, "64k"), "verify", "--level", "D4", "app/db")
    assert (said.code, said.json["outcome"]) == (4, "COULD_NOT_VERIFY"), said.out
    levels = checks(said, "db")
    assert levels["D4"]["outcome"] == "COULD_NOT_VERIFY"
    assert "storage-full" in said.reasons
    stage.good("--level", "D4", "app/db")


@pytest.mark.parametrize("made", ["read-only", "a file", "others may write"])
def test_scratch_that_may_not_be_used(stage: Any, staging: ModuleType, room: Path, made: str) -> None:
    with_database(stage)
    prefix: list[str] = []
    if made == "read-only":
        prefix = staging.read_only(room)
    elif made == "a file":
        stage.configure(scratch_dir=str(stage.site.yaml))
    else:
        room.chmod(0o777)
    said = stage.within(prefix, "verify", "--level", "D4", "app/db")
    code = 2 if made == "others may write" else 4
    assert (said.code, said.json["outcome"]) == (code, "COULD_NOT_VERIFY"), said.out
    assert checks(said, "db")["D4"]["outcome"] == "COULD_NOT_VERIFY"
    room.chmod(0o711)
    stage.configure(scratch_dir=str(room))
    stage.good("--level", "D4", "app/db")


def with_database(stage: Any) -> None:
    """The stage with an SQLite database, saved."""
    stage.site.source("db", kind="sqlite", path=str(stage.site.database))
    stage.site.write()
    said = stage.site.guardian("backup")
    assert said.code == 0, said


# a drill that is cut off


LEVELS = {
    "D0": "presence",
    "D1": "structure",
    "D2": "packs",
    "D3": "restore",
    "second": "second-path",
    "D4": "application",
}

CUT = """
import os, signal, sys
from guardian.cli import progress
from guardian.cli.main import main
from guardian.model.events import Phase
phase, sign = sys.argv.pop(1), int(sys.argv.pop(1))
drawn = progress.reporter
from contextlib import contextmanager

@contextmanager
def reporter(session):
    with drawn(session) as report:
        def look(event):
            if isinstance(event, Phase) and event.phase == phase:
                os.kill(os.getpid(), sign)
            report(event)
        yield look

from guardian.cli import frame
frame.reporter = reporter
main()
"""


def servers_of(root: Path) -> list[str]:
    """Processes that work below ``root`` or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = f"{(process / 'cwd').readlink()} {(process / 'cmdline').read_text('utf-8', 'replace')}"
        except OSError:
            continue
        if str(root) in told:
            found.append(told)
    return found


@pytest.mark.parametrize(
    ("level", "sign"),
    [("D2", signal.SIGKILL), ("D3", signal.SIGINT), ("second", signal.SIGINT), ("D4", signal.SIGKILL)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_drill_cut_off_at_any_level(stage: Any, staging: ModuleType, level: str, sign: signal.Signals) -> None:
    if level == "D4":
        with_database(stage)
    before = len(stage.entries())
    arguments = stage.site.argv("verify", "--level", "D4", "--json")[3:]
    done = subprocess.run(
        [sys.executable, "-c", CUT, LEVELS[level], str(int(sign)), *arguments],
        env=stage.site.env(), cwd=stage.site.root, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == (130 if sign == signal.SIGINT else -sign), done
    assert b"Traceback" not in done.stderr
    staging.until(lambda: not servers_of(stage.site.root))
    # Whole results of sources before it, plans perhaps, no half result; nothing is claimed for what was cut off.
    new = stage.entries()[before:]
    plans = {e["predicate"]["drill_id"] for e in new if "/drill-plan/" in e["type"]}
    results = {e["predicate"]["drill_id"] for e in new if "/drill-result/" in e["type"]}
    assert len(new) == len(plans) + len(results)
    assert len(results) < (2 if level == "D4" else 1)
    assert stage.site.guardian("ledger", "verify").code == 0
    assert not stage.objects("locks")
    rotated = list((stage.site.state / "rotation").glob("*"))
    assert bool(rotated) == (level not in ("D0", "D1", "D2"))
    # The next one is a new drill, and goes on where the rotation was.
    stage.good("--level", "D4")
    said = stage.site.guardian("verify", "--level", "D2", PLAIN="1")
    assert "begins anew" not in said.out + said.err
    assert not list((stage.site.state / "scratch").glob("*"))
    assert not list(Path("/var/tmp").glob(f"{mark_of(stage)}*"))


def mark_of(stage: Any) -> str:
    """How scratch of this host is named where it lies with that of others."""
    leases = os.fsencode(stage.site.state / "scratch")
    return f"guardian-{hashlib.sha256(leases).hexdigest()[:12]}-"


def test_a_drill_beside_a_backup_that_runs(stage: Any, staging: ModuleType) -> None:
    """The drill takes no lock and no lease, and takes nothing of the backup's for damage."""
    stage.program('case "$*" in *" backup "*) sleep 3;; esac')
    (stage.docs / "fresh").write_bytes(os.urandom(3 << 20))
    running = stage.start("backup")
    staging.until((stage.site.state / "leases" / "main.lease").exists)
    while running.poll() is None:
        said = stage.site.guardian("verify", "--level", "D3")
        assert (said.code, said.json["outcome"]) == (0, "PASS"), said.out
    assert running.communicate()
    assert running.returncode == 0
    stage.good()


def test_a_drill_killed_while_its_database_is_loaded(stage: Any, staging: ModuleType) -> None:
    """What lay in scratch then is gone after the next drill, and nothing of the killed one goes on working."""
    with closing(sqlite3.connect(stage.site.database)) as database:
        database.execute("create table large (x)")
        database.executemany("insert into large values (?)", ((os.urandom(4000),) for _ in range(8000)))
        database.commit()
    with_database(stage)
    folder = Path("/var/tmp") if os.geteuid() == 0 else stage.site.state / "scratch"
    mark = mark_of(stage) if os.geteuid() == 0 else ""

    def scratch() -> list[Path]:
        return [path for path in folder.glob(f"{mark}*") if path.is_dir() and any(path.iterdir())]

    running = stage.start("verify", "--level", "D4", "app/db")
    staging.until(lambda: scratch() or running.poll() is not None)
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL, "it was over before it could be killed"
    assert scratch()
    staging.until(lambda: not servers_of(stage.site.root))
    stage.good("--level", "D4", "app/db")
    assert not scratch()
    assert not list((stage.site.state / "scratch").glob("*"))
