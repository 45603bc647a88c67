"""An auditor without write access drills all the same, leaves nothing behind, and is told what that does not prove."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.durable import Lease

CHECKOUT = Path(__file__).parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root can become another user")


def listing(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every path under ``root`` with its mode, size and time of change."""
    found = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def leftovers(site: Any) -> set[str]:
    """What drills of this host may have left where scratch lies for everybody; other tests have hosts of their own."""
    mark = hashlib.sha256(os.fsencode(site.state / "scratch")).hexdigest()[:12]
    return {path.name for path in Path("/var/tmp").glob(f"guardian-{mark}-*")}


@pytest.fixture
def closed(shared_stage: Any, staging: Any) -> Iterator[Any]:
    """A host with a drill on record, and the words that make its state, source and repository read-only."""
    if not staging.may_mount():
        pytest.skip("NOT TRIED: no mount namespaces here")
    site = shared_stage.site
    before, left = listing(site.root), leftovers(site)
    yield shared_stage, staging.read_only(site.state, site.repository, site.docs)
    assert listing(site.root) == before
    assert leftovers(site) == left


@pytest.fixture(scope="module")
def recorded(shared_stage: Any) -> Any:
    """A drill that is on record, before the state is closed."""
    said = shared_stage.site.guardian("verify")
    assert said.code == 0, said
    return said.json["drills"][0]


def test_a_drill_where_nothing_can_be_put_on_record(recorded: Any, closed: Any, tmp_path: Path) -> None:
    stage, prefix = closed
    report = tmp_path / "report.json"
    said = stage.within(prefix, "verify", "--seed-nonce", "c0ffee", "--report", report)
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said.out
    (drill,) = said.json["drills"]
    assert [(check["level"], check["outcome"]) for check in drill["checks"]] == [(f"D{n}", "PASS") for n in range(4)]
    assert (drill["entry"], drill["plan_entry"]) == (None, None)
    assert drill["checks"][-1]["assurances"]
    (why,) = [r for check in drill["checks"] for r in check["reasons"] if r["code"] == "not-recorded"]
    assert "Read-only file system" in why["text"]
    written = json.loads(report.read_text())["drills"][0]
    assert (written["entry"], written["envelopes"]) == (None, {})
    replayed = stage.within(prefix, "verify", "--replay", report)
    assert replayed.code == 2, "nothing was committed to, so there is nothing to replay"


def test_a_failed_drill_of_an_auditor_fails(recorded: Any, closed: Any, tmp_path: Path) -> None:
    stage, _prefix = closed
    staging = sys.modules[type(stage).__module__]
    copy = staging.copy(stage, tmp_path / "broken")
    staging.flip(copy.data_pack())
    said = copy.within(staging.read_only(copy.site.state, copy.site.repository), "verify", "--level", "D2")
    assert (said.code, said.json["outcome"]) == (3, "FAIL"), said
    assert "not-recorded" in said.reasons


def test_what_people_read_of_it(recorded: Any, closed: Any, tmp_path: Path) -> None:
    stage, prefix = closed
    report = tmp_path / "report.html"
    said = stage.within(prefix, "verify", "--level", "D1", "--report", report, plain=True)
    assert said.code == 0, said
    assert "nothing of this drill is on record" in said.out
    assert ", not on record\n" in said.out
    assert "of the log" not in said.out
    html = report.read_text()
    assert "not on record" in html
    assert "Every result is an entry of the signed log" not in html


def test_everything_else_that_auditors_do(recorded: Any, closed: Any, tmp_path: Path) -> None:
    stage, prefix = closed
    replayed = stage.within(prefix, "verify", "--replay", recorded["drill_id"])
    assert (replayed.code, replayed.json["outcome"]) == (0, "PASS"), replayed
    assert stage.within(prefix, "ledger", "verify").json["outcome"] == "valid"
    assert stage.within(prefix, "ledger", "show").code == 0
    assert stage.within(prefix, "ledger", "export", "-o", tmp_path / "log").code == 0
    assert stage.within(prefix, "audit", "pack", "app", "-o", tmp_path / "pack.zip").code == 0
    assert (tmp_path / "pack.zip").stat().st_size > 10_000
    assert stage.within(prefix, "snapshots").code == 0
    custody = stage.within(prefix, "verify", "--level", "K")
    assert custody.code == 4
    assert {"no-shares", "not-recorded"} <= custody.reasons
    back = stage.within(prefix, "restore", "app/docs", "--target", tmp_path / "back")
    assert (back.code, back.json["outcome"]) == (0, "complete"), back
    assert back.json["entry"] is None
    assert "could not take this restore" in back.err


def test_verbs_that_must_write_say_that_they_cannot(closed: Any) -> None:
    stage, prefix = closed
    for arguments in (["backup"], ["init"], ["ledger", "listing", "main", "-o", str(stage.site.root / "l")]):
        said = stage.within(prefix, *arguments, plain=True)
        assert said.code == 4, said
        assert "Read-only file system" in said.out + said.err


def test_what_killed_auditors_left_goes_with_the_next(recorded: Any, closed: Any, tmp_path: Path) -> None:
    stage, prefix = closed
    room = tmp_path / "scratch"
    room.mkdir(mode=0o700)
    dead, alive = room / "guardian-aside-dead", room / "guardian-aside-alive"
    foreign = room / "guardian-aside-file"
    for folder in (dead, alive):
        (folder / "scratch").mkdir(parents=True)
        (folder / "restored").write_text("secret")
    foreign.write_text("no directory")
    staging = sys.modules[type(stage).__module__]
    copy = staging.copy(stage, tmp_path / "host")
    copy.configure(scratch_dir=str(room))
    with Lease.acquire(room / "guardian-aside-alive.lease", "aside"):
        said = copy.within(staging.read_only(copy.site.state), "verify")
    assert said.code == 0, said
    assert sorted(path.name for path in room.iterdir()) == [
        "guardian-aside-alive",
        "guardian-aside-alive.lease",
        "guardian-aside-file",
    ]
    assert prefix


