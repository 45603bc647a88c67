"""The verdict on a run does not believe an exit code."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from guardian.backup.judge import Asked, Seen, judge
from guardian.model.backup import Snapshot

ASKED = Asked(paths=("/srv/a", "/srv/b"), min_files=1, min_bytes=0)
SNAPSHOT = Snapshot(id="0" * 64, tree="1" * 64, time=datetime(2026, 1, 1, tzinfo=UTC), paths=("/srv/a", "/srv/b"))
SEEN = Seen(
    files=10,
    bytes=1000,
    unreadable=(),
    unreadable_count=0,
    missing_sources=(),
    changed=(),
    changed_count=0,
    retries=0,
    snapshot=SNAPSHOT,
    clock_jump_seconds=0.1,
)


def verdict(asked: Asked = ASKED, **changes: object) -> tuple[str, list[str]]:
    outcome, reasons = judge(asked, replace(SEEN, **changes))  # type: ignore[arg-type]
    return outcome, [r.code for r in reasons]


def test_a_good_run() -> None:
    assert verdict() == ("complete", [])


@pytest.mark.parametrize(
    ("changes", "outcome", "codes"),
    [
        ({"snapshot": None}, "failed", ["snapshot-not-listed"]),
        ({"missing_sources": ("/srv/b",)}, "failed", ["source-missing"]),
        ({"files": 0, "bytes": 0}, "failed", ["source-too-small"]),
        ({"unreadable": ("/srv/a/x",), "unreadable_count": 1}, "partial", ["file-unreadable-at-source"]),
        ({"unreadable": ("/srv/a",), "unreadable_count": 1}, "failed", ["root-unreadable"]),
        ({"clock_jump_seconds": 1900.0}, "failed", ["clock-jumped"]),
        ({"clock_jump_seconds": -1900.0}, "failed", ["clock-jumped"]),
        ({"changed": ("/srv/a/x",), "changed_count": 3}, "complete", ["files-changed"]),
        ({"retries": 2}, "complete", ["retries"]),
    ],
)
def test_what_stands_against_a_run(changes: dict[str, object], outcome: str, codes: list[str]) -> None:
    assert verdict(**changes) == (outcome, codes)


def test_a_path_that_the_snapshot_does_not_show() -> None:
    assert verdict(snapshot=SNAPSHOT.model_copy(update={"paths": ("/srv/a",)})) == ("failed", ["source-incomplete"])


def test_a_stream_cut_short_on_its_way() -> None:
    assert verdict(replace(ASKED, stream_bytes=1000)) == ("complete", [])
    assert verdict(replace(ASKED, stream_bytes=1001)) == ("failed", ["stream-length-differs"])


def test_floors() -> None:
    assert verdict(replace(ASKED, min_files=11)) == ("failed", ["source-too-small"])
    assert verdict(replace(ASKED, min_bytes=1001)) == ("failed", ["source-too-small"])


def test_a_source_that_shrank_is_remarked() -> None:
    assert verdict(replace(ASKED, files_before=21)) == ("complete", ["source-shrunk"])
    assert verdict(replace(ASKED, files_before=20)) == ("complete", [])


def test_many_unreadable_files_are_named_then_counted() -> None:
    _outcome, codes = verdict(unreadable=tuple(f"/srv/a/{n}" for n in range(30)), unreadable_count=500)
    assert codes.count("file-unreadable-at-source") == 20
    assert codes[-1] == "files-unreadable-more"
