"""What answers to clauses, questions and levels are made of: codes with figures, and a sentence for each.

The command line has the sentences of all other rooms; these stand here, beside what gives them.
"""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    "backups-there": N_("{source}: {count} complete backups in the period, the newest on {day}"),
    "backups-none": N_("{source}: not one complete backup in the period"),
    "backups-failed": N_("{source}: {count} runs in the period did not end in a complete backup"),
    "rpo-kept": N_("{source}: at worst {seconds} s lay between two backups; {rpo_seconds} s are allowed"),
    "rpo-exceeded": N_(
        "{source}: {count} times more lay between two backups than the {rpo_seconds} s allowed, at worst {seconds} s"
    ),
    "rpo-not-set": N_("no recovery point objective is configured to hold the backups against"),
    "interval-seen": N_("{source}: at worst {seconds} s lay between two backups"),
    "drill-proves": N_("{source}: a drill of level {level} passed on {day}"),
    "drill-stale": N_(
        "{source}: the last drill of level {level} or above that passed was on {day}, {days} days are allowed"
    ),
    "drill-none": N_("{source}: no drill of level {level} or above in the period"),
    "drill-failed": N_("{source}: the newest drill of level {level} failed on {day}"),
    "drill-thin": N_("{source}: the {level} drill of {day} drew too little to say less than 1 % bad at 95 %"),
    "drill-inconclusive": N_(
        "{source}: the drills of level {level} or above could not verify anything, lastly on {day}"
    ),
    "drills-seen": N_("{source}: {count} drills of level {level} or above, the newest on {day}"),
    "cadence-met": N_(
        "{source}: drills of level {level} are asked for {cadence}, and none came later than the allowed grace"
    ),
    "cadence-missed": N_(
        "{source}: drills of level {level} are asked for {cadence}, but {days} days passed without one"
    ),
    "cadence-not-set": N_("the plan asks for no drills"),
    "log-proven": N_("all {entries} entries of the log hold, with every signature, under the checkpoint of {size}"),
    "configuration-on-record": N_("the configuration in force is on record since {day}"),
    "configuration-not-on-record": N_(
        "the configuration in force is not the one on record: no backup was made under it yet"
    ),
    "plan-there": N_("schedule and retention are configured: {schedule}"),
    "plan-lacks": N_("the plan lacks {what}"),
    "objectives-there": N_("declared: MLPS level {mlps}, RPO {rpo_seconds} s, RTO {rto_seconds} s"),
    "objectives-lack": N_("not declared: {what}"),
    "place-remote": N_(
        "{source}: backups go over the network ({storage}); that this is another site is declared, not proven"
    ),
    "place-local": N_("{source}: backups lie on storage of this host ({storage}), and no copy goes elsewhere"),
    "real-time-never": N_("snapshots are made in batches on a schedule: they are never a real-time copy"),
    "escrow-there": N_("{repository}: the password is escrowed, {threshold} of {shares} shares open it, since {day}"),
    "escrow-none": N_("{repository}: the password is not escrowed"),
    "for-a-person": N_("no log can answer this: a person has to"),
    "plans-without-result": N_("{count} drills were planned and have no result"),
    "restores-seen": N_("{count} restores are on record, {bad} of them not complete"),
    "rto-measured": N_("{source}: recovered in {seconds} s, measured on {day}"),
    "rto-not-measured": N_("{source}: the time to recover was never measured"),
    "bytes-verified": N_("{source}: content was read back by a drill of level {level} on {day}"),
    "bytes-not-verified": N_("{source}: no drill of level D2 or above read content back in the period"),
    "snapshots-cap": N_("snapshots made on a schedule support level {level} at most"),
}
"""Every code that an answer may have."""
