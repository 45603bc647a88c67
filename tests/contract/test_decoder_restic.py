"""The decoder against restic itself: random trees, every version here, both formats, every compression."""

# The names here are bytes that no Path can spell.
# ruff: noqa: PTH101, PTH102, PTH109, PTH115, PTH118, PTH123, PTH211

import json
import os
import random
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.decoder.places import DATA, TREE
from guardian.decoder.repository import Loaded, open_repository
from guardian.decoder.times import nanoseconds
from guardian.decoder.trees import Node
from guardian.decoder.walk import Entry
from guardian.model.secret import Secret
from guardian.objectstore.local import LocalReader

PASSWORD = "a password of this test"
ENVIRONMENT = {"RESTIC_PASSWORD": PASSWORD, "PATH": os.environ["PATH"], "HOME": "/nonexistent", "RESTIC_CACHE_DIR": ""}
SETTINGS = [("1", ""), ("2", "off"), ("2", "auto"), ("2", "max")]
NAMES = [
    *(
        b"plain",
        b"with space",
        b" leading",
        b"-dash",
        b"*?[a]",
        b"a\\b",
        b'quo"te',
        b"new\nline",
        b"tab\tbell\a\x7f\x01",
    ),
    *("公文备份".encode(), "é".encode(), "e\u0301".encode(), "😀".encode(), "\u2028\ufffd\ufeff\u200b".encode()),
    *(b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"half \xe5\x85", b"\\xff", b"\\", b"\x80" * 255, b"n" * 255),
]


@dataclass(frozen=True, slots=True)
class Program:
    binary: Path
    folder: Path

    def __call__(self, *argv: str, **options: Any) -> bytes:
        command = [str(self.binary), "--no-cache", "-q", "-r", str(self.folder), *argv]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout


def lay_out(root: Path, seed: str) -> None:
    """A tree of every kind of entry, drawn from ``seed``."""
    rng = random.Random(seed)
    folders = [os.fsencode(root)]
    files = []
    for number, name in enumerate(rng.sample(NAMES, len(NAMES))):
        folder = rng.choice(folders)
        path = os.path.join(folder, name)
        if len(name) < 255 and rng.random() < 0.35:
            os.mkdir(path)
            folders.append(path)
        else:
            _write(path, rng, number)
            files.append(path)
    for number, path in enumerate(rng.sample(files, 4)):
        os.link(path, os.path.join(rng.choice(folders), b"hard %d" % number))
    for number, target in enumerate([b"nowhere", b"/etc/hostname", b"\xff\xfe", "目标".encode(), b"x" * 1000]):
        os.symlink(target, os.path.join(rng.choice(folders), b"link %d" % number))
    _special(rng.choice(folders))
    for path in files:
        _dress(path, rng)
    for path in reversed(folders[1:]):
        _dress(path, rng)


def _write(path: bytes, rng: random.Random, number: int) -> None:
    kind = number % 7
    with open(path, "wb") as file:
        if kind == 0:
            pass
        elif kind == 1:
            file.write(rng.randbytes(rng.randrange(1, 3_000_000)))
        elif kind == 2:
            file.write(b"the same content in many files\n" * 40_000)
        elif kind == 3:
            file.seek(rng.randrange(1, 12 << 20))
            file.write(b"after a hole")
            file.truncate(file.tell() + rng.randrange(1 << 20))
        else:
            file.write(rng.randbytes(rng.choice([1, 15, 16, 17, 4096, 524_287, 524_288, 524_289])))


def _special(folder: bytes) -> None:
    os.mkfifo(os.path.join(folder, b"a fifo"))
    here = os.getcwd()
    os.chdir(folder)  # a socket's path may not be long
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("a socket")
    finally:
        os.chdir(here)
    if os.geteuid() == 0:
        for name, kind, device in ((b"a block device", stat.S_IFBLK, (7, 200)), (b"null", stat.S_IFCHR, (1, 3))):
            try:
                os.mknod(os.path.join(folder, name), kind | 0o600, os.makedev(*device))
            except PermissionError:
                pass  # a container may forbid it


