"""``guardian ledger``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import Group, Session, common, verb
from guardian.errors import ExitCode
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.model.evidence import Entry


@click.group(cls=Group, help=_("Show, verify or export the signed log."))
@common
def ledger() -> None:
    """Verbs about the log."""


@ledger.command(help=_("Show the newest entries of the log."))
@click.option("-n", "--last", type=click.IntRange(1), default=20, show_default=True, help=_("How many."))
@click.option("--entry", type=click.IntRange(0), help=_("One entry, whole."))
@verb
def show(session: Session, last: int, entry: int | None) -> int:
    """Show entries: one line each, or one of them whole."""
    from guardian.cli import frame, render
    from guardian.errors import UsageError

    with frame.node(session) as node:
        log = node.read_log()
    # Outside, a signal ends the reading at once: there is nothing to be stopped cleanly.
    if entry is not None and entry >= log.size:
        raise UsageError(_("the log has {size} entries").format(size=log.size), _("The first is number 0."))
    entries = [log.entry(entry)] if entry is not None else list(log.entries(max(0, log.size - last)))
    body = {
        "origin": log.checkpoint.origin,
        "size": log.size,
        "root": log.checkpoint.root.hex(),
        "entries": [_document(e) for e in entries],
    }
    if entry is None:
        header = (_("entry"), _("time (UTC)"), _("statement"), _("about"))
        lines = render.table(header, [_row(e) for e in entries])
    else:
        lines = _whole(entries[0])
    return render.show(session, render.Report("guardian.ledger/v1", "listed", ExitCode.OK, body, lines))


@ledger.command(help=_("Check every entry, the tree and the checkpoint; needs the public key alone."))
@click.option(
    "--log", "folder", type=click.Path(path_type=Path, exists=True), help=_("A log or an export; default: this host's.")
)
@click.option("--key", "key", metavar="VKEY", help=_("The signer's public key; default: this host's."))
@verb
def verify(session: Session, folder: Path | None, key: str | None) -> int:
    """Verify the log of this host, or an exported one."""
    from guardian.cli import frame, render
    from guardian.cli.progress import reporter
    from guardian.ledger.verify import verify_log
    from guardian.model.events import Phase, Progress

    keys = (_parse(key),) if key else None
    if folder is None or keys is None:
        with frame.node(session) as node:
            folder = folder or node.existing_log()
            keys = keys or (node.keys().verify_key(),)
    with reporter(session) as report:
        report(Phase("log"))
        found = verify_log(folder, keys, progress=lambda done, total: report(Progress(done, total, "entries")))
    lines = [
        _("the log holds: {size} entries, {signatures} signatures checked, root {root}").format(
            size=found.size, signatures=found.signatures, root=found.root.hex()[:16]
        )
        if found.problem is None
        else _("the log does NOT hold: {problem}").format(problem=found.problem)
    ]
    report_ = render.Report(
        schema="guardian.ledger-verify/v1",
        outcome="valid" if found.ok else "invalid",
        exit_code=ExitCode.OK if found.ok else ExitCode.EVIDENCE_INVALID,
        body={
            "origin": found.origin,
            "size": found.size,
            "root": found.root.hex(),
            "key_id": found.key_id,
            "entries": found.entries,
            "signatures": found.signatures,
            "problem": found.problem.reason().model_dump(mode="json") if found.problem else None,
        },
        lines=tuple(lines),
    )
    return render.show(session, report_)


@ledger.command(help=_("Copy the log, its checkpoint and public key for an auditor."))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help=_("A directory to make, or a file that ends in .tar."),
)
@verb
def export(session: Session, output: Path) -> int:
    """Write the log in the layout of C2SP tlog-tiles."""
    from guardian.cli import frame, render
    from guardian.ledger.export import export as export_log

    with frame.node(session) as node:
        folder, key = node.existing_log(), node.keys().verify_key()
    exported = export_log(folder, output, (key,))  # outside: a signal ends it at once
    size = exported.checkpoint.size
    lines = (
        _("{entries} entries are in {path}").format(entries=size, path=render.visible(str(output))),
        _("whoever checks them needs the public key by another way: {key}").format(
            key=key.vkey(exported.checkpoint.origin)
        ),
    )
    body = {"path": str(output.absolute()), "size": size, "files": exported.files, "bytes": exported.bytes}
    return render.show(session, render.Report("guardian.ledger-export/v1", "exported", ExitCode.OK, body, lines))


@ledger.command(help=_("List a repository's objects, vouched for, for a custodian who holds no key."))
@click.argument("repository")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help=_("The file to make.")
)
@verb
def listing(session: Session, repository: str, output: Path) -> int:
    """Put the digest of the listing into the log, and write the listing with its proof."""
    from guardian.cli import frame, render
    from guardian.drill.vouch import vouch

    with frame.node(session) as node:
        key = node.loaded.repository(repository).key
        made = vouch(node, key, output)
        said = made.listing
        vkey = node.keys().verify_key().vkey(node.origin)
    lines = (
        _("{objects} objects of {size} are listed in {path}, entry {entry} of the log").format(
            objects=said.objects,
            size=render.human_bytes(said.bytes),
            path=render.visible(str(output)),
            entry=made.entry,
        ),
        _("a custodian checks them with: guardian verify --keyless --listing FILE --key KEYFILE"),
        _("and needs the public key by another way: {key}").format(key=vkey),
    )
    body = {"path": str(output.absolute()), "entry": made.entry, **said.model_dump(mode="json"), "key": vkey}
    return render.show(session, render.Report("guardian.listing/v1", "listed", ExitCode.OK, body, lines))


def _parse(line: str) -> Any:
    from guardian.errors import UsageError
    from guardian.keys.signing import VerifyKey

    try:
        return VerifyKey.parse(line)[1]
    except ValueError:
        raise UsageError(
            _("that is not a public key"), _("It looks like name+12345678+AbCd…; see keys/signing.pub.")
        ) from None


def _document(entry: "Entry") -> dict[str, Any]:
    return {
        "index": entry.index,
        "leaf_hash": entry.leaf_hash.hex(),
        "type": entry.predicate_type,
        "subjects": [{"name": name, "sha256": digest} for name, digest in entry.subjects],
        "predicate": entry.predicate.model_dump(mode="json") if entry.predicate else None,
    }


def _row(entry: "Entry") -> tuple[str, str, str, str]:
    said = entry.predicate.model_dump(mode="json") if entry.predicate else {}
    time = str(said.get("ended") or said.get("at") or said.get("planned") or "")[:19].replace("T", " ")
    kind = entry.predicate_type.split("/")[-2] if "/" in entry.predicate_type else entry.predicate_type
    about = [f"{said['system']}/{said['source']}" if "system" in said else "", said.get("outcome") or said.get("event")]
    if said.get("snapshot_id"):
        about.append(said["snapshot_id"][:12])
    if said.get("slots", 1) > 1:
        about.append(_("{count} slots").format(count=said["slots"]))
    return str(entry.index), time, kind, " ".join(str(part) for part in about if part)


def _whole(entry: "Entry") -> tuple[str, ...]:
    import json

    from guardian.cli.render import visible

    text = json.dumps(_document(entry), indent=2, ensure_ascii=False)
    return tuple(visible(line) for line in text.splitlines())
