"""The program: its verbs, its languages, and the one switch from error to exit code.

Rules of output: results go to standard output, everything else to standard error. An error is one line,
``guardian: error: …``, lower case, then a hint. Never a traceback, never a secret. With ``--json``, standard
output holds exactly one JSON document, errors included.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from guardian import __version__, i18n
from guardian.errors import ExitCode, GuardianError
from guardian.i18n import N_, _

VERBS: dict[str, tuple[str, str]] = {
    "init": ("guardian.cli.init", N_("Write a starter configuration, or make the keys and repositories it names.")),
    "config": ("guardian.cli.config", N_("Check, show or describe the configuration.")),
    "doctor": ("guardian.cli.doctor", N_("Look for what would stop a backup or a restore.")),
    "backup": ("guardian.cli.backup", N_("Back up sources, check what came of it, and sign a receipt.")),
    "copy": ("guardian.cli.copy", N_("Copy restore points to further repositories, and check what arrived.")),
    "snapshots": ("guardian.cli.snapshots", N_("List restore points and whether each has a receipt.")),
    "suspicions": (
        "guardian.cli.suspicions",
        N_("Show backups that look like the trace of an attack; say that they are not."),
    ),
    "restore": ("guardian.cli.restore", N_("Bring data back into an empty directory.")),
    "maintain": ("guardian.cli.maintain", N_("Apply retention with guard rails, and free space.")),
    "verify": ("guardian.cli.verify", N_("Prove by restore drills that data comes back.")),
    "scan": ("guardian.cli.scan", N_("Hold configurations against security baselines.")),
    "schedule": ("guardian.cli.schedule", N_("Say when what comes round is due, and why it ran or did not.")),
    "ledger": ("guardian.cli.ledger", N_("Show, verify or export the signed log.")),
    "audit": ("guardian.cli.audit", N_("Make evidence packs; answer clauses and levels of standards from the log.")),
    "posture": ("guardian.cli.posture", N_("Say how storage is set up, and prove what it refuses.")),
    "agent": ("guardian.cli.agent", N_("Run the daemon of this host, and ask it how things stand.")),
    "keys": ("guardian.cli.keys", N_("Say how keys are kept; split, recover and rotate repository passwords.")),
    "demo": ("guardian.cli.demo", N_("Run the main job on a real storage server on this machine.")),
}
"""Verb → (module with a command of the verb's name, its line in the help). Modules load when they are used."""

EXIT_CODES: tuple[tuple[ExitCode, str], ...] = (
    (ExitCode.OK, N_("done, and the answer is good")),
    (ExitCode.UNEXPECTED, N_("an unexpected error")),
    (ExitCode.USAGE, N_("wrong usage or configuration")),
    (ExitCode.BAD_ANSWER, N_("done, and the answer is bad: a failed drill, a failed or partial backup, findings")),
    (ExitCode.COULD_NOT_VERIFY, N_("could not find out: something needed was missing, full or unreachable")),
    (ExitCode.REPOSITORY_MISSING, N_("the repository does not exist")),
    (ExitCode.REPOSITORY_LOCKED, N_("the repository is locked")),
    (ExitCode.WRONG_PASSWORD, N_("wrong repository password")),
    (ExitCode.EVIDENCE_INVALID, N_("the evidence is invalid: a signature, the chain or a checkpoint")),
    (ExitCode.SKIPPED, N_("skipped on purpose")),
    (ExitCode.INTERRUPTED, N_("interrupted")),
)


class ReaderGone(Exception):
    """Who read our standard output went away (``guardian … | head``)."""


@contextmanager
def _reader_watched() -> Iterator[None]:
    # click would answer a broken pipe with exit code 1, which says that something unexpected happened.
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error


class Verbs(click.Group):
    """A group that imports a verb only when it is used, so that ``--version`` and ``--help`` stay quick."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click's own; a reader of our output who went away comes out as :class:`ReaderGone`."""
        with _reader_watched():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's own; a reader of our output who went away comes out as :class:`ReaderGone`."""
        with _reader_watched():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The verbs, in the order a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb, imported now."""
        if cmd_name not in VERBS:
            return None
        import importlib

        command: click.Command = getattr(importlib.import_module(VERBS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of verbs, without importing any of them."""
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(text)) for name, (_module, text) in VERBS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of exit codes."""
        with formatter.section(_("Exit codes")):
            formatter.write_dl([(str(int(code)), _(text)) for code, text in EXIT_CODES])


def build() -> click.Group:
    """The program's command tree, in the language in use."""
    from guardian.cli.options import common

    @click.group(
        cls=Verbs, help=_("Encrypted backup, restore proof and signed evidence."), invoke_without_command=False
    )
    @click.version_option(
        __version__, "--version", message=f"guardian {__version__}", help=_("Show the version and exit.")
    )
    @common
    def guardian(**_options: object) -> None:
        pass

    return guardian


