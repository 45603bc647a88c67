"""Copies: what goes wrong between two repositories is found where the copy lies, whatever restic says of it."""

import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.decoder.repository import open_repository
from guardian.model.events import silent
from guardian.model.secret import Secret
from guardian.node import Node
from guardian.objectstore.local import LocalReader
from guardian.proc import Stop


@pytest.fixture(scope="module")
def offsite(staging: Any, original: Any, cheap: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host with two backups and an empty, aligned target for copies. Not to be broken itself."""
    stage = staging.copy(original, tmp_path_factory.mktemp("offsite") / "host")
    site = stage.site
    site.config["repositories"]["offsite"] = {"url": str(site.root / "offsite")}
    site.config["systems"]["app"]["plan"] = {"copy_to": ["offsite"]}
    site.write()
    said = site.guardian("init")
    assert said.code == 0, said
    cheap.cheapen(site, name="offsite", folder=site.root / "offsite")
    return stage


@pytest.fixture
def host(staging: Any, offsite: Any, tmp_path: Path) -> Any:
    """The same, for one test to break."""
    return staging.copy(offsite, tmp_path / "host")


def target(host: Any) -> Path:
    return Path(host.site.root / "offsite")


def node(host: Any) -> Node:
    return Node(load(host.site.yaml), SystemClock(), silent, Stop())


def at_copy(host: Any, script: str) -> None:
    """``script`` runs in the place of restic's copying; ``$real`` is restic."""
    host.program(f'real={shutil.which("restic")}\ncase " $* " in *" copy "*) {script};; esac')


def is_storing(host: Any) -> bool:
    """Whether restic is at work in the target, its lock long in hand."""
    return any(path.is_file() for path in (target(host) / "data").rglob("*"))


def statements(host: Any) -> list[dict[str, Any]]:
    return [e["predicate"] for e in host.entries() if "/copy-receipt/" in e["type"]]


def good(host: Any, copied: int) -> None:
    """The next copying is whole, and what it made passes a drill."""
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert said.json["copies"][0]["copied"] == copied
    said = host.site.guardian("verify", "--repository", "offsite")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said


def test_the_target_cuts_files_as_the_first_repository_does(offsite: Any) -> None:
    found = node(offsite)
    assert found.chunker("main") == found.chunker("offsite")


def test_a_target_that_cuts_otherwise_is_used_and_said(host: Any, tmp_path: Path) -> None:
    site = host.site
    password = tmp_path / "password"
    password.write_text("correct horse")
    password.chmod(0o600)
    site.config["repositories"]["other"] = {"url": str(site.root / "other"), "password": f"file:{password}"}
    site.config["systems"]["app"]["plan"] = {"copy_to": ["other"]}
    site.write()
    site.restic("init", "--repo", str(site.root / "other"), "--password-file", str(password))
    said = site.guardian("init")
    assert (said.code, "chunker-differs" in said.reasons) == (0, True), said
    said = site.guardian("copy")
    assert (said.code, "chunker-differs" in said.reasons) == (0, True), said


def test_killed_while_it_copied(host: Any, staging: Any) -> None:
    """Guardian, its guard and restic are gone at once, and their locks are left; the next run needs nobody's help."""
    host.site.config["repositories"]["offsite"]["limit_upload"] = 8
    host.site.write()
    process = host.start("copy")
    staging.until(lambda: is_storing(host))
    kill(process)
    assert list((target(host) / "locks").iterdir())
    del host.site.config["repositories"]["offsite"]["limit_upload"]
    host.site.write()
    good(host, 2)
    assert not list((target(host) / "locks").iterdir())
    assert not list((host.site.state / "runs").glob("*/*.recorded"))


def test_interrupted_while_it_copied(host: Any, staging: Any) -> None:
    """As an agent does when a blackout begins: it ends cleanly, and goes on the next time."""
    host.site.config["repositories"]["offsite"]["limit_upload"] = 8
    host.site.write()
    process = host.start("copy")
    staging.until(lambda: is_storing(host))
    process.send_signal(signal.SIGINT)
    out, _err = process.communicate()
    assert (process.returncode, json.loads(out)["outcome"]) == (130, "failed")
    assert not list((target(host) / "locks").iterdir())
    del host.site.config["repositories"]["offsite"]["limit_upload"]
    host.site.write()
    good(host, 2)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill it and everything it started at once, and see that nothing of it is left, not even to be reaped."""
    below = descendants(process.pid)
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)  # orphans come to us, as they come to init elsewhere
    try:
        for how in (signal.SIGSTOP, signal.SIGKILL):  # held first: none may see another go, and tidy up
            for pid in [process.pid, *below]:
                with suppress(ProcessLookupError):  # one that was ending anyway
                    os.kill(pid, how)
        process.communicate()
        for pid in below:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    finally:
        libc.prctl(36, 0, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    try:
        found = [
            int(n) for task in Path(f"/proc/{pid}/task").iterdir() for n in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return [*found, *(below for child in found for below in descendants(child))]


def test_killed_between_the_copy_and_its_statement(host: Any, staging: Any) -> None:
    """What lies there already is looked into and stated, and not copied again."""
    marker = host.site.root / "copied"
    at_copy(host, f'$real "$@"; touch {marker}; exec sleep 60')
    process = host.start("copy")
    staging.until(marker.exists)
    kill(process)
    assert (len(list((target(host) / "snapshots").iterdir())), statements(host)) == (1, [])
    said = host.site.guardian("verify", "--repository", "offsite", "--level", "D0")
    assert "never-backed-up" in said.reasons, "no statement, no copy"
    assert "copy-unstated" in said.reasons
    at_copy(host, f'echo "$@" >> {marker}')
    good(host, 2)
    assert len(marker.read_text().splitlines()) == 1, "the other one only"


def test_a_target_that_is_gone_is_not_made_anew(host: Any) -> None:
    shutil.rmtree(target(host))
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (10, "failed"), said
    assert statements(host)[-1]["outcome"] == "failed"
    assert host.site.guardian("init").code == 10
    assert not target(host).exists()


def test_a_target_with_another_password(host: Any) -> None:
    (host.site.state / "keys" / "offsite.password").write_text("another")
    said = host.site.guardian("copy")
    assert (said.code, said.json["copies"][0]["lacking"]) == (12, 0), said


def forge(host: Any, **changes: Any) -> str:
    """Store in the target what somebody with its password could: a copy of the newest snapshot, but for ``changes``."""
    newest = host.receipts()[-1]["snapshot_id"]
    main = str(host.site.state / "keys" / "main.password")
    document = json.loads(host.site.restic("--password-file", main, "cat", "snapshot", newest).stdout)
    document.pop("parent", None)
    password = Secret((host.site.state / "keys" / "offsite.password").read_bytes().rstrip(b"\n"))
    with LocalReader(target(host)) as reader:
        loaded = open_repository(reader, password).load()
        text = json.dumps({**document, "original": newest, **changes}).encode()
        stored = loaded.sealed(text, os.urandom(16))
    name = hashlib.sha256(stored).hexdigest()
    (target(host) / "snapshots" / name).write_bytes(stored)
    return name


def test_a_forged_copy_without_content_does_not_pass(host: Any) -> None:
    """restic takes it for done: the same original, the same tree."""
    forged = forge(host)
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (3, "partial"), said
    assert {"copy-incomplete", "blob-not-indexed"} <= said.reasons
    assert [s["outcome"] for s in statements(host)] == ["failed", "complete"]
    (target(host) / "snapshots" / forged).unlink()
    good(host, 1)


def test_a_forged_copy_with_another_tree_is_named_and_copied_over(host: Any) -> None:
    forged = forge(host, tree=host.receipts()[0]["tree_id"])
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert "copy-forged" in said.reasons
    assert forged not in {s["copy_id"] for s in statements(host)}
    said = host.site.guardian("verify", "--repository", "offsite", "--level", "D0")
    assert (said.code, "snapshot-foreign" in said.reasons) == (3, True), said


def test_a_snapshot_that_goes_while_it_is_copied(host: Any) -> None:
    at_copy(host, f"rm -f {host.snapshot_file(-1)}")
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (3, "partial"), said
    assert "copy-source-gone" in said.reasons
    assert [s["snapshot_id"] for s in statements(host)] == [host.receipts()[0]["snapshot_id"]]


def test_the_newest_snapshot_is_damaged(host: Any) -> None:
    """What can be copied is, and nobody is told that the copy is up to date."""
    host.snapshot_file(-1).chmod(0o600)
    host.snapshot_file(-1).write_bytes(host.snapshot_file(0).read_bytes())
    shutil.rmtree(host.site.state / "cache")
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (3, "partial"), said
    assert "snapshot-missing" in said.reasons
    assert [s["snapshot_id"] for s in statements(host)] == [host.receipts()[0]["snapshot_id"]]


def test_a_damaged_pack_in_the_source_is_no_whole_copy(host: Any, staging: Any) -> None:
    staging.flip(host.data_pack())
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"], "copy-damaged" in said.reasons) == (3, "failed", True), said
    assert [(s["outcome"], s["copy_id"]) for s in statements(host)] == [("failed", None)] * 2
    staging.flip(host.data_pack())
    good(host, 2)


def test_a_damaged_point_does_not_keep_the_others_from_being_copied(host: Any, staging: Any) -> None:
    first = host.snapshot_file(0).stat().st_mtime_ns
    for pack in (one for one in host.objects("data") if one.stat().st_mtime_ns > first):
        staging.flip(pack)  # what the newest backup added
    shutil.rmtree(host.site.state / "cache")
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"], "copy-damaged" in said.reasons) == (3, "partial", True), said
    assert [s["outcome"] for s in statements(host)] == ["failed", "complete"]


def test_a_pack_lost_in_the_target_is_found_before_it_is_called_a_copy(host: Any) -> None:
    at_copy(host, f'$real "$@"; find {target(host)}/data -type f -delete; exit 0')
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (3, "failed"), said
    assert {"copy-incomplete", "pack-missing"} <= said.reasons


def test_a_restic_that_does_nothing_and_is_content(host: Any) -> None:
    at_copy(host, "exit 0")
    said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (3, "failed"), said
    assert "copy-not-listed" in said.reasons


def test_a_target_that_is_full(host: Any, staging: Any) -> None:
    if not staging.may_mount():
        pytest.skip("no mount namespace here")
    folder = target(host)
    script = (
        f"cp -a {folder} {folder}.x && mount -t tmpfs -o size=64k t {folder} && cp -a {folder}.x/. {folder} || exit 99"
    )
    said = host.within(["unshare", "-m", "sh", "-c", f'{script}\nexec "$@"', "sh"], "copy")
    assert (said.code, said.json["outcome"]) == (4, "failed"), said
    assert "storage-full" in said.reasons
    good(host, 2)


def test_two_at_once_do_not_wait_for_each_other(host: Any) -> None:
    found = node(host)
    with found.lease("offsite", "test"):
        said = host.site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (11, "failed"), said
