"""The agent as a process: it begins, protects, answers, takes signals, ends."""

import json
import os
import signal
import socket
import time
from typing import Any

import pytest

HANGS = ["sh", "-c", "echo begun; exec sleep 600"]


@pytest.fixture
def quiet_site(site: Any, agents: Any) -> Any:
    """A site with one source, whose agent backs it up once when it starts."""
    del site.config["systems"]["app"]["sources"]["db"]
    agents.planned(site)
    return site


def test_first_backup_status_and_a_clean_end(quiet_site: Any, agents: Any) -> None:
    agent = agents.Running(quiet_site)
    agent.heard("backup:app/docs: complete")
    said = quiet_site.guardian("agent", "status")
    assert said.code == 3  # nothing was proved yet, and there is no objective
    status = said.json
    assert status["running"] is True
    assert status["agent"]["pid"] == agent.process.pid
    (source,) = status["sources"]
    assert (source["verdict"], source["backup"]["last_outcome"]) == ("at-risk", "complete")
    assert source["backup"]["next_due"]
    shown = quiet_site.guardian("agent", "status", PLAIN="1")
    assert "AT RISK" in shown.out
    assert "app/docs" in shown.out
    assert agent.end() == 0
    (receipt,) = agents.entries(quiet_site, "backup-receipt")
    (attempt,) = agents.attempts(quiet_site, "backup:app/docs")
    assert attempt.result.entry is not None
    assert receipt.outcome == attempt.result.outcome == "complete"
    after = quiet_site.guardian("agent", "status")
    assert after.json["running"] is False
    assert "agent-not-running" in after.reasons
    assert after.json["sources"][0]["restore_point"] == source["restore_point"]
    assert not (quiet_site.state / "agent" / "agent.sock").exists()


def test_slots_are_run_and_named_in_the_log(quiet_site: Any, agents: Any) -> None:
    agents.planned(quiet_site, "every 2s")
    agent = agents.Running(quiet_site)
    agent.heard("backup:app/docs: complete", 3)
    assert agent.end() == 0
    slots = [receipt.slot for receipt in agents.entries(quiet_site, "backup-receipt")]
    assert slots[0] is None  # what was never backed up does not wait
    assert len({slot for slot in slots if slot}) == len(slots) - 1 >= 2
    ran = {end.slot for end in agents.slot_ends(quiet_site, "backup:app/docs") if end.state == "run"}
    assert len(ran) >= 2


def test_sigterm_interrupts_a_job_cleanly_and_the_next_agent_resumes_its_slot(site: Any, agents: Any) -> None:
    site.config["systems"]["app"]["sources"] = {"slow": {"kind": "command", "argv": HANGS}}
    agents.planned(site, "every 1s")
    agent = agents.Running(site)
    agent.until(lambda: any(b"600" in agents.argv(pid) for pid in agents.descendants(agent.process.pid)), "its source")
    agent.until(lambda: any((site.repository / "locks").iterdir()), "restic's lock")
    time.sleep(
        0.5
    )  # restic 0.14 knows of its own lock 0.2 s after it wrote it; what it leaves before, the next run clears
    below = agents.descendants(agent.process.pid)
    agent.signal(signal.SIGTERM)
    agent.signal(signal.SIGTERM)
    assert agent.end() == 0
    assert agents.gone(below)
    assert site.restic("list", "locks", "--no-lock").stdout == b""
    attempt, *_older = agents.attempts(site, "backup:app/slow")
    assert attempt.result.outcome == "interrupted"
    assert [why.code for why in attempt.result.reasons] == ["agent-ending"]
    site.config["systems"]["app"]["sources"]["slow"]["argv"] = ["echo", "done"]
    agents.planned(site, "yearly")
    again = agents.Running(site)
    again.heard("backup:app/slow: complete") if attempt.slot else again.heard("next is")
    assert again.end() == 0


