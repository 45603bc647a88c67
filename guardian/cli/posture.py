"""``guardian posture``: how storage is set up, what it lets a thief of our credentials do, how long it is locked."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Group, Session, verb
from guardian.clock import rfc3339
from guardian.errors import ExitCode, GuardianError, UsageError
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardian.backup.lock_extension import Extended
    from guardian.backup.posture import Looked
    from guardian.model.posture import BucketFact, Locked, Trial
    from guardian.node import Node

FACTS = {
    "versioning": N_("versioning"),
    "object-lock": N_("object lock"),
    "default-retention": N_("lock of new objects"),
    "public-access-blocked": N_("public access blocked"),
    "encryption": N_("encryption"),
    "policy": N_("bucket policy"),
    "policy-public": N_("open to anybody"),
    "lifecycle": N_("lifecycle rules"),
    "lists-versions": N_("versions can be listed"),
}
TRIALS = {
    "overwrite": N_("overwrite an object"),
    "delete": N_("delete an object"),
    "delete-version": N_("delete a version"),
    "delete-version-bypass": N_("delete a version, bypassing governance"),
    "shorten-lock": N_("shorten a lock"),
    "shorten-lock-bypass": N_("shorten a lock, bypassing governance"),
    "put-versioning": N_("set the bucket's versioning"),
    "put-object-lock": N_("set the bucket's lock"),
    "put-lifecycle": N_("set the bucket's lifecycle"),
    "put-policy": N_("set the bucket's policy"),
}
RESULTS = {
    "refused": N_("refused"),
    "kept": N_("done, and the old version is still there"),
    "allowed": N_("ALLOWED"),
    "not-tried": N_("not tried"),
    "unknown": N_("unknown"),
}


class _Verbs(Group):
    """``guardian posture [REPOSITORY]...`` looks; other words are verbs of their own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Where no verb of ours comes first, ``look`` is meant."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["look", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Verbs,
    help=_(
        "Say how the storage of repositories is set up, and prove what it refuses.\n\n"
        "'guardian posture [REPOSITORY]...' looks, and tries to destroy an object of its own with the credentials of"
        " backups: what they cannot do, a thief of them cannot."
    ),
)
def posture() -> None:
    """Verbs about storage."""


@posture.command(help=_("Look at the storage of repositories, and try to destroy a canary in it."))
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@verb
def look(session: Session, repositories: tuple[str, ...]) -> int:
    """Look, and show what was found."""
    from guardian.backup.posture import run_posture
    from guardian.cli import frame, render, verdict

    with frame.node(session) as node:
        looked = [run_posture(node, key) for key in _keys(node, repositories)]
    order = ("failed", "partial", "skipped")
    report = render.Report(
        schema="guardian.posture/v1",
        outcome=next((o for o in order if any(one.outcome == o for one in looked)), "complete"),
        exit_code=verdict.worst_code([one.exit_code for one in looked]),
        body={"repositories": [_document(one) for one in looked]},
        lines=tuple(line for one in looked for line in _lines(one)),
    )
    return render.show(session, report)


@posture.command(help=_("Make the locks last of everything that live snapshots need."))
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@click.option(
    "--margin",
    type=click.FloatRange(0, 36500),
    metavar="DAYS",
    help=_("Extend locks that end within so many days; default: half of the bucket's time."),
)
@verb
def extend(session: Session, repositories: tuple[str, ...], margin: float | None) -> int:
    """Extend locks with the maintenance identity, and show how they stand."""
    from guardian.backup.lock_extension import extend_locks
    from guardian.cli import frame, render, verdict
    from guardian.errors import Interrupted

    before = None if margin is None else timedelta(days=margin)
    done: list[tuple[str, Extended | GuardianError | None]] = []
    with frame.node(session) as node:
        for key in _keys(node, repositories):
            try:
                done.append((key, extend_locks(node, key, before)))
            except Interrupted:
                raise
            except GuardianError as error:
                done.append((key, error))
    codes = [_extended_code(one) for _key, one in done]
    worst = verdict.worst_code(codes)
    report = render.Report(
        schema="guardian.lock-extension/v1",
        outcome={ExitCode.OK: "complete", ExitCode.BAD_ANSWER: "failed"}.get(worst, "partial"),
        exit_code=worst,
        body={"repositories": [_extended_document(key, one) for key, one in done]},
        lines=tuple(line for key, one in done for line in _extended_lines(key, one)),
    )
    return render.show(session, report)


