"""What an agent says of sources and of its own books: a sentence for each code."""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    # how a source is protected
    "log-not-readable": N_("the log cannot be read, or does not hold together: what it says of backups is not known"),
    "log-being-read": N_("the log is being read: {done} of its {total} entries so far"),
    "no-good-point": N_(
        "no complete backup is there; the newest restore point, snapshot {snapshot}, is partial or gone"
    ),
    "backup-overdue": N_("the newest restore point is {age_seconds} s old, older than the schedule allows for"),
    "no-schedule": N_("there is no schedule: nothing is backed up unless somebody does it"),
    "no-rpo": N_("no RPO is set: how old a restore point may be is not known"),
    "last-run-failed": N_("the last run failed ({why}), {count} in a row"),
    "last-slot-missed": N_("the last time it was due, no backup was made ({why})"),
    "snapshots-suspicious": N_("{count} snapshots look as if data was destroyed, the first is {snapshot}"),
    "drill-says-no": N_("the drill at {level} failed at {at}"),
    "drill-found-nothing-out": N_("the drill at {level} could find nothing out at {at}"),
    "storage-not-as-promised": N_("the storage of its backups does not keep what was promised of it ({why})"),
    "never-copied": N_("nothing of it was ever copied to {repository}"),
    "copy-behind": N_("the newest copy in {repository} is of {at}"),
    "copy-failed": N_("the last copy to {repository} failed ({why})"),
    "not-proven": N_("no drill has proved yet that this comes back"),
    "proof-too-old": N_("the last proof that this comes back is of {at}"),
    # metrics
    "metrics-not-served": N_("metrics are not served at {address}: {error}"),
    "fleet-not-read": N_("the state of the fleet could not be read: {error}"),
    "metrics-textfile-failed": N_("metrics could not be written to {path}: {error}"),
    # the journal
    "journal-corrupt": N_("the agent's journal is damaged"),
    "journal-busy": N_("the agent's journal is held by another process"),
    "not-now": N_("it was under way already, or its slot has ended"),
    "journal-damaged": N_("the agent's journal could not be used and is kept as {kept}: {why}"),
    "journal-rebuilt": N_("the agent's journal was made anew from the log, which tells of {slots} slots"),
    "journal-begun-anew": N_("the agent's journal was begun anew, since the log could not be read: {why}"),
    "attempt-settled": N_("the attempt of {task} that was cut off counts as {outcome}"),
}
