"""What is told of retention, guard rails and freed space: a sentence for each code."""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    # guard rails: points that no rule keeps any more, and that stay
    "held-legal-hold": N_("{count} restore point(s) stay under a legal hold"),
    "held-disagreement": N_("{count} restore point(s) stay, since restic reckons otherwise"),
    "held-suspicion": N_("{count} restore point(s) stay while the source is under suspicion"),
    "held-not-copied": N_("{count} restore point(s) stay until they are copied"),
    "held-newest-good": N_("the newest good restore point stays"),
    "held-last-proven": N_("the only restore point that came back in a drill stays"),
    "held-good-of-its-time": N_("{count} restore point(s) stay, since only ones that are not good push them out"),
    "held-floor": N_("{count} restore point(s) stay, so that the least number of good ones is kept"),
    "held-share": N_("{count} restore point(s) stay for now: one run removes no larger share"),
    # doubts
    "retention-disagree": N_(
        "restic would remove {restic} restore points, Guardian {ours}; they differ in {count}, such as {snapshot}, so "
        "nothing is removed"
    ),
    "retention-disagree-list": N_(
        "restic looked at {restic} snapshots of the source, Guardian at {ours}: nothing is removed"
    ),
    "clock-before-program": N_("the clock says {now}, before this program was written: nothing is removed"),
    "clock-behind-log": N_("the clock says {now}, and the log goes to {newest}: nothing is removed"),
    "points-in-future": N_(
        "{count} restore point(s) with a receipt lie in the future, up to {newest}: nothing is removed"
    ),
    "clock-moved": N_("the clock moved {seconds} seconds during this run: nothing is removed"),
    "clock-leapt": N_(
        "the log has a pause of {days} days before {at}: the host was off, or its clock leapt; nothing is removed "
        "until {until}"
    ),
    "clock-jump-seen": N_("the agent saw the clock jump: nothing is removed for now"),
    "repository-not-recorded": N_("no record says which repository this must be (found {found}): nothing is removed"),
    "legal-hold-lifted": N_("{system} was under a legal hold until lately (at {at}: {why}); it is lifted now"),
    # quarantine
    "quarantined-orphan": N_(
        "snapshot {snapshot} of {time} was left by a run that failed; it has no receipt and stays"
    ),
    "quarantined-orphan-more": N_("{count} more snapshots were left by such runs"),
    "quarantined-under-way": N_("snapshot {snapshot} of {time} belongs to a run whose end is not on record yet"),
    "quarantined-under-way-more": N_("{count} more snapshots belong to such runs"),
    "quarantined-copy-unstated": N_(
        "snapshot {snapshot} of {time} seems to be a copy that nobody has looked into yet; it stays"
    ),
    "quarantined-copy-unstated-more": N_("{count} more snapshots seem to be such copies"),
    "quarantined-forged": N_(
        "snapshot {snapshot} of {time} from host {host} claims to be a backup of ours, and the log knows of none: "
        "it is in quarantine and counts for nothing"
    ),
    "quarantined-forged-more": N_("{count} more snapshots claim the same"),
    "quarantined-from-future": N_("{count} of those that claim it lie in the future"),
    "quarantined-foreign": N_("snapshot {snapshot} of {time} from host {host} is none of ours and stays"),
    "quarantined-foreign-more": N_("{count} more snapshots are none of ours"),
    # removal
    "removal-took-others": N_("{count} restore points are gone that nobody was to remove, such as {first}"),
    "removal-incomplete": N_("{left} of the restore points are still there; {removed} are gone"),
    "removal-cut-off": N_("an earlier run was cut off while it removed: {removed} are gone, {left} are still there"),
    "delete-refused": N_("the storage does not let these credentials delete: nothing was removed"),
    "delete-refused-backup": N_(
        "the credentials of backups may not delete ({said}), as it should be: name others as maintenance_credentials, "
        "or maintain the repository from elsewhere"
    ),
    "delete-refused-maintenance": N_("the maintenance credentials may not delete ({said})"),
    # freeing space
    "prune-not-worth": N_("{share} % of the repository is unused: too little to free"),
    "prune-unreadable": N_("a snapshot cannot be read, so nobody knows what it needs: no space is freed"),
    "prune-damaged": N_("the repository is damaged: no space is freed before that is mended"),
    "prune-not-looked": N_("the repository could not be looked through: no space is freed"),
    "prune-left-damage": N_("after space was freed, parts of restore points are missing"),
    "prune-memory": N_("freeing space may take {wanted} bytes of memory, and {available} are available"),
    "prune-interrupted": N_("freeing space was interrupted; the next run goes on"),
    "prune-in-use": N_("others are at work on the repository: no space is freed for now"),
}