def _dress(path: bytes, rng: random.Random) -> None:
    if rng.random() < 0.5:
        try:
            os.setxattr(path, b"user.guardian", rng.randbytes(rng.randrange(40)))
            os.setxattr(path, "user.中文".encode(), b"\x00\xff")
        except OSError:
            pass  # not every file system has them
    if os.geteuid() == 0 and rng.random() < 0.3:
        os.chown(path, rng.randrange(70_000), rng.randrange(70_000))
    os.chmod(path, rng.choice([0o644, 0o600, 0o755, 0o4755, 0o2750, 0o1777, 0o700]))
    seconds = rng.choice([-1, 0, 1, -2_000_000_000, 4_000_000_000, rng.randrange(2_000_000_000)])
    os.utime(path, ns=(rng.randrange(10**18), seconds * 10**9 + rng.randrange(10**9)))


@pytest.fixture(params=SETTINGS, ids=lambda s: f"v{s[0]}-{s[1] or 'plain'}")
def program(request: pytest.FixtureRequest, restics: Path, tmp_path: Path) -> tuple[Program, str]:
    version, compression = request.param
    made = Program(restics, tmp_path / "repository")
    made("init", "--repository-version", version)
    return made, compression


def load(program: Program) -> Loaded:
    repository = open_repository(LocalReader(program.folder), Secret(PASSWORD.encode()))
    return repository.load()


def entries(loaded: Loaded, snapshot_id: str) -> dict[bytes, Node]:
    snapshot = loaded.snapshot(snapshot_id)
    assert snapshot is not None
    found: dict[bytes, Node] = {}
    for entry in loaded.walk(snapshot):
        assert isinstance(entry, Entry), entry
        assert entry.path not in found
        found[entry.path] = entry.node
    return found


def test_a_random_tree_comes_back_byte_for_byte(program: tuple[Program, str], tmp_path: Path, request: Any) -> None:
    restic, compression = program
    source = tmp_path / "source"
    source.mkdir()
    lay_out(source, request.node.name)
    options = ["--compression", compression] if compression else []
    restic("backup", *options, str(source))
    restic("backup", *options, "--stdin", "--stdin-filename", "dump.sql", input=b"select 1;\n" * 100_000)
    restored = tmp_path / "restored"
    restic("restore", "latest", "--path", str(source), "--target", str(restored))

    loaded = load(restic)
    assert loaded.findings.kept == ()
    files = next(s for s in loaded.snapshots if s.paths == (str(source),))
    found = entries(loaded, files.id)
    _same_as_listed(found, restic("ls", "--json", files.id))
    _same_as_restored(loaded, found, os.fsencode(restored))
    stream = next(s for s in loaded.snapshots if s != files)
    node = loaded.find(stream, b"/dump.sql")
    assert node is not None
    assert b"".join(loaded.file(node).read()) == b"select 1;\n" * 100_000
    _nothing_is_damaged(loaded)


def _same_as_listed(found: dict[bytes, Node], said: bytes) -> None:
    """Metadata for metadata with ``restic ls --json``, where its text can say the name."""
    lines = [json.loads(line) for line in said.splitlines()]
    listed = [n for n in lines if n.get("struct_type", n.get("message_type")) == "node"]
    assert sorted(n["path"] for n in listed) == sorted(map(_as_listed, found))
    nodes = {n["path"]: n for n in listed}
    for path, node in found.items():
        other = nodes[_as_listed(path)]
        if "\ufffd" not in other["path"]:  # otherwise two names may look alike
            assert (node.kind, node.uid, node.gid) == (other["type"], other["uid"], other["gid"])
            assert (node.size, node.mode) == (other.get("size", 0), other["mode"])
            assert node.inode == other.get("inode", node.inode)
            for name in ("mtime", "atime", "ctime"):
                assert nanoseconds(getattr(node, name)) == nanoseconds(other[name]), (path, name)


def _as_listed(path: bytes) -> str:
    """How Go writes a name of any bytes into JSON: each byte that is no UTF-8 becomes U+FFFD."""
    return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in path.decode("utf-8", "surrogateescape"))


def _same_as_restored(loaded: Loaded, found: dict[bytes, Node], root: bytes) -> None:
    """Byte for byte, and metadata for metadata, with what ``restic restore`` made of it."""
    groups: dict[tuple[int, int], list[bytes]] = {}
    on_disk = set()
    for folder, folders, files in os.walk(root):
        on_disk |= {os.path.join(folder, name)[len(root) :] for name in (*folders, *files)}
    assert on_disk == {path for path, node in found.items() if node.kind != "socket"}
    for path in on_disk:
        node, real = found[path], os.lstat(root + path)
        assert stat.S_IFMT(real.st_mode) == _IFMT[node.kind]
        if node.kind != "symlink":
            assert stat.S_IMODE(real.st_mode) == node.permissions, path
            _same_attributes(node, root + path)
        assert real.st_mtime_ns == nanoseconds(node.mtime), path
        if os.geteuid() == 0:
            assert (real.st_uid, real.st_gid) == (node.uid, node.gid)
        if node.kind == "file":
            assert real.st_size == node.size
            _same_content(loaded, node, Path(os.fsdecode(root + path)))
            if node.links > 1:
                groups.setdefault((node.inode, node.device_id), []).append(path)
        elif node.kind == "symlink":
            assert os.readlink(root + path) == node.link_target
        elif node.kind in {"dev", "chardev"}:
            assert real.st_rdev == node.device
    assert groups
    for paths in groups.values():
        assert len({os.lstat(root + path).st_ino for path in paths}) == 1


