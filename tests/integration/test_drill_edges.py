"""Drills and restores at the edges: what a sceptic would try, with the real programs."""

import shutil
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.drill.inventory import all_points
from guardian.drill.run import Options, verify
from guardian.durable import Lease
from guardian.errors import Interrupted
from guardian.node import Node
from guardian.proc import Stop


def test_a_renamed_source_leaves_no_strangers(site: Any) -> None:
    assert site.guardian("backup", "app/docs").code == 0
    sources = site.config["systems"]["app"]["sources"]
    site.config["systems"]["app"]["sources"] = {"papers": sources["docs"]}
    site.write()
    assert site.guardian("backup").code == 0
    said = site.guardian("verify", "--level", "D0")
    assert (said.code, said.reasons) == (0, set())


def test_a_drill_beside_a_backup_takes_its_snapshot_for_no_stranger(site: Any) -> None:
    assert site.guardian("backup", "app/docs").code == 0
    run = "0" * 31 + "1"
    # What a backup between its snapshot and its receipt looks like: the lease, the intent, the snapshot.
    site.restic("backup", "--tag", f"guardian,system=app,source=docs,run={run}", str(site.docs))
    intent = site.state / "runs" / "main" / f"{run}.json"
    intent.write_text("{}")
    with Lease.acquire(site.state / "leases" / "main.lease", "backup"):
        beside = site.guardian("verify", "app/docs", "--level", "D0")
    assert (beside.code, beside.reasons) == (0, {"snapshot-under-way"})
    after = site.guardian("verify", "app/docs", "--level", "D0")
    assert (after.code, after.reasons) == (0, {"snapshot-orphan"})
    intent.unlink()
    assert site.guardian("verify", "app/docs", "--level", "D0").reasons == {"snapshot-foreign"}


def test_the_statement_names_the_snapshot_that_was_drilled(site: Any) -> None:
    first, second = (site.guardian("backup", "app/docs").json["runs"][0]["snapshot_id"] for _ in range(2))
    site.restic("forget", second)
    said = site.guardian("verify", "app/docs", "--level", "D3")
    assert said.code == 3
    entry = site.guardian("ledger", "show", "--last", "1").json["entries"][0]["predicate"]
    assert [c["outcome"] for c in entry["checks"]] == ["FAIL", "PASS", "PASS", "PASS"]
    assert entry["snapshot_id"] == first


def test_a_stop_ends_the_reading_of_the_log(site: Any) -> None:
    site.config["restic"] = {"program": "/nowhere/restic"}  # whoever gets as far as that is told otherwise
    site.write()
    stop = Stop()
    stop.set()
    node = Node(load(site.yaml), SystemClock(), lambda _event: None, stop)
    with pytest.raises(Interrupted):
        verify(node, node.loaded.targets(), Options())
    with pytest.raises(Interrupted):
        all_points(node, node.loaded.targets())


@pytest.mark.parametrize("name", ["/proc/nowhere/x", "/dev/null/x", "loop/x"])
def test_a_target_that_cannot_be_made_is_wrong_usage(site: Any, name: str) -> None:
    assert site.guardian("backup", "app/db").code == 0
    (site.root / "loop").symlink_to("loop")
    said = site.guardian("restore", "app/db", "--target", name)
    assert (said.code, said.json["error"]["code"]) == (2, "usage")
    assert said.json["error"]["hint"]


def test_a_restore_that_was_cut_short_is_on_record(site: Any) -> None:
    assert site.guardian("backup", "app/docs").code == 0
    for folder in (site.repository / "data").iterdir():
        for pack in folder.iterdir():
            pack.chmod(0o600)
            pack.unlink()
    out = site.root / "out"
    includes = [word for number in range(2000) for word in ("--include", f"{number}{'x' * 40}")]
    said = site.guardian("restore", "app/docs", "--target", out, *includes, LOGNAME="somebody-else")
    assert said.code in (3, 4)
    entry = site.guardian("ledger", "show", "--last", "1").json["entries"][0]
    assert entry["type"].endswith("/restore/v1")
    assert entry["predicate"]["outcome"] == "failed"
    assert entry["predicate"]["by"] != "somebody-else"


def test_a_partial_backup_is_said_when_it_is_restored(site: Any) -> None:
    program = site.root / "restic"
    program.write_text(
        f'#!/bin/sh\n{shutil.which("restic")} "$@" || exit\ncase " $* " in *" backup "*) exit 3;; esac\n'
    )
    program.chmod(0o755)
    site.config["restic"] = {"program": str(program)}
    site.write()
    assert site.guardian("backup", "app/docs").code == 3
    said = site.guardian("restore", "app/docs", "--target", site.root / "out")
    assert "backup-partial" in said.reasons


def test_a_restore_that_restic_refused_is_on_record(site: Any) -> None:
    assert site.guardian("backup", "app/db").code == 0
    program = site.root / "restic"
    program.write_text(f'#!/bin/sh\ncase " $* " in *" restore "*) exit 1;; esac\nexec {shutil.which("restic")} "$@"\n')
    program.chmod(0o755)
    site.config["restic"] = {"program": str(program)}
    site.write()
    said = site.guardian("restore", "app/db", "--target", site.root / "out")
    assert (said.code, said.json["error"]["code"]) == (4, "tool-failed")
    entry = site.guardian("ledger", "show", "--last", "1").json["entries"][0]
    assert (entry["type"].split("/")[-2], entry["predicate"]["outcome"]) == ("restore", "failed")


def test_what_a_sample_leaves_out_is_said(site: Any) -> None:
    with (site.docs / "large").open("wb") as file:
        file.truncate(65 << 20)
    assert site.guardian("backup", "app/docs").code == 0
    check = site.guardian("verify", "app/docs").json["drills"][0]["checks"][-1]
    # The large one, and the one whose name is not UTF-8.
    assert [r["args"]["count"] for r in check["reasons"] if r["code"] == "sample-leaves-out"] == [2]


def test_a_source_that_may_be_empty_and_is_comes_back_empty(site: Any) -> None:
    empty = site.root / "empty"
    (empty / "folder").mkdir(parents=True)
    site.source("empty", kind="files", paths=[str(empty)], allow_empty=True)
    site.write()
    assert site.guardian("backup", "app/empty").code == 0
    said = site.guardian("verify", "app/empty")
    assert (said.code, said.json["outcome"]) == (0, "PASS")
    assert said.json["drills"][0]["checks"][-1]["measured"]["files"] == 0


def test_a_drill_tells_how_large_the_repository_is(site: Any) -> None:
    """No maintenance has to have been there for it, and nobody asks the storage when somebody looks."""

    def told() -> Any:
        return site.guardian("agent", "status").json["repositories"][0]["bytes"]

    assert site.guardian("backup", "app/docs").code == 0
    assert told() is None, "nobody has looked"
    assert site.guardian("verify", "app/docs", "--level", "D1").code == 0
    stored = [path.stat().st_size for path in (site.repository / "data").rglob("*") if path.is_file()]
    assert told() == sum(stored) > 0
