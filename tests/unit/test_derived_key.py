"""What is derived from a password is kept for one key file and one password, and never trusted further."""

import os
from pathlib import Path

import pytest

from guardian.keys.derived import DerivedKey
from guardian.keys.store import KeyStore, RepositoryRecord
from guardian.model.secret import Secret

PASSWORD = Secret(b"the password")
DERIVED = bytes(range(64))


def test_it_is_for_one_key_file_and_one_password(tmp_path: Path) -> None:
    path = tmp_path / "main.derived"
    assert DerivedKey(path, PASSWORD).recall(b"key file") is None
    DerivedKey(path, PASSWORD).keep(b"key file", DERIVED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert DerivedKey(path, PASSWORD).recall(b"key file") == DERIVED
    assert DerivedKey(path, PASSWORD).recall(b"another") is None
    assert DerivedKey(path, Secret(b"another")).recall(b"key file") is None
    assert PASSWORD.reveal() not in path.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"\xff\n", b"00 00 00\n", b"x" * 9999])
def test_a_damaged_one_is_not_known(tmp_path: Path, damage: bytes) -> None:
    kept = DerivedKey(tmp_path / "main.derived", PASSWORD)
    kept.keep(b"key file", DERIVED)
    whole = (tmp_path / "main.derived").read_bytes()
    (tmp_path / "main.derived").write_bytes(damage)
    assert kept.recall(b"key file") is None
    for at in range(0, len(whole), 7):
        (tmp_path / "main.derived").write_bytes(whole[:at] + b"5" + whole[at + 1 :] if whole[at] != b"5"[0] else b"")
        assert kept.recall(b"key file") is None


def test_one_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    kept = DerivedKey(tmp_path / "main.derived", PASSWORD)
    kept.keep(b"key file", DERIVED)
    (tmp_path / "main.derived").chmod(0o640)
    assert kept.recall(b"key file") is None
    kept.keep(b"key file", DERIVED)
    assert kept.recall(b"key file") == DERIVED


def test_where_nothing_can_be_written_it_is_not_kept(tmp_path: Path) -> None:
    kept = DerivedKey(tmp_path / "none" / "main.derived", PASSWORD)
    kept.keep(b"key file", DERIVED)
    assert kept.recall(b"key file") is None


def test_a_password_from_elsewhere_leaves_nothing(tmp_path: Path) -> None:
    assert KeyStore(tmp_path, passwords={"main": PASSWORD}).derived("main") is None


def test_a_new_record_and_a_forgotten_password_take_it_along(tmp_path: Path) -> None:
    store, path = KeyStore(tmp_path), tmp_path / "keys" / "main.derived"
    store.ensure_password("main")
    for change in (
        lambda: store.forget_password("main"),
        lambda: store.save_record("main", RepositoryRecord(repository_id="ab" * 32, created="2026-01-01T00:00:00Z")),
    ):
        store.ensure_password("main")
        kept = store.derived("main")
        assert kept is not None
        kept.keep(b"key file", os.urandom(64))
        assert path.exists()
        change()
        assert not path.exists()
