"""Why something that comes round is run now, or waits, and why a slot was not run: a sentence for each code.

They go on after the name of a task: "backup:app/docs: it waits for …".
"""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    # decisions
    "follows-task": N_("it waits for {task}, which comes before it"),
    "first-run": N_("it begins as soon as the agent has a place for it, since it was never run"),
    "slot-due": N_("it is due, for its slot of {slot}"),
    "slot-late": N_("its slot of {slot} was not run in time and is caught up now"),
    "slot-resumed": N_("its run for the slot of {slot} was interrupted and goes on now"),
    "waits-for-slot": N_("it begins at {at}, for its slot of {slot}"),
    "never-due": N_("its schedule has no slot in the coming years"),
    "blackout-holds": N_("its slot of {slot} came in a blackout; it begins at {at}"),
    "blackout-began": N_("a blackout began; it goes on at {at}"),
    "job-running": N_("it has been running since {since}"),
    "retry-due": N_("its last {failures} run(s) failed for a reason that may pass; it is tried again now"),
    "retry-waits": N_("its last {failures} run(s) failed for a reason that may pass; it is tried again at {at}"),
    "retry-left": N_(
        "its last {failures} run(s) failed for a reason that may pass; its next slot, {slot}, comes before another try"
    ),
    "clock-impossible": N_("the clock says {now}, which cannot be: nothing begins until it is set right"),
    "clock-set-back": N_("the clock was set back, and its slots up to {accounted} have ended; it begins at {at}"),
    "clock-off-schedule": N_(
        "the clock was far ahead once, and its slots up to {accounted} have ended: until then it runs as often, "
        "for no slot"
    ),
    # ends of slots
    "plan-disabled": N_("its plan is disabled"),
    "slot-blackout": N_("a blackout lasted until the next slot"),
    "slot-overrun": N_("the run before lasted until {ended}"),
    "slot-superseded": N_("its run was interrupted, and the next slot came before it could go on"),
    "slot-no-turn": N_("others took all places, or its repository, until the next slot"),
    "slot-unattended": N_("the agent did not run then, or the clock was put forward past it"),
    "slots-unattended": N_(
        "all {count} slots from {first} to {last}: the agent did not run then, or the clock was put forward past them"
    ),
}
