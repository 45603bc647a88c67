"""Reason codes as sentences, in the reader's language. Codes live in the log; prose lives here."""

from guardian.cli.render import visible
from guardian.i18n import N_, _
from guardian.ledger.invalid import TEXTS
from guardian.model.drill import DrillOutcome
from guardian.model.reason import Reason

SENTENCES: dict[str, str] = {
    # the source
    "source-missing": N_("the source {path} does not exist"),
    "source-is-a-link": N_("the source {path} is a symbolic link to {target}: name the directory it points to"),
    "source-unreadable": N_("the source {path} cannot be read: {error}"),
    "source-not-mounted": N_("the source {path} is not mounted"),
    "source-empty": N_("the source {path} is empty; set allow_empty if that is right"),
    "source-too-small": N_("only {found} of at least {expected} {unit} were found in the source"),
    "source-incomplete": N_("the snapshot holds other paths than the source: {missing} is missing"),
    "kind-not-in-this-version": N_("this version does not back up sources of kind {kind}"),
    "sqlite-corrupt": N_("the database {path} is damaged: {error}"),
    "sqlite-busy": N_("the database {path} stayed locked: {error}"),
    "producer-failed": N_("{program} failed with exit code {exit_code}; nothing was saved"),
    "producer-stalled": N_("{program} went silent for too long; nothing was saved"),
    "producer-overran": N_("{program} was not done after {seconds} seconds; nothing was saved"),
    "producer-short": N_("{program} wrote {bytes} bytes, at least {expected} were expected; nothing was saved"),
    "producer-trailer-missing": N_("what {program} wrote does not end with '{trailer}'; nothing was saved"),
    # the run
    "file-unreadable-at-source": N_("{path} could not be read and is not in the snapshot"),
    "files-unreadable-more": N_("{count} more files could not be read"),
    "files-unreadable-unnamed": N_("restic could not read everything, and did not say what"),
    "root-unreadable": N_("the source itself, {path}, could not be read"),
    "files-changed": N_("{count} files changed while they were read; their saved content may be torn"),
    "source-shrunk": N_("the source shrank from {before} to {after} files since the last backup"),
    "parent-missing": N_("the last snapshot {snapshot} is gone from the repository; everything was read again"),
    "snapshot-not-listed": N_("restic reported a snapshot that the repository does not list"),
    "no-summary": N_("restic ended without a summary"),
    "stream-length-differs": N_("restic took {found} of the {expected} bytes the producer wrote"),
    "repository-changed": N_("this is another repository: expected {expected}, found {found}"),
    "clock-jumped": N_("the clock moved {seconds} seconds against the run, so its lock may have been lost"),
    "run-interrupted": N_("an earlier run was cut off before it could finish"),
    "retries": N_("the storage needed {count} retries"),
    "stale-lock-removed": N_("a stale lock of process {pid} on {host} was removed"),
    "run-cut-off": N_("the run of {ref} begun at {time} was cut off; that is now in the log"),
    # drills
    "never-backed-up": N_("there is no receipt: this source was never backed up"),
    "snapshot-missing": N_("snapshot {snapshot} of {time} is gone from the repository"),
    "snapshot-missing-more": N_("{count} more snapshots are gone"),
    "repository-rolled-back": N_("the newest {missing} snapshots are gone at once: the repository was turned back"),
    "snapshot-altered": N_("snapshot {snapshot} has another tree than its receipt says"),
    "snapshot-foreign": N_("snapshot {snapshot} of {time} from host {host} has no receipt"),
    "snapshot-orphan": N_("snapshot {snapshot} is left over from a run that failed or was cut off"),
    "snapshot-under-way": N_("snapshot {snapshot} belongs to a backup that is under way and has no receipt yet"),
    "snapshot-altered-more": N_("{count} more snapshots have another tree than their receipts say"),
    "snapshot-foreign-more": N_("{count} more snapshots have no receipt"),
    "snapshot-orphan-more": N_("{count} more snapshots are left over from such runs"),
    "backup-partial": N_("the newest backup, snapshot {snapshot}, is partial: files that could not be read are not in it"),
    "snapshot-unreadable": N_("a snapshot file cannot be read: {detail}"),
    "recovery-point-too-old": N_(
        "the newest restore point is {age_seconds} s old; at most {rpo_seconds} s are allowed"
    ),
    "receipt-from-the-future": N_("the newest receipt lies {seconds} s in the future"),
    "log-behind-anchor": N_("snapshot {snapshot} proves that the log once had {size} entries; it has {found}"),
    "log-differs-from-anchor": N_("snapshot {snapshot} proves that the first {size} entries of the log were others"),
    "repository-damaged": N_("restic check found damage: {detail}"),
    "content-damaged": N_("stored data is damaged: {detail}"),
    "file-missing": N_("{path} did not come back"),
    "file-unreadable": N_("{path} came back but cannot be read: {error}"),
    "file-size-differs": N_("{path} came back with {found} instead of {expected} bytes"),
    "file-content-differs": N_("{path} came back with other content"),
    "count-differs": N_("{found} of {expected} {unit} came back"),
    "stream-differs": N_("{path} came back with other content than the producer wrote"),
    "restore-error": N_("restic said: {detail}"),
    "nothing-matched": N_("nothing in the snapshot matches {include}"),
    "nothing-to-compare": N_("the backup took no digests that could be compared; use --full"),
    "no-receipt": N_("the snapshot has no receipt in this log, so what it should hold is not known"),
    "not-reached": N_("not done, since an earlier level failed"),
    "not-in-this-version": N_("this version has no drill of level {level}"),
    "sample-small": N_("{drawn} files prove less than asked: {needed} would be needed for {max_loss}"),
    # could not find out
    "could-not-run": N_("{detail}"),
}
SENTENCES |= TEXTS
"""Every code that may stand in a :class:`~guardian.model.reason.Reason`. A test holds this table against the code."""

OUTCOMES: dict[str, str] = {
    "complete": N_("complete"),
    "partial": N_("PARTIAL"),
    "failed": N_("FAILED"),
    "skipped": N_("skipped"),
    "PASS": N_("pass"),
    "FAIL": N_("FAIL"),
    "COULD_NOT_VERIFY": N_("could not verify"),
    "NOT_RUN": N_("not run"),
}


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(reason: Reason) -> str:
    """``reason`` as one sentence; the bare code when this version does not know it."""
    template = SENTENCES.get(reason.code)
    arguments = _Known({name: visible(str(value)) for name, value in reason.args.items()})
    if template is None:
        return " ".join([reason.code, *(f"{k}={v}" for k, v in arguments.items())])
    return _(template).format_map(arguments)


def outcome(name: str | DrillOutcome) -> str:
    """An outcome as people read it; bad ones are in capitals so that they are seen without colours."""
    return _(OUTCOMES.get(name, name))
