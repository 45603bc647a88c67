"""Adding, listing and removing keys with every restic of this machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from guardian.errors import UsageError, WrongPassword
from guardian.model.redaction import redact
from guardian.model.secret import Secret
from guardian.restic import argv
from guardian.restic.capability import probe
from guardian.restic.client import Access, Restic

OLD, NEW = Secret(b"the old password"), Secret(b"a new password \xc3\xa4 'quoted'")


@pytest.fixture
def repository(restics: Path, tmp_path: Path) -> Restic:
    made = Restic(Access(url=str(tmp_path / "repository"), password=OLD, tmp_dir=tmp_path), probe(restics))
    made.init()
    return made


def opened(restic: Restic, password: Secret, tmp_path: Path) -> Restic:
    return Restic(replace(Access(url=str(tmp_path / "repository"), password=password)), restic.capability)


def test_a_key_is_added_and_the_old_one_removed(repository: Restic, tmp_path: Path) -> None:
    old = repository.current_key()
    new = repository.key_add(NEW)
    assert sorted(repository.key_ids()) == sorted([old, new])
    assert sorted(p.name for p in (tmp_path / "repository" / "keys").iterdir()) == sorted([old, new])
    with pytest.raises(UsageError, match="in use"):
        repository.key_remove(old)
    by_new = opened(repository, NEW, tmp_path)
    by_new.key_remove(old)
    by_new.key_remove(old)  # gone already: as good as removed
    assert by_new.key_ids() == (new,)
    with pytest.raises(WrongPassword):
        repository.config()
    assert redact(f"said {NEW.reveal().decode()}") == "said ***"


def test_the_new_password_is_in_no_argument() -> None:
    call = argv.key_add(NEW)
    text = NEW.reveal().decode()
    assert text not in repr(call)
    assert not any(text in argument for argument in call.arguments)
