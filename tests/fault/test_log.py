"""A damaged, turned back, torn, full or missing log: data is saved all the same, and nothing is called proven."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TORN = b"\x02\x00{half an ent"


class Evidence:
    """The log of a host, and a copy of what it was."""

    def __init__(self, stage: Any) -> None:
        self.site = stage.site
        self.folder: Path = self.site.state / "log"
        self.copy = self.site.root / "log-copy"
        shutil.copytree(self.folder, self.copy)

    @property
    def entries(self) -> Path:
        return self.folder / "tile" / "entries" / "000"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    def content(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    def put_back(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.copy, self.folder)

    def snapshots(self) -> set[str]:
        return {p.name for p in (self.site.repository / "snapshots").iterdir()}


@pytest.fixture
def log(stage: Any) -> Evidence:
    return Evidence(stage)


def cut(log: Evidence) -> None:
    log.entries.write_bytes(log.entries.read_bytes()[:-5])


def edit(log: Evidence) -> None:
    data = bytearray(log.entries.read_bytes())
    data[900] ^= 1
    log.entries.write_bytes(data)


def edit_checkpoint(log: Evidence) -> None:
    name, size, rest = log.checkpoint.read_bytes().split(b"\n", 2)
    log.checkpoint.write_bytes(b"\n".join((name, b"%d" % (int(size) - 1), rest)))


def lose_checkpoint(log: Evidence) -> None:
    log.checkpoint.unlink()


def garbage_checkpoint(log: Evidence) -> None:
    log.checkpoint.write_bytes(bytes(range(256)) * 8)


def lose_everything(log: Evidence) -> None:
    shutil.rmtree(log.folder)


@pytest.mark.parametrize("damage", [cut, edit, edit_checkpoint, lose_checkpoint, garbage_checkpoint, lose_everything])
def test_a_damaged_log_is_refused_and_data_is_saved(
    stage: Any, log: Evidence, damage: Callable[[Evidence], None]
) -> None:
    damage(log)
    damaged, before = log.content(), log.snapshots()
    for arguments in (["ledger", "verify"], ["verify"]):
        code, text = stage.told(*arguments)
        assert code == 20, text
        assert " log" in text
    said = stage.site.guardian("backup")
    assert (said.code, said.json["exit_code"]) == (20, 20)
    (run,) = said.json["runs"]
    assert (run["outcome"], run["entry"], run["error"]["code"]) == ("complete", None, "evidence-invalid")
    assert log.snapshots() - before == {run["snapshot_id"]}
    target = stage.site.root / "back"
    said = stage.site.guardian("restore", "app", "--target", target)
    assert said.code in {0, 4}, said  # 4: brought back, and no receipt can say what it should be
    assert any(path.name == "1.txt" for path in target.rglob("*"))
    code, text = stage.told("snapshots")
    assert (code, run["snapshot_id"][:12] in text) == (0, True)
    assert log.content() == damaged

    log.put_back()
    code, text = stage.told("ledger", "verify")
    assert code == 0, text
    # The log learns of what was saved meanwhile, so that nobody takes it for an intruder's.
    assert stage.site.guardian("backup").code == 0
    said = stage.site.guardian("verify", "--level", "D0")
    assert said.code == 0, said
    assert "snapshot-orphan" in said.reasons
    assert "run-unrecorded" in {code for e in stage.entries() for code in codes(e["predicate"])}


def codes(predicate: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in predicate.get("reasons", ())}


def test_a_log_turned_back_contradicts_the_snapshots(stage: Any, log: Evidence) -> None:
    """Old entries with their old, well signed checkpoint: only the repository remembers that there was more."""
    for _run in range(2):
        assert stage.site.guardian("backup").code == 0
    log.put_back()
    (stage.site.state / "heads.json").unlink()
    assert stage.site.guardian("ledger", "verify").code == 0  # it holds in itself
    said = stage.site.guardian("verify", "--level", "D0")
    assert said.code == 20
    assert {"log-behind-anchor", "snapshot-foreign"} <= said.reasons
    # Growing over the gap does not hide it.
    assert stage.site.guardian("backup").code == 0
    said = stage.site.guardian("verify", "--level", "D0")
    assert said.code == 20
    assert "log-differs-from-anchor" in said.reasons


def test_a_checkpoint_from_elsewhere_is_refused(
    stage: Any, log: Evidence, staging: Any, original: Any, tmp_path: Path
) -> None:
    """Newer checkpoint on older entries, and a checkpoint some other key signed."""
    old = log.entries.read_bytes()
    assert stage.site.guardian("backup").code == 0
    log.entries.write_bytes(old)
    said = stage.site.guardian("ledger", "verify")
    assert (said.code, said.json["problem"]["code"]) == (20, "entries-missing")
    log.put_back()
    other = staging.copy(original, tmp_path / "other").site
    shutil.rmtree(other.state / "log")
    for name in ("signing.key", "signing.pub"):
        (other.state / "keys" / name).unlink()
    assert other.guardian("init").code == 0
    log.checkpoint.write_bytes((other.state / "log" / "checkpoint").read_bytes())
    said = stage.site.guardian("ledger", "verify")
    assert (said.code, said.json["problem"]["code"]) == (20, "checkpoint-signature")


def test_a_lost_log_is_begun_anew_only_on_demand_and_never_unseen(stage: Any, log: Evidence) -> None:
    lose_everything(log)
    assert "is gone" in stage.told("backup")[1]
    assert not log.folder.exists()
    assert stage.site.guardian("init").code == 0
    first = stage.entries()[0]["predicate"]
    assert first["event"] == "log-begun-anew"
    assert stage.site.guardian("backup").code == 0
    said = stage.site.guardian("verify", "--level", "D0")
    assert said.code == 20
    assert "snapshot-foreign" in said.reasons


def test_a_torn_tail_is_cut_and_said(stage: Any, log: Evidence) -> None:
    with log.entries.open("ab") as file:
        file.write(TORN)
    assert stage.site.guardian("ledger", "verify").code == 0
    said = stage.site.guardian("backup", PLAIN="1")
    assert said.code == 0
    assert f"{len(TORN)} bytes of an entry that was never finished were cut off" in said.err
    assert TORN not in log.entries.read_bytes()
    stage.good("--level", "D0")


def inside(stage: Any, prepare: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Guardian in a mount namespace of its own in which ``prepare`` changed the state directory, "$0".

    What the state directory then holds is left in ``state.after``.
    """
    state = stage.site.state
    script = f'{prepare}\n"$@"; code=$?\nrm -rf "$0/fill" "$0.after"; cp -a "$0" "$0.after"; exit $code'
    command = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m", "sh", "-c", script, str(state)]
    return subprocess.run(
        [*command, *stage.site.argv(*arguments)],
        env=stage.site.env(),
        cwd=stage.site.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def may_mount() -> bool:
    command = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m", "mount", "-t", "tmpfs", "t", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 99'
FULL = """cp -a "$0" "$0.x" && mount -t tmpfs -o size=4m t "$0" && cp -a "$0.x/." "$0" || exit 99
rm -rf "$0.x"; dd if=/dev/zero of="$0/fill" bs=4k 2>/dev/null"""


@pytest.mark.skipif(not may_mount(), reason="NOT TRIED: no mount namespaces here")
@pytest.mark.parametrize(
    ("prepare", "why"), [(READ_ONLY, "Read-only file system"), (FULL, "No space left")], ids=["read-only", "full"]
)
def test_a_state_directory_that_takes_nothing(stage: Any, log: Evidence, prepare: str, why: str) -> None:
    before = log.content()
    for arguments in (["backup"], ["verify"], ["init"]):
        done = inside(stage, prepare, *arguments)
        text = done.stdout + done.stderr
        if (arguments, prepare) == (["init"], FULL):
            assert done.returncode == 0, text  # there is nothing to write
        elif (arguments, prepare) == (["verify"], READ_ONLY):
            assert done.returncode == 0, text  # as an auditor would: tests/fault/test_auditor.py
            assert why in text
            continue
        else:
            assert done.returncode == 4, text
            assert why in text
        assert "Traceback" not in text
        assert text.count("\n") <= 4, text
    done = inside(stage, prepare, "ledger", "verify")
    assert done.returncode == 0, done
    assert log.content() == before
    # What the fault left is no half state: the host goes on with it once there is room.
    inside(stage, prepare, "backup")
    shutil.rmtree(stage.site.state)
    Path(f"{stage.site.state}.after").rename(stage.site.state)
    stage.good("--level", "D0")
    assert stage.site.guardian("ledger", "verify").code == 0
