"""The newest receipt of each source, from a file that nobody has to trust."""

import json
from pathlib import Path

import pytest

from guardian.keys.signing import SigningKey
from guardian.ledger.heads import Heads
from guardian.ledger.store import Log
from guardian.model.backup import Counts
from guardian.model.evidence import BackupReceipt, KeyEvent, NoBackup
from guardian.model.reason import reason
from guardian.model.secret import Secret

KEY = SigningKey.load(Secret(b"k" * 32))


def receipt(source: str, run: int) -> BackupReceipt:
    return BackupReceipt(
        run_id=str(run),
        tenant="t",
        host="h",
        system="s",
        source=source,
        source_kind="files",
        repository="main",
        repository_id="r",
        snapshot_id=f"{run:064x}",
        tree_id=f"{run:064x}",
        paths=("/srv",),
        outcome="complete",
        counts=Counts(),
        started="",
        ended="",
        plan_sha256="ab" * 32,
        tools={},
    )


def missed(source: str) -> NoBackup:
    return NoBackup(
        run_id="x",
        tenant="t",
        host="h",
        system="s",
        source=source,
        repository="main",
        outcome="failed",
        reasons=(reason("storage-unreachable"),),
        started="",
        ended="",
    )


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log.create(tmp_path / "log", "example.org/log", KEY)
    log.append(receipt("docs", 0))
    log.append(missed("docs"))
    log.append(receipt("db", 2))
    log.append(receipt("docs", 3))
    log.append(KeyEvent(event="e", tenant="t", host="h", key_id="k", at=""))
    log.append(missed("docs"))
    log.append(missed("docs"))
    return log


def newest(log: Log, path: Path) -> list[int | None]:
    heads = Heads(log, path)
    found = [heads.latest("s", source, "main") for source in ("docs", "db", "none")]
    return [None if entry is None else entry.index for entry in found]


def test_newest_receipts_and_attempts_since(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "heads.json"
    assert newest(log, path) == [3, 2, None]
    heads = Heads(log, path)
    assert (heads.attempts("s", "docs", "main").count, heads.attempts("s", "docs", "main").last) == (2, 6)
    assert heads.attempts("s", "db", "main").count == 0
    assert heads.latest("s", "docs", "other") is None


def test_it_catches_up_with_the_log(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "heads.json"
    heads = Heads(log, path)
    assert heads.latest("s", "new", "main") is None
    log.append(receipt("new", 7))
    entry = heads.latest("s", "new", "main")
    assert entry is not None
    assert entry.index == 7
    assert json.loads(path.read_bytes())["size"] == 8
    log.append(receipt("docs", 8))
    assert newest(log, path) == [8, 2, None]


def damage(content: bytes, **changes: object) -> bytes:
    return json.dumps({**json.loads(content), **changes}).encode()


@pytest.mark.parametrize(
    "break_it",
    [
        lambda c: b"",
        lambda c: b"{half",
        lambda c: b"[" * 100_000,
        lambda c: damage(c, size=99),
        lambda c: damage(c, size=-1),
        lambda c: damage(c, version=2),
        lambda c: damage(c, key_id="other"),
        lambda c: damage(c, root="00" * 32),
        lambda c: c.replace(b'"index":3', b'"index":0'),
        lambda c: c.replace(b'"index":3', b'"index":4'),
        lambda c: c.replace(b'"index":3', b'"index":-3'),
        lambda c: c.replace(b'"index":3', b'"index":999'),
    ],
)
def test_a_damaged_or_lying_file_is_made_anew(log: Log, tmp_path: Path, break_it) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "heads.json"
    newest(log, path)
    path.write_bytes(break_it(path.read_bytes()))
    assert newest(log, path) == [3, 2, None]


def test_a_log_set_back_makes_the_file_worthless(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "heads.json"
    newest(log, path)
    other = Log.create(tmp_path / "other", "example.org/log", KEY)
    other.append(receipt("docs", 0))
    assert newest(other, path) == [0, None, None]


def test_a_file_that_cannot_be_written_is_no_error(log: Log, tmp_path: Path) -> None:
    assert newest(log, tmp_path / "no" / "folder" / "heads.json") == [3, 2, None]
