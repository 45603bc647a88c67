"""What the status is told of the log: good is what drills and audits call good, and every entry is read once."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from guardian.agent.gathering import Gathering
from guardian.agent.known import Facts, Protected
from guardian.agent.logfacts import LogFacts
from guardian.clock import rfc3339
from guardian.errors import Interrupted, NotPermitted
from guardian.keys.signing import SigningKey
from guardian.ledger.store import Log
from guardian.model.drill import Planted
from guardian.model.evidence import (
    ConfigChange,
    KeyEvent,
    Prune,
    Removal,
    RepositoryPosture,
    Suspicion,
    SuspicionCleared,
)
from guardian.model.posture import Locked
from guardian.model.reason import reason
from guardian.model.removal import RemovedPoint
from guardian.model.secret import Secret

HOUR = timedelta(hours=1)
PLACE = ("app", "docs", "main")


def facts(log: Log) -> Facts:
    gathering = Gathering()
    for entry in log.entries():
        gathering.take(entry)
    return gathering.facts("")


def known(log: Log) -> Protected:
    return facts(log).places[PLACE]


def good(log: Log) -> str | None:
    found = known(log).good
    return None if found is None else str(int(found.snapshot, 16))


def test_a_partial_backup_is_no_good_restore_point(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    log.append(stating.receipt(2, said.START + HOUR, outcome="partial"))
    found = known(log)
    assert found.good is not None
    assert found.newest is not None
    assert (found.good.at, found.newest.at, found.newest.outcome) == (said.START, said.START + HOUR, "partial")


def test_figures_are_of_the_newest_and_medians_of_fourteen(log: Log, stating: Any, said: Any) -> None:
    for number in range(1, 21):
        log.append(stating.receipt(number, said.START + number * HOUR))
    found = known(log)
    assert found.figures["files"] == 20
    assert found.medians == {"files": 13.5, "bytes": 13500, "files_changed": 0, "added_bytes": 0, "seconds": 600}
    assert found.points == 20


def test_a_lack_counts_until_the_next_backup(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.lack(1, said.START))
    assert known(log).lack is not None
    assert known(log).good is None
    log.append(stating.receipt(2, said.START + HOUR))
    assert known(log).lack is None


@pytest.mark.parametrize(
    ("checks", "level"),
    [
        ((("D0", "PASS"), ("D3", "PASS")), "D3"),
        ((("D0", "PASS"), ("D3", "PASS"), ("D4", "PASS")), "D4"),
        ((("D0", "PASS"), ("D3", "PASS"), ("D4", "COULD_NOT_VERIFY")), "D3"),
        ((("D0", "PASS"), ("D2", "PASS")), None),
        ((("D0", "PASS"), ("D1", "FAIL"), ("D3", "PASS")), None),
        ((("D0", "PASS"), ("D3", "COULD_NOT_VERIFY")), None),
    ],
)
def test_what_is_proven_is_what_a_drill_brought_back(
    checks: Any, level: str | None, log: Log, stating: Any, said: Any
) -> None:
    log.append(stating.receipt(1, said.START))
    log.append(stating.drill(1, said.START + HOUR, *(said.checked(*one) for one in checks)))
    proof = known(log).proof
    assert (proof and proof.level) == level
    if proof:
        assert (proof.at, proof.proved) == (said.START, said.START + HOUR), "as old as the restore point, not the drill"


def test_a_thin_sample_proves_nothing(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    thin = said.checked("D3", assurances=(said.sampled(upper=0.5),))
    log.append(stating.drill(1, said.START + HOUR, said.checked("D0"), thin))
    assert known(log).proof is None
    assert known(log).drills["D3"].outcome == "COULD_NOT_VERIFY"


def test_a_later_failure_takes_a_proof_away_and_an_older_one_stands(log: Log, stating: Any, said: Any) -> None:
    for number in (1, 2):
        log.append(stating.receipt(number, said.START + number * HOUR))
        log.append(stating.drill(number, said.START + number * HOUR, said.checked("D0"), said.checked("D3")))
    log.append(stating.drill(2, said.START + 3 * HOUR, said.checked("D0"), said.checked("D2", "FAIL")))
    proof = known(log).proof
    assert proof is not None
    assert proof.snapshot == stating.digest(1)


def test_a_restore_point_that_is_gone_is_none(log: Log, stating: Any, said: Any) -> None:
    for number in (1, 2, 3):
        log.append(stating.receipt(number, said.START + number * HOUR))
    gone = reason("snapshot-missing", snapshot=stating.digest(3), time="")
    log.append(stating.drill(3, said.START + 4 * HOUR, said.checked("D0", "FAIL", reasons=(gone,))))
    assert good(log) == "2"
    log.append(stating.drill(3, said.START + 5 * HOUR, said.checked("D0", "COULD_NOT_VERIFY")))
    assert good(log) == "2", "nobody could look"
    log.append(stating.drill(3, said.START + 6 * HOUR, said.checked("D0")))
    assert good(log) == "3", "it is there again"
    changed = reason("repository-changed", expected="a", found="b")
    log.append(stating.drill(3, said.START + 7 * HOUR, said.checked("D0", "FAIL", reasons=(changed,))))
    assert good(log) is None


def test_what_was_removed_is_gone_with_its_proof(log: Log, stating: Any, said: Any) -> None:
    for number in (1, 2):
        log.append(stating.receipt(number, said.START + number * HOUR))
    log.append(stating.drill(1, said.START + 3 * HOUR, said.checked("D0"), said.checked("D3")))
    log.append(
        Removal(
            removal_id="r", tenant="t", host="h", system="app", source="docs", repository="main", repository_id="i",
            outcome="complete", removed=(RemovedPoint(snapshot_id=stating.digest(1), time="", rule="daily"),),
            started=rfc3339(said.START), ended=rfc3339(said.START), tools={},
        )
    )  # fmt: skip
    assert (known(log).points, known(log).proof, good(log)) == (1, None, "2")
    assert facts(log).repositories["main"].snapshots == 1


def test_old_restore_points_are_counted_out_too(log: Log, stating: Any, said: Any) -> None:
    log.append_many((stating.receipt(number, said.START + number * HOUR), ()) for number in range(300))
    gone = tuple(RemovedPoint(snapshot_id=stating.digest(number), time="", rule="daily") for number in range(290))
    log.append(
        Removal(
            removal_id="r", tenant="t", host="h", system="app", source="docs", repository="main", repository_id="i",
            outcome="complete", removed=gone, started=rfc3339(said.START), ended=rfc3339(said.START), tools={},
        )
    )  # fmt: skip
    assert known(log).points == 10


def test_drills_by_level_and_their_bound(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    checks = (
        said.checked("D0"),
        said.checked("D2", coverage=said.rotated(30, 40)),
        said.checked("D3", assurances=(said.sampled(),)),
    )
    log.append(stating.drill(1, said.START, *checks, rto_seconds=90.0, rpo_seconds=30.0))
    log.append(stating.drill(1, said.START + HOUR, said.checked("D0", "FAIL")))
    found = known(log).drills
    assert set(found) == {"D0", "D2", "D3"}
    assert {word.outcome for word in found.values()} == {"FAIL"}, "what is gone does not come back at any level"
    assert {word.last_pass for word in found.values()} == {said.START}
    log.append(stating.drill(1, said.START + 2 * HOUR, *checks, rto_seconds=80.0, extrapolated=True))
    word = known(log).drills["D3"]
    assert (word.outcome, word.confidence, word.max_loss, word.rto_seconds) == ("PASS", 0.95, 0.0099, None)
    assert facts(log).repositories["main"].coverage == 0.75
    assert facts(log).repositories["main"].bytes == 40
    log.append(stating.drill(3, said.START + 9 * HOUR, said.checked("D1", measured={"stored_bytes": 50})))
    assert facts(log).repositories["main"].bytes == 50


def test_a_recovery_that_took_too_long_is_known_until_it_is_measured_again(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    slow = (said.checked("D0"), said.checked("D3"), said.checked("D4", "FAIL"))
    log.append(stating.drill(1, said.START, *slow, rto_seconds=90.0, rpo_seconds=30.0))
    log.append(stating.drill(1, said.START + HOUR, said.checked("D0"), said.checked("D3")))
    found = known(log).drills
    assert (found["D4"].outcome, found["D3"].outcome) == ("FAIL", "PASS")
    assert {word.rto_seconds for word in found.values()} == {90.0}, "drills that measure nothing change nothing"
    quick = (said.checked("D0"), said.checked("D3"), said.checked("D4"))
    log.append(stating.drill(1, said.START + 2 * HOUR, *quick, rto_seconds=5.0, rpo_seconds=30.0))
    assert {word.rto_seconds for word in known(log).drills.values()} == {5.0}


def test_copies_are_as_old_as_what_they_are_copies_of(log: Log, stating: Any, said: Any) -> None:
    for number in (1, 2, 3):
        log.append(stating.receipt(number, said.START + number * HOUR))
    log.append(stating.copied(2, 102, said.START + 9 * HOUR))
    log.append(stating.copied(1, 101, said.START + 9 * HOUR))
    log.append(stating.drill(101, said.START + 10 * HOUR, said.checked("D3"), repository="offsite"))
    copy = facts(log).places["app", "docs", "offsite"]
    assert copy.good is not None
    assert copy.proof is not None
    assert (copy.good.at, copy.behind, copy.proof.at) == (said.START + 2 * HOUR, 1, said.START + HOUR)
    log.append(stating.copied(3, 103, said.START + 9 * HOUR, outcome="failed"))
    copy = facts(log).places["app", "docs", "offsite"]
    assert copy.behind == 1
    assert copy.lack is not None


def test_suspicious_snapshots_until_they_are_cleared(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    log.append(stating.receipt(2, said.START + HOUR))
    named = {"tenant": "t", "host": "h", "system": "app", "source": "docs", "repository": "main"}
    at = rfc3339(said.START + HOUR)
    marked = stating.receipt(3, said.START + 2 * HOUR, reasons=(reason("suspicious", "warning"),))
    log.append(marked)
    log.append(Suspicion(**named, repository_id="r", snapshot_id=stating.digest(3), score=9.0, signals=(), at=at))
    log.append(stating.receipt(4, said.START + 3 * HOUR))
    found = known(log)
    assert found.suspicious == (stating.digest(3),)
    assert found.last_clean is not None
    assert found.last_clean.snapshot == stating.digest(2)
    log.append(SuspicionCleared(**named, snapshots=(stating.digest(3),), harmless=True, by="x", reason="y", at=at))
    assert (known(log).suspicious, known(log).last_clean) == ((), None)


def test_what_is_known_of_storage(log: Log, said: Any) -> None:
    times = {"started": rfc3339(said.START), "ended": rfc3339(said.START + HOUR)}
    named = {"tenant": "t", "host": "h", "repository": "main", "repository_id": "r"}
    log.append(Prune(**named, prune_id="p", outcome="complete", total_bytes=100, freed_bytes=30, tools={}, **times))
    locked = Locked(objects=1, packs=1, until="2027-01-01T00:00:00Z")
    log.append(RepositoryPosture(**named, kind="s3", outcome="complete", immutable=True, locked=locked, **times))
    stored = facts(log).repositories["main"]
    assert (stored.bytes, stored.immutable, stored.lock_until) == (70, True, locked.until)
    assert stored.posture == said.START + HOUR
    log.append(RepositoryPosture(**named, kind="s3", outcome="failed", **times))
    assert facts(log).repositories["main"].lock_until == locked.until, "locks end whether anybody can look or not"


def test_a_time_that_is_none_is_passed_over(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    log.append(stating.receipt(2, said.START, ended="yesterday"))
    assert good(log) == "1"


# reading as the log grows


def opened(log: Log) -> Log:
    return Log.open(log.folder, log.key)


def test_every_entry_is_read_once_and_nothing_when_nothing_is_new(log: Log, stating: Any, said: Any) -> None:
    opens, heeded = [], []

    def open_log() -> Log:
        opens.append(1)
        return opened(log)

    reader = LogFacts(log.folder, open_log)
    for hundred in (0, 100, 200):
        log.append_many((stating.receipt(n, said.START + n * HOUR), ()) for n in range(hundred, hundred + 100))
        for _ in range(3):
            found = reader.catch_up(lambda: heeded.append(1))
        assert found == facts(log).__class__(
            **{name: getattr(facts(log), name) for name in ("size", "newest", "intact", "places", "repositories")},
            root=log.checkpoint.root.hex(),
        )
    assert (len(opens), len(heeded)) == (3, 300)


def test_reading_that_was_stopped_goes_on_where_it_was(log: Log, stating: Any, said: Any) -> None:
    for number in range(20):
        log.append(stating.receipt(number, said.START + number * HOUR))
    reader, count = LogFacts(log.folder, lambda: opened(log)), 0

    def heed() -> None:
        nonlocal count
        count += 1
        if count == 8:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        reader.catch_up(heed)
    assert reader.catch_up(heed).places == facts(log).places
    assert count == 21


def test_a_long_log_is_read_in_parts_and_told_of_as_a_whole(log: Log, stating: Any, said: Any) -> None:
    for number in range(25):
        log.append(stating.receipt(number, said.START + number * HOUR))
    reader = LogFacts(log.folder, lambda: opened(log))
    for done in (10, 20):
        found = reader.catch_up(most=10)
        assert (found.intact, found.places, found.size) == (None, {}, 25)
        assert found.problem == reason("log-being-read", "info", done=done, total=25)
    assert reader.catch_up(most=10).places == facts(log).places
    log.append(stating.receipt(30, said.START))
    assert reader.catch_up(most=10).places == facts(log).places


def test_a_log_that_does_not_hold_together_is_told_and_nothing_of_it(log: Log, stating: Any, said: Any) -> None:
    for number in range(3):
        log.append(stating.receipt(number, said.START))
    reader = LogFacts(log.folder, lambda: opened(log))
    assert reader.catch_up().intact is True
    path = next((log.folder / "tile" / "entries").rglob("000"))
    data = bytearray(path.read_bytes())
    log.append(stating.receipt(9, said.START))
    path.write_bytes(bytes([data[0], data[1], data[2] ^ 1]) + path.read_bytes()[3:])
    found = reader.catch_up()
    assert (found.intact, found.places) == (False, {})
    assert found.problem is not None
    path.write_bytes(data + path.read_bytes()[len(data) :])
    assert any(reader.catch_up().intact for _ in range(100)), (
        "it was put right, and nobody needs to start anything anew"
    )


def flipped(path: Path, at: int) -> None:
    """One bit, as a disk flips it: nothing but the bytes tells."""
    found, data = path.stat(), bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def overwritten(path: Path, at: int) -> None:
    flipped(path, at)
    os.utime(path)


@pytest.mark.parametrize("harm", [flipped, overwritten, lambda path, _at: path.unlink()])
def test_what_is_altered_where_it_lies_is_found_without_a_new_checkpoint(
    log: Log, stating: Any, said: Any, harm: Callable[[Path, int], None]
) -> None:
    log.append_many((stating.receipt(n, said.START + n * HOUR), ()) for n in range(600))
    for part in ("entries/000", "entries/001", "entries/002", "0/000", "0/002"):
        reader = LogFacts(log.folder, lambda: opened(log))
        assert all(reader.catch_up().intact and reader.recheck().intact for _ in range(3))
        path = log.folder / "tile" / part
        whole, before = path.read_bytes(), path.stat()
        harm(path, 700)
        assert any(reader.recheck().intact is False for _ in range(3)), "within one round"
        assert (reader.catch_up().intact, reader.catch_up().places) == (False, {})
        assert not any(reader.catch_up().intact or reader.recheck().intact for _ in range(70)), "and it stays said"
        path.write_bytes(whole)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert any(reader.catch_up().intact for _ in range(100)), "until it was put right"
        assert all(reader.recheck().intact for _ in range(3))


class Counted(Log):
    """A log that counts what is proven of it."""

    proven: ClassVar[list[int]] = []

    def prove(self, bundle: int) -> None:
        self.proven.append(bundle)
        super().prove(bundle)


def test_a_look_again_reads_little_and_comes_round(log: Log, stating: Any, said: Any) -> None:
    reader = LogFacts(log.folder, lambda: Counted.open(log.folder, log.key))
    assert reader.recheck().intact is None, "what was never read is not looked at again"
    log.append_many((stating.receipt(n, said.START + n * HOUR), ()) for n in range(256 * 6 + 1))
    reader.catch_up()
    seen = set()
    for _ in range(3):
        Counted.proven.clear()
        reader.recheck()
        assert len(Counted.proven) <= 5
        seen.update(Counted.proven)
    assert seen == set(range(7))
    for path in (log.folder / "tile" / "entries").iterdir():
        os.utime(path)
    for _ in range(3):
        Counted.proven.clear()
        assert reader.recheck().intact, "touched, and not altered"
        assert len(Counted.proven) <= 2 * 5


def test_another_log_in_its_place_is_read_from_its_beginning(tmp_path: Path, log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    reader = LogFacts(log.folder, lambda: opened(log))
    assert reader.catch_up().size == 1
    log.folder.rename(tmp_path / "old")
    key = SigningKey.load(Secret(b"k" * 32))
    with Log.create(log.folder, "example.org/log", key) as fresh:
        fresh.append_many((stating.receipt(n, said.START + n * HOUR), ()) for n in (5, 6))
    assert reader.catch_up().places == facts(fresh).places


def test_a_log_that_cannot_be_read_now_is_no_old_value_repeated(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    closed = False

    def open_log() -> Log:
        if closed:
            raise NotPermitted("no")
        return opened(log)

    reader = LogFacts(log.folder, open_log)
    assert reader.catch_up().intact is True
    closed = True
    log.append(ConfigChange(tenant="t", host="h", sha256="a" * 64, at=rfc3339(said.START)))
    assert reader.catch_up().intact is None
    closed = False
    assert reader.catch_up().intact is True


def test_what_a_look_finds_missing_and_unaccounted_is_counted(log: Log, stating: Any, said: Any) -> None:
    for number in (1, 2, 3):
        log.append(stating.receipt(number, said.START + number * HOUR))
    assert (known(log).missing, known(log).unaccounted) == (None, None), "nobody has looked"
    found = (
        reason("snapshot-missing", snapshot=stating.digest(2), time=""),
        reason("snapshot-foreign", snapshot=stating.digest(9), host="x", time=""),
        reason("snapshot-foreign-more", count=40),
        reason("snapshot-orphan", "warning", snapshot=stating.digest(8), run=""),
    )
    log.append(stating.drill(3, said.START + 4 * HOUR, said.checked("D0", "FAIL", reasons=found)))
    assert (known(log).missing, known(log).unaccounted) == (1, 42)
    assert facts(log).repositories["main"].snapshots == 2, "what is gone is counted no more"
    log.append(stating.drill(3, said.START + 5 * HOUR, said.checked("D0", "COULD_NOT_VERIFY")))
    assert (known(log).missing, known(log).unaccounted) == (1, 42), "nobody could look"
    log.append(stating.drill(3, said.START + 6 * HOUR, said.checked("D0")))
    assert (known(log).missing, known(log).unaccounted) == (0, 0)


def test_faults_that_were_planted_and_words_that_differ(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    planted = tuple(Planted(kind="flip", level="D2", where="", found=found) for found in (True, False, True))
    differ = reason("paths-disagree", what="tree", decoder="a", restic="b")
    looked = said.checked("D2", "COULD_NOT_VERIFY", planted=planted, reasons=(differ,))
    log.append(stating.drill(1, said.START + HOUR, said.checked("D0"), looked))
    word = known(log).drills["D2"]
    assert (word.planted, word.planted_missed, word.disagreements) == (3, 1, 1)
    log.append(stating.drill(1, said.START + 2 * HOUR, said.checked("D0"), said.checked("D3")))
    word = known(log).drills["D2"]
    assert (word.outcome, word.planted_missed) == ("PASS", 1), "it climbed past it without looking again"
    log.append(stating.drill(1, said.START + 3 * HOUR, said.checked("D0"), said.checked("D2", planted=planted[:1])))
    word = known(log).drills["D2"]
    assert (word.planted, word.planted_missed, word.disagreements) == (1, 0, 0)


def test_the_newest_bound_stands_also_where_it_was_thin(log: Log, stating: Any, said: Any) -> None:
    log.append(stating.receipt(1, said.START))
    for hours, upper in ((1, 0.009), (2, 0.4)):
        at = said.START + hours * HOUR
        log.append(
            stating.drill(1, at, said.checked("D0"), said.checked("D3", assurances=(said.sampled(upper=upper),)))
        )
    bound = known(log).bound
    assert bound is not None
    assert (bound.level, bound.confidence, bound.max_loss, bound.at) == ("D3", 0.95, 0.4, said.START + 2 * HOUR)
    few = said.checked("D2", assurances=(said.sampled(upper=0.17),))
    log.append(stating.drill(1, said.START + 3 * HOUR, said.checked("D0"), few))
    assert known(log).bound == bound, "sixteen packs of a daily drill say nothing against the files of a weekly one"


def test_custody_and_what_was_promised_of_a_repository(log: Log, stating: Any, said: Any) -> None:
    def key(event: str, hours: int) -> KeyEvent:
        at = rfc3339(said.START + hours * HOUR)
        return KeyEvent(event=event, tenant="t", host="h", key_id="k", repository="main", threshold=3, shares=5, at=at)

    log.append(key("password-escrowed", 1))
    custody = facts(log).repositories["main"].custody
    assert custody is not None
    assert (custody.threshold, custody.shares, custody.stale, custody.drilled) == (3, 5, False, None)
    log.append(stating.drill(1, said.START + 2 * HOUR, said.checked("K")))
    log.append(key("password-rotated", 3))
    custody = facts(log).repositories["main"].custody
    assert custody is not None
    assert (custody.stale, custody.drilled) == (True, rfc3339(said.START + 2 * HOUR))
    log.append(
        RepositoryPosture(
            tenant="t", host="h", repository="main", repository_id="i", kind="s3", outcome="failed",
            reasons=(reason("canary-deleted"),), promised=("lock",), immutable=False,
            started=rfc3339(said.START), ended=rfc3339(said.START),
        )
    )  # fmt: skip
    stored = facts(log).repositories["main"]
    assert (stored.promised, [one.code for one in stored.found]) == (True, ["canary-deleted"])
    assert stored.custody == custody
