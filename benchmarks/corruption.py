"""Is every kind of damage found? ``python benchmarks/corruption.py --scratch DIR [--trials 200] [--controls 50]``.

Real hosts with real restic repositories and receipts (format 1 and 2; small files, several packs, many backups) are
broken in one place each, drawn by a seed, and drilled to D3 in this process, the way ``guardian verify`` does. Every
kind has a level that claims to find it: that level must say FAIL, and name the damaged pack where there is one. Between
the trials, controls are drilled that nothing is wrong with, some with harmless oddities: each must PASS.

Ends with 3 when anything was missed, or reported where nothing was damaged. ``--seed`` makes other trials; ``--level
D2`` is quicker, since restic, the second path of D3, tries packs that are too short again for a minute or more.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.decoder.repository import Loaded, open_repository
from guardian.drill import planted
from guardian.drill.record import Drill
from guardian.drill.run import Options, verify
from guardian.model.drill import DrillLevel
from guardian.model.events import silent
from guardian.node import Node
from guardian.objectstore.local import LocalReader
from guardian.proc import Stop

LEVELS = ("open", "D0", "D1", "D2", "D3")
MIB = 1 << 20


def _module(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "tests" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"guardian_trials_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# hosts


@dataclass
class Host:
    """A configured host whose repository is broken and mended again and again."""

    site: Any
    older: list[Path] = field(default_factory=list)
    """Copies of the repository after each backup but the last."""
    level: DrillLevel = "D3"

    @property
    def repository(self) -> Path:
        return Path(self.site.url)

    @property
    def name(self) -> str:
        return str(self.site.root.name)

    @property
    def _good(self) -> Path:
        return self.site.root / "good"

    def keep(self) -> None:
        """Remember repository and state as they are now: this is what trials begin with."""
        shutil.rmtree(self._good, ignore_errors=True)
        for part in ("repository", "state"):
            _copy(self.site.root / part, self._good / part)

    def mend(self) -> None:
        """Everything as it was kept."""
        for part in ("repository", "state"):
            shutil.rmtree(self.site.root / part)
            _copy(self._good / part, self.site.root / part)

    def node(self) -> Node:
        return Node(load(self.site.yaml), SystemClock(), silent, Stop())

    def loaded(self) -> Loaded:
        """The repository as the decoder sees it: index and snapshots, for nothing can be read through it any more."""
        with LocalReader(self.repository) as reader:
            return open_repository(reader, self.node().keys().password("main")).load()

    def drill(self, nonce: bytes) -> Drill:
        node = self.node()
        (drill,) = verify(node, node.loaded.targets(("app/docs",)), Options(level=self.level, nonce=nonce))
        return drill

    def objects(self, kind: str) -> list[Path]:
        return sorted(path for path in (self.repository / kind).rglob("*") if path.is_file())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


NAMES = ("small", "packs", "many", "format-1")


def make_hosts(scratch: Path, level: DrillLevel, names: Sequence[str] = NAMES) -> list[Host]:
    """The hosts, made anew: each has backed up at least twice, and is drilled to ``level``."""
    makers: dict[str, Callable[[Path], Host]] = {
        "small": lambda root: _host(root, backups=2),
        "packs": lambda root: _host(root, backups=2, mib=40),
        "many": lambda root: _host(root, backups=6),
        "format-1": lambda root: _host(root, backups=3, mib=2, version=1),
    }
    made = []
    for name in names:
        root = scratch / name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        made.append(makers[name](root))
        made[-1].level = level
    return made


def _host(root: Path, *, backups: int, mib: int = 0, version: int = 2) -> Host:
    site = _module("site").make(root)
    del site.config["systems"]["app"]["sources"]["db"]
    rng = random.Random(root.name)
    for number in range(mib):
        (site.docs / f"large-{number}.bin").write_bytes(rng.randbytes(MIB))
    if version == 1:
        _adopted(site)
    site.write()
    _must(site.guardian("init"))
    password = site.state / "keys" / "main.password"
    if version == 1:
        shutil.copy(root / "password", password)
        _module("cheap").cheapen(site)
        password.unlink()
    else:
        _module("cheap").cheapen(site)
    host = Host(site)
    for number in range(backups):
        (site.docs / "changing").write_bytes(rng.randbytes(5000))
        (site.docs / f"new-{number}").write_bytes(rng.randbytes(3000))
        _must(site.guardian("backup"))
        if number < backups - 1:
            host.older.append(root / f"older-{number}")
            _copy(host.repository, host.older[-1])
    host.keep()
    return host


def _adopted(site: Any) -> None:
    """A repository of format 1 that somebody made with restic, for Guardian to take over."""
    password = site.root / "password"
    password.write_text("of somebody else\n")
    password.chmod(0o600)
    site.config["repositories"]["main"]["password"] = f"file:{password}"
    command = ["restic", "-q", "-r", site.url, "--no-cache", "--password-file", str(password)]
    subprocess.run([*command, "init", "--repository-version", "1"], check=True)


def _must(said: Any) -> None:
    if said.code:
        raise SystemExit(f"a host could not be made: {said}")


# damage


@dataclass(frozen=True)
class Harm:
    """What was done. ``ids`` are those of damaged packs and blobs; the claiming level must name one of them."""

    where: str
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Kind:
    """A kind of damage, and the level that claims to find it."""

    name: str
    level: str
    do: Callable[[Host, random.Random], Harm]


def _flip(path: Path, at: int, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << rng.randrange(8)
    _write(path, bytes(data))


def _write(path: Path, data: bytes) -> None:
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(data)


def _of_pack(path: Path, what: str, blob: str = "") -> Harm:
    return Harm(f"data/{path.name[:8]} {what}", frozenset(filter(None, {path.name, blob})))


def _packs(host: Host, kind: int | None = None) -> list[Path]:
    """Packs that hold blobs of ``kind`` (0 data, 1 trees)."""
    index = host.loaded().index
    wanted = [p for p in index.packs() if kind is None or any(place.kind == kind for place in index.places(p))]
    return [host.repository / pack.name for pack in wanted]


def _flip_blob(kind: int) -> Callable[[Host, random.Random], Harm]:
    def do(host: Host, rng: random.Random) -> Harm:
        index = host.loaded().index
        path = rng.choice(_packs(host, kind))
        pack = index.pack(bytes.fromhex(path.name))
        assert pack is not None
        place = rng.choice([place for place in index.places(pack) if place.kind == kind])
        at = rng.randrange(place.offset, place.end)
        _flip(path, at, rng)
        return _of_pack(path, f"bit of byte {at}", place.id.hex())

    return do


def _flip_header(host: Host, rng: random.Random) -> Harm:
    index = host.loaded().index
    path = rng.choice(_packs(host))
    pack = index.pack(bytes.fromhex(path.name))
    assert pack is not None
    start = max(place.end for place in index.places(pack))
    _flip(path, at := rng.randrange(start, pack.size), rng)
    return _of_pack(path, f"bit of byte {at}, in the header")


def _flip_file(folder: str) -> Callable[[Host, random.Random], Harm]:
    def do(host: Host, rng: random.Random) -> Harm:
        path = rng.choice(host.objects(folder)) if folder != "config" else host.repository / "config"
        _flip(path, at := rng.randrange(path.stat().st_size), rng)
        return Harm(f"{folder} {path.name[:8]} bit of byte {at}")

    return do


def _flip_second_key(host: Host, rng: random.Random) -> Harm:
    """Another holder's key file: our own opens the repository as ever, his does not any more."""
    (ours,) = host.objects("keys")
    fields = json.loads(ours.read_bytes())
    text = json.dumps({**fields, "username": f"other-{rng.random()}"}).encode()
    other = ours.with_name(hashlib.sha256(text).hexdigest())
    other.write_bytes(text)
    _flip(other, at := rng.randrange(len(text)), rng)
    return Harm(f"keys {other.name[:8]} bit of byte {at}")


