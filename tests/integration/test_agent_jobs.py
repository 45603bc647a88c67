"""A job's process, started as the agent starts it: hooks, limits, deaths, what it says."""

import copy
import importlib
import logging
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from guardian.agent.order import Order
from guardian.agent.process import Ears, grace, perform
from guardian.agent.work import KINDS
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.model.events import Event, Phase, Remark
from guardian.model.job import JobKind, JobResult, Task
from guardian.proc import Stop

SLOT = datetime(2026, 11, 2, 2, 30, tzinfo=UTC)


@dataclass
class Heard:
    """Everything a job said."""

    events: list[Event] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    @property
    def log(self) -> str:
        return b"\n".join(self.lines).decode("utf-8", "replace")

    @property
    def remarks(self) -> list[str]:
        return [event.reason.code for event in self.events if isinstance(event, Remark)]


@pytest.fixture
def job(site: Any) -> Any:
    """``job(hooks=…)`` runs one backup of the site's documents as a job: its result and what it said."""
    del site.config["systems"]["app"]["sources"]["db"]

    def run(stop: Stop | None = None, task: Task | None = None, **hooks: Any) -> tuple[JobResult, Heard]:
        site.config["systems"]["app"]["plan"] = {"hooks": {when: copy.deepcopy(those) for when, those in hooks.items()}}
        site.config.setdefault("agent", {}).setdefault("nice", 0)
        site.write()
        key = "backup:app/docs"
        task = task or Task(key=key, kind="backup", system="app", source="docs", repository="main")
        heard = Heard()
        order = Order.of(load(site.yaml), task, SLOT)
        ears = Ears(heard.events.append, heard.lines.append)
        return perform(order, ears, stop or Stop(), clock=SystemClock()), heard

    return run


def codes(result: JobResult) -> list[str]:
    return [why.code for why in result.reasons]


def test_a_backup_for_its_slot(job: Any, agents: Any, site: Any) -> None:
    result, heard = job()
    assert (result.outcome, result.exit_code, codes(result)) == ("complete", 0, [])
    assert result.figures["files"] > 20
    assert result.figures["locks"] == 0
    assert "oldest_lock" not in result.figures
    (receipt,) = agents.entries(site, "backup-receipt")
    assert receipt.slot == "2026-11-02T02:30:00.000000Z"
    assert [event.phase for event in heard.events if isinstance(event, Phase)] == ["probe", "backup", "confirm"]


def test_locks_that_somebody_left_are_seen(job: Any, site: Any) -> None:
    """One that lasts keeps retention out for good, while backups stay green."""
    password = next((site.state / "keys").glob("*.password"))
    env = {**site.env(), "RESTIC_PASSWORD_FILE": str(password), "RESTIC_REPOSITORY": site.url}
    locks = site.repository / "locks"
    before = time.time()
    with subprocess.Popen(["restic", "--no-cache", "backup", "--stdin"], env=env, stdin=subprocess.PIPE) as other:
        while not list(locks.glob("?" * 64)):  # under its own name: until then it is no lock
            assert other.poll() is None
            time.sleep(0.02)
        other.kill()
    (locks / ("0" * 64)).write_bytes(b"no lock at all")
    (locks / "a-stranger").touch()
    result, _heard = job()
    assert (result.outcome, result.figures["locks"]) == ("complete", 2)
    assert before - 1 < result.figures["oldest_lock"] < time.time()


def test_hooks_around_a_backup(job: Any, site: Any) -> None:
    note = 'echo "$GUARDIAN_HOOK $GUARDIAN_SYSTEM/$GUARDIAN_SOURCE $GUARDIAN_OUTCOME" >> {}'.format(site.root / "notes")
    hook = [{"argv": ["sh", "-c", note]}]
    result, _heard = job(before=hook, after=hook, failed=hook)
    assert result.outcome == "complete"
    assert (site.root / "notes").read_text().splitlines() == ["before app/docs ", "after app/docs complete"]


def test_a_hook_that_asks_to_skip(job: Any, agents: Any, site: Any) -> None:
    late = [{"argv": ["touch", str(site.root / "too-far")]}]
    result, _heard = job(before=[{"argv": ["sh", "-c", "exit 75"]}, *late], after=late, failed=late)
    assert (result.outcome, result.exit_code, codes(result)) == ("skipped", 75, ["hook-skips"])
    assert not (site.root / "too-far").exists()
    (said,) = agents.entries(site, "no-backup")
    assert (said.outcome, said.slot) == ("skipped", "2026-11-02T02:30:00.000000Z")
    assert agents.entries(site, "backup-receipt") == []