# another user


def nobody(room: Path) -> list[str]:
    """The words before a command that make it another user's, who can reach our Python and code wherever root keeps
    them: what lies behind a closed door, such as /root, is shown to that command alone at the same place.
    """
    needed = dict.fromkeys(Path(p).resolve() for p in (sys.base_prefix, sys.prefix, CHECKOUT))
    closed = {p: door for p in needed if (door := next((d for d in reversed(p.parents) if not passable(d)), None))}
    held = {path: room / f"held-{number}" for number, path in enumerate(closed)}
    mounts = [
        *(f"mkdir {place} && mount --bind {path} {place}" for path, place in held.items()),
        *(f"mount -t tmpfs -o mode=755 t {door}" for door in dict.fromkeys(closed.values())),
        *(f"mkdir -p {path} && mount --bind {place} {path}" for path, place in held.items()),
        *(f"umount {place} && rmdir {place}" for place in held.values()),
    ]
    user = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"'
    return ["unshare", "-m", "sh", "-c", " && ".join([*mounts, user]), "sh"]


def passable(folder: Path) -> bool:
    """Whether everybody may go through ``folder``."""
    return bool(folder.stat().st_mode & stat.S_IXOTH)


@pytest.fixture
def visited(shared_stage: Any, recorded: Any, staging: Any) -> Iterator[Any]:
    """A host where all may be read by all but its secrets, and the words that make a command another user's.

    That user has the repository's password in a file of their own.
    """
    room = Path(tempfile.mkdtemp(prefix="auditor-", dir="/var/tmp"))
    room.chmod(0o755)
    stage = staging.copy(shared_stage, room / "host")
    password = room / "password"
    shutil.copy(stage.site.state / "keys" / "main.password", password)
    os.chown(password, 65534, 65534)
    for path in [room / "host", *(room / "host").rglob("*")]:
        if not path.is_symlink():
            more = 0o055 if path.is_dir() else 0o044
            path.chmod(stat.S_IMODE(path.stat().st_mode) | more)
    for secret in (stage.site.state / "keys" / "signing.key", stage.site.state / "keys" / "main.password"):
        secret.chmod(0o600)
    stage.site.config["repositories"]["main"]["password"] = f"file:{password}"
    stage.site.config["systems"]["app"]["sources"]["docs"]["paths"] = [str(stage.docs)]
    stage.site.write()
    user = nobody(room)
    can = subprocess.run([*user, sys.executable, "-c", "import guardian"], capture_output=True, check=False)
    if can.returncode != 0:
        shutil.rmtree(room)
        pytest.skip(f"another user cannot be had here: {can.stderr.decode(errors='replace')}")
    yield stage, user
    shutil.rmtree(room)


@AS_ROOT
def test_another_user_who_may_read(visited: Any) -> None:
    stage, user = visited
    before, left = listing(stage.site.root), leftovers(stage.site)
    said = stage.within(user, "verify")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said.out
    assert said.json["drills"][0]["entry"] is None
    assert "not-recorded" in said.reasons
    assert stage.within(user, "ledger", "verify").json["outcome"] == "valid"
    assert stage.within(user, "ledger", "show").code == 0
    drill = next(e for e in reversed(stage.entries()) if "/drill-result/" in e["type"])
    replayed = stage.within(user, "verify", "--replay", drill["predicate"]["drill_id"])
    assert (replayed.code, replayed.json["outcome"]) == (0, "PASS"), replayed
    out = Path(tempfile.mkdtemp(dir=stage.site.root.parent))
    os.chown(out, 65534, 65534)
    assert stage.within(user, "ledger", "export", "-o", out / "log").code == 0
    # A pack is signed by the host's key, which an auditor does not have: the host's owner makes it.
    packed = stage.within(user, "audit", "pack", "app", "-o", out / "pack.zip", plain=True)
    assert packed.code == 4, packed
    assert "signing.key" in packed.err
    assert "Run this as the user that Guardian's files belong to." in packed.err
    assert not (out / "pack.zip").exists()
    assert listing(stage.site.root) == before
    assert leftovers(stage.site) == left


@AS_ROOT
def test_another_user_who_may_not_even_read(visited: Any) -> None:
    stage, user = visited
    stage.site.state.chmod(0o700)
    for arguments in (["verify"], ["ledger", "verify"], ["ledger", "show"]):
        said = stage.within(user, *arguments, plain=True)
        assert said.code == 4, said
        assert "Permission denied" in said.err
        assert "Run this as the user that Guardian's files belong to." in said.err


@AS_ROOT
def test_a_signing_key_that_is_gone_is_no_auditor(visited: Any) -> None:
    """Who may write is never drilled without a record: a lost key is told, not worked around."""
    stage, _user = visited
    (stage.site.state / "keys" / "signing.key").unlink()
    said = stage.site.guardian("verify", PLAIN="1")
    assert said.code == 4, said
    assert "signing.key is missing" in said.err


def test_where_everything_is_on_record_nobody_says_that_it_is_not(recorded: Any) -> None:
    assert isinstance(recorded["entry"], int)
    assert not [r for check in recorded["checks"] for r in check["reasons"] if r["code"] == "not-recorded"]
