"""Faults in a shadow: each is found by the level that claims it, and a level that is blind is worth nothing."""

import hashlib
import importlib.util
import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.decoder.damage import Damage
from guardian.decoder.index import Pack
from guardian.decoder.packs import PackReport
from guardian.decoder.repository import Loaded
from guardian.decoder.snapshots import Snapshot
from guardian.drill import planted, rotation
from guardian.drill.coverage import DAY
from guardian.drill.history import Kept
from guardian.drill.job import Ask, Job, Opened
from guardian.drill.shadow import Fault, ShadowReader
from guardian.errors import Interrupted, StorageUnreachable
from guardian.model.backup import Target
from guardian.model.drill import DrillCheck
from guardian.model.events import Event, Remark
from guardian.model.evidence import BackupReceipt, DrillResult
from guardian.model.reader import ObjectMissing, ObjectUnreadable
from guardian.model.reason import Reason, reason
from guardian.node import Node
from guardian.proc import Stop

CONFIG = """
tenant: {{id: agency}}
host: host-1
repositories: {{main: {{url: {folder}/repository}}}}
systems:
  app: {{sources: {{docs: {{kind: files, paths: [{folder}/docs]}}}}}}
  hasty: {{plan: {{rotation: 10d}}, sources: {{docs: {{kind: files, paths: [{folder}/docs]}}}}}}
"""
SEED = bytes(range(32))
GOOD = DrillCheck(level="D1", name="structure", outcome="PASS")


def _forgery() -> ModuleType:
    name = "guardian_tests_forge"
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "decoder" / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


class Bench:
    """A forged repository of twelve packs and two snapshots, and what a drill of it is given."""

    def __init__(self, folder: Path, executor: Executor) -> None:
        self.forge = _forgery().Forge()
        self.packs: list[str] = []
        rng, files = random.Random(1), []
        for number in range(10):
            files.append(self.forge.file(f"f{number}", rng.randbytes(3000 + number), rng.randbytes(2000)))
            self.packs.append(self.forge.close_pack())
        self.chunks = [bytes.fromhex(chunk) for file in files for chunk in file["content"]]
        first = self.forge.tree(*files[:5])
        self.packs.append(self.forge.close_pack())
        second = self.forge.tree(*files)
        self.packs.append(self.forge.close_pack())
        self.forge.index()
        self.old = self.forge.snapshot(first, time="2024-02-28T12:00:00Z", tags=["run:1"])
        self.new = self.forge.snapshot(second, tags=["run:2"])
        self.events: list[Event] = []
        path = folder / "guardian.yaml"
        path.write_text(CONFIG.format(folder=folder))
        self.stop = Stop()
        self.node = Node(load(path), SystemClock(), self.events.append, self.stop)
        self.executor = executor
        self.loaded = self.forge.load()

    @property
    def objects(self) -> dict[str, bytes]:
        return cast("dict[str, bytes]", self.forge.reader.objects)

    @staticmethod
    def name(pack: str) -> str:
        return f"data/{pack[:2]}/{pack}"

    def flip(self, pack: str, at: int = 100) -> None:
        data = bytearray(self.objects[self.name(pack)])
        data[at] ^= 1
        self.objects[self.name(pack)] = bytes(data)

    def job(self, seed: bytes = SEED, **ask: Any) -> Job:
        receipt = BackupReceipt.model_construct(snapshot_id=self.new)
        kept = Kept(receipt, "")
        opened = Opened("main", "ab" * 32, cast("Any", None), self.forge.reader, self.loaded, self.executor)
        target = Target("app", "docs", "main", "main")
        return Job(self.node, target, opened, (kept,), kept, Ask(**ask), seed=seed, drill_id="d")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ThreadPoolExecutor(2) as executor:
        yield Bench(tmp_path, executor)


def codes(check: DrillCheck) -> set[str]:
    return {r.code for r in check.reasons}


def blind(loaded: Loaded, packs: Iterable[Pack], _executor: Executor) -> Iterator[PackReport]:
    """A detector that finds everything in order."""
    return (PackReport(pack.id.hex(), pack.size, 0, pack.size, (), ()) for pack in packs)


