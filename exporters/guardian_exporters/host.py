"""Collectors of the agent itself and of its signed log."""

from collections import Counter

from guardian.model.status import HostStatus
from guardian_exporters.catalogue import JOB_STATES, PROBLEM_SEVERITIES
from guardian_exporters.rows import Rows, ever, known, moment, reasons


def agent(status: HostStatus) -> Rows:
    """What is known of the agent."""
    now = status.agent
    yield "agent_build_info", (now.version, now.restic or ""), 1
    yield from moment("agent_start_timestamp_seconds", (), now.started)
    yield from moment("agent_status_timestamp_seconds", (), status.at)
    yield from moment("agent_config_loaded_timestamp_seconds", (), now.config_loaded)
    yield "agent_config_refused", (), now.config_problem is not None
    yield "agent_clock_trusted", (), now.clock_trusted
    yield "agent_journal_intact", (), now.journal_ok
    yield "agent_draining", (), now.draining
    yield from moment("agent_next_wake_timestamp_seconds", (), now.next_wake)
    yield from known("agent_state_free_bytes", (), now.state_free_bytes)
    yield from known("agent_max_loss_objective_ratio", (), now.max_loss_objective)
    yield from reasons("agent_reason", (), now.problems)
    problems = Counter[str](problem.severity for problem in now.problems)
    for severity in PROBLEM_SEVERITIES:
        yield "agent_problems", (severity,), problems[severity]
    jobs = Counter[str](job.state for job in status.jobs)
    for state in JOB_STATES:
        yield "agent_jobs", (state,), jobs[state]


def ledger(status: HostStatus) -> Rows:
    """The signed log, where there is one."""
    if status.log is not None:
        yield "ledger_entries", (), status.log.entries
        yield from known("ledger_intact", (), status.log.intact)
        yield from ever("ledger_newest_timestamp_seconds", (), status.log.newest)
