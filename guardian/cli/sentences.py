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
    "source-excluded": N_("the source {path} is not in the snapshot: an exclude takes it out"),
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
    "files-changed": N_("{count} files changed while they were read, and their saved content may be torn: {first}"),
    "source-shrunk": N_("the source shrank from {before} to {after} files since the last backup"),
    "parent-missing": N_("the last snapshot {snapshot} is gone from the repository; everything was read again"),
    "snapshot-not-listed": N_("restic reported a snapshot that the repository does not list"),
    "decoder-failed": N_("our own decoder could not look at the backup ({why}), so restic was asked instead"),
    "no-summary": N_("restic ended without a summary"),
    "stream-length-differs": N_("restic took {found} of the {expected} bytes the producer wrote"),
    "repository-changed": N_("this is another repository: expected {expected}, found {found}"),
    "clock-jumped": N_("the clock moved {seconds} seconds against the run, so its lock may have been lost"),
    "run-interrupted": N_("an earlier run was cut off before it could finish"),
    "run-unrecorded": N_("an earlier run saved its snapshot while the log could not be written to: it has no receipt"),
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
    "backup-partial": N_("the backup, snapshot {snapshot}, is partial: files that could not be read are not in it"),
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
    "sample-leaves-out": N_(
        "the sample says nothing of files like these: {count} that were drawn were too large, changing or unreadable"
    ),
    "sample-small": N_("{drawn} files prove less than asked: to rule out that {max_loss} are bad takes {needed}"),
    # restored databases
    "rows-differ": N_("{table} came back with {found} rows, the receipt counts {expected}"),
    "table-missing": N_("the table {table} did not come back"),
    "tables-differ-more": N_("{count} more tables came back otherwise than the receipt says"),
    "rows-unknown": N_("the receipt holds no row counts to compare with"),
    "table-unreadable": N_("the table {table} that came back cannot be read: {error}"),
    "foreign-keys-violated": N_("{count} rows refer to rows that are not there"),
    "assertion-failed": N_("the assertion does not hold: {sql} ({why})"),
    "newest-unknown": N_("the newest business record is not known: {sql} ({why})"),
    # what the doctor found
    "configuration-read": N_("host {host} of {tenant}, sources: {targets}"),
    "restic-found": N_("version {version}, {path}"),
    "restic-lacks": N_("abilities of newer versions that are missing: {count}"),
    "restic-lacks-nothing": N_("everything Guardian can make use of"),
    "unreadable": N_("{path} cannot be read: {error}"),
    "unwritable": N_("{path} cannot be written to: {error}"),
    "writable": N_("can be written to"),
    "not-a-directory": N_("{path} is not a directory"),
    "state-missing": N_("{path} does not exist yet"),
    "state-impossible": N_("the state directory does not exist, and {path} cannot be written to"),
    "state-of-another": N_("it belongs to user {owner}, and this is user {user}"),
    "state-open": N_("others than its owner have rights on it (mode {mode})"),
    "state-private": N_("private to its owner"),
    "space": N_("{free} of {total} bytes free"),
    "inodes": N_("{free} inodes free"),
    "inodes-unlimited": N_("no limit of inodes"),
    "signing-key-there": N_("key {key_id}"),
    "signing-key-differs": N_("the private key is {private}, the public one {public}"),
    "log-holds": N_("{size} entries, tree and checkpoint hold"),
    "log-has-tail": N_("{bytes} bytes at its end are not under the checkpoint yet"),
    "clock-plausible": N_("not behind the log, and steady"),
    "clock-behind-log": N_("the clock is {seconds} s behind the newest entry of the log"),
    "clock-moved": N_("the clock moved {seconds} s while it was looked at"),
    "clock-skew": N_("this host's clock differs from the storage's by {seconds} s"),
    "storage-answers": N_("answers in {ms} ms"),
    "storage-without-time": N_("answers in {ms} ms, but does not say what time it is"),
    "directory-there": N_("{path}"),
    "directory-missing": N_("{path} does not exist"),
    "same-file-system": N_("on the same file system as {path}"),
    "other-file-system": N_("on another file system than what it protects"),
    "secret-there": N_("there and private ({reference})"),
    "needs-the-above": N_("not tried: what it needs is missing"),
    "repository-opens": N_("opens, and is the one on record ({id})"),
    "repository-not-on-record": N_("opens, but is not on record ({id})"),
    "no-locks": N_("none"),
    "locks-held": N_("in use: {count}, the oldest for {seconds} s"),
    "lock-stale": N_("nobody holds the lock of process {pid} on {host} any more; it is {seconds} s old"),
    "lock-exclusive": N_("process {pid} on {host} holds the repository alone, for {seconds} s"),
    "lock-unreadable": N_("the file {id} among the locks cannot be read as one"),
    "lock-from-the-future": N_("a lock says that it was made in the future"),
    "fact": N_("{value}"),
    "fact-none": N_("none"),
    "fact-yes": N_("yes"),
    "fact-no": N_("no"),
    "fact-not-offered": N_("the storage has no such setting ({why})"),
    "fact-unreadable": N_("could not read: {why}"),
    "bucket-lock-differs": N_("the bucket has {has}, the configuration asks for {asked}"),
    "lifecycle-rules": N_("lifecycle rules that are on: {count}; each may delete"),
    "no-runs-cut-off": N_("no run was cut off"),
    "run-under-way": N_("a run is under way"),
    "runs-cut-off": N_("runs that were cut off: {count}; the first is {ref}, begun at {time}"),
    "source-ready": N_("{path} can be read"),
    "program-found": N_("{program} is there"),
    # stored data, as the decoder sees it
    "object-missing": N_("the object {object} is missing"),
    "object-unreadable": N_("the object {object} cannot be read"),
    "object-too-large": N_("the object {object} is larger than anything restic writes"),
    "object-hash-differs": N_("the object {object} is not what its name says"),
    "object-seal-broken": N_("the object {object} was altered: its seal is broken"),
    "object-frame-broken": N_("the object {object} cannot be unpacked"),
    "object-encoding-unknown": N_("the object {object} is written in a way that is not known"),
    "config-not-understood": N_("the repository's configuration cannot be understood"),
    "snapshot-not-understood": N_("the snapshot {object} cannot be understood"),
    "index-not-understood": N_("the index {object} cannot be understood"),
    "index-outside-pack": N_("the index points outside of pack {pack}"),
    "index-differs-from-pack": N_("the index and pack {pack} disagree"),
    "index-copies": N_("the index names {blobs} blobs more often than it can"),
    "pack-missing": N_("pack {pack} is missing"),
    "pack-hash-differs": N_("pack {pack} is not what its name says"),
    "pack-header-broken": N_("the header of pack {pack} cannot be read"),
    "pack-not-indexed": N_("pack {pack} is in no index"),
    "pack-not-wholly-indexed": N_("{blobs} blobs of pack {pack} are in no index"),
    "blob-not-indexed": N_("blob {blob} is in no index"),
    "blob-outside-pack": N_("a blob lies outside of its pack {pack}"),
    "blob-seal-broken": N_("blob {blob} was altered: its seal is broken"),
    "blob-frame-broken": N_("blob {blob} cannot be unpacked"),
    "blob-size-differs": N_("blob {blob} has another size than the index says"),
    "blob-id-differs": N_("blob {blob} is not what its id says"),
    "blob-too-large": N_("blob {blob} is too large to be opened"),
    "tree-not-understood": N_("the tree {blob} cannot be understood"),
    "tree-not-sorted": N_("the tree {tree} is not in order"),
    "tree-too-wide": N_("the tree {tree} has too many entries"),
    "name-twice": N_("the tree {tree} has a name twice"),
    "folder-without-tree": N_("a folder has no tree {tree}"),
    "path-too-long": N_("a path is longer than paths can be"),
    "too-many-entries": N_("there are more entries than can be walked"),
    "read-unstable": N_("pack {pack} was read wrongly once and rightly the next time: {first}"),
    "foreign-object": N_("the object {object} is none of restic's"),
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