def forgetful(loaded: Loaded, packs: Iterable[Pack], executor: Executor) -> Iterator[PackReport]:
    """A detector that only looks whether packs are there."""
    for report in loaded.verify_packs(packs, executor):
        gone = any(found.code == "pack-missing" for found in report.findings)
        yield report if gone else replace(report, findings=(), bad=())


# the shadow


def test_a_shadow_shows_its_fault_and_nothing_else(bench: Bench) -> None:
    (one, two, three, four), before = bench.packs[:4], dict(bench.objects)
    names = [bench.name(pack) for pack in (one, two, three, four)]
    fault = Fault(flipped={names[0]: [7]}, cut={names[1]: 50}, hidden={names[2]}, added={"snapshots/x": b"forged"})
    shadow = ShadowReader(bench.forge.reader, fault)
    whole = bench.objects[names[0]]
    assert shadow.read(names[0], 0, 7) == whole[:7]
    assert shadow.read(names[0], 8, 20) == whole[8:28]
    assert shadow.read(names[0], 5, 5)[2] ^ whole[7] in {1 << n for n in range(8)}
    assert shadow.read(names[0], 0, 9) == shadow.read(names[0], 0, 5) + shadow.read(names[0], 5, 4)
    assert (shadow.size(names[1]), shadow.read(names[1], 40, 10)) == (50, bench.objects[names[1]][40:50])
    with pytest.raises(ObjectUnreadable):
        shadow.read(names[1], 41, 10)
    with pytest.raises(ObjectMissing):
        shadow.read(names[2], 0, 1)
    with pytest.raises(ObjectMissing):
        shadow.size(names[2])
    assert shadow.read(names[3], 0, 9) == bench.objects[names[3]][:9]
    listed, real = dict(shadow.list("data/")), dict(bench.forge.reader.list("data/"))
    assert real.pop(names[2])
    assert listed == {**real, names[1]: 50}
    assert (dict(shadow.list("snapshots/"))["snapshots/x"], shadow.read("snapshots/x", 1, 3)) == (6, b"org")
    assert bench.objects == before


# D2


def test_d2_finds_what_it_plants(bench: Bench) -> None:
    check = rotation.drill(bench.job())
    assert (check.outcome, codes(check)) == ("PASS", set())
    assert [(p.kind, p.level, p.found) for p in check.planted] == [
        ("flip", "D2", True),
        ("truncate", "D2", True),
        ("drop", "D2", True),
    ]
    assert {p.where for p in check.planted} < set(bench.packs)
    assert check.coverage is not None
    assert (check.coverage.packs, check.coverage.packs_read, check.coverage.days) == (12, 12, 30)
    assert [(a.unit, a.frame, a.drawn, a.bad) for a in check.assurances] == [("packs", 12, 12, 0)]


def test_where_faults_are_planted_is_drawn(bench: Bench) -> None:
    places = {rotation.drill(bench.job(seed=bytes([n]) * 32)).planted[0].where for n in range(8)}
    assert len(places) > 2
    again = rotation.drill(bench.job(seed=bytes(32)))
    assert again.planted == rotation.drill(bench.job(seed=bytes(32))).planted


@pytest.mark.parametrize(("look", "missed"), [(blind, {"flip", "truncate", "drop"}), (forgetful, {"flip", "truncate"})])
def test_a_blind_detector_makes_d2_void(bench: Bench, look: rotation.Look, missed: set[str]) -> None:
    check = rotation.drill(bench.job(), look=look)
    assert check.outcome == "COULD_NOT_VERIFY"
    assert {p.kind for p in check.planted if not p.found} == missed
    void = [r for r in check.reasons if r.code == "planted-fault-not-found"]
    assert {r.args["kind"] for r in void} == missed
    assert {r.severity for r in void} == {"critical"}


def test_damage_stays_damage_when_the_detector_is_half_blind(bench: Bench) -> None:
    del bench.objects[bench.name(bench.packs[3])]
    bench.loaded = bench.forge.load()
    check = rotation.drill(bench.job(), look=forgetful)
    assert (check.outcome, codes(check) >= {"pack-missing", "planted-fault-not-found"}) == ("FAIL", True)


