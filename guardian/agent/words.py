"""What an agent says of its jobs and of itself: a sentence for each code."""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    # jobs
    "job-not-started": N_("the job's process could not be started: {why}"),
    "job-died": N_("the job's process died without a word, with exit code {exit_code}"),
    "job-died-by-signal": N_("the job's process was ended by {signal} (exit code {exit_code}) without a word"),
    "job-died-of-memory": N_(
        "the job's process was killed (SIGKILL, exit code {exit_code}): the kernel does that when memory runs out"
    ),
    "job-killed": N_("the job did not end within its grace, and was killed"),
    "interrupted": N_("it was interrupted"),
    "agent-ending": N_("the agent was asked to end"),
    "holders-needed": N_("this takes the holders of shares: run 'guardian verify --level K' with them"),
    "hook-skips": N_("the hook {program} asked to skip this time"),
    "hook-failed": N_("the hook {program} failed with exit code {exit_code}"),
    "hook-overran": N_("the hook {program} was not done after {seconds} s and was killed"),
    "hook-not-started": N_("the hook {program} could not be started: {why}"),
    "nice-refused": N_("the processor priority could not be lowered: {why}"),
    "io-class-refused": N_("the disk priority could not be lowered: {why}"),
    # the agent
    "agent-not-running": N_("no agent runs: nothing is backed up by itself"),
    "journal-unwritable": N_("the journal cannot be written; jobs go on, and are written down later: {why}"),
    "log-unwritable": N_("the log cannot be written: {why}"),
    "clock-implausible": N_("the clock says {now}, which cannot be: nothing is removed for its age"),
    "clock-behind-record": N_(
        "the clock says {now}, and the newest record is of {newest}: nothing is removed for its age"
    ),
    "clock-stepped": N_("the clock was moved by {seconds} s: for a day nothing is removed for its age"),
    "state-gone": N_("the state directory {path} cannot be looked at: {why}"),
    "state-read-only": N_("the file system of the state directory {path} is read-only"),
    "state-full": N_("the state directory {path} has only {mib} MiB left"),
    "waits-for-other": N_("it waits for the task before it"),
    "repository-in-use": N_("somebody else works on the repository"),
    "start-spread": N_("it waits for its share of the start, so that not all hosts begin at once"),
}
