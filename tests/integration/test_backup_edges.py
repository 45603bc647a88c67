"""Backups at the edges: what a sceptic would try, with the real programs."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from guardian.backup.run import back_up
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.model.events import Phase
from guardian.model.evidence import KeyEvent
from guardian.model.redaction import hide
from guardian.model.secret import Secret
from guardian.node import Node
from guardian.proc import Stop


def wrapped_restic(site: Any, on_backup: str) -> None:
    """Put a restic before the real one that does ``on_backup`` (shell) when it is to save something."""
    program = site.root / "bin" / "restic"
    program.parent.mkdir()
    real = shutil.which("restic")
    text = f'#!/bin/sh\nreal={real}\ncase " $* " in *" backup "*) {on_backup};; esac\nexec $real "$@"\n'
    program.write_text(text)
    program.chmod(0o755)
    site.config["restic"] = {"program": str(program)}
    site.write()


def test_exit_code_3_without_a_name_is_partial(site: Any) -> None:
    wrapped_restic(site, '$real "$@"; exit 3')
    said = site.guardian("backup", "app/docs")
    assert (said.code, said.json["outcome"]) == (3, "partial")
    assert "files-unreadable-unnamed" in said.reasons


@pytest.mark.parametrize("source", ["app/docs", "app/db"])
def test_a_restic_that_ends_without_a_word_failed_and_the_log_says_so(site: Any, source: str) -> None:
    wrapped_restic(site, "exit 0")
    said = site.guardian("backup", source)
    assert (said.code, said.json["outcome"]) == (4, "failed")
    assert "tool-failed" in said.reasons
    assert said.json["runs"][0]["entry"] is not None
    assert not list((site.state / "runs").glob("*/*.json"))


def test_a_database_with_very_many_tables_has_a_receipt(site: Any) -> None:
    with closing(sqlite3.connect(site.database)) as database:
        for number in range(1000):
            database.execute(f'create table "{"n" * 100}{number:04}" (a)')
        database.commit()
    said = site.guardian("backup", "app/db")
    assert (said.code, said.json["outcome"]) == (0, "complete")
    entry = site.guardian("ledger", "show", "--last", "1").json["entries"][0]["predicate"]
    assert 10 < len(entry["facts"]["rows"]) < 1000


def test_a_receipt_that_does_not_fit_the_log_is_no_backup_and_on_record(site: Any) -> None:
    roots = [site.docs / f"{number:04}{'n' * 100}" for number in range(700)]
    for root in roots:
        root.touch()
    site.source("docs", kind="files", paths=[str(root) for root in roots], allow_empty=True)
    site.write()
    said = site.guardian("backup")
    assert said.code == 1
    database, docs = said.json["runs"]
    assert (docs["outcome"], docs["error"]["code"]) == ("failed", "entry-too-large")
    entry = site.guardian("ledger", "show", "--entry", str(docs["entry"])).json["entries"][0]["predicate"]
    assert entry["orphans"] == [docs["snapshot_id"]]
    assert database["outcome"] == "complete"


def test_a_fault_of_our_own_is_on_record(site: Any) -> None:
    def broken(event: object) -> None:
        if isinstance(event, Phase) and event.phase == "probe":
            raise RuntimeError("a bug with hunter22 in it")

    hide(Secret(b"hunter22"))
    node = Node(load(site.yaml), SystemClock(), broken, Stop())
    attempted = back_up(node, node.loaded.targets(("app/docs",))[0])
    assert attempted.error is not None
    assert (attempted.run.outcome, attempted.error.code) == ("failed", "unexpected")
    assert "a bug with ***" in attempted.error.message
    assert site.guardian("ledger", "show").json["entries"][-1]["index"] == attempted.run.entry


def test_no_descriptor_is_left_open(site: Any) -> None:
    site.config["restic"] = {"program": "/nowhere/restic"}
    site.write()
    node = Node(load(site.yaml), SystemClock(), lambda _event: None, Stop())
    target = node.loaded.targets(("app/docs",))[0]
    back_up(node, target)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        back_up(node, target)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_run_that_the_log_knows_was_not_cut_off_however_long_ago(site: Any) -> None:
    first = site.guardian("backup", "app/docs").json["runs"][0]
    intent = {"system": "app", "source": "docs", "repository": "main", "run_id": first["run_id"]}
    intent |= {"started": first["started"]}
    node = Node(load(site.yaml), SystemClock(), lambda _event: None, Stop())
    with node.log() as log:
        event = KeyEvent(event="noise", tenant="agency", host="host-1", key_id="0" * 64, at=first["started"])
        log.append_many([(event, [("key", "0" * 64)])] * 600)
    (site.state / "runs" / "main" / f"{first['run_id']}.json").write_text(json.dumps(intent))
    assert site.guardian("backup", "app/docs").code == 0
    entries = site.guardian("ledger", "show", "--last", "3").json["entries"]
    assert not [e for e in entries if "no-backup" in e["type"]]


def test_a_root_that_an_exclude_takes_out_is_no_backup_of_it(site: Any, restics: Path) -> None:
    other = site.root / "other"
    other.mkdir()
    (other / "file").write_text("x")
    roots = [str(site.docs), str(other), str(other / "file"), str(site.docs / "star*[x]?.txt"), str(site.docs / "deep")]
    site.config["restic"] = {"program": str(restics)}
    site.source("docs", kind="files", paths=roots)
    site.write()
    assert [site.guardian("backup", "app/docs").json["outcome"] for _ in range(2)] == ["complete"] * 2
    site.source("docs", kind="files", paths=roots[:2], exclude=[str(other)])
    site.write()
    said = site.guardian("backup", "app/docs")
    if said.code:
        assert (said.code, said.reasons) == (3, {"source-excluded"})
    else:  # restic 0.19 keeps the root itself, as an empty directory
        listed = site.restic("ls", said.json["runs"][0]["snapshot_id"]).stdout.decode("utf-8", "replace")
        assert str(other) in listed.splitlines()