def _truncate(folder: str) -> Callable[[Host, random.Random], Harm]:
    def do(host: Host, rng: random.Random) -> Harm:
        path = rng.choice(host.objects(folder))
        size = rng.choice([0, 1, path.stat().st_size - 1, rng.randrange(path.stat().st_size)])
        _write(path, path.read_bytes()[:size])
        what = f"cut to {size}"
        return _of_pack(path, what) if folder == "data" else Harm(f"{folder} {path.name[:8]} {what}")

    return do


def _grow(host: Host, rng: random.Random) -> Harm:
    path = rng.choice(host.objects("data"))
    _write(path, path.read_bytes() + rng.randbytes(rng.randrange(1, 500)))
    return _of_pack(path, "grown")


def _zero(host: Host, rng: random.Random) -> Harm:
    """A sector that a disk lost and gave back as zeros."""
    path = rng.choice(host.objects("data"))
    data = bytearray(path.read_bytes())
    at = rng.randrange(0, len(data), 512)
    data[at : at + 512] = bytes(min(512, len(data) - at))
    _write(path, bytes(data))
    return _of_pack(path, f"zeros from {at}")


def _delete(folder: str) -> Callable[[Host, random.Random], Harm]:
    def do(host: Host, rng: random.Random) -> Harm:
        path = rng.choice(host.objects(folder))
        path.unlink()
        return _of_pack(path, "gone") if folder == "data" else Harm(f"{folder} {path.name[:8]} gone")

    return do


