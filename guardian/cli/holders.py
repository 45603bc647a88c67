"""Holders at the terminal, one after the other: each sees a share, or types one, alone."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from guardian.cli.render import visible
from guardian.cli.screen import Screen
from guardian.drill.custody import Brought
from guardian.durable import TooLarge, read_capped
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.keys.shares import Share, ShareInvalid, known, parse
from guardian.keys.sheet import Presented, Sheet, facts, grid, read, title, words_of

STDIN = "-"
_LIMIT = 65_536
_USUAL = 33
"""Words of a share of a password that Guardian made."""


# bringing shares


def from_files(paths: Sequence[str]) -> tuple[Presented, ...]:
    """The shares in ``paths`` (``-``: standard input). Raises ShareInvalid naming the file, UsageError."""
    return tuple(share for path in paths for share in _from_file(path))


def brought(paths: Sequence[str]) -> Brought:
    """As :func:`from_files`, for a drill: what cannot be read as a share is an answer."""
    shares: list[Presented] = []
    damaged: list[str] = []
    for path in paths:
        try:
            shares += _from_file(path)
        except ShareInvalid:
            damaged.append(Path(path).name)
    return Brought(tuple(shares), tuple(damaged))


def _from_file(path: str) -> tuple[Presented, ...]:
    try:
        content = sys.stdin.buffer.read(_LIMIT + 1) if path == STDIN else read_capped(Path(path), _LIMIT)
        if len(content) > _LIMIT:
            raise ShareInvalid(_("it is larger than any share"))
        return read(content)
    except FileNotFoundError as error:
        raise UsageError(_("{path} does not exist").format(path=path)) from error
    except TooLarge as error:
        raise ShareInvalid(_("{path}: it is larger than any share").format(path=path)) from error
    except ShareInvalid as error:
        raise ShareInvalid(f"{path}: {error.message}", error.hint) from None


def typed(screen: Screen, repository: str) -> tuple[Presented, ...]:
    """Ask one holder after the other for the share of ``repository``, until there are enough of one set.

    A holder who gives nothing ends it.
    """
    shares: list[Share] = []
    remark: list[str] = []
    while True:
        screen.clear()
        screen.say([*remark, _("repository {name}: holder {number}").format(name=repository, number=len(shares) + 1)])
        screen.say(
            [_("Type the words of your share; nothing is shown. As many a line as you like, an empty line ends.")]
        )
        words, remark = _type_words(screen)
        if not words:
            break
        try:
            share = parse(words)
        except ShareInvalid as error:
            remark = [visible(error.message), visible(error.hint), ""]
            continue
        remark = [_("share {number} of set {set}: thank you").format(number=share.number, set=share.set_id), ""]
        shares.append(share)
        if len({one.number for one in shares if one.set_id == share.set_id}) >= share.threshold:
            break
    screen.clear()
    return tuple(Presented(share) for share in shares)


def _type_words(screen: Screen) -> tuple[list[str], list[str]]:
    """The words one holder types, each line held against the list at once; and what to say before the next."""
    words: list[str] = []
    while line := words_of(screen.ask(_("word {number}:").format(number=len(words) + 1))):
        good, problem = known(line, len(words) + 1)
        words += good
        if problem is not None:
            screen.say([visible(problem.message), visible(problem.hint)])
        elif len(words) >= _USUAL and _is_share(words):
            break
    return words, []


def _is_share(words: list[str]) -> bool:
    try:
        parse(words)
    except ShareInvalid:
        return False
    return True


# handing shares out


def show(screen: Screen, sheet: Sheet) -> None:
    """Show one holder their share, until two words they are asked for prove that they have it."""
    while True:
        screen.clear()
        screen.say([title(sheet), "", *(f"  {name}: {value}" for name, value in facts(sheet)), ""])
        screen.ask(_("Only this holder may see the screen now. Press Enter to see the words."))
        screen.clear()
        screen.say([*grid(sheet.share.listed), ""])
        screen.ask(_("Write them down with their numbers, then press Enter: they will not be shown again."))
        screen.clear()
        if _confirmed(screen, sheet.share.listed):
            screen.clear()
            return
        screen.ask(_("That is another word. Press Enter to begin again."))


def _confirmed(screen: Screen, words: list[str]) -> bool:
    asked = sorted(secrets.SystemRandom().sample(range(len(words)), 2))
    return all(words_of(screen.ask(_("word {number}:").format(number=at + 1))) == [words[at]] for at in asked)