def main(
    argv: Sequence[str] | None = None, command: Callable[[], click.Command] = build, name: str = "guardian"
) -> NoReturn:
    """Run a program, ``guardian`` unless another is named, and leave with an :class:`guardian.errors.ExitCode`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what would be in a core file: passwords and keys
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _fill_streams()
    i18n.use(_language(arguments))
    try:
        code = _run(arguments, command, name)
    except (ReaderGone, BrokenPipeError):
        code = 128 + signal.SIGPIPE
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # What nobody takes is thrown away, lest the interpreter complains at its end and makes the exit code 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _fill_streams() -> None:
    """Put /dev/null where a standard stream was closed: the next file opened, the log say, would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _run(arguments: list[str], command: Callable[[], click.Command], name: str) -> int:
    as_json = "--json" in arguments
    try:
        result: Any = command().main(arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        return _fail(as_json, GuardianErrorView("interrupted", _("interrupted"), "", ExitCode.INTERRUPTED))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return int(ExitCode.USAGE)
    except click.ClickException as error:
        return _fail(as_json, _from_click(error))
    except GuardianError as error:
        problems = tuple(str(p) for p in getattr(error, "problems", ()))
        return _fail(as_json, GuardianErrorView(error.code, error.message, error.hint, error.exit_code, problems))
    except (ReaderGone, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001  the one place that may: a traceback is never shown to a user
        return _fail(as_json, _unexpected(error, _verbosity(arguments)))
    return int(result or 0)


class GuardianErrorView:
    """What is shown of an error: its code, one line, a hint, the exit code, and further lines of the same kind."""

    __slots__ = ("code", "exit_code", "hint", "message", "problems")

    def __init__(self, code: str, message: str, hint: str, exit_code: ExitCode, problems: tuple[str, ...] = ()) -> None:
        self.code, self.message, self.hint, self.exit_code, self.problems = code, message, hint, exit_code, problems


def _from_click(error: click.ClickException) -> GuardianErrorView:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "guardian"
    hint = _("Run '{command} --help' to see what it takes.").format(command=command)
    return GuardianErrorView("usage", message[:1].lower() + message[1:].rstrip("."), hint, ExitCode.USAGE)


def _unexpected(error: Exception, verbose: int) -> GuardianErrorView:
    from guardian import telemetry

    telemetry.configure(verbose=verbose)
    telemetry.log().info("unexpected error", exc_info=error)
    message = telemetry.redact(f"{type(error).__name__}: {error}").replace("\n", " ")
    return GuardianErrorView(
        "unexpected",
        _("unexpected error: {error}").format(error=message),
        _("This is a fault of Guardian's; run again with -v and report what it says."),
        ExitCode.UNEXPECTED,
    )


def _fail(as_json: bool, error: GuardianErrorView) -> int:
    from guardian.cli.render import show_error

    texts = (error.message, error.hint)
    try:
        show_error(error.code, texts, error.problems, as_json=as_json, exit_code=error.exit_code)
    except GuardianError:  # standard output is full, and what it should hold is this document
        show_error(error.code, texts, error.problems, as_json=False, exit_code=error.exit_code)
    return int(error.exit_code)


def _verbosity(arguments: list[str]) -> int:
    return sum(word.count("v") if set(word) == {"-", "v"} else word == "--verbose" for word in arguments)


def _language(arguments: list[str]) -> str:
    """The language asked for by ``--lang``, else by the environment. Read before any text is made."""
    for position, word in enumerate(arguments):
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
        if word == "--lang" and position + 1 < len(arguments):
            return arguments[position + 1]
    return i18n.preferred()