def _swap(host: Host, rng: random.Random) -> Harm:
    one, two = rng.sample(host.objects("data"), 2)
    first, second = one.read_bytes(), two.read_bytes()
    _write(one, second)
    _write(two, first)
    return Harm(f"data/{one.name[:8]} and data/{two.name[:8]} swapped", frozenset({one.name, two.name}))


def _reorder(host: Host, rng: random.Random) -> Harm:
    """Two blocks of a pack change places."""
    path = rng.choice(host.objects("data"))
    data = bytearray(path.read_bytes())
    block = rng.choice([16, 64, 512])
    while len(data) < 4 * block:
        block //= 2
    one, two = sorted(rng.sample(range(len(data) // block), 2))
    a, b = slice(one * block, one * block + block), slice(two * block, two * block + block)
    data[a], data[b] = data[b], data[a]
    if bytes(data) == path.read_bytes():
        raise SystemExit("two equal blocks in a sealed pack: that cannot be")
    _write(path, bytes(data))
    return _of_pack(path, f"blocks {one} and {two} of {block} bytes reordered")


def _replay(host: Host, rng: random.Random) -> Harm:
    """An older snapshot's file under the newest one's name."""
    ids = [r["snapshot_id"] for r in _receipts(host)]
    old, new = rng.choice(ids[:-1]), ids[-1]
    folder = host.repository / "snapshots"
    _write(folder / new, (folder / old).read_bytes())
    return Harm(f"snapshots {old[:8]} replayed as {new[:8]}")


def _roll_back(host: Host, rng: random.Random) -> Harm:
    older = rng.choice(host.older)
    shutil.rmtree(host.repository)
    _copy(older, host.repository)
    return Harm(f"the repository as it was after backup {older.name.rpartition('-')[2]}")


def _foreign(host: Host, rng: random.Random) -> Harm:
    """A backup by somebody who has the password, and no receipt."""
    other = host.site.root / "foreign"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    (other / "innocent.txt").write_bytes(rng.randbytes(100))
    tags = [f"--tag={tag}" for tag in host.loaded().snapshots[-1].tags] if rng.random() < 0.5 else []
    node = host.node()
    password = host.site.root / "right-password"
    password.write_bytes(node.keys().password("main").reveal())
    command = ["restic", "-q", "-r", str(host.repository), "--no-cache", "--password-file", str(password)]
    subprocess.run([*command, "backup", "--host", "host-1", *tags, str(other)], check=True)
    return Harm("foreign snapshot" + (" with our tags" if tags else ""))


def _forge(*, replace: bool) -> Callable[[Host, random.Random], Harm]:
    def do(host: Host, rng: random.Random) -> Harm:
        """A snapshot file made with the password: all as in the newest, but for the tree."""
        loaded = host.loaded()
        newest_id = _receipts(host)[-1]["snapshot_id"]
        newest = loaded.snapshot(newest_id)
        assert newest is not None
        others = sorted({s.tree for s in loaded.snapshots} - {newest.tree})
        document = {
            "time": newest.time,
            "tree": rng.choice(others).hex(),
            "paths": newest.paths,
            "hostname": newest.hostname,
            "username": newest.username,
            "tags": newest.tags,
        }
        stored = loaded.sealed(json.dumps(document).encode(), rng.randbytes(16))
        folder = host.repository / "snapshots"
        if replace:
            _write(folder / newest_id, stored)
            return Harm(f"snapshots {newest_id[:8]} forged in place")
        forged = hashlib.sha256(stored).hexdigest()
        (folder / newest_id).unlink()
        _write(folder / forged, stored)
        return Harm(f"snapshots {forged[:8]} forged instead of {newest_id[:8]}")

    return do


def _receipts(host: Host) -> list[dict[str, Any]]:
    with host.node().log() as log:
        found = [e.predicate for e in log.entries(0) if e.predicate_type.split("/")[-2] == "backup-receipt"]
    return [p.model_dump() for p in found if p is not None]


KINDS = (
    Kind("flip in a data blob", "D2", _flip_blob(0)),
    Kind("flip in a tree blob", "D1", _flip_blob(1)),
    Kind("flip in a pack's header", "D2", _flip_header),
    Kind("flip in an index", "D1", _flip_file("index")),
    Kind("flip in a snapshot", "D0", _flip_file("snapshots")),
    Kind("flip in our key", "open", _flip_file("keys")),
    Kind("flip in another's key", "D2", _flip_second_key),
    Kind("flip in the config", "open", _flip_file("config")),
    Kind("truncated pack", "D2", _truncate("data")),
    Kind("truncated index", "D1", _truncate("index")),
    Kind("truncated snapshot", "D0", _truncate("snapshots")),
    Kind("grown pack", "D2", _grow),
    Kind("zeroed sector", "D2", _zero),
    Kind("deleted pack", "D1", _delete("data")),
    Kind("deleted index", "D1", _delete("index")),
    Kind("deleted snapshot", "D0", _delete("snapshots")),
    Kind("two packs swapped", "D2", _swap),
    Kind("blocks reordered in a pack", "D2", _reorder),
    Kind("old snapshot replayed", "D0", _replay),
    Kind("rolled back", "D0", _roll_back),
    Kind("foreign snapshot", "D0", _foreign),
    Kind("forged snapshot, same name", "D0", _forge(replace=True)),
    Kind("forged snapshot, own name", "D0", _forge(replace=False)),
)


# harmless oddities


def _nothing(_host: Host, _rng: random.Random) -> None:
    """The repository as it is."""


def _stray_file(host: Host, rng: random.Random) -> None:
    (host.repository / "data" / "00" / "notes.txt").write_bytes(rng.randbytes(10))


def _stray_pack(host: Host, rng: random.Random) -> None:
    """What a backup leaves behind that was cut off in the middle of an upload."""
    (host.repository / "data" / "00" / ("00" + rng.randbytes(31).hex())).write_bytes(rng.randbytes(1000))


def _second_index(host: Host, _rng: random.Random) -> None:
    """restic writes the index anew, as an administrator would."""
    node = host.node()
    password = host.site.root / "right-password"
    password.write_bytes(node.keys().password("main").reveal())
    command = ["restic", "-q", "-r", str(host.repository), "--no-cache", "--password-file", str(password)]
    subprocess.run([*command, "rebuild-index"], check=True, stdout=subprocess.DEVNULL)


HARMLESS = (_nothing, _nothing, _nothing, _stray_file, _stray_pack, _second_index)


# trials


@dataclass(frozen=True)
class Result:
    """What a drill said of one trial: the levels that said FAIL, and whether the claiming one was among them."""

    kind: Kind
    host: str
    harm: Harm
    levels: tuple[str, ...]
    found: bool
    drill: Drill


def trial(host: Host, kind: Kind, seed: str) -> Result:
    """Break, drill, mend."""
    rng = random.Random(seed)
    try:
        harm = kind.do(host, rng)
        drill = host.drill(rng.randbytes(16))
    finally:
        host.mend()
    levels = tuple(_bad_levels(drill))
    named = {str(value) for c in drill.checks if c.level == kind.level for r in c.reasons for value in r.args.values()}
    found = kind.level in levels and (not harm.ids or bool(harm.ids & named))
    return Result(kind, host.name, harm, levels, found, drill)


def _bad_levels(drill: Drill) -> Iterator[str]:
    if drill.error is not None and len(drill.checks) == 1:
        yield "open"  # nobody could open it: said, with nothing proven
    for check in drill.checks:
        if check.outcome == "FAIL":
            yield check.level


def control(host: Host, number: int, seed: str) -> str:
    """Drill what nothing is wrong with; empty when all is well, else what was said."""
    rng = random.Random(seed)
    oddity = HARMLESS[number % len(HARMLESS)]
    try:
        oddity(host, rng)
        drill = host.drill(rng.randbytes(16))
    finally:
        host.mend()
    if drill.outcome == "PASS" and all(p.found for check in drill.checks for p in check.planted):
        return ""
    return f"{host.name}, {oddity.__name__}: {_told(drill)}"


def _told(drill: Drill) -> str:
    said = [f"{c.level} {c.outcome} {[r.code for r in c.reasons]}" for c in drill.checks]
    return "; ".join([*said, *([str(drill.error)] if drill.error else [])])


def run(hosts: list[Host], trials: int, controls: int, seed: int) -> int:
    """All of it; 0 when everything was found and nothing invented."""
    started = time.monotonic()
    results: list[Result] = []
    alarms: list[str] = []
    every = max(1, trials // max(1, controls))
    done = 0
    for number in range(trials):
        host = hosts[(number + number // len(KINDS)) % len(hosts)]
        results.append(trial(host, KINDS[number % len(KINDS)], f"{seed}/{number}"))
        if number % every == 0 and done < controls:
            alarms += filter(None, [control(hosts[done % len(hosts)], done // len(hosts), f"{seed}/control/{done}")])
            done += 1
    _table(results)
    for result in (r for r in results if not r.found):
        print(f"MISSED on {result.host}: {result.kind.name}, {result.harm.where}: {_told(result.drill)}")
    for alarm in alarms:
        print(f"FALSE ALARM on {alarm}")
    missed = sum(not result.found for result in results)
    score = planted.score([result.drill.result for result in results])
    print("planted by the drills themselves: " + ", ".join(f"{k} {s.found}/{s.planted}" for k, s in score.items()))
    print(
        f"{len(results)} trials, {missed} missed; {done} controls, {len(alarms)} false alarms; "
        f"{time.monotonic() - started:.0f} s: {'good' if not missed and not alarms else 'BAD'}"
    )
    return 3 if missed or alarms else 0


def _table(results: list[Result]) -> None:
    by_kind: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_kind[result.kind.name].append(result)
    print(f"{'kind':28} {'claims':>6} {'trials':>6} {'found':>6}   " + " ".join(f"{level:>5}" for level in LEVELS))
    for kind in KINDS:
        some = by_kind.get(kind.name, [])
        counts = Counter(level for result in some for level in result.levels)
        row = " ".join(f"{counts[level] or '-':>5}" for level in LEVELS)
        print(f"{kind.name:28} {kind.level:>6} {len(some):>6} {sum(r.found for r in some):>6}   {row}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--controls", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--level", choices=("D2", "D3"), default="D3")
    options = parser.parse_args()
    os.environ.setdefault("LANG", "C.UTF-8")
    hosts = make_hosts(options.scratch.resolve(), options.level)
    return run(hosts, options.trials, options.controls, options.seed)


if __name__ == "__main__":
    sys.exit(main())