def test_damage_is_named_to_the_file_and_looked_at_until_it_is_mended(bench: Bench) -> None:
    bench.flip(bench.packs[2])
    check = rotation.drill(bench.job())
    assert check.outcome == "FAIL"
    found = {r.code: r.args for r in check.reasons}
    assert found["pack-hash-differs"]["pack"] == bench.packs[2]
    assert (found["file-damaged"]["path"], found["file-damaged"]["snapshot"]) == ("/f2", bench.new)
    assert found["file-damaged"]["lost"] == 3002
    assert found["pack-exposes"] == {"pack": bench.packs[2], "snapshots": 2}
    assert check.coverage is not None
    assert check.coverage.packs_read == 11
    assert all(p.found and p.where != bench.packs[2] for p in check.planted)
    (assurance,) = check.assurances
    assert (assurance.drawn, assurance.bad) == (12, 1)
    assert check.measured["damaged_files"] == 1
    bench.flip(bench.packs[2])
    assert rotation.drill(bench.job()).outcome == "PASS"


def test_damage_in_packs_nobody_needs_is_a_warning(bench: Bench) -> None:
    name = hashlib.sha256(b"half").hexdigest()
    bench.objects[bench.name(name)] = b"half a pack"
    bench.loaded = bench.forge.load()
    check = rotation.drill(bench.job())
    assert (check.outcome, codes(check)) == ("PASS", {"unused-pack-damaged"})
    assert check.assurances[0].bad == 1


def test_a_broken_key_file_is_damage(bench: Bench) -> None:
    key = bench.forge.key_file()
    assert rotation.drill(bench.job()).outcome == "PASS"
    bench.objects[f"keys/{key}"] += b" "
    check = rotation.drill(bench.job())
    assert (check.outcome, codes(check)) == ("FAIL", {"object-hash-differs"})


def test_what_a_prune_took_meanwhile_is_no_damage(bench: Bench) -> None:
    gone = bench.packs[0]
    (index,) = [name for name in bench.objects if name.startswith("index/")]
    stale = bench.job()
    packs = [p for p in _packs_of_index(bench) if p["id"] != gone]
    del bench.objects[bench.name(gone)], bench.objects[index]
    bench.forge.packs = packs
    bench.forge.index()
    check = rotation.drill(stale)
    assert (check.outcome, codes(check)) == ("PASS", set())
    assert check.coverage is not None
    assert (check.coverage.packs, check.coverage.packs_read) == (11, 11)


def test_what_goes_away_while_an_index_names_it_is_damage(bench: Bench) -> None:
    stale = bench.job()
    del bench.objects[bench.name(bench.packs[0])]
    check = rotation.drill(stale)
    assert check.outcome == "FAIL"
    assert "pack-missing" in codes(check)


def _packs_of_index(bench: Bench) -> list[dict[str, Any]]:
    index = bench.loaded.index
    kinds = ("data", "tree")
    return [
        {
            "id": pack.id.hex(),
            "blobs": [
                {"id": p.id.hex(), "type": kinds[p.kind], "offset": p.offset, "length": p.length}
                for p in index.places(pack)
            ],
        }
        for pack in index.packs()
    ]


def test_a_storage_that_stops_answering_leaves_what_was_read(bench: Bench) -> None:
    names = {bench.name(pack) for pack in sorted(bench.packs)[6:]}
    real = bench.forge.reader.read

    def read(name: str, offset: int, length: int) -> bytes:
        if name in names:
            raise StorageUnreachable("nobody answers")
        return cast("bytes", real(name, offset, length))

    bench.forge.reader.read = read
    check = rotation.drill(bench.job())
    assert (check.outcome, codes(check)) == ("COULD_NOT_VERIFY", {"storage-unreachable"})
    assert check.coverage is not None
    assert 0 < check.coverage.packs_read <= 6
    assert (check.assurances, check.planted) == ((), ())


