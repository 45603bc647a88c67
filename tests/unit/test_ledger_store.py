"""The log on disk: what comes back is what went in, and nothing else is ever believed."""

import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.durable import Lease
from guardian.errors import EvidenceInvalid, ExitCode, Unavailable, UsageError
from guardian.keys.signing import SigningKey
from guardian.ledger import checkpoint, layout
from guardian.ledger.envelope import EntryTooLarge, seal
from guardian.ledger.export import export
from guardian.ledger.invalid import LogInvalid
from guardian.ledger.statement import encode
from guardian.ledger.store import Log
from guardian.ledger.tree import CompactRange, leaf_hash, verify_consistency, verify_inclusion
from guardian.ledger.verify import verify_log
from guardian.model.evidence import PAYLOAD_TYPE, Checkpoint, KeyEvent
from guardian.model.secret import Secret

KEY = SigningKey.load(Secret(b"k" * 32))
STRANGER = SigningKey.load(Secret(b"s" * 32))
ORIGIN = "example.org/log"


def event(number: int) -> KeyEvent:
    return KeyEvent(event="repository-created", tenant="t", host="h", key_id="k", at=str(number))


def make(folder: Path, size: int) -> Path:
    with Log.create(folder, ORIGIN, KEY) as log:
        log.append_many((event(number), ()) for number in range(size))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def numbers(log: Log, start: int = 0) -> list[int]:
    return [int(entry.predicate.at) for entry in log.entries(start) if isinstance(entry.predicate, KeyEvent)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 600 entries: two full bundles, one that is being filled."""
    return make(tmp_path_factory.mktemp("large") / "log", 600)


@pytest.fixture
def log600(large: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(large, tmp_path / "log"))


# --- in and out


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 600])
def test_what_went_in_comes_out(tmp_path: Path, size: int) -> None:
    folder = make(tmp_path / "log", size)
    log = Log.open(folder, KEY.verify_key)
    assert (log.size, log.origin, log.key_id) == (size, ORIGIN, KEY.key_id)
    assert numbers(log) == list(range(size))
    verdict = verify_log(folder, [KEY.verify_key])
    assert (verdict.ok, verdict.entries, verdict.signatures, verdict.tail_bytes) == (True, size, size, 0)
    assert (verdict.origin, verdict.size, verdict.root) == (ORIGIN, size, log.checkpoint.root)
    naive = CompactRange()
    for entry in log.entries():
        naive.push(leaf_hash(entry.envelope))
    assert naive.root() == log.checkpoint.root == log.root_at(size)


def test_one_by_one_is_the_same_as_many_at_once(tmp_path: Path) -> None:
    with Log.create(tmp_path / "one", ORIGIN, KEY) as one:
        for number in range(260):
            entry = one.append(event(number), [("n", "ab" * 32)])
            assert (entry.index, entry.predicate, entry.subjects) == (number, event(number), (("n", "ab" * 32),))
    with Log.create(tmp_path / "many", ORIGIN, KEY) as many:
        entries = many.append_many((event(number), [("n", "ab" * 32)]) for number in range(260))
    assert [entry.index for entry in entries] == list(range(260))
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_reading_from_the_middle_and_single_entries(large: Path) -> None:
    log = Log.open(large, KEY.verify_key)
    assert numbers(log, 300) == list(range(300, 600))
    assert numbers(log, 600) == []
    assert [log.entry(at).index for at in (0, 255, 256, 599)] == [0, 255, 256, 599]
    with pytest.raises(IndexError):
        log.entry(600)


def test_proofs(large: Path) -> None:
    log = Log.open(large, KEY.verify_key)
    root = log.checkpoint.root
    for index in (0, 1, 255, 256, 511, 512, 599):
        assert verify_inclusion(log.entry(index).leaf_hash, index, 600, log.inclusion_proof(index), root)
    assert verify_inclusion(log.entry(3).leaf_hash, 3, 300, log.inclusion_proof(3, 300), log.root_at(300))
    for first in (1, 255, 256, 257, 512, 599):
        proof = log.consistency_proof(first)
        assert verify_consistency((first, log.root_at(first)), (600, root), proof)
    with pytest.raises(IndexError):
        log.root_at(601)
    with pytest.raises(IndexError):
        log.inclusion_proof(0, 601)


def test_an_entry_too_large_writes_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 3)
    before = contents(folder)
    huge = KeyEvent(event="x" * 50_000, tenant="t", host="h", key_id="k", at="0")
    with Log.open_for_append(folder, KEY) as log:
        with pytest.raises(EntryTooLarge):
            log.append(huge)
        assert contents(folder) == before
        assert log.append(event(3)).index == 3
    assert verify_log(folder, [KEY.verify_key]).ok


def test_reading_neither_writes_nor_appends(large: Path) -> None:
    before = contents(large)
    with pytest.raises(RuntimeError):
        Log.open(large, KEY.verify_key).append(event(0))
    assert contents(large) == before


# --- creation


def test_creating_twice_is_refused_and_after_a_crash_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    assert not Log.exists(folder)
    folder.mkdir()
    (folder / ".checkpoint.0123456789abcdef.tmp").write_bytes(b"half")
    assert not Log.exists(folder)
    with pytest.raises(Unavailable, match="no log"):
        Log.open(folder, KEY.verify_key)
    with pytest.raises(Unavailable, match="no log"):
        verify_log(folder, [KEY.verify_key])
    Log.create(folder, ORIGIN, KEY).close()
    assert Log.exists(folder)
    assert sorted(contents(folder)) == ["checkpoint", "lock"]
    with pytest.raises(UsageError, match="already"):
        Log.create(folder, ORIGIN, KEY)


def test_entries_without_a_checkpoint_are_no_log_to_write_to(log600: Path) -> None:
    (log600 / "checkpoint").unlink()
    before = contents(log600)
    assert Log.exists(log600)
    with pytest.raises(LogInvalid, match="no checkpoint"):
        Log.create(log600, ORIGIN, KEY)
    with pytest.raises(LogInvalid, match="no checkpoint"):
        Log.open_for_append(log600, KEY)
    assert contents(log600) == before
    problem = verify_log(log600, [KEY.verify_key]).problem
    assert problem is not None
    assert problem.code == "checkpoint-missing"


# --- crashes


def test_every_cut_of_the_last_entry_is_recovered(tmp_path: Path) -> None:
    """The bundle ends anywhere inside an entry nobody was told about."""
    folder = make(tmp_path / "log", 2)
    bundle = folder / layout.bundle_path(0)
    whole, note = bundle.stat().st_size, (folder / "checkpoint").read_bytes()
    with Log.open_for_append(folder, KEY) as log:
        log.append(event(2))
    data = bundle.read_bytes()
    for length in range(whole, len(data) + 1):
        bundle.write_bytes(data[:length])
        (folder / "checkpoint").write_bytes(note)
        verdict = verify_log(folder, [KEY.verify_key])
        assert (verdict.problem, verdict.size, verdict.tail_bytes) == (None, 2, length - whole)
        with Log.open_for_append(folder, KEY) as log:
            if length == len(data):
                assert (log.size, [fact.code for fact in log.repairs]) == (3, ["entries-adopted"])
            elif length == whole:
                assert (log.size, log.repairs) == (2, ())
            else:
                assert log.size == 2
                assert [(f.code, f.figures["bytes"]) for f in log.repairs] == [("torn-tail-cut", length - whole)]
            assert log.append(event(9)).index == log.size - 1
        assert verify_log(folder, [KEY.verify_key]).ok


def test_an_entry_the_checkpoint_covers_may_not_be_cut(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 3)
    bundle = folder / layout.bundle_path(0)
    data = bundle.read_bytes()
    last = len(layout.unpack(data)[-1]) + layout.LENGTH
    for length in range(len(data) - last, len(data)):
        bundle.write_bytes(data[:length])
        before = contents(folder)
        with pytest.raises(LogInvalid) as caught:
            Log.open_for_append(folder, KEY)
        assert caught.value.problem.code == "entries-missing"
        assert caught.value.exit_code == ExitCode.EVIDENCE_INVALID
        assert contents(folder) == before
        problem = verify_log(folder, [KEY.verify_key]).problem
        assert problem is not None
        assert (problem.code, problem.figures) == ("entries-missing", {"index": 2, "size": 3})


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b"\xff" * 100, layout.pack([seal(PAYLOAD_TYPE, encode(event(0), ()), [STRANGER])])]
)
def test_a_tail_we_did_not_sign_is_cut(log600: Path, tail: bytes) -> None:
    with (log600 / layout.bundle_path(2)).open("ab") as bundle:
        bundle.write(tail)
    with Log.open_for_append(log600, KEY) as log:
        assert [(fact.code, fact.figures["bytes"]) for fact in log.repairs] == [("torn-tail-cut", len(tail))]
        assert "cut off" in str(log.repairs[0])
        assert log.size == 600
    assert verify_log(log600, [KEY.verify_key]).tail_bytes == 0


@pytest.mark.parametrize("size", [250, 256, 300, 520])
def test_an_older_checkpoint_is_caught_up_with(tmp_path: Path, size: int) -> None:
    """However far behind: signed entries are never dropped."""
    folder = make(tmp_path / "log", size)
    note = (folder / "checkpoint").read_bytes()
    with Log.open_for_append(folder, KEY) as log:
        log.append_many((event(number), ()) for number in range(size, 600))
    after = contents(folder)
    (folder / "checkpoint").write_bytes(note)
    with Log.open_for_append(folder, KEY) as log:
        assert log.size == 600
        assert {fact.code for fact in log.repairs} == {"entries-adopted"}
        assert numbers(log) == list(range(600))
    assert contents(folder) == after


def test_a_gap_before_later_entries_is_no_crash(log600: Path) -> None:
    (log600 / layout.bundle_path(3)).write_bytes((log600 / layout.bundle_path(1)).read_bytes())
    before = contents(log600)
    with pytest.raises(LogInvalid, match="after a gap"):
        Log.open_for_append(log600, KEY)
    assert contents(log600) == before


@pytest.mark.parametrize("name", [layout.tile_path(0, 0), layout.tile_path(0, 2), layout.tile_path(1, 0)])
@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:-32], lambda d: d[:-1], lambda d: bytes(len(d)), None])
def test_hash_tiles_are_derived(log600: Path, name: str, damage: Callable[[bytes], bytes] | None) -> None:
    after = contents(log600)
    path = log600 / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    problem = verify_log(log600, [KEY.verify_key]).problem
    assert problem is not None
    assert problem.code in {"tile-missing", "tile-altered"}
    with Log.open_for_append(log600, KEY) as log:
        # A full tile of the lowest level is behind a hash of the next: its damage is the verdict's to find.
        if name != layout.tile_path(0, 0):
            assert [fact.code for fact in log.repairs] == ["hash-tiles-rebuilt"]
            assert contents(log600) == after


def test_superfluous_hash_rows_do_no_harm(log600: Path) -> None:
    with (log600 / layout.tile_path(0, 2)).open("ab") as tile:
        tile.write(b"x" * 320)
    assert verify_log(log600, [KEY.verify_key]).ok
    with Log.open_for_append(log600, KEY) as log:
        log.append(event(600))
    assert (log600 / layout.tile_path(0, 2)).stat().st_size == 89 * 32
    assert verify_log(log600, [KEY.verify_key]).ok


# --- tampering


def test_flipped_bytes_are_found_wherever_they_are(log600: Path) -> None:
    """A seeded sample over every kind of byte: lengths, envelopes, hashes, checkpoint."""
    chance = random.Random(5)
    clean = contents(log600)
    bundle = clean[layout.bundle_path(1)]
    second = 2 + len(layout.unpack(bundle)[0])
    places = [(name, chance.randrange(len(data))) for name, data in clean.items() if data for _ in range(6)]
    places += [(layout.bundle_path(1), at) for at in (0, 1, 2, second, second + 1, len(bundle) - 1)]
    for name, at in places:
        data = clean[name]
        (log600 / name).write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        verdict = verify_log(log600, [KEY.verify_key])
        assert not verdict.ok, (name, at)
        assert str(verdict.problem)
        if "entries" in name:
            number = int(name[-3:])
            with pytest.raises(EvidenceInvalid):
                list(Log.open(log600, KEY.verify_key).entries(number * 256))
        if name in {"checkpoint", layout.bundle_path(2)}:
            with pytest.raises(EvidenceInvalid):
                Log.open_for_append(log600, KEY)
        (log600 / name).write_bytes(data)
    assert verify_log(log600, [KEY.verify_key]).ok


def rewrite(folder: Path, entries: list[bytes], key: SigningKey = KEY) -> None:
    """What an attacker does who may write anything but has only ``key``."""
    shutil.rmtree(folder / "tile")
    (folder / "checkpoint").write_bytes(checkpoint.sign(Checkpoint(ORIGIN, 0, CompactRange().root()), KEY))
    (folder / "tile" / "entries").mkdir(parents=True)
    tree = CompactRange()
    for entry in entries:
        tree.push(leaf_hash(entry))
    (folder / layout.bundle_path(0)).write_bytes(layout.pack(entries))
    (folder / "tile" / "0").mkdir()
    (folder / layout.tile_path(0, 0)).write_bytes(b"".join(leaf_hash(entry) for entry in entries))
    (folder / "checkpoint").write_bytes(checkpoint.sign(Checkpoint(ORIGIN, tree.size, tree.root()), key))


def test_a_whole_new_tree_needs_the_key(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 3)
    entries = layout.unpack((folder / layout.bundle_path(0)).read_bytes())
    for forged in (entries[:2], entries[::-1], [entries[0], entries[2]], [*entries, entries[0]]):
        rewrite(folder, forged, STRANGER)
        for attempt in (lambda: Log.open(folder, KEY.verify_key), lambda: Log.open_for_append(folder, KEY)):
            with pytest.raises(LogInvalid, match="not signed"):
                attempt()
        problem = verify_log(folder, [KEY.verify_key]).problem
        assert problem is not None
        assert problem.code == "checkpoint-signature"


def test_a_tree_whose_root_is_not_the_signed_one(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 3)
    note = (folder / "checkpoint").read_bytes()
    entries = layout.unpack((folder / layout.bundle_path(0)).read_bytes())
    rewrite(folder, [entries[1], entries[0], entries[2]])
    (folder / "checkpoint").write_bytes(note)
    before = contents(folder)
    for attempt in (lambda: Log.open(folder, KEY.verify_key), lambda: Log.open_for_append(folder, KEY)):
        with pytest.raises(LogInvalid) as caught:
            attempt()
        assert caught.value.problem.code == "root-differs"
    assert contents(folder) == before
    problem = verify_log(folder, [KEY.verify_key]).problem
    assert problem is not None
    assert problem.code == "root-differs"


def test_an_entry_with_a_strangers_signature_under_our_checkpoint(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 3)
    entries = layout.unpack((folder / layout.bundle_path(0)).read_bytes())
    entries[1] = seal(PAYLOAD_TYPE, encode(event(1), ()), [STRANGER])
    rewrite(folder, entries)
    assert verify_log(folder, [KEY.verify_key], signatures=False).ok
    verdict = verify_log(folder, [KEY.verify_key])
    assert verdict.problem is not None
    assert (verdict.problem.code, verdict.problem.figures, verdict.signatures) == ("entry-signature", {"index": 1}, 1)
    assert verify_log(folder, [STRANGER.verify_key, KEY.verify_key]).ok


@pytest.mark.parametrize(
    "junk", [b"", b"{}", b"junk", seal("text/plain", b"x", [KEY]), seal(PAYLOAD_TYPE, b"[]", [KEY])]
)
def test_an_entry_that_is_no_statement_under_our_checkpoint(tmp_path: Path, junk: bytes) -> None:
    folder = make(tmp_path / "log", 3)
    entries = layout.unpack((folder / layout.bundle_path(0)).read_bytes())
    rewrite(folder, [*entries, junk])
    verdict = verify_log(folder, [KEY.verify_key])
    assert verdict.problem is not None
    assert (verdict.problem.code, verdict.problem.figures) == ("entry-unreadable", {"index": 3})
    with pytest.raises(EvidenceInvalid):
        list(Log.open(folder, KEY.verify_key).entries())


def test_files_of_absurd_size_are_refused(log600: Path) -> None:
    clean = contents(log600)
    for name in ("checkpoint", layout.bundle_path(2), layout.tile_path(0, 2), layout.tile_path(1, 0)):
        os.truncate(log600 / name, 1 << 34)
        assert not verify_log(log600, [KEY.verify_key]).ok
        (log600 / name).write_bytes(clean[name])


# --- several writers


def test_processes_take_turns(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 240)
    program = f"""
import sys
from pathlib import Path
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.evidence import KeyEvent
from guardian.model.secret import Secret
log = Log.open_for_append(Path({str(folder)!r}), SigningKey.load(Secret(b"k" * 32)))
for number in range(20):
    entry = log.append(KeyEvent(event="e", tenant="t", host="h", key_id=sys.argv[1], at=str(number)))
    print(entry.index)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", program, name], stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    told = [int(line) for process in running for line in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in running] == [0, 0]
    assert sorted(told) == list(range(240, 280))
    log = Log.open(folder, KEY.verify_key)
    said = [entry.predicate for entry in log.entries(240)]
    for name in "ab":
        assert [s.at for s in said if isinstance(s, KeyEvent) and s.key_id == name] == [str(n) for n in range(20)]
    assert verify_log(folder, [KEY.verify_key]).ok


def test_threads_and_open_logs_take_turns(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 0)
    with Log.open_for_append(folder, KEY) as one, Log.open_for_append(folder, KEY) as other:
        threads = [
            threading.Thread(target=lambda log=log: [log.append(event(0)) for _ in range(10)])
            for log in (one, one, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.repairs == other.repairs == ()
        other.append(event(0))
        assert other.size == 31
    assert verify_log(folder, [KEY.verify_key]).entries == 31


def test_a_writer_waits_for_its_turn(tmp_path: Path) -> None:
    folder = make(tmp_path / "log", 0)
    with Log.open_for_append(folder, KEY) as log:
        thread = threading.Thread(target=lambda: log.append(event(0)))
        with Lease.acquire(folder / "lock", "test"):
            thread.start()
            thread.join(0.2)
            assert thread.is_alive()
        thread.join()
        assert log.size == 1


def test_a_write_that_failed_is_settled_by_the_next(tmp_path: Path) -> None:
    """The disk takes half of an entry; later there is room again, in the same process."""
    folder = make(tmp_path / "log", 5)
    program = f"""
import resource, signal
from pathlib import Path
from guardian.errors import StorageFull
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.evidence import KeyEvent
from guardian.model.secret import Secret
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path({str(folder)!r})
event = KeyEvent(event="e", tenant="t", host="h", key_id="k", at="5")
log = Log.open_for_append(folder, SigningKey.load(Secret(b"k" * 32)))
limit = (folder / "tile/entries/000").stat().st_size + 100
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    log.append(event)
except StorageFull as error:
    print(error.message)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(log.append(event).index, [fact.code for fact in log.repairs])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert done.stdout.splitlines()[1] == "5 ['torn-tail-cut']"
    assert verify_log(folder, [KEY.verify_key]).entries == 6


# --- export


@pytest.mark.parametrize("size", [0, 3, 256, 600])
def test_an_export_verifies_and_has_strict_names(tmp_path: Path, size: int) -> None:
    folder = make(tmp_path / "log", size)
    with (folder / layout.bundle_path(size // 256)).open("ab") if size % 256 else open(os.devnull, "ab") as bundle:  # noqa: PTH123
        bundle.write(b"\x01torn")
    done = export(folder, tmp_path / "out", [KEY.verify_key])
    names = contents(tmp_path / "out")
    assert (done.size, done.files, done.bytes) == (size, len(names), sum(map(len, names.values())))
    verdict = verify_log(tmp_path / "out", [KEY.verify_key])
    assert (verdict.problem, verdict.entries, verdict.signatures, verdict.tail_bytes) == (None, size, size, 0)
    assert names["keys.txt"].decode() == KEY.verify_key.vkey(ORIGIN) + "\n"
    if size == 600:
        assert sorted(names) == [
            "checkpoint",
            "keys.txt",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/88",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/88",
        ]
        assert numbers(Log.open(tmp_path / "out", KEY.verify_key)) == list(range(600))


def test_an_export_to_tar_is_the_same_every_time(log600: Path, tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        export(log600, tmp_path / name, [KEY.verify_key])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        # The Python of Debian 12 has no filters yet; newer ones warn when none is chosen.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(tmp_path / "unpacked", **safely)
    export(log600, tmp_path / "folder", [KEY.verify_key])
    assert contents(tmp_path / "unpacked") == contents(tmp_path / "folder")
    assert verify_log(tmp_path / "unpacked", [KEY.verify_key]).ok


def test_an_export_never_overwrites(log600: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_bytes(b"")
    (tmp_path / "x.tar").write_bytes(b"mine")
    for target in (tmp_path / "out", tmp_path / "x.tar"):
        with pytest.raises(UsageError):
            export(log600, target, [KEY.verify_key])
    with pytest.raises(LogInvalid):
        export(log600, tmp_path / "new", [STRANGER.verify_key])
    assert not (tmp_path / "new").exists()


def test_progress_counts_entries(large: Path) -> None:
    seen: list[tuple[int, int]] = []
    verify_log(large, [KEY.verify_key], signatures=False, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(256, 600), (512, 600), (600, 600)]


def test_a_log_that_may_not_be_looked_at_is_not_missing(tmp_path: Path) -> None:
    """A name too long stands for a closed folder, which does not stop a test that runs as root."""
    with pytest.raises(Unavailable):
        Log.exists(tmp_path / ("x" * 300))