@posture.command(
    help=_(
        "Write a repository down as it was at a moment, from the older versions that its bucket kept.\n\n"
        "What was overwritten, deleted or added since is as if it had not happened."
    )
)
@click.argument("repository")
@click.option("--as-of", "moment", required=True, metavar="TIME", help=_("Such as 2026-11-23T12:00:00Z."))
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=_("A directory that does not exist yet, or is empty."),
)
@verb
def recover(session: Session, repository: str, moment: str, target: Path) -> int:
    """Bring a repository back from before an attack, and say what came."""
    from guardian.backup.past import bring_back
    from guardian.cli import frame, render, verdict

    when = _moment(moment)
    with frame.node(session) as node:
        found = bring_back(node, repository, when, target.absolute())
    line = _("{repository}: {objects} objects, {bytes}, {snapshots} snapshot(s) as of {moment} in {path}").format(
        repository=repository,
        objects=found.objects,
        bytes=render.human_bytes(found.bytes),
        snapshots=found.snapshots,
        moment=moment,
        path=render.visible(str(found.target)),
    )
    good = found.snapshots > 0 and not found.reasons
    report = render.Report(
        schema="guardian.recovery/v1",
        outcome="complete" if good else "failed",
        exit_code=ExitCode.OK if good else ExitCode.BAD_ANSWER,
        body={
            "repository": repository,
            "as_of": rfc3339(when),
            "target": str(found.target),
            "objects": found.objects,
            "bytes": found.bytes,
            "snapshots": found.snapshots,
            "reasons": verdict.reasons_document(found.reasons),
        },
        lines=(line, *verdict.reason_lines(found.reasons)),
    )
    return render.show(session, report)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(_("that is not a time"), _("Write it as 2026-11-23T12:00:00Z.")) from None
    if moment.tzinfo is None:
        raise UsageError(_("a time needs its zone"), _("Write it as 2026-11-23T12:00:00Z or …+08:00."))
    return moment


@posture.command(help=_("Print the exact rights that a role needs on a bucket, for the storage's access control."))
@click.option("--role", type=click.Choice(["agent", "maintenance", "auditor", "copy"]), required=True, help=_("Whose."))
@click.option("--bucket", required=True, help=_("The bucket."))
@click.option("--prefix", default="", help=_("Where in it the repository lies; default: the whole bucket."))
@click.option("--from-bucket", help=_("For the role copy: the bucket that is read."))
@click.option("--from-prefix", default="", help=_("For the role copy: where in that bucket the repository lies."))
@click.option(
    "--format", "form", type=click.Choice(["aws", "seaweedfs"]), default="aws", help=_("Whose access control.")
)
@verb
def policy(session: Session, **asked: Any) -> int:
    """Print a policy; it is JSON in any case, and nothing else is printed."""
    from guardian.cli import render
    from guardian.objectstore import policies

    source = (asked["from_bucket"], asked["from_prefix"]) if asked["from_bucket"] else None
    document = policies.policy(asked["role"], asked["form"], (asked["bucket"], asked["prefix"]), source)
    text = json.dumps(document, indent=2, ensure_ascii=True)
    if session.as_json:
        # The document of the program, and the policy in it: like every other verb.
        body = {"role": asked["role"], "format": asked["form"], "policy": document}
        return render.show(session, render.Report("guardian.policy/v1", "printed", ExitCode.OK, body))
    return render.show(session, render.Report("guardian.policy/v1", "printed", ExitCode.OK, {}, (text,)))