def test_a_drill_that_is_cut_off_keeps_what_it_read(bench: Bench) -> None:
    def stopping(loaded: Loaded, packs: Iterable[Pack], executor: Executor) -> Iterator[PackReport]:
        for number, report in enumerate(loaded.verify_packs(packs, executor)):
            if number == 4:
                bench.stop.set()
            yield report

    with pytest.raises(Interrupted):
        rotation.drill(bench.job(), look=stopping)
    record = rotation.LastRead(bench.node.state / "rotation" / "main", "ab" * 32)
    assert record.last_run == 0
    now = 2_000_000_000
    read = [p for p in record.stored(((bytes.fromhex(p), 1) for p in bench.packs), now) if p.read]
    assert len(read) == 5


def test_sources_in_one_repository_share_the_slice(bench: Bench) -> None:
    shared = rotation.Shared()
    first = rotation.drill(bench.job(), shared)
    reads = bench.forge.reader.reads
    second = rotation.drill(bench.job(seed=bytes(32)), shared)
    planted_only = bench.forge.reader.reads - reads
    assert first.outcome == second.outcome == "PASS"
    assert first.coverage == second.coverage
    # Only the pack with the planted faults is read again, header and all, twice for each fault; all have 5 KiB here.
    assert planted_only < 8 * 6000
    assert second.planted


def test_the_system_in_the_greatest_haste_sets_the_pace(bench: Bench) -> None:
    assert rotation.shortest_window(bench.job()) == 10 * DAY


def test_full_reads_everything_and_says_so(bench: Bench) -> None:
    (assurance,) = rotation.drill(bench.job(full=True)).assurances
    assert (assurance.frame, assurance.drawn, assurance.upper) == (12, 12, 0.0)


def test_the_record_of_another_repository_is_remarked_and_not_used(bench: Bench) -> None:
    rotation.drill(bench.job())
    job = bench.job()
    rotation.drill(replace(job, opened=replace(job.opened, repository_id="cd" * 32)))
    assert [e.reason.code for e in bench.events if isinstance(e, Remark)] == ["rotation-anew"]


def test_without_a_seed_nothing_is_drawn(bench: Bench) -> None:
    check = rotation.drill(bench.job(seed=b""))
    assert (check.outcome, codes(check), bench.forge.reader.reads) == ("NOT_RUN", {"not-reached"}, _loading(bench))


def _loading(bench: Bench) -> int:
    bench.forge.reader.reads, before = 0, bench.forge.reader.reads
    bench.forge.load()
    return before and cast("int", bench.forge.reader.reads)


# D0, D1, D3


def receipts_against(bench: Bench, loaded: Loaded) -> list[Reason]:
    """D0 in a nutshell."""
    there = {s.id for s in loaded.snapshots}
    gone = [reason("snapshot-missing", snapshot=s) for s in (bench.old, bench.new) if s not in there]
    return gone + [reason("snapshot-foreign", snapshot=s) for s in there - {bench.old, bench.new}]


def test_d0_sees_a_stale_view_and_a_snapshot_forged_with_the_password(bench: Bench) -> None:
    trees = []

    def look(loaded: Loaded) -> list[Reason]:
        trees.append([(s.tree, s.time, s.tags) for s in loaded.snapshots if s.id != bench.old])
        return receipts_against(bench, loaded)

    check = planted.d0(bench.job(seed=b""), GOOD, look)
    assert [(p.kind, p.level, p.found) for p in check.planted] == [
        ("stale", "D0", True),
        ("swapped-tree", "D0", True),
    ]
    old, new = bench.loaded.snapshot(bench.old), bench.loaded.snapshot(bench.new)
    assert old is not None
    assert new is not None
    # The forgery opens with the repository's key and says what the newest snapshot says, but for the tree.
    assert trees == [[], [(old.tree, new.time, new.tags)]]
    assert check.outcome == "PASS"


def test_d0_that_only_counts_is_void(bench: Bench) -> None:
    def counts(loaded: Loaded) -> list[Reason]:
        return [] if len(loaded.snapshots) == 2 else receipts_against(bench, loaded)

    check = planted.d0(bench.job(), GOOD, counts)
    assert check.outcome == "COULD_NOT_VERIFY"
    assert [p.kind for p in check.planted if not p.found] == ["swapped-tree"]


