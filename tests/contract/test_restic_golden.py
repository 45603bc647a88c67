"""What real restics said, recorded by tests/golden/restic/record.py, read again by every part that listens."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian import errors as e
from guardian.proc import Finished
from guardian.restic.errors import DAMAGE, classify, texts
from guardian.restic.listen import BackupListener, RestoreListener
from guardian.restic.messages import CheckSummary, ExitError, Initialized, Other, Status, Summary, parse
from guardian.restic.report import BackupReport
from guardian.restic.versions import Capability, able, read_version

GOLDEN = Path(__file__).parents[1] / "golden" / "restic"
VERSIONS = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: list[bytes]
    stderr: list[bytes]


def recorded(version: str, name: str) -> Said:
    document = json.loads((GOLDEN / version / f"{name}.json").read_text())
    lines = {key: [line.encode("utf-8", "surrogateescape") for line in document[key]] for key in ("stdout", "stderr")}
    return Said(document["returncode"], lines["stdout"], lines["stderr"])


def capability(version: str) -> Capability:
    found = read_version(f"restic {version}")
    assert found
    return able(Path("restic"), found)


def backup(version: str, name: str, items: list[tuple[str, str]] | None = None) -> BackupReport:
    said = recorded(version, name)
    found: list[tuple[bytes, bytes]] = []
    listener = BackupListener(found.extend)
    for line in said.stdout:
        listener.stdout(line)
    for line in said.stderr:
        listener.stderr(line)
    if items is not None:
        items += [(action.decode(), path.decode()) for action, path in found]
    return listener.report(Finished(said.returncode), capability(version))


pytestmark = pytest.mark.parametrize("version", VERSIONS)


def test_every_line_is_known(version: str) -> None:
    for path in (GOLDEN / version).glob("*.json"):
        said = recorded(version, path.stem)
        for line in said.stdout + said.stderr:
            message = parse(line)
            if isinstance(message, Other):
                assert b"scan_finished" in line


def test_backups(version: str) -> None:
    items: list[tuple[str, str]] = []
    new = backup(version, "backup-new", items)
    assert (new.outcome, new.counts.files, new.counts.files_new) == ("ok", 5, 5)
    assert new.snapshot_id
    assert len(new.snapshot_id) == (64 if capability(version).full_snapshot_id else 8)
    assert ("new", "/scratch/source/folder/new\nline") in items
    assert ("new", '/scratch/source/folder/quo"te') in items
    assert ("new", "/scratch/source/folder/贵州") in items
    changed: list[tuple[str, str]] = []
    assert backup(version, "backup-modified", changed).counts.files_changed == 1
    assert ("modified", "/scratch/source/folder/plain") in changed
    assert backup(version, "backup-stream").counts.bytes == 6


def test_partial_backups(version: str) -> None:
    unreadable = backup(version, "backup-unreadable")
    assert unreadable.outcome == "source-unreadable"
    assert unreadable.unreadable == ("/proc/4242/mem",)
    missing = backup(version, "backup-missing-source")
    assert (missing.outcome, missing.missing_sources) == ("source-unreadable", ("/nope",))
    assert recorded(version, "backup-missing-source").returncode == (
        3 if capability(version).missing_source_is_partial else 0
    )
    assert backup(version, "backup-all-missing").outcome == "failed"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wrong-password", e.WrongPassword),
        ("missing-local", e.RepositoryMissing),
        ("locked", e.RepositoryLocked),
        ("backup-unknown-parent", e.SnapshotMissing),
        ("restore-unknown", e.SnapshotMissing),
        ("check-flipped-read-data", e.RepositoryDamaged),
        ("check-pack-missing", e.RepositoryDamaged),
        ("dump-flipped", e.RepositoryDamaged),
        ("backup-garbage-snapshot", e.RepositoryDamaged),
        ("interrupted", e.Interrupted),
    ],
)
def test_failures(version: str, name: str, kind: type[e.GuardianError]) -> None:
    said = recorded(version, name)
    error = classify(said.stderr, said.returncode, capability(version))
    assert type(error) is kind, error
    assert ".go:" not in error.message


def test_exit_codes_are_as_the_table_says(version: str) -> None:
    able_ = capability(version)
    assert recorded(version, "missing-local").returncode == (10 if able_.exit_codes else 1)
    assert recorded(version, "locked").returncode == (11 if able_.exit_codes else 1)
    assert recorded(version, "wrong-password").returncode == (12 if able_.exit_code_password else 1)
    last = parse(recorded(version, "wrong-password").stderr[-1])
    assert isinstance(last, ExitError) == able_.exit_error


def test_a_garbage_lock_stops_only_newer_restics(version: str) -> None:
    said = recorded(version, "garbage-lock")
    if capability(version).refuses_bad_locks:
        assert isinstance(classify(said.stderr, said.returncode, capability(version)), e.RepositoryLocked)
    else:
        assert said.returncode == 0


def test_answers(version: str) -> None:
    able_ = capability(version)
    messages = [parse(line) for line in recorded(version, "init").stdout]
    assert any(isinstance(m, Initialized) for m in messages) == able_.json_init
    checked = [parse(line) for line in recorded(version, "check").stdout]
    assert any(isinstance(m, CheckSummary) and m.num_errors == 0 for m in checked) == able_.json_check
    assert able_.json_check or b"no errors were found" in recorded(version, "check").stdout
    assert any(isinstance(parse(line), Summary) for line in recorded(version, "backup-new").stdout)
    assert not any(
        isinstance(parse(line), Status) and b"scan_fin" in line for line in recorded(version, "backup-new").stdout
    )
    assert recorded(version, "snapshots-unknown").stdout == [b"[]"]
    assert recorded(version, "check-flipped").returncode == 0  # restic does not see it without reading
    garbage = texts(recorded(version, "snapshots-garbage").stderr)
    assert any("load snapshot" in line for line in garbage)


def test_a_restore_with_damage_names_the_file(version: str) -> None:
    said = recorded(version, "restore-flipped")
    listener = RestoreListener(None, 0)
    for line in said.stderr:
        listener.stderr(line)
    report = listener.report(Finished(said.returncode), capability(version))
    assert not report.ok
    assert any(DAMAGE.search(line) and "/scratch/big/file" in line for line in report.error_lines)
