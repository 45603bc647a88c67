"""Reason codes as sentences, in the reader's language. Codes live in the log; prose lives here."""

from guardian.agent.reasons import TEXTS as AGENT
from guardian.agent.words import TEXTS as WORDS
from guardian.audit.reasons import TEXTS as AUDIT
from guardian.backup.anomaly_texts import TEXTS as ANOMALY
from guardian.backup.reasons import TEXTS as SLOTS
from guardian.backup.removal_texts import TEXTS as REMOVAL
from guardian.cli.error_sentences import TEXTS as ERRORS
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
    "database-unreachable": N_("the database server cannot be reached: {error}"),
    "database-refused": N_("the database server refused: {error}"),
    "database-slow": N_("the database server did not answer in time; nothing was saved"),
    "database-missing": N_("there is no database {database} on the server"),
    "database-none": N_("there is no database on the server that could be saved"),
    "dump-failed": N_("{program} failed; nothing was saved: {error}"),
    "database-answers": N_("the server answers, and its databases are there"),
    "sqlite-corrupt": N_("the database {path} is damaged: {error}"),
    "sqlite-busy": N_("the database {path} stayed locked: {error}"),
    "producer-failed": N_("{program} failed with exit code {exit_code}; nothing was saved"),
    "producer-stalled": N_("{program} went silent for too long; nothing was saved"),
    "producer-overran": N_("{program} was not done after {seconds} seconds; nothing was saved"),
    "producer-short": N_("{program} wrote {bytes} bytes, at least {expected} were expected; nothing was saved"),
    "producer-trailer-missing": N_("what {program} wrote does not end with '{trailer}'; nothing was saved"),
    # scans
    "restored-scanned": N_("held against {rules} rules of the baselines: {same} say the same as of the original"),
    "restored-breaks-rule": N_("the restored database breaks {rule}, which the original keeps"),
    "restored-breaks-rule-more": N_("it breaks {count} more rules that the original keeps"),
    "restored-not-compared": N_("the original could not be looked at: {count} rules are not compared"),
    "findings": N_("{count} findings at or over the threshold"),
    "findings-undecided": N_("{count} verdicts at or over the threshold could not be decided"),
    "waivers-astray": N_("{count} waivers speak of nothing that was looked at"),
    "scan-targets-unreachable": N_("{count} targets could not be looked at"),
    "nothing-scanned": N_("nothing was looked at: no rule fits any target"),
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
    "listed-missing": N_("the object {object} is listed and is gone"),
    "listed-size-differs": N_("the object {object} has {found} bytes, listed are {expected}"),
    "listed-more": N_("{count} more objects are gone or damaged"),
    "listing-key-unknown": N_(
        "nobody says that the key in the listing, {key}, is the key holder's: name it by --key, as you got it from them"
    ),
    "not-in-listing": N_("{count} objects of {bytes} bytes are not in the listing of {time}: they came later"),
    "round-goes-on": N_("{read} of {objects} objects were read in this round; the next run goes on from there"),
    "worker-lost": N_("no worker of the farm could read it"),
    "no-summary": N_("restic ended without a summary"),
    "stream-length-differs": N_("restic took {found} of the {expected} bytes the producer wrote"),
    "repository-changed": N_("this is another repository: expected {expected}, found {found}"),
    "clock-jumped": N_("the clock moved {seconds} seconds against the run, so its lock may have been lost"),
    "run-interrupted": N_("an earlier run was cut off before it could finish"),
    "run-unrecorded": N_("an earlier run saved its snapshot while the log could not be written to: it has no receipt"),
    "retries": N_("the storage needed {count} retries"),
    "stale-lock-removed": N_("a stale lock of process {pid} on {host} was removed"),
    "run-cut-off": N_("the run of {ref} begun at {time} was cut off; that is now in the log"),
    # copies
    "chunker-differs": N_(
        "{repository} cuts files unlike {origin}: what is copied there shares no stored data with what is there from "
        "elsewhere, and takes more room"
    ),
    "copy-not-listed": N_("restic said it copied snapshot {snapshot}, and the target does not list it"),
    "copy-incomplete": N_(
        "snapshot {snapshot} calls itself the copy of {original}, and not all of it is there; forget it there with "
        "restic, then copy again"
    ),
    "copy-forged": N_("snapshot {snapshot} calls itself the copy of {original} and holds something else"),
    "copy-damaged": N_("snapshot {snapshot} could not be copied whole: {detail}"),
    "copy-source-gone": N_("snapshot {snapshot} went away while it was to be copied"),
    "copy-unstated": N_("snapshot {snapshot} is a copy of {original} that was not looked into yet"),
    "copy-unstated-more": N_("{count} more copies were not looked into yet"),
    # drills
    "rto-over-objective": N_("the recovery took {seconds} s; at most {most} s are allowed"),
    "newest-after-backup": N_("the newest record is of {newest}, after the backup ended ({ended}): it says nothing"),
    "rpo-over-objective": N_("the newest record that came back is {seconds} s old; at most {most} s may be lost"),
    "stream-missing": N_("the stream {path} is not in the snapshot"),
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
    "paths-disagree": N_("Guardian's decoder and restic disagree about {what}: {decoder} against {restic}"),
    "decoder-not-possible": N_("by the restic program alone: the decoder has no way to this kind of storage"),
    "second-path-failed": N_("the restic program could not be asked as a second path: {why}"),
    "highest-level-of-kind": N_("sources of kind {kind} end at level {level}"),
    "findings-more": N_("{count} more findings"),
    "reasons-left-out": N_("{count} more reasons did not fit the log's entry"),
    "snapshots-exposed": N_("{count} snapshots of this source lost data, the newest of them {newest}"),
    "file-damaged": N_("{path} in snapshot {snapshot} lost {lost} of its {bytes} bytes"),
    "pack-exposes": N_("pack {pack} is damaged, and {snapshots} snapshots need it"),
    "damaged-packs-more": N_("{count} more packs are damaged"),
    "damaged-files-more": N_("{count} more files are damaged"),
    "unused-pack-damaged": N_("pack {pack} is damaged; no snapshot needs it"),
    "nothing-to-read": N_("the repository has no pack that could be read"),
    "restored-without-lock": N_(
        "the storage takes no lock, so nothing kept others from changing the repository meanwhile"
    ),
    "not-recorded": N_(
        "nothing of this drill is on record ({why}): no plan bound its sample before it was drawn, and only who ran it "
        "knows of the result"
    ),
    "rotation-anew": N_("it is no longer known when each pack was last read ({why}): the rotation begins anew"),
    "rotation-not-saved": N_("what was read cannot be noted down, and will be read again sooner: {why}"),
    "planted-fault-not-found": N_(
        "void: a fault that was planted to test the drill itself ({kind}, {where}) was not found at {level}"
    ),
    "folder-lost": N_("{path} in snapshot {snapshot} is lost with all that is below it"),
    "files-damaged-more": N_("{count} more files of snapshot {snapshot} are damaged"),
    "file-lost": N_("{path} does not come back from byte {at} on ({why})"),
    "file-not-read": N_("{path} could not be read from byte {at} on ({why})"),
    "files-lost-more": N_("{count} more files did not come back whole"),
    "files-differ-more": N_("{count} more files differ from what the source had"),
    "largest-in-part": N_("of the largest file, {bytes} of its {size} bytes were drawn and read"),
    "critical-capped": N_("{read} of {count} small critical files were read one by one"),
    "stream-by-chunks": N_("the stream {path} of {bytes} bytes was read by drawn chunks; --full compares all of it"),
    "content-length-differs": N_("a file has {expected} bytes by its tree and {found} by its chunks"),
    "frame-too-large": N_("the files of the snapshot claim more than {bytes} bytes"),
    "sample-same": N_("the sample of {level} drawn again is the one on record ({sample})"),
    "sample-differs": N_("the sample of {level} drawn again is another one: recorded {expected}, now {found}"),
    "frame-differs": N_("the files of the signed tree are others than the plan says: planned {expected}, now {found}"),
    "packs-changed": N_(
        "the stored packs have changed ({found} instead of {count}): the draw of packs cannot be repeated"
    ),
    "tree-changed": N_("the tree of snapshot {snapshot} changed a moment ago"),
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
    "tables-differ-more": N_("{count} more tables differ from what the receipt says"),
    "rows-unknown": N_("the receipt holds no row counts to compare with"),
    "table-unreadable": N_("the table {table} that came back cannot be read: {error}"),
    "foreign-keys-violated": N_("{count} rows refer to rows that are not there"),
    "archive-broken": N_("the archive of dumps is not whole: {error}"),
    "dump-truncated": N_("the dump {path} is cut short: it does not end as a whole one does"),
    "rows-not-exact": N_("the rows were not counted at the very instant of the dump: other counts prove nothing"),
    "tables-without-snapshot": N_("{count} tables have an engine without transactions: their dump may be torn"),
    "globals-cut": N_("the dump of the roles is cut short or missing"),
    "globals-error": N_("making the roles, the scratch server said: {error}"),
    "globals-errors-more": N_("{count} more complaints about the roles"),
    "database-not-in-dump": N_("the database {database} is not in the dump"),
    "databases-missing-more": N_("{count} more databases are not in the dump"),
    "dump-of-another-database": N_("the dump of {expected} is one of {found}"),
    "restore-failed": N_("the dump of {database} does not load: {error}"),
    "locale-missing": N_("this host lacks the locale {locale} of {database}: it was loaded with the plain one"),
    "tables-not-counted": N_("the rows of {count} tables were not counted at the source, so they are not compared"),
    "integrity-damaged": N_("tables or indexes are damaged inside: {error}"),
    "integrity-not-checked": N_("the inside of tables and indexes was not checked: {why}"),
    "integrity-more": N_("{count} more findings of the integrity check"),
    "newest-older": N_("the newest business record that came back is of {found}, the source had one of {expected}"),
    "assertion-failed": N_("the assertion does not hold: {sql} ({why})"),
    "newest-unknown": N_("the newest business record is not known: {sql} ({why})"),
    # custody of passwords
    "no-shares": N_("nobody brought a share"),
    "shares-too-few": N_("{have} of the {need} shares that it takes were brought"),
    "share-damaged": N_("what {share} holds cannot be read as a share"),
    "share-of-another": N_("shares that were brought belong to another repository: {shares}"),
    "share-misfit": N_("share {number} looks right but does not belong with the others"),
    "shares-mixed": N_("shares of different sets were brought"),
    "shares-disagree": N_("the shares of set {set} do not belong together, though each is whole by itself"),
    "shares-open-nothing": N_("the password that the shares of set {set} give does not open the repository"),
    "opened-by-shares": N_("opened by shares {numbers} of set {set}; it takes {threshold}"),
    "escrow-stale": N_("the shares open another key than this host's: the password was changed since; escrow it anew"),
    # how storage is set up
    "posture-of-a-directory": N_("a directory locks nothing: whoever may write to it may delete in it"),
    "posture-not-possible": N_("there is no way to look at how storage of this kind is set up"),
    "posture-fact-unreadable": N_("{fact} could not be read: {why}"),
    "posture-fact-not-offered": N_("the storage has no setting {fact} ({why})"),
    "bucket-public": N_("the bucket's policy gives rights to anybody at all"),
    "public-access-not-blocked": N_("nothing keeps the bucket from being opened to the public by mistake"),
    "versions-not-listed": N_("these credentials may not list versions: an overwritten object cannot be noticed"),
    "lifecycle-expires-current": N_(
        "the lifecycle rule {rule} deletes objects after {days} days, whether snapshots need them or not"
    ),
    "lifecycle-expires-noncurrent": N_(
        "the lifecycle rule {rule} drops older versions after {days} days; they should stay for {expected}"
    ),
    "canary-overwritten": N_("the credentials of backups can overwrite an object, and the old content is lost"),
    "canary-deleted": N_("the credentials of backups can delete an object for good"),
    "canary-version-deleted": N_("the credentials of backups can delete older versions"),
    "canary-unlocked": N_("the credentials of backups can shorten a lock"),
    "canary-hidden": N_("the credentials of backups can hide an object by deleting it; its older version stays"),
    "bucket-setting-open": N_("the credentials of backups may change the bucket's {setting}"),
    "trial-unknown": N_("{what}: it could not be found out whether the storage refuses it ({why})"),
    "needed-unknown": N_("it could not be found out how long what live snapshots need is locked ({why})"),
    "needed-incomplete": N_("damage ({count} findings) hides a part of what live snapshots need"),
    "needed-missing": N_("{count} objects that live snapshots need are not there, the first is {first}"),
    "objects-overwritten": N_("{count} objects were overwritten with other content, the first is {first}"),
    "objects-hidden": N_("{count} objects that live snapshots need were deleted, the first is {first}"),
    "locks-lapsed": N_("{count} objects that live snapshots need are not locked any more, the first is {first}"),
    "locks-ending": N_("the locks of {count} objects that live snapshots need end soon, the first at {until}"),
    "object-locks-unreadable": N_("the locks of {count} objects could not be read: {why}"),
    "object-not-brought-back": N_("the object {object} did not come back as it was ({why})"),
    "locks-not-looked-at": N_("the locks of what live snapshots need could not be looked at ({why})"),
    "locks-not-extended": N_("the locks of {count} objects could not be extended ({why}), the first is {first}"),
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
    "lifecycle-rules": N_("lifecycle rules that are on: {count}; none takes what is needed"),
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
SENTENCES = ERRORS | SENTENCES | TEXTS | AUDIT | SLOTS | ANOMALY | AGENT | WORDS | REMOVAL
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
