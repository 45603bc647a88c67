"""How a host's status reads."""

from typing import Any

import pytest

from guardian.cli import agent_table
from guardian.model.reason import reason
from guardian.model.status import AgentNow, DrillStatus, HostStatus, JobNow, LogStatus, Ran, SourceStatus

NOW = "2026-11-02T12:00:00.000000Z"
EARLIER = "2026-11-02T02:30:00.000000Z"


def agent(**more: Any) -> AgentNow:
    said = {"version": "1", "pid": 7, "started": EARLIER, "config_sha256": "0" * 64, "config_loaded": EARLIER}
    return AgentNow.model_validate({**said, **more})


def source(name: str, verdict: str, **more: Any) -> SourceStatus:
    said = {"system": "app", "source": name, "kind": "files", "repository": "main", "verdict": verdict}
    return SourceStatus.model_validate({**said, "backup": Ran(task=f"backup:app/{name}"), **more})


def host(*sources: SourceStatus, **more: Any) -> HostStatus:
    said = {"schema": "guardian.status/v1", "tenant": "t", "host": "h", "at": NOW, "agent": agent()}
    return HostStatus.model_validate({**said, "sources": sources, **more})


def text(status: HostStatus, *, running: bool = True) -> str:
    return "\n".join(agent_table.lines(status, running=running))


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["protected"], 0),
        (["protected", "unknown"], 4),
        (["unknown", "at-risk"], 3),
        (["protected", "unprotected"], 3),
        ([], 4),
    ],
)
def test_the_exit_code_is_that_of_the_worst(verdicts: list[str], code: int) -> None:
    status = host(*(source(f"s{number}", verdict) for number, verdict in enumerate(verdicts)))
    assert int(agent_table.exit_code(status)) == code


def test_the_worst_comes_first_and_says_why() -> None:
    bad = source("bad", "unprotected", reasons=(reason("never-backed-up"),))
    lines = text(host(source("good", "protected", restore_point=EARLIER), bad)).splitlines()
    assert lines[0].startswith("t/h: the agent runs as process 7")
    places = {word: next(n for n, line in enumerate(lines) if word in line) for word in ("app/bad", "app/good")}
    assert places["app/bad"] < places["app/good"]
    assert "this source was never backed up" in lines[places["app/bad"] + 1]
    assert "9 h ago" in lines[places["app/good"]]


def test_what_lies_ahead_of_the_clock_is_not_just_now() -> None:
    shown = text(host(source("odd", "at-risk", restore_point="2026-11-02T13:00:00.000000Z")))
    assert "60 min ahead" in shown


def test_a_source_without_a_schedule_is_not_called_paused_and_what_failed_is_named() -> None:
    loose = source("loose", "at-risk", reasons=(reason("no-schedule", "warning"),))
    why = (reason("source-missing", path="/srv/x"),)
    ran = Ran(task="backup:app/gone", last_outcome="failed", last_ended=EARLIER, last_reasons=why, enabled=False)
    shown = text(host(loose, source("gone", "at-risk", backup=ran))).splitlines()
    rows = {name: next(n for n, line in enumerate(shown) if f"app/{name} " in line) for name in ("loose", "gone")}
    assert shown[rows["loose"]].endswith("not planned")
    assert shown[rows["gone"]].endswith("paused")
    assert "/srv/x does not exist" in shown[rows["gone"] + 1]


def test_the_agents_own_problems_are_shown() -> None:
    problems = (reason("state-full", path="/var", mib=5),)
    status = host(
        source("s", "protected"),
        agent=agent(config_problem="guardian.yaml:3: no", problems=problems),
        log=LogStatus(entries=3, intact=False),
    )
    shown = text(status)
    assert "a newer configuration is refused: guardian.yaml:3: no" in shown
    assert "has only 5 MiB left" in shown
    assert "does not hold together" in shown
    assert "NOT RUNNING" in text(status, running=False)


def test_jobs_and_what_they_wait_for() -> None:
    jobs = (
        JobNow(task="backup:a/b", kind="backup", state="running", since=NOW, phase="backup", done=512, total=1024),
        JobNow(task="copy:a/b:far", kind="copy", state="queued", since=NOW, phase="waits-for-other"),
    )
    shown = text(host(source("s", "protected"), jobs=jobs))
    assert "512 B / 1.0 KiB (50 %)" in shown
    assert "it waits for the task before it" in shown


def test_other_work_and_why_it_failed() -> None:
    failed = Ran(
        task="drill:D3:app/s", last_outcome="failed", last_ended=EARLIER, last_started=EARLIER,
        last_reasons=(
            reason("posture-fact-not-offered", "info", fact="public-access-blocked", why="501"),
            reason("drill-says-no", level="D3", at="2026-11-24T02:00:00.000000Z"),
            *(reason("never-backed-up"),) * 2,
        ),
        next_due=NOW,
    )  # fmt: skip
    shown = text(
        host(source("s", "protected"), drills=(DrillStatus(system="app", source="s", level="D3", ran=failed),))
    )
    assert "FAILED, 9 h ago  now" in shown
    said = shown.splitlines()[-3:]
    assert said[0].startswith("    ! the drill at D3 failed at 2026-11-24 "), "the worst first, by this host's clock"
    assert [line[:5].strip() for line in said] == ["!", "!", "-"]
    assert shown.count("this source was never backed up") == 1


def test_names_cannot_disturb_a_terminal() -> None:
    jobs = (JobNow(task="backup:\x1b[31m", kind="backup", state="running", since=NOW),)
    assert "\x1b" not in text(host(source("s", "protected"), jobs=jobs))
