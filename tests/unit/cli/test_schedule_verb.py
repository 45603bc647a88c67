"""``guardian schedule``: what people and programs are told, with and without a journal."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardian.agent.journal import Journal
from guardian.agent.tasks import planned
from guardian.backup.slots import newest
from guardian.cli.main import main
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.model.job import JobResult, SlotEnd
from guardian.model.reason import reason

CONFIG = """\
tenant: {id: agency}
host: web-1
repositories: {main: {url: /mnt/repository}}
systems:
  app:
    sources: {docs: {kind: files, paths: [/srv/docs]}}
    plan: {schedule: "every 1h", jitter: 30m, drills: {D2: weekly on sun at 03:00}}
agent: {time_zone: Asia/Shanghai}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "guardian.yaml"
    path.write_text(CONFIG)
    return path


def said(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["--lang", "en", "--config", str(config), "schedule", *words])
    out, err = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def document(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> dict[str, Any]:
    code, out, _err = said(capsys, config, *words, "--json")
    assert code == 0
    return dict(json.loads(out))


def test_before_any_agent_has_run(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    code, out, _err = said(capsys, config, "explain")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("backup:app/docs: it has not been run yet; it begins as soon as the agent has a place")
    assert "drill:D2:app/docs: it has not been run yet; it begins at " in out
    assert " CST, for its slot of " in out
    assert "no agent runs on this host" in lines[-1]
    assert not (config.parent / "state").exists()  # to look changes nothing


def test_what_the_journal_knows_is_told(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    (backup, *_more) = planned(load(config))
    clock = SystemClock()
    slot = newest(backup.rhythm, datetime(2020, 1, 1, tzinfo=UTC), clock.now() - timedelta(hours=5))
    assert slot
    with Journal.open(config.parent / "state" / "agent", clock) as journal:
        journal.records([backup.task])
        attempt = journal.begin(backup.task.key, slot)
        journal.end(attempt, JobResult(outcome="failed", exit_code=3, reasons=(reason("source-missing", path="/srv"),)))
        missed = SlotEnd(backup.task.key, slot + timedelta(hours=1), "missed", (reason("slot-unattended"),))
        journal.account([missed])
    found = document(capsys, config, "explain", "app/docs")
    task = found["tasks"][0]
    assert (found["schema"], found["zone"], found["agent_runs"]) == (
        "guardian.schedule-explain/v1",
        "Asia/Shanghai",
        False,
    )
    assert "and FAILED (the source /srv does not exist); its slot of " in task["sentence"]
    assert "was missed (the agent did not run then" in task["sentence"]
    assert task["last_attempt"]["outcome"] == "failed"
    assert task["last_slot"]["state"] == "missed"
    assert task["last_slot"]["slot"].endswith("Z")
    assert task["next_begins"].endswith("Z")
    assert [one["kind"] for one in found["tasks"]] == ["backup", "drill"]
    then = (slot - timedelta(minutes=1)).isoformat()
    earlier = document(capsys, config, "explain", "--at", then, "app")["tasks"][0]
    assert earlier["last_slot"] is None
    assert "its next slot after that is " in earlier["sentence"]


def test_coming_slots(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    found = document(capsys, config, "list", "--days", "1", "app")
    slots = [one for one in found["slots"] if one["task"] == "backup:app/docs"]
    assert len(slots) == 24
    assert found["whole"] is True
    assert found["until"] == found["slots"][-1]["slot"]
    _code, out, _err = said(capsys, config, "list", "--days", "1")
    assert out.splitlines()[0].startswith("slot (Asia/Shanghai)")
    assert "maintain:main" not in said(capsys, config, "list", "--days", "8", "app")[1]
    many = document(capsys, config, "list", "--days", "3660")
    assert (many["whole"], len(many["slots"])) == (False, 5000)


def test_a_time_that_is_none(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    code, _out, err = said(capsys, config, "explain", "--at", "yesterday")
    assert code == 2
    assert "yesterday is not a time" in err
