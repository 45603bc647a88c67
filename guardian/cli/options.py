"""Options that every verb takes, before the verb or after it, and what they come to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from guardian.errors import UsageError
from guardian.i18n import _

P = ParamSpec("P")
R = TypeVar("R")
_WHOLE = 1000  # characters of a verb's line in a list: more than any has


@dataclass(slots=True)
class Session:
    """How this call of ``guardian`` reads and speaks."""

    config: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: int = 0


class Group(click.Group):
    """A verb with verbs of its own, each told by its whole first sentence: click would cut it to fit a line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, verb.get_short_help_str(_WHOLE)) for name, verb in found if verb and not verb.hidden]
        with formatter.section(_("Commands")):
            formatter.write_dl(rows)


def common(function: Callable[P, R]) -> Callable[..., R]:
    """Give a group or command ``--config --json --lang --quiet -v`` and keep what they say in ``ctx.obj``."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> R:
        session = click.get_current_context().ensure_object(Session)
        config, quiet, verbose = kwargs.pop("config"), kwargs.pop("quiet"), kwargs.pop("verbose")
        session.config = config or session.config
        session.as_json = kwargs.pop("as_json") or session.as_json
        session.quiet = quiet or session.quiet
        session.verbose = max(verbose, session.verbose)
        kwargs.pop("lang")  # main() has already switched to it
        return function(*args, **kwargs)

    for option in (
        click.option("-v", "--verbose", count=True, help=_("Say more on standard error.")),
        click.option("-q", "--quiet", is_flag=True, help=_("Say nothing but errors and the result's exit code.")),
        click.option("--lang", type=click.Choice(["zh", "en"]), help=_("Language; default from LANG.")),
        click.option("--json", "as_json", is_flag=True, help=_("One JSON document on standard output.")),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help=_("Configuration file; default ./guardian.yaml, then /etc/guardian/guardian.yaml."),
        ),
    ):
        wrapper = option(wrapper)
    return wrapper


def verb(function: Callable[..., int]) -> Callable[..., int]:
    """Make ``function(session, …) -> exit code`` a verb: common options, logging, the session as first argument."""

    @common
    @click.pass_context
    @wraps(function)
    def wrapper(ctx: click.Context, /, **kwargs: Any) -> int:
        session = ctx.ensure_object(Session)
        from guardian import telemetry

        telemetry.configure(verbose=session.verbose)
        return function(session, **kwargs)

    return wrapper


def in_repository(function: Callable[P, R]) -> Callable[..., R]:
    """Give a command ``--repository NAME``: the copy in that repository is meant."""
    return click.option(
        "--repository", metavar="NAME", help=_("The copy in this repository instead of the one backed up to.")
    )(function)


def configured(session: Session) -> bool:
    """Whether there is a configuration to use, or one was named: some verbs are of use without."""
    from guardian.config.load import FILE_NAME, SYSTEM_WIDE

    places = (Path(FILE_NAME), SYSTEM_WIDE / FILE_NAME)
    return session.config is not None or any(place.exists() for place in places)


def moment(text: str) -> datetime:
    """A time that a person wrote, UTC unless it says otherwise. Raises UsageError."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            _("{text} is not a time").format(text=text), _("Write it like 2026-11-20T14:00 or 2026-11-20T14:00+08:00.")
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