_IFMT = {
    "file": stat.S_IFREG,
    "dir": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "dev": stat.S_IFBLK,
    "chardev": stat.S_IFCHR,
    "fifo": stat.S_IFIFO,
}


def _same_attributes(node: Node, path: bytes) -> None:
    real = {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.")}
    assert {n: v for n, v in node.extended_attributes if n.startswith("user.")} == real


def _same_content(loaded: Loaded, node: Node, path: Path) -> None:
    file = loaded.file(node)
    assert file.size == node.size
    assert b"".join(file.read()) == path.read_bytes()
    rng = random.Random(node.size)
    with path.open("rb") as real:
        for _draw in range(4 if node.size else 0):
            offset = rng.randrange(node.size)
            length = rng.randrange(1 << 20)
            real.seek(offset)
            assert b"".join(file.read(offset, length)) == real.read(length)
            chunk = file.chunk_at(offset)
            assert chunk.start <= offset < chunk.start + chunk.length == chunk.start + len(file.load(chunk))


def _nothing_is_damaged(loaded: Loaded) -> None:
    with ThreadPoolExecutor(2) as pool:
        structure = loaded.check_structure(pool)
        reports = list(loaded.verify_packs(loaded.packs(), pool))
    assert structure.findings.kept == ()
    assert loaded.pack_findings().kept == ()
    assert [found for report in reports for found in report.findings] == []
    assert sum(report.blobs for report in reports) == len(loaded.index)


def test_pruned_merged_and_repeated_backups_are_still_understood(restics: Path, tmp_path: Path) -> None:
    restic = Program(restics, tmp_path / "repository")
    restic("init")
    source = tmp_path / "source"
    source.mkdir()
    rng = random.Random(4)
    for round_ in range(4):
        for n in range(30):
            (source / f"f{n}").write_bytes(rng.randbytes(rng.randrange(60_000)) if rng.random() < 0.5 else b"kept" * n)
        restic("backup", str(source), "--tag", f"round{round_}")
    restic("forget", "--keep-last", "2", "--prune", "--max-unused", "0")
    restic("tag", "--set", "another")
    loaded = load(restic)
    listed = {s["id"]: s for s in json.loads(restic("snapshots", "--json"))}
    assert {s.id: (s.time, s.tree.hex(), s.paths, s.hostname) for s in loaded.snapshots} == {
        i: (s["time"], s["tree"], tuple(s["paths"]), s["hostname"]) for i, s in listed.items()
    }
    assert len(loaded.snapshots) == 2
    assert all(s.tags == ("another",) and len(s.original) == 64 for s in loaded.snapshots)
    _nothing_is_damaged(loaded)


def test_a_file_that_is_the_text_of_a_tree_is_not_taken_for_it(restics: Path, tmp_path: Path) -> None:
    restic = Program(restics, tmp_path / "repository")
    restic("init")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"first")
    restic("backup", str(source))
    tree = json.loads(restic("snapshots", "--json"))[0]["tree"]
    twin = tmp_path / "twin"
    twin.mkdir()
    text = restic("cat", "blob", tree)
    (twin / "the tree's text").write_bytes(text)
    restic("backup", str(twin))
    loaded = load(restic)
    twins = next(s for s in loaded.snapshots if s.paths == (str(twin),))
    node = loaded.find(twins, os.fsencode(twin / "the tree's text"))
    assert node is not None
    assert [i.hex() for i in node.chunks] == [tree]
    assert b"".join(loaded.file(node).read()) == text
    assert loaded.index.find(DATA, bytes.fromhex(tree)) != loaded.index.find(TREE, bytes.fromhex(tree))
    _nothing_is_damaged(loaded)


@pytest.fixture(autouse=True)
def _free_space(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)