def walk(bench: Bench, loaded: Loaded, snapshot: Snapshot) -> Sequence[Reason]:
    return loaded.check_structure(bench.executor, [snapshot]).findings.kept


def test_d1_sees_what_is_wrong_under_a_root(bench: Bench) -> None:
    check = planted.d1(bench.job(seed=b""), GOOD, lambda loaded, s: walk(bench, loaded, s))
    assert [(p.kind, p.level, p.found) for p in check.planted] == [
        ("flip", "D1", True),
        ("truncate", "D1", True),
        ("drop", "D1", True),
    ]
    assert check.outcome == "PASS"


def test_d1_that_only_lists_packs_is_void(bench: Bench) -> None:
    check = planted.d1(bench.job(), GOOD, lambda loaded, _s: loaded.pack_findings().kept)
    assert [p.kind for p in check.planted if p.found] == ["drop"]
    assert check.outcome == "COULD_NOT_VERIFY"


def test_old_damage_is_not_taken_for_what_was_planted(bench: Bench) -> None:
    old = reason("pack-missing", pack="00" * 32)
    assert not any(p.found for p in planted.d1(bench.job(), GOOD, lambda _loaded, _s: [old]).planted)


def test_d3_sees_what_is_wrong_in_a_chunk_and_every_copy_of_it(bench: Bench) -> None:
    def unreadable(loaded: Loaded, chunk: bytes) -> bool:
        try:
            for _data in loaded.file(_node_of(bench, chunk)).read():
                pass
        except (Damage, ObjectMissing, ObjectUnreadable):
            return True
        return False

    # A second copy of every chunk, in other packs: whoever leaves it whole plants nothing.
    for chunk in bench.chunks:
        bench.forge.blob("data", bytes(loaded_chunk(bench, chunk)))
    bench.forge.close_pack()
    bench.forge.index()
    bench.loaded = bench.forge.load()
    check = planted.d3(bench.job(), GOOD, bench.chunks, unreadable)
    assert [(p.kind, p.level, p.found) for p in check.planted] == [
        ("flip", "D3", True),
        ("truncate", "D3", True),
        ("drop", "D3", True),
    ]
    assert planted.d3(bench.job(), GOOD, bench.chunks, lambda _l, _c: False).outcome == "COULD_NOT_VERIFY"
    assert planted.d3(bench.job(), GOOD, (), unreadable) == GOOD


def _node_of(bench: Bench, chunk: bytes) -> Any:
    snapshot = bench.loaded.snapshot(bench.new)
    assert snapshot is not None
    for entry in bench.loaded.walk(snapshot):
        if chunk in getattr(entry, "node").chunks:  # noqa: B009
            return getattr(entry, "node")  # noqa: B009
    raise AssertionError


def loaded_chunk(bench: Bench, chunk: bytes) -> bytes:
    file = bench.loaded.file(_node_of(bench, chunk))
    found = next(file.chunk(n) for n in range(file.chunk_count) if file.chunk(n).id == chunk)
    return bytes(file.load(found))


def test_planting_never_touches_the_repository(bench: Bench) -> None:
    before = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in bench.objects.items()})
    rotation.drill(bench.job())
    planted.d0(bench.job(), GOOD, lambda loaded: receipts_against(bench, loaded))
    planted.d1(bench.job(), GOOD, lambda loaded, s: walk(bench, loaded, s))
    assert json.dumps({n: hashlib.sha256(d).hexdigest() for n, d in bench.objects.items()}) == before


def test_the_score_counts_by_kind(bench: Bench) -> None:
    good, void = rotation.drill(bench.job()), rotation.drill(bench.job(), look=forgetful)
    results = [DrillResult.model_construct(checks=(check,)) for check in (good, void)]
    score = planted.score(results)
    assert {kind: (s.found, s.planted) for kind, s in score.items()} == {
        "drop": (2, 2),
        "flip": (1, 2),
        "truncate": (1, 2),
    }