def test_a_hook_that_fails_prevents_the_backup_and_the_log_tells(job: Any, agents: Any, site: Any) -> None:
    told = [{"argv": ["sh", "-c", f"echo $GUARDIAN_OUTCOME > {site.root}/told"]}]
    result, heard = job(before=[{"argv": ["sh", "-c", "echo password=geheim-123; exit 9"]}], failed=told)
    assert (result.outcome, result.exit_code, codes(result)) == ("failed", 3, ["hook-failed"])
    assert result.reasons[0].args == {"program": "sh", "exit_code": 9}
    assert (site.root / "told").read_text() == "failed\n"
    (said,) = agents.entries(site, "no-backup")
    assert said.outcome == "failed"
    assert "geheim" not in heard.log
    assert "sh: password=***" in heard.log


def test_a_hook_that_hangs_is_killed_with_everything_it_started(job: Any, site: Any, agents: Any) -> None:
    # It ignores SIGINT, as a shell's background children do too.
    script = f"trap '' INT TERM; echo $$ >> {site.root}/pids; sleep 600 & echo $! >> {site.root}/pids; wait"
    result, _heard = job(before=[{"argv": ["sh", "-c", script], "time_limit": "1s"}])
    assert codes(result) == ["hook-overran"]
    assert agents.gone([int(pid) for pid in (site.root / "pids").read_text().split()])


def test_what_follows_a_backup_changes_nothing_of_it(job: Any) -> None:
    result, heard = job(after=[{"argv": ["false"]}])
    assert (result.outcome, result.exit_code) == ("complete", 0)
    assert [(why.code, why.severity) for why in result.reasons] == [("hook-failed", "warning")]
    assert heard.remarks == ["hook-failed"]


def test_a_hook_that_is_not_there(job: Any) -> None:
    result, _heard = job(before=[{"argv": ["/nowhere/hook"]}])
    assert codes(result) == ["hook-not-started"]
    assert result.outcome == "failed"


def test_a_stop_while_a_hook_runs(job: Any, site: Any) -> None:
    stop = Stop()
    asked = threading.Timer(1.5, stop.set)
    asked.start()
    result, _heard = job(stop, before=[{"argv": ["sleep", "600"]}])
    assert (result.outcome, result.exit_code) == ("interrupted", 130)
    asked.join()


def test_a_failed_backup_says_why_in_the_log_and_ends_with_its_code(job: Any, site: Any) -> None:
    site.repository.rename(site.root / "away")
    result, heard = job()
    assert (result.outcome, result.exit_code, codes(result)) == ("failed", 10, ["repository-missing"])
    assert heard.lines == [] or "Traceback" not in heard.log


def test_processor_and_disk_priority(job: Any, site: Any) -> None:
    site.config["agent"] = {"nice": 7, "io_class": "idle"}
    show = f"ps -o ni= -p $$ > {site.root}/nice; ionice -p $$ > {site.root}/io 2>&1 || true"
    _result, heard = job(before=[{"argv": ["sh", "-c", show]}])
    here = os.nice(0)
    assert int((site.root / "nice").read_text()) == max(7, here)
    if "io-class-refused" not in heard.remarks:
        assert (site.root / "io").read_text().startswith("idle")


def test_every_kind_has_a_module_that_does_it() -> None:
    assert set(KINDS) == set(get_args(JobKind))
    for name in KINDS.values():
        assert callable(importlib.import_module(name).work)


def test_a_process_that_dies(job: Any, site: Any, agents: Any) -> None:
    script = "read -r pid name state job rest < /proc/$PPID/stat; kill -SEGV $job || exit 9; sleep 60"
    result, _heard = job(before=[{"argv": ["sh", "-c", script]}])
    assert (result.outcome, result.exit_code, codes(result)) == ("failed", 1, ["job-died-by-signal"])
    assert result.reasons[0].args == {"signal": "SIGSEGV", "exit_code": 128 + signal.SIGSEGV}


def test_a_job_has_longer_than_its_restic_to_end(site: Any) -> None:
    stop_grace = load(site.yaml).config.restic.stop_grace
    assert grace(stop_grace) >= stop_grace.total_seconds() + 30


def test_lines_of_a_jobs_log_come_out_as_ours(caplog: pytest.LogCaptureFixture) -> None:
    from guardian import telemetry
    from guardian.agent.jobs import relay

    telemetry.configure(verbose=2)
    logging.getLogger("guardian").propagate = True
    with caplog.at_level(logging.DEBUG, "guardian"):
        relay(b'{"time": "x", "level": "warning", "room": "guardian.restic", "message": "hello"}')
        relay(b"bare \x1b[31mwords\xff")
        relay(b"")
        relay(b'{"level": "loud", "room": 5}')
    said = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert said[0] == ("guardian.restic", "WARNING", "hello")
    assert said[1][1:] == ("WARNING", "bare words\\xff")
    assert said[2][0] == "guardian.job"
    assert len(said) == 3
