"""``guardian verify --keyless``: for a custodian who may read the storage and holds no key."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from guardian.cli.options import Session
from guardian.errors import ConfigError, GuardianError, UsageError
from guardian.i18n import _

if TYPE_CHECKING:
    from guardian.cli.render import Report
    from guardian.config.loaded import Loaded
    from guardian.drill.keyless import Ask, Desk
    from guardian.drill.listing import ListingFile, Vouched
    from guardian.keys.signing import VerifyKey
    from guardian.model.drill import DrillCheck
    from guardian.model.reader import Reader
    from guardian.model.secret import Secret

F = TypeVar("F", bound=Callable[..., Any])
_ONLY_HERE = ("listing", "key_file", "credentials", "cacert", "cursor", "max_bytes")
_NOT_HERE = ("full", "seed_nonce", "report", "replay", "shares")


def options(function: F) -> F:
    """The options of a drill without a key."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--max-bytes", type=click.IntRange(1), help=_("Keyless: read at most so many bytes, and go on next time.")
        ),
        click.option(
            "--cursor", type=file, metavar="FILE", help=_("Keyless: the file that keeps how far reading came.")
        ),
        click.option("--cacert", type=file, metavar="FILE", help=_("Keyless: the storage's own authority.")),
        click.option("--credentials", metavar="REF", help=_("Keyless: the storage's credentials, such as file:PATH.")),
        click.option(
            "--repository",
            metavar="NAME|URL",
            help=_("Drill the copy in this repository. Keyless: its address, where nothing is configured."),
        ),
        click.option("--key", "key_file", type=file, metavar="FILE", help=_("Keyless: the key holder's public key.")),
        click.option("--listing", type=file, metavar="FILE", help=_("Keyless: made by 'guardian ledger listing'.")),
        click.option("--keyless", is_flag=True, help=_("Hold every object against a listing; needs no key.")),
    ):
        function = option(function)
    return function


def is_asked(asked: Mapping[str, Any]) -> bool:
    """Whether it is a drill without a key. Raises UsageError when options of both kinds are mixed."""
    given = [name for name in _ONLY_HERE if asked[name] is not None]
    if not asked["keyless"] and given:
        raise UsageError(_("that option is for --keyless alone"), _("Give --keyless too."))
    if asked["keyless"] and any(asked[name] for name in _NOT_HERE):
        raise UsageError(_("--keyless takes no option of another drill"))
    if asked["keyless"] and asked["listing"] is None:
        raise UsageError(
            _("--keyless needs a listing"),
            _("Whoever holds the key makes it: guardian ledger listing REPOSITORY -o FILE"),
        )
    if asked["credentials"] and not asked["repository"]:
        raise UsageError(_("--credentials goes with --repository"), _("Without them the configuration says both."))
    return bool(asked["keyless"])


def verify(session: Session, selectors: tuple[str, ...], asked: Mapping[str, Any]) -> int:
    """Check the listing, hold the storage against it, put the result into this host's log, if any, and show it."""
    from guardian.cli import render
    from guardian.cli.progress import reporter
    from guardian.clock import SystemClock
    from guardian.drill import listing
    from guardian.drill.keyless import Desk
    from guardian.proc import Stop, handle_signals

    stop = Stop()
    with handle_signals(stop), reporter(session) as report, listing.opened(asked["listing"]) as file:
        desk = Desk(SystemClock(), report, stop)
        vouched = file.check()
        if asked["repository"]:
            said = _unconfigured(desk, file, vouched, asked)
        else:
            said = _configured(session, desk, (file, vouched), selectors, asked)
    return render.show(session, said)


def _unconfigured(desk: "Desk", file: "ListingFile", vouched: "Vouched", asked: Mapping[str, Any]) -> "Report":
    from guardian.drill.keyless import Ask
    from guardian.drill.scrubbed import Cursor

    ask = Ask(_is_key(vouched, asked["key_file"], None), asked["max_bytes"], Cursor(asked["cursor"]))
    with _named(asked) as reader:
        check, error = _held(desk, reader, (file, vouched), ask)
    return _report(vouched, check, None, error)


def _configured(
    session: Session, desk: "Desk", given: "tuple[ListingFile, Vouched]", selectors: tuple[str, ...], asked: Any
) -> "Report":
    from guardian.cli import frame
    from guardian.drill.keyless import Ask
    from guardian.drill.scrubbed import Cursor
    from guardian.ledger.store import Log
    from guardian.node import Node

    vouched = given[1]
    node = Node(frame.loaded(session), desk.clock, desk.report, desk.stop)
    key = _chosen(node.loaded, vouched, selectors)
    own = node.keys(given=False).verify_key() if Log.exists(node.log_folder) else None
    cursor = Cursor(asked["cursor"] or node.state / "keyless" / f"{key}.json")
    ask = Ask(_is_key(vouched, asked["key_file"], own), asked["max_bytes"], cursor)
    begun = desk.clock.now()
    with node.reader(key) as reader:
        check, error = _held(desk, reader, given, ask)
    entry = None
    if own is not None:
        from guardian.drill.keyless import record

        entry = record(node, key, vouched, check, begun)
    return _report(vouched, check, entry, error)


