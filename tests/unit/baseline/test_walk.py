"""What one walk finds; what it could not read keeps every "nothing was found" unknown."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host, Unread, is_err
from guardian.baseline.facts.root import Batch, Entry, Notes
from guardian.baseline.facts.walk import _KEY, _KEY_ENDS, FIRST, KINDS, walk
from guardian.model.events import Event, Progress

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    me, us = os.getuid(), os.getgid()
    (tmp_path / "etc/passwd").write_text(f"me:x:{me}:{us}::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text(f"us:x:{us}:\n")
    return tmp_path


def test_each_kind_of_finding(tree: Path) -> None:
    for name, mode in {
        "open": 0o666, "suid": 0o4755, "sgid": 0o2755, "lock": 0o2644, ".rhosts": 0o600, "id_rsa": 0o644,
        "b.key": 0o600, "c.pem": 0o644,
    }.items():  # fmt: skip
        (tree / name).write_text(KEY if name != "c.pem" else "-----BEGIN CERTIFICATE-----")
        (tree / name).chmod(mode)
    for name, mode in {"shared": 0o777, "sticky": 0o1777}.items():
        (tree / name).mkdir()
        (tree / name).chmod(mode)
    (tree / "site-packages/x/tests").mkdir(parents=True)
    (tree / "site-packages/x/tests/t.key").write_text(KEY)
    (tree / "link").symlink_to("open")
    told = walk(Host(LocalRoot(tree)))
    paths = {kind: [item["path"] for item in told[kind]] for kind in KINDS}
    assert paths == {
        "world_writable": ["/open"], "open_folders": ["/shared"], "no_owner": [], "trust_files": ["/.rhosts"],
        "setuid": paths["setuid"], "private_keys": ["/id_rsa"],
    }  # fmt: skip
    assert sorted(paths["setuid"]) == ["/sgid", "/suid"]
    assert told["complete"]
    assert told["setuid"][0]["owner"] == "me"


def test_many_findings_are_counted_and_the_first_are_named(tree: Path) -> None:
    for number in range(FIRST + 7):
        (tree / f"f{number}").write_text("")
        (tree / f"f{number}").chmod(0o666)
    told = walk(Host(LocalRoot(tree)))
    assert told["counts"]["world_writable"] == FIRST + 7
    assert len(told["world_writable"]) == FIRST + 1
    assert told["world_writable"][-1] == {"$err": "too many: 7 more are not named"}


@dataclass(frozen=True)
class Broken:
    """A root whose walk meets something that cannot be read, or ends at once."""

    inner: LocalRoot
    dies: bool = False
    live: bool = False

    def stat(self, path: str, *, follow: bool = True) -> Entry:
        return self.inner.stat(path, follow=follow)

    def list(self, path: str) -> list[str]:
        return self.inner.list(path)

    def read(self, path: str, limit: int) -> bytes:
        return self.inner.read(path, limit)

    def walk(self, notes: Notes) -> Iterator[Batch]:
        yield from self.inner.walk(notes)
        notes.miss("/hidden", "Permission denied")
        if self.dies:
            raise OSError(5, "Input/output error")


@pytest.mark.parametrize("dies", [False, True])
def test_a_gap_stands_in_every_list(tree: Path, dies: bool) -> None:
    told: Any = walk(Host(Broken(LocalRoot(tree), dies)))
    assert not told["complete"]
    assert all(is_err(told[kind][-1]) for kind in KINDS)


class Slow:
    """A clock on which every look takes an hour."""

    def __init__(self) -> None:
        self.hours = 0.0

    def monotonic(self) -> float:
        self.hours += 1
        return 3600 * self.hours


def test_a_walk_that_takes_too_long_is_a_gap(tree: Path) -> None:
    for number in range(4100):
        (tree / f"f{number}").touch()
    told = walk(Host(LocalRoot(tree), Slow()), seconds=60)  # type: ignore[arg-type]
    assert told["setuid"] == [{"$err": "timeout after 60 s"}]


def test_whoever_watches_hears_how_far_it_is(tree: Path) -> None:
    heard: list[Event] = []
    (tree / "etc/de\nep").mkdir()
    (tree / "etc/de\nep/file").touch()
    walk(Host(LocalRoot(tree), Slow(), heard.append), seconds=1e9)  # type: ignore[arg-type]
    assert heard == [  # the clock goes by hours: every folder is told of
        Progress(1, unit="entries", at="/"),
        Progress(4, unit="entries", at="/etc"),
        Progress(5, unit="entries", at="/etc/de\nep"),
    ]
    walk(Host(LocalRoot(tree), report=heard.append))
    assert len(heard) == 3  # on a real one this takes no fifth of a second


@pytest.mark.parametrize("end", ["id_rsa", "ID_DSA", "id_ecdsa", "id_ed25519", "id_sm2", "a.key", "a.PEM", "a.p12",
                                 "a.pfx", "a.jKs", "\u212a.\u212aey", "a.jk\u017f"])  # fmt: skip
def test_every_name_of_a_key_ends_as_the_walk_looks_for(end: str) -> None:
    assert _KEY.match(end)
    assert end[-4:].casefold() in _KEY_ENDS


def test_without_the_names_of_users_nothing_is_said_of_owners(tree: Path) -> None:
    (tree / "etc/group").unlink()
    (tree / "etc/group").mkdir()
    with pytest.raises(Unread):
        walk(Host(LocalRoot(tree)))


def test_names_from_a_directory_that_cannot_be_asked(tree: Path) -> None:
    (tree / "etc/passwd").write_text("")
    assert walk(Host(LocalRoot(tree)))["no_owner"][0]["owner"] is None
    (tree / "etc/nsswitch.conf").write_text("passwd: files ldap\n")
    assert is_err(walk(Host(LocalRoot(tree)))["no_owner"][0]["owner"])
