"""What to try when a run, a restore or a drill ends badly: a hint for each reason that something can be done about."""

from typing import Final

from guardian.i18n import N_, _
from guardian.model.reason import Reason

_RIGHTS: Final = N_("Run Guardian as a user who may read it, or exclude it.")
_EXCLUDES: Final = N_("Look at what 'exclude' of this source takes out.")
_BY_HAND: Final = N_("Run the command by hand, as the user that Guardian runs as, and see what it says.")
_SLOW: Final = N_("Look at why it takes so long; the limit can be raised in the configuration of this source.")
_EARLY: Final = N_("It ended early and said that all was well: look at its own log.")
_GONE: Final = N_(
    "Find out who may delete in the storage; a copy, or older versions of the objects, may still hold what is gone."
)
_TAMPERED: Final = N_("Leave the repository as it is, find out who may write to it, and restore from a copy.")
_DAMAGED: Final = N_("Leave the storage as it is, restore what is whole, and back up anew into another repository.")
_OLDER: Final = N_("Try an older restore point ('guardian snapshots' lists them), and leave this one as it is.")
_LOG: Final = N_("The log was cut or replaced: put it back from a copy or an export.")
_SHARES: Final = N_("Bring more sheets of the same set, and check each against its paper.")

ADVICE: Final[dict[str, str]] = {
    # the source
    "source-missing": N_("Check the path in the configuration, and whether its disk is mounted."),
    "source-unreadable": _RIGHTS,
    "root-unreadable": _RIGHTS,
    "file-unreadable-at-source": _RIGHTS,
    "source-not-mounted": N_("Mount it, then run the same command again."),
    "source-too-small": N_("If the source is right as it is, lower what the configuration expects of it."),
    "source-incomplete": _EXCLUDES,
    "source-excluded": _EXCLUDES,
    "source-shrunk": N_("If nobody meant to delete so much, look at the source before older restore points expire."),
    "files-changed": N_("Back up while nothing writes there, or from a snapshot of the file system."),
    "database-unreachable": N_("Check that the server runs, and the address in 'dsn'."),
    "database-refused": N_("Check the user's password and rights: the guide on databases lists those it takes."),
    "database-missing": N_("Check 'databases' in the configuration of this source."),
    "sqlite-corrupt": N_("Run PRAGMA integrity_check on it; an older restore point may hold it whole."),
    "sqlite-busy": N_("Back up when less is written, or raise 'busy_timeout'."),
    "dump-failed": _BY_HAND,
    "producer-failed": _BY_HAND,
    "producer-stalled": _SLOW,
    "producer-overran": _SLOW,
    "producer-short": _EARLY,
    "producer-trailer-missing": _EARLY,
    # the run
    "parent-missing": N_("Somebody deleted it: 'guardian verify --level D0' says what else is gone."),
    "snapshot-not-listed": N_("Run 'guardian verify --level D1', and look at the storage."),
    "repository-changed": N_("Somebody may have put another repository in its place: check the location first."),
    "clock-jumped": N_("Check the time service of this host."),
    # what is there
    "never-backed-up": N_("Run 'guardian backup' first."),
    "snapshot-missing": _GONE,
    "repository-rolled-back": _GONE,
    "snapshot-altered": _TAMPERED,
    "snapshot-foreign": N_(
        "If nobody of yours made it, somebody else can write here: find out who, and begin a new repository."
    ),
    "backup-partial": N_("Let the next backup read those files, or exclude them."),
    "recovery-point-too-old": N_("Run 'guardian backup', and find out why the schedule did not."),
    "log-behind-anchor": _LOG,
    "log-differs-from-anchor": _LOG,
    # what comes back
    "repository-damaged": _DAMAGED,
    "content-damaged": _DAMAGED,
    "pack-exposes": _DAMAGED,
    "file-damaged": _DAMAGED,
    "folder-lost": _DAMAGED,
    **dict.fromkeys(("object-missing", "object-hash-differs", "object-seal-broken", "object-frame-broken"), _DAMAGED),
    **dict.fromkeys(("pack-missing", "pack-hash-differs", "pack-header-broken"), _DAMAGED),
    **dict.fromkeys(("blob-not-indexed", "blob-outside-pack", "blob-seal-broken", "blob-id-differs"), _DAMAGED),
    **dict.fromkeys(("listed-missing", "listed-size-differs"), _DAMAGED),
    "file-lost": _OLDER,
    "restore-error": _OLDER,
    "count-differs": _OLDER,
    "file-missing": _OLDER,
    "file-size-differs": _OLDER,
    "file-content-differs": _OLDER,
    "stream-differs": _OLDER,
    "rows-differ": _OLDER,
    "table-missing": _OLDER,
    "restore-failed": _OLDER,
    "integrity-damaged": _OLDER,
    "nothing-matched": N_("Name it as it stands in the snapshot, by its full path or a pattern such as '*.txt'."),
    "paths-disagree": N_("Trust neither until it is known why, and report it: one of the two programs is wrong."),
    "planted-fault-not-found": N_("Do not rely on this drill, and report it: this is a fault of Guardian."),
    "not-in-this-version": N_("Ask for a lower level."),
    # custody
    "no-shares": N_("Name the sheets by --share, or let the holders type theirs at a terminal."),
    "shares-too-few": _SHARES,
    "share-damaged": _SHARES,
    "shares-mixed": _SHARES,
    "shares-disagree": _SHARES,
    "shares-open-nothing": N_("These may be sheets of an older password: run 'guardian keys escrow' anew."),
}


def advice(reason: Reason) -> str:
    """What to try, in the reader's language; empty for what needs nothing done."""
    known = ADVICE.get(reason.code)
    return _(known) if known and reason.severity != "info" else ""