def test_reload_good_and_bad_while_a_job_runs(quiet_site: Any, agents: Any) -> None:
    waits = f"while [ ! -e {quiet_site.root}/go ]; do sleep 0.05; done; echo data"
    quiet_site.source("slow", kind="command", argv=["sh", "-c", waits])
    agents.planned(quiet_site)
    agent = agents.Running(quiet_site)
    agent.until(agent.work, "a job")
    good = quiet_site.yaml.read_text()
    quiet_site.yaml.write_text("nonsense: [")
    agent.signal(signal.SIGHUP)
    agent.heard("the new configuration is refused")
    broken = json.loads(agents_answer(agents, quiet_site))
    assert "not valid YAML" in broken["agent"]["config_problem"]
    said = quiet_site.guardian("agent", "status")
    assert "not valid YAML" in said.json["agent"]["config_problem"], "it can be asked whatever is in the file by now"
    quiet_site.yaml.unlink()
    assert quiet_site.guardian("agent", "status").json["running"], "or if it is gone"
    quiet_site.yaml.write_text(good.replace("agency", "No Id"))
    agent.signal(signal.SIGHUP)
    agent.until(lambda: b"tenant.id" in agents_answer(agents, quiet_site), "the refusal in its status")
    said = quiet_site.guardian("agent", "status")
    assert said.json["running"], "it can be asked whatever the configuration says by now"
    assert "tenant.id" in said.json["agent"]["config_problem"]
    (quiet_site.root / "go").touch()
    agent.heard("backup:app/slow: complete")
    agent.heard("backup:app/docs: complete")
    quiet_site.yaml.write_text(good)
    del quiet_site.config["systems"]["app"]["sources"]["slow"]
    quiet_site.write()
    agent.signal(signal.SIGHUP)
    agent.heard("the configuration was read anew")
    agent.until(
        lambda: json.loads(agents_answer(agents, quiet_site))["agent"]["config_problem"] is None, "it in its status"
    )
    status = json.loads(agents_answer(agents, quiet_site))
    assert [one["source"] for one in status["sources"]] == ["docs"]
    assert status["sources"][0].get("paused_since") is None
    quiet_site.config["systems"]["app"]["plan"]["enabled"] = False
    quiet_site.write()
    agent.signal(signal.SIGHUP)

    def paused_since() -> str | None:
        found = json.loads(agents_answer(agents, quiet_site))["sources"][0]["paused_since"]
        return found if found is None else str(found)

    since = agent.until(paused_since, "the pause in its status")
    assert agent.end() == 0
    later = quiet_site.guardian("agent", "status").json["sources"][0]["paused_since"]
    assert later == since, "who asks without an agent is told the same"


def agents_answer(agents: Any, site: Any) -> bytes:
    from guardian.agent.control import ask

    answer = ask(site.state / "agent")
    assert answer is not None
    return answer


def test_a_second_agent_is_refused_at_once(quiet_site: Any, agents: Any) -> None:
    agent = agents.Running(quiet_site)
    agent.heard("the agent has started")
    said = quiet_site.guardian("agent", "run", PLAIN="1", timeout=30)
    assert said.code == 2
    assert f"process {agent.process.pid}" in said.err
    assert agent.end() == 0


def test_a_host_that_was_never_set_up(new_site: Any, agents: Any) -> None:
    site = new_site()
    agents.planned(site)
    said = site.guardian("agent", "run", PLAIN="1", timeout=30)
    assert said.code == 2
    assert "guardian init" in said.err


def test_a_job_that_is_killed_is_a_failed_job_and_the_agent_lives(site: Any, agents: Any) -> None:
    site.config["systems"]["app"]["sources"] = {"slow": {"kind": "command", "argv": HANGS}}
    agents.planned(site)
    agent = agents.Running(site)
    agent.until(lambda: any(b"600" in agents.argv(pid) for pid in agents.descendants(agent.process.pid)), "its source")
    (pid,) = agent.work()
    os.kill(pid, signal.SIGKILL)
    agent.heard("backup:app/slow: FAILED")
    (attempt, *_rest) = agents.attempts(site, "backup:app/slow")
    assert [why.code for why in attempt.result.reasons] == ["job-died-of-memory"]
    assert "memory" in agent.log
    assert agent.end() == 0


def test_the_log_as_json(quiet_site: Any, agents: Any) -> None:
    agent = agents.Running(quiet_site, "--log-format", "json")
    agent.heard("the agent has started")
    assert agent.end() == 0
    for line in agent.log.splitlines():
        assert json.loads(line)["room"] in {"guardian.agent", "guardian.job"}


def test_systemd_is_told(quiet_site: Any, agents: Any) -> None:
    place = quiet_site.root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(place))
        heard.settimeout(30)
        agent = agents.Running(quiet_site, NOTIFY_SOCKET=str(place), WATCHDOG_USEC="3000000")
        said: list[str] = []
        while said.count("WATCHDOG=1") < 4:  # one a second: a third of what the manager waits for
            said += heard.recv(8192).decode().split("\n")
        assert "READY=1" in said
        agent.signal(signal.SIGHUP)
        while "RELOADING=1" not in said or "READY=1" not in said[said.index("RELOADING=1") :]:
            said += heard.recv(8192).decode().split("\n")
        assert agent.end() == 0
        heard.setblocking(False)
        try:
            while True:
                said += heard.recv(8192).decode().split("\n")
        except BlockingIOError:
            pass
        assert "STOPPING=1" in said
        assert any(line.startswith("STATUS=") and "next is backup:app/docs" in line for line in said)
