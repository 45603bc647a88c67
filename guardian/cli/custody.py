"""``guardian keys escrow | recover | rotate``: passwords split among people, brought back by them, replaced."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode, GuardianError, UsageError
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.cli.render import Report
    from guardian.custody import Recovered, Rotated
    from guardian.keys.sheet import Sheet
    from guardian.keys.standing import Standing
    from guardian.node import Node


def escrows_of(node: "Node") -> "tuple[dict[str, Standing], GuardianError | None]":
    """What the log says of escrows; the error, when there is a log that cannot be read."""
    from guardian.keys.standing import standings
    from guardian.ledger.store import Log

    if not Log.exists(node.log_folder):
        return {}, None
    try:
        return standings(node.read_log().entries(), node.heed), None
    except GuardianError as error:
        return {}, error


# escrow


@click.command(
    help=_(
        "Split repository passwords among people: any M of N open the backups together.\n\n"
        "Shares are SLIP-0039 word lists, and each was tried in memory before it is handed out. With --to, once for "
        "each share, a sheet for printing is written into each directory, no two of them on one disk; without it, "
        "each holder sees a share alone on this terminal."
    )
)  # fmt: skip
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@click.option("--threshold", type=click.IntRange(2, 16), required=True, help=_("How many shares it takes (M)."))
@click.option("--shares", type=click.IntRange(2, 16), required=True, help=_("How many shares are made (N)."))
@click.option(
    "--holder", "holders", multiple=True, metavar="NAME", help=_("Who gets a share; once for each, or never.")
)
@click.option(
    "--to",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=_("A holder's medium; once for each share."),
)
@verb
def escrow(session: Session, repositories: tuple[str, ...], **asked: Any) -> int:
    """Split passwords, and hand the shares out."""
    from guardian.cli import frame, render, screen
    from guardian.custody import Plan, handed_out, prepare

    plan = Plan(asked["threshold"], asked["shares"], tuple(asked["holders"]))
    folders: tuple[Path, ...] = asked["folders"]
    _require(plan.threshold <= plan.shares, _("the threshold is higher than the number of shares"))
    for option, given in (("--holder", plan.holders), ("--to", folders)):
        text = _("{option} is given {count} times for {shares} shares")
        _require(len(given) in (0, plan.shares), text.format(option=option, count=len(given), shares=plan.shares))
    if not folders and not screen.has_terminal():
        raise UsageError(
            _("shares are shown on a terminal, and this is none"),
            _("Give --to for each share: a directory on a medium of its holder's own."),
        )
    with frame.node(session) as node:
        names = [node.loaded.repository(name).key for name in repositories]
        names = list(dict.fromkeys(names)) or [r.key for r in node.loaded.repositories()]
        _apart(node, names, folders)
        split = [prepare(node, name, plan) for name in names]
        paths = [_write(node, sheets, folders) for sheets in split] if folders else []
    if not folders:
        _show(split)
        with frame.node(session) as node:
            for sheets in split:
                handed_out(node, sheets)
    lines, body = _handed(split, paths)
    return render.show(session, render.Report("guardian.keys-escrow/v1", "escrowed", ExitCode.OK, body, tuple(lines)))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UsageError(otherwise, _("Run 'guardian keys escrow --help' to see what it takes."))


def _apart(node: "Node", names: list[str], folders: tuple[Path, ...]) -> None:
    from guardian.custody import home
    from guardian.keys.escrow import require_apart

    beside = {node.state, *(place.parent for name in names if (place := home(node, name)) is not None)}
    for folder in sorted(beside) if folders else ():
        require_apart(folders, folder)


def _write(node: "Node", sheets: "tuple[Sheet, ...]", folders: tuple[Path, ...]) -> tuple[Path, ...]:
    from guardian.custody import handed_out
    from guardian.keys.escrow import write

    paths = write(sheets, folders)
    handed_out(node, sheets)
    return paths


def _show(split: "list[tuple[Sheet, ...]]") -> None:
    from guardian.cli.holders import show
    from guardian.cli.screen import Screen

    with Screen() as screen:
        for of_one_holder in zip(*split, strict=True):
            for sheet in of_one_holder:
                show(screen, sheet)


def _handed(split: "list[tuple[Sheet, ...]]", paths: list[tuple[Path, ...]]) -> tuple[list[str], dict[str, Any]]:
    from guardian.cli.render import visible
    from guardian.keys.escrow import look

    lines, documents = [], []
    for number, sheets in enumerate(split):
        first = sheets[0]
        text = _("{name}: any {threshold} of {count} shares open it (set {set})")
        lines.append(
            text.format(
                name=first.repository, threshold=first.share.threshold, count=first.count, set=first.share.set_id
            )
        )
        files = paths[number] if paths else ()
        lines += [f"  {visible(str(path))}" for path in files]
        documents.append(
            {
                "repository": first.repository,
                "repository_id": first.repository_id,
                "threshold": first.share.threshold,
                "shares": first.count,
                "set": first.share.set_id,
                "checks": [sheet.share.fingerprint for sheet in sheets],
                "files": [str(path) for path in files],
            }
        )
    if any(look(path.parent).disk is None for files in paths for path in files):
        lines.append(_("some of these directories are in memory: what lies there is gone when this machine stops"))
    lines.append(_("now let the holders prove it: guardian verify --level K"))
    return lines, {"escrows": documents}


# recover


@click.command(
    help=_(
        "Bring a password back from shares.\n\n"
        "Takes a configuration and enough shares: files, or words that are typed, one holder after the other. The "
        "password is written into its place once it has opened the repository; it is never shown."
    )
)
@click.argument("repository")
@click.option("--share", "shares", multiple=True, metavar="FILE", help=_("A share, or - for standard input."))
@click.option(
    "--to",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=_("Where to write it; default: where the configuration expects it."),
)
@verb
def recover(session: Session, repository: str, shares: tuple[str, ...], to: Path | None) -> int:
    """Put a password back in its place."""
    from guardian import custody
    from guardian.cli import frame, holders, render, screen

    name = frame.loaded(session).repository(repository).key
    if shares:
        presented = holders.from_files(shares)
    elif screen.has_terminal():
        with screen.Screen() as terminal:
            presented = holders.typed(terminal, name)
    else:
        raise UsageError(
            _("no share is given, and there is no terminal to type one"), _("Give --share FILE or --share -.")
        )
    with frame.node(session) as node:
        done = custody.recover(node, name, [one.share for one in presented], to)
    return render.show(session, _recovered(name, done))


def _recovered(name: str, done: "Recovered") -> "Report":
    from guardian.cli import render, verdict

    text = (
        _("{name}: the password was there already: {path}")
        if done.existed
        else _("{name}: the password is back: {path}")
    )
    lines = [
        text.format(name=name, path=render.visible(str(done.path))),
        "  " + _("it opened the repository {id}").format(id=done.repository_id[:16]),
        "  " + _("shares that took part: {numbers}").format(numbers=", ".join(map(str, done.numbers))),
    ]
    lines += [
        "  * " + _("share {number} looks right but does not belong with the others").format(number=number)
        for number in done.misfits
    ]
    if done.error is not None:
        lines += verdict.reason_lines((), done.error)
    elif done.entry is None:
        lines.append("  - " + _("this host has no log: that it was recovered is on record nowhere"))
    body: dict[str, Any] = {
        "repository": name,
        "repository_id": done.repository_id,
        "key_id": done.key_id,
        "path": str(done.path),
        "existed": done.existed,
        "shares": list(done.numbers),
        "misfits": list(done.misfits),
        "entry": done.entry,
    }
    if done.error is not None:
        body["error"] = verdict.error_document(done.error)
    code = done.error.exit_code if done.error else ExitCode.OK
    return render.Report("guardian.keys-recover/v1", "recovered", code, body, tuple(lines))


# rotate


@click.command(
    help=_(
        "Give a repository a new random password.\n\n"
        "The old one goes on opening it until its key is removed, which takes the right to delete. May be cut off at "
        "any moment and run again."
    )
)
@click.argument("repository")
@click.option("--remove-old", is_flag=True, help=_("Remove the old key too; takes the right to delete."))
@verb
def rotate(session: Session, repository: str, remove_old: bool) -> int:
    """Replace a password."""
    from guardian import custody
    from guardian.cli import frame, render

    with frame.node(session) as node:
        place = node.loaded.repository(repository)
        done = custody.rotate(node, place.key, remove_old=remove_old)
        escrows, _unknown = escrows_of(node)
    return render.show(session, _rotated((place.key, place.url), done, escrowed=place.key in escrows))


def _rotated(place: tuple[str, str], done: "Rotated", *, escrowed: bool) -> "Report":
    from guardian.cli import render, verdict
    from guardian.model.redaction import redact

    name, url = place
    lines = [
        _("{name}: a new password opens it (key {key})").format(name=name, key=done.key_id[:16]),
        "  " + _("kept in {path}").format(path=render.visible(str(done.path))),
    ]
    remove = ["restic", "-r", redact(url), "--password-file", str(done.path), "key", "remove"]
    body: dict[str, Any] = {
        "repository": name,
        "key_id": done.key_id,
        "removed": done.removed,
        "other_keys": list(done.others),
        "escrow_stale": escrowed,
        "path": str(done.path),
        "entry": done.entry,
    }
    if done.removed:
        lines.append("  " + _("the old key is gone"))
    if done.others:
        lines.append("  * " + _("older passwords still open it until somebody who may delete runs:"))
        lines += [f"    {render.visible(shlex.join([*remove, key]))}" for key in done.others]
    if done.error is not None:
        body["error"] = verdict.error_document(done.error)
        lines += verdict.reason_lines((), done.error)
    if escrowed:
        lines.append("  * " + _("its escrow is stale: run 'guardian keys escrow' and collect the old sheets"))
    code = done.error.exit_code if done.error else ExitCode.OK
    return render.Report("guardian.keys-rotate/v1", "rotated", code, body, tuple(lines))
