"""Backups at the edges: what a sceptic would try, with the real programs."""

import shutil
from typing import Any

import pytest


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
