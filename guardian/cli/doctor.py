"""``guardian doctor``."""

from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode
from guardian.i18n import N_, _
from guardian.ledger.invalid import TEXTS

if TYPE_CHECKING:
    from guardian.doctor.examination import Examination, Health

STANDINGS = {"ok": N_("ok"), "warning": N_("warning"), "bad": N_("BAD"), "unknown": N_("unknown")}

NAMES = {
    "configuration": N_("configuration"),
    "restic": N_("restic"),
    "abilities": N_("abilities"),
    "state": N_("state directory"),
    "writing": N_("durable write"),
    "space": N_("free space"),
    "inodes": N_("free inodes"),
    "tmpdir": N_("temporary files"),
    "signing-key": N_("signing key"),
    "log": N_("log"),
    "clock": N_("clock"),
    "storage": N_("storage"),
    "placement": N_("placement"),
    "credentials": N_("credentials"),
    "password": N_("password"),
    "opens": N_("repository"),
    "locks": N_("locks"),
    "runs": N_("runs"),
    "bucket": N_("bucket"),
    "bucket-lock": N_("object lock"),
    "bucket-versioning": N_("versioning"),
    "bucket-public-access-blocked": N_("public access blocked"),
    "bucket-encryption": N_("encryption"),
    "bucket-policy": N_("bucket policy"),
    "bucket-lifecycle-rules": N_("lifecycle rules"),
    "source": N_("source"),
}
"""What each examination looks at."""

HINTS = {
    **dict.fromkeys(TEXTS, N_("Keep the log's folder as it is, and run 'guardian ledger verify'.")),
    "restic-lacks": N_("A newer restic gives: {gains}."),
    "state-missing": N_("Run 'guardian init'."),
    "state-impossible": N_("Make the directory, or name another with 'state_dir'."),
    "state-of-another": N_("Run Guardian as that user, or backups will leave files the other cannot read."),
    "state-open": N_("Run: chmod 700 {subject}"),
    "space": N_("Free some space: the log, restic's cache and copies of databases are written there."),
    "inodes": N_("Remove small files that are not needed."),
    "signing-key-differs": N_("Put back the key that signed the log so far."),
    "log-has-tail": N_("The next backup keeps what is whole and cuts off the rest."),
    "clock-behind-log": N_("Set this host's clock, and keep it right by NTP."),
    "clock-moved": N_("Look at what sets this host's clock."),
    "clock-skew": N_("Set this host's clock, and keep it right by NTP: S3 refuses from 15 minutes on."),
    "storage-without-time": N_("Its clock cannot be held against this host's."),
    "directory-missing": N_("Mount the disk it should be on, or run 'guardian init' to make a new repository."),
    "same-file-system": N_("One dead disk would take both: put the repository elsewhere, or add a copy."),
    "repository-not-on-record": N_("Run 'guardian init'."),
    "repository-changed": N_("Find out who put another repository in its place before anything is written to it."),
    "needs-the-above": N_("Set right what is BAD above first."),
    "lock-stale": N_("The next backup removes it if its process is dead or it is older than 30 minutes."),
    "lock-exclusive": N_("Something like 'restic prune' is at work; backups wait for it or are refused."),
    "lock-unreadable": N_("Make sure that no restic is at work on it, then run 'restic unlock --remove-all'."),
    "lock-from-the-future": N_("A host that uses the repository has a wrong clock."),
    "fact-unreadable": N_("Allow the credentials to read it, or ask whoever runs the storage."),
    "bucket-lock-differs": N_(
        "Set the bucket's default retention, or use a new bucket: Guardian makes it with the lock."
    ),
    "lifecycle-expires-current": N_("Take the rule away, or keep it off the repository: it deletes what restic needs."),
    "lifecycle-expires-noncurrent": N_("Let older versions stay for as long: they are what an attack cannot take."),
    "bucket-public": N_("Take the bucket's policy away, or name in it who may."),
    "runs-cut-off": N_("The next backup says so in the log and clears what they left."),
    "source-missing": N_("Check the path in the configuration, and whether its disk is mounted."),
    "source-is-a-link": N_("Name {target} in the configuration."),
    "source-unreadable": N_("Run Guardian as a user who may read it."),
    "source-not-mounted": N_("Mount it."),
    "source-empty": N_("Check the path; an unmounted disk looks like this."),
    "sqlite-busy": N_("Something holds the database locked; raise busy_timeout if that is usual."),
    "sqlite-corrupt": N_("Check that the file is a SQLite database, and repair it while there is a good backup."),
    "database-refused": N_("Check the dsn, and what its user may do, with the engine's own client."),
    "database-missing": N_("Check the names under databases; the user of the dsn must see them."),
}
"""Reason code → what to do about it, where the error itself does not say."""

