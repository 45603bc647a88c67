"""What is an attack and what is life: the decider, by figures made by hand. Its rates: benchmarks/anomaly.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

from guardian.backup.anomaly import judge_change
from guardian.model.churn import Churn, Look, Repeated, Suffix

START = datetime(2026, 3, 2, 18, tzinfo=UTC)


def churn(day: int, **figures: Any) -> Churn:
    return Churn(
        against="0" * 64,
        at=(START + timedelta(days=day)).isoformat(),
        **{"elapsed": 86400, "files": 1000, "files_before": 1000, "bytes": 10**8, "bytes_before": 10**8, **figures},
    )


def ordinary(days: int = 60, **more: Any) -> list[Churn]:
    return [
        churn(day, changed=8 + day % 5, new=3, removed=1, old=Look(files=8 + day % 5, typed=8), **more)
        for day in range(days)
    ]


def codes(history: list[Churn], now: Churn) -> tuple[str, set[str]]:
    judged = judge_change(history, now)
    return judged.verdict, {told.code for told in judged.reasons}


def test_an_ordinary_day() -> None:
    assert codes(ordinary(), churn(60, changed=14, new=5, old=Look(files=14, typed=14))) == ("normal", set())


def test_a_tenth_that_is_scrambled_is_found_with_and_without_history() -> None:
    now = churn(60, changed=110, old=Look(files=64, typed=64, scrambled=58))
    for history in (ordinary(), []):
        verdict, found = codes(history, now)
        assert verdict == "suspicious"
        assert "content-scrambled" in found


def test_every_reason_has_its_figures() -> None:
    now = churn(60, changed=110, old=Look(files=64, typed=64, scrambled=64))
    (told,) = [told for told in judge_change(ordinary(), now).reasons if told.code == "content-scrambled"]
    assert told.args == {"count": 110, "share": "11.0%", "sampled": 64, "found": 64}


def test_an_upgrade_is_no_attack() -> None:
    now = churn(60, changed=400, new=80, removed=70, renamed=50, old=Look(files=64, typed=40))
    verdict, found = codes(ordinary(), now)
    assert (verdict, found) == ("normal", {"burst-of-changes"})


def test_a_moved_folder_is_no_attack() -> None:
    assert codes(ordinary(), churn(60, renamed=600, changed=10, old=Look(files=10, typed=10))) == ("normal", set())


def test_archives_that_never_change_and_change_at_once() -> None:
    history = [churn(day, new=1, fresh=Look(files=1, sealed=1)) for day in range(60)]
    verdict, found = codes(history, churn(60, changed=100, old=Look(files=64, typed=64, sealed=64)))
    assert (verdict, found) == ("suspicious", {"burst-of-changes"})


def test_what_was_always_random_may_stay_random() -> None:
    history = [churn(day, changed=50, old=Look(files=50, opaque=50)) for day in range(60)]
    assert codes(history, churn(60, changed=55, old=Look(files=55, opaque=55))) == ("normal", set())


def test_foreign_endings_and_known_ones() -> None:
    history = [churn(day, replaced=20, suffixes=(Suffix(suffix="gz", files=20),)) for day in range(30)]
    look = Look(files=64, typed=64)
    locked = churn(30, replaced=100, suffixes=(Suffix(suffix="locked", files=100),), old=look)
    assert codes(history, locked)[0] == "suspicious"
    packed = churn(30, replaced=100, suffixes=(Suffix(suffix="gz", files=100),), old=look)
    assert codes(history, packed)[0] == "normal"
    converted = churn(30, replaced=100, suffixes=(Suffix(suffix="docx", files=100),), old=look)
    assert codes(history, converted)[0] == "normal"


def test_deletion_and_truncation() -> None:
    assert codes(ordinary(), churn(60, files=400, removed=600))[0] == "suspicious"
    assert codes([], churn(0, files=400, removed=600))[0] == "suspicious"
    assert codes(ordinary(), churn(60, changed=300, shrunk=300, old=Look(files=64, typed=64)))[0] == "suspicious"
    yearly = [*ordinary(), churn(60, removed=300, files=700)] * 2
    assert codes(yearly, churn(121, removed=80))[0] == "normal"


def test_a_letter_in_every_folder_needs_company() -> None:
    note = Repeated(name="HOW_TO_DECRYPT.txt", folders=30, size=900)
    assert codes(ordinary(), churn(60, new=30, folders=30, repeated=note)) == ("normal", {"same-file-everywhere"})


def test_slow_encryption_adds_up() -> None:
    history = ordinary(80)
    for day in range(80, 120):
        # Six files a day among two hundred that change: no single sample shows it.
        now = churn(day, changed=206, old=Look(files=64, typed=64, scrambled=2))
        judged = judge_change(history, now)
        if judged.verdict == "suspicious":
            assert {told.code for told in judged.reasons} >= {"slow-encryption"}
            assert day < 110
            return
        history.append(now)
    raise AssertionError("never found")


def test_after_a_long_pause_more_has_changed() -> None:
    history = [churn(day, changed=20, removed=40, old=Look(files=20, typed=20)) for day in range(60)]
    assert codes(history, churn(70, removed=300, elapsed=10 * 86400))[0] == "normal"
    assert codes(history, churn(60, removed=300))[0] == "suspicious"


def test_a_source_that_falls_silent_is_a_remark() -> None:
    silent = churn(75)
    judged = judge_change(ordinary(), silent)
    assert (judged.verdict, [told.code for told in judged.remarks]) == ("normal", ["source-silent"])
    assert judge_change([churn(day) for day in range(60)], silent).remarks == ()


def dump(day: int, **figures: Any) -> Churn:
    grown = 10**9 + day * 10**6
    usual = {"files": 1, "files_before": 1, "bytes": grown, "bytes_before": grown, "raw_bytes": grown}
    usual |= {"stored_bytes": grown // 5, "old": Look(files=16), "rows": 50_000 + day, "rows_before": 50_000 + day}
    return churn(day, **{"kind": "stream", "changed": 1, **usual, **figures})


def test_dumps() -> None:
    history = [dump(day) for day in range(40)]
    assert codes(history, dump(40)) == ("normal", set())
    for figures, expected in (
        ({"bytes": 3 * 10**8}, "dump-shrunk"),
        ({"old": Look(files=16, opaque=15)}, "dump-random"),
        ({"old": Look(files=16, blank=16)}, "dump-blank"),
        ({"stored_bytes": 5 * 10**8}, "dump-compresses-otherwise"),
        ({"rows": 100}, "rows-gone"),
    ):
        verdict, found = codes(history, dump(40, **figures))
        assert verdict == "suspicious"
        assert expected in found
