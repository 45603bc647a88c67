"""A newcomer's first command: the whole main job on a real S3 server, in both languages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def guardian(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "guardian", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=300, check=False
    )


def test_demo_proves_the_main_job(tmp_path: Path) -> None:
    done = guardian(tmp_path, "demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "guardian.demo/v1"
    assert document["outcome"] == "good"
    assert len(document["steps"]) >= 8
    assert list(tmp_path.glob("guardian-demo-*")) == [], "nothing is left behind"


@pytest.mark.parametrize(("language", "words"), [("zh", "已证明"), ("en", "proven: every file came back identical")])
def test_demo_tells_its_story_and_keeps_what_it_made(language: str, words: str, tmp_path: Path) -> None:
    done = guardian(tmp_path, "demo", "--keep", "--lang", language)
    assert done.returncode == 0, done.stdout + done.stderr
    assert words in done.stdout
    assert "$ guardian backup" in done.stdout
    (folder,) = tmp_path.glob("guardian-demo-*")
    assert (folder / "guardian.yaml").is_file()
    assert (folder / "restored" / "payments" / "payments.db").is_file()
    assert not (folder / "live").exists()