def _keys(node: "Node", names: "Sequence[str]") -> list[str]:
    """The keys that ``names`` stand for, each once; all for none. Raises UsageError."""
    every = node.loaded.repositories()
    if not names:
        return [repository.key for repository in every]
    found: dict[str, None] = {}
    for name in names:
        keys = [repository.key for repository in every if repository.name == name]
        found |= dict.fromkeys(keys or [node.loaded.repository(name).key])
    return list(found)


# looking


def _document(looked: "Looked") -> dict[str, Any]:
    from guardian.cli import verdict

    document = looked.posture.model_dump(mode="json")
    document["reasons"] = verdict.reasons_document(looked.reasons, looked.error)
    document["entry"] = looked.entry
    if looked.error is not None:
        document["error"] = verdict.error_document(looked.error)
    return document


def _lines(looked: "Looked") -> list[str]:
    from guardian.cli import sentences, verdict

    found = looked.posture
    lines = [_("{ref}: {outcome}").format(ref=found.repository, outcome=sentences.outcome(found.outcome))]
    lines += [
        "  " + _("{name}: {value}").format(name=_(FACTS.get(name, name)), value=_fact(fact))
        for name, fact in found.facts.items()
    ]
    lines += [
        "  " + _("{name}: {value}").format(name=_(TRIALS[trial.what]), value=_trial(trial)) for trial in found.trials
    ]
    if found.locked is not None:
        lines.append("  " + _locked(found.locked))
    return [*lines, *verdict.reason_lines(found.reasons, looked.error)]


def _fact(fact: "BucketFact") -> str:
    from guardian.cli.render import visible

    if fact.error is not None:
        return _("could not be read: {why}").format(why=visible(fact.error))
    if isinstance(fact.value, bool):
        return _("yes") if fact.value else _("no")
    return _("none") if fact.value is None else visible(str(fact.value))


def _trial(trial: "Trial") -> str:
    from guardian.cli.render import visible

    said = _(RESULTS[trial.result])
    return f"{said} ({visible(trial.why)})" if trial.why else said


def _locked(locked: "Locked") -> str:
    if locked.until is None:
        return _("what live snapshots need: {objects} objects, not all of them locked").format(objects=locked.objects)
    return _("what live snapshots need: {objects} objects, the first lock ends {until}").format(
        objects=locked.objects, until=f"{locked.until[:16].replace('T', ' ')} UTC"
    )


# extending


def _extended_code(one: "Extended | GuardianError | None") -> ExitCode:
    if isinstance(one, GuardianError):
        return one.exit_code
    if one is None:
        return ExitCode.OK
    by_outcome = {"failed": ExitCode.BAD_ANSWER, "partial": ExitCode.COULD_NOT_VERIFY}
    return by_outcome.get(one.extension.outcome, ExitCode.OK)


def _extended_document(key: str, one: "Extended | GuardianError | None") -> dict[str, Any]:
    from guardian.cli import verdict

    if isinstance(one, GuardianError):
        return {"repository": key, "outcome": "failed", "error": verdict.error_document(one)}
    if one is None:
        return {"repository": key, "outcome": "skipped", "reasons": []}
    document = one.extension.model_dump(mode="json")
    document["reasons"] = verdict.reasons_document(one.extension.reasons)
    return {**document, "entry": one.entry}


def _extended_lines(key: str, one: "Extended | GuardianError | None") -> list[str]:
    from guardian.cli import sentences, verdict

    if isinstance(one, GuardianError):
        head = _("{ref}: {outcome}").format(ref=key, outcome=sentences.outcome("failed"))
        return [head, *verdict.reason_lines((), one)]
    if one is None:
        return [_("{repository}: nothing to extend, this storage locks nothing").format(repository=key)]
    head = _("{repository}: {outcome}, locks made longer: {extended}").format(
        repository=key, outcome=sentences.outcome(one.extension.outcome), extended=one.extension.extended
    )
    return [head, "  " + _locked(one.extension.locked), *verdict.reason_lines(one.extension.reasons)]