GAINS = {
    "no_scan": N_("less reading before a backup"),
    "refuses_bad_locks": N_("a damaged lock is noticed"),
    "json_restore": N_("progress of restores"),
    "repair": N_("repair of damaged repositories"),
    "cache_heals": N_("a damaged cache is noticed"),
    "clean_sigterm": N_("a clean end when the system shuts down"),
    "exit_codes": N_("exact causes of failures"),
    "json_check": N_("names of damaged packs"),
}
"""What a newer restic is worth to a person; for the other abilities Guardian makes up by itself."""


@click.command(help=_("Look for what would stop a backup or a restore."))
@verb
def doctor(session: Session) -> int:
    """Examine this host, its repositories and its sources."""
    from guardian.cli import frame, render
    from guardian.doctor.examination import health
    from guardian.doctor.run import examine, examine_bare
    from guardian.errors import ConfigError

    found: list[Examination] = []
    try:
        frame.loaded(session)
    except ConfigError as error:
        found = list(examine_bare(error))
    else:
        with frame.node(session) as node:
            found = list(examine(node))
    verdict = health(found)
    report = render.Report(
        schema="guardian.doctor/v1",
        outcome=verdict,
        exit_code=_exit_code(verdict),
        body={"examinations": [_document(e) for e in found]},
        lines=tuple(_lines(found)),
    )
    return render.show(session, report)


def _exit_code(verdict: "Health") -> ExitCode:
    return {"ready": ExitCode.OK, "not-ready": ExitCode.BAD_ANSWER, "not-known": ExitCode.COULD_NOT_VERIFY}[verdict]


def _document(examination: "Examination") -> dict[str, Any]:
    from guardian.cli import verdict

    document: dict[str, Any] = {
        "name": examination.name,
        "subject": examination.subject,
        "standing": examination.standing,
        "hint": hint(examination),
        "measured": examination.measured,
    }
    if examination.reason is not None:
        document["reason"] = verdict.reasons_document((examination.reason,), examination.error)[0]
    if examination.error is not None:
        document["error"] = verdict.error_document(examination.error)
        document["error"]["problems"] = [str(p) for p in getattr(examination.error, "problems", ())]
    return document


def _lines(found: "list[Examination]") -> list[str]:
    from guardian.cli import render

    header = (_("standing"), _("what"), _("which"), _("finding"))
    rows = [(_(STANDINGS[e.standing]), _(NAMES[e.name]), e.subject, _finding(e)) for e in found]
    first, *rest = render.table(header, rows)
    lines = [first]
    for examination, line in zip(found, rest, strict=True):
        lines.append(line)
        problems = getattr(examination.error, "problems", ())[1:]
        lines += [f"    ! {render.visible(str(problem))}" for problem in problems]
        if said := hint(examination):
            lines.append("    " + _("hint: {hint}").format(hint=render.visible(said)))
    return lines


def _finding(examination: "Examination") -> str:
    from guardian.cli.render import human_bytes
    from guardian.cli.sentences import sentence

    if examination.error is not None:
        return examination.error.message
    why = examination.reason
    if why is None:
        return ""
    if why.code == "space":
        args = {name: human_bytes(int(count)) for name, count in why.args.items()}
        return _("{free} of {total} free").format(**args)
    return sentence(why)


def hint(examination: "Examination") -> str:
    """What to do about an examination that is not ok: one sentence, or none."""
    if examination.standing == "ok":
        return ""
    if examination.error is not None:
        return examination.error.hint
    why = examination.reason
    template = HINTS.get(why.code, "") if why else ""
    if why is None or not template:
        return ""
    lacks = examination.measured.get("lacks")
    gains = [_(GAINS[name]) for name in lacks if name in GAINS] if isinstance(lacks, list) else []
    named = {**why.args, "subject": examination.subject, "gains": _(", ").join(gains)}
    return _(template).format_map(named)
