"""Sentences for what speaks against a backup; :mod:`guardian.cli.sentences` takes them in."""

from guardian.i18n import N_

TEXTS: dict[str, str] = {
    "suspicious": N_(
        "SUSPICIOUS: what changed looks like an attack (score {score}); the last clean backup is snapshot {clean} of "
        "{time}, and nothing of this source is removed until somebody has cleared it"
    ),
    "content-scrambled": N_(
        "about {count} files ({share} of the source) no longer hold what their names say: {found} of {sampled} that "
        "were looked into are random, encoded or broken"
    ),
    "content-opaque": N_("about {count} files of unknown kind ({share} of the source) turned into random bytes"),
    "foreign-endings": N_("{count} files ({share} of the source) got an ending this source never had: .{suffix}"),
    "files-gone": N_("{count} files ({share} of the source) were deleted; usual are at most {usual}"),
    "bytes-gone": N_("{count} bytes ({share} of the source) are gone"),
    "files-emptied": N_("{count} files ({share} of the source) lost nearly all of their content; usual are {usual}"),
    "burst-of-changes": N_("{count} files ({share} of the source) changed at once; usual are at most {usual}"),
    "incompressible": N_("new content compresses to {ratio} of its length; usual is {usual}"),
    "changed-in-secret": N_(
        "{count} files ({share} of the source) have other content and the same length and modification time"
    ),
    "same-file-everywhere": N_("the same new file, {name}, lies in {folders} folders"),
    "slow-encryption": N_("over the last {backups} backups, {share} of the source turned into what nobody can read"),
    "slow-renaming": N_("over the last {backups} backups, {share} of the files got the foreign ending .{suffix}"),
    "source-silent": N_(
        "nothing has changed for {days} days; the longest pause before was {usual}: is this the source?"
    ),
    "dump-shrunk": N_("the dump has {share} of its usual length, {bytes} bytes"),
    "dump-random": N_("{share} of {sampled} pieces of the dump that were looked into are random; they never were"),
    "dump-blank": N_("{share} of {sampled} pieces of the dump that were looked into hold one byte repeated"),
    "dump-compresses-otherwise": N_("the dump compresses to {ratio} of its length; usual is {usual}"),
    "rows-gone": N_("of {before} rows, {after} are left"),
    "tables-emptied": N_("{count} tables that had rows have none any more"),
    "scrambled-example": N_("for example {path}"),
    "snapshot-suspicious": N_(
        "snapshot {snapshot} was called suspicious when it was made: what comes back may be what an attacker left"
    ),
    "churn-unknown": N_("it could not be found out what changed since the last clean backup ({why})"),
}