def _held(
    desk: "Desk", reader: "Reader | None", given: "tuple[ListingFile, Vouched]", ask: "Ask"
) -> "tuple[DrillCheck, GuardianError | None]":
    from guardian.drill.keyless import verify as hold
    from guardian.errors import Unavailable

    if reader is None:
        raise Unavailable(
            _("this storage cannot be read without restic"), _("Only a local directory and S3 can be read so.")
        )
    return hold(desk, reader, given[0], given[1], ask)


def _is_key(vouched: "Vouched", file: Path | None, own: "VerifyKey | None") -> bool:
    """Whether the listing's key is the one that was handed over, or this host's own. Raises EvidenceInvalid."""
    from guardian.errors import EvidenceInvalid

    if file is None:
        return own == vouched.key
    if _key(file) != vouched.key:
        raise EvidenceInvalid(
            _("the listing is signed by another key than the one in {path}").format(path=file),
            _("Ask the key holder which of the two is right, by another way than the one the listing came."),
        )
    return True


def _key(file: Path) -> "VerifyKey":
    from guardian.durable import explained, read_capped
    from guardian.keys.signing import VerifyKey

    try:
        with explained(file):
            return VerifyKey.parse(read_capped(file, 65_536).decode("utf-8", "replace"))[1]
    except ValueError:
        raise UsageError(
            _("that is not a public key"), _("It looks like name+12345678+AbCd…; see keys/signing.pub.")
        ) from None


@contextmanager
def _named(asked: Mapping[str, Any]) -> "Iterator[Reader | None]":
    from guardian.config.location import LocationError, parse_location
    from guardian.config.secrets import credentials
    from guardian.node import storage

    try:
        found = parse_location(asked["repository"], Path.cwd())
    except LocationError as error:
        raise ConfigError(error.message, error.hint) from None

    def secrets() -> "Mapping[str, Secret]":
        return credentials(asked["credentials"], Path.cwd()) if asked["credentials"] else {}

    with storage((found.path, found.s3), secrets, asked["cacert"]) as reader:
        yield reader


def _chosen(loaded: "Loaded", vouched: "Vouched", selectors: tuple[str, ...]) -> str:
    """The key of the repository that the listing is of, as far as a custodian can tell: by name, or the only one."""
    targets = loaded.targets(selectors)
    keys = list(dict.fromkeys(target.key for target in targets))
    copies = {copy.key for target in targets for copy in loaded.copied(target)}
    if vouched.listing.repository in {*keys, *copies}:
        return vouched.listing.repository
    if len(keys) != 1:
        raise UsageError(
            _('no repository here is called "{name}", as in the listing').format(name=vouched.listing.repository[:130]),
            _("Name the system that it belongs to."),
        )
    return keys[0]


def _report(vouched: "Vouched", check: "DrillCheck", entry: int | None, error: GuardianError | None) -> "Report":
    from guardian.cli import render, sentences, verdict
    from guardian.errors import ExitCode

    said, measured = vouched.listing, check.measured
    codes = {"PASS": ExitCode.OK, "FAIL": ExitCode.BAD_ANSWER}
    code = codes.get(check.outcome, error.exit_code if error else ExitCode.COULD_NOT_VERIFY)
    lines = [
        _("{repository}: {outcome}").format(
            repository=render.visible(said.repository), outcome=sentences.outcome(check.outcome)
        ),
        *(f"  {line}" for line in verdict.reason_lines(check.reasons, error)),
        "  "
        + _(
            "listed on {time} by {key}: {objects} objects of {size}; read now: {read} of {bytes} in {seconds} s"
        ).format(
            time=said.at[:19].replace("T", " "),
            key=vouched.key.key_id,
            objects=said.objects,
            size=render.human_bytes(said.bytes),
            read=measured["objects"],
            bytes=render.human_bytes(float(measured["bytes"])),
            seconds=measured["seconds"],
        ),
        "",
        *_limits(check.outcome),
    ]
    body = {
        "listing": {**said.model_dump(mode="json"), "key_id": vouched.key.key_id},
        "check": {**check.model_dump(mode="json"), "reasons": verdict.reasons_document(check.reasons, error)},
        "entry": entry,
        **({"error": verdict.error_document(error)} if error else {}),
    }
    return render.Report("guardian.keyless/v1", check.outcome, code, body, tuple(lines))


def _limits(outcome: str) -> Iterator[str]:
    if outcome == "PASS":
        yield _("proven: what was read is what it was named; nothing that was listed is gone or has another length")
    yield _("not proven: that a key opens it, that what came later is wanted, config and locks")
    yield _("not proven: that any file comes back (level D3)")
