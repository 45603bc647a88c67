"""Level K: do the shares that people hold open the repository? This host's own copy of the password is not looked at.

The password exists in the memory of this process only, and nobody sees it: not who runs the drill, not a holder. What
goes into the log are numbers of shares, never a word.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from guardian.decoder.damage import Damage
from guardian.drill import history
from guardian.drill.book import open_book
from guardian.drill.record import Drill, Options, Record
from guardian.errors import GuardianError, Interrupted, WrongPassword
from guardian.keys.shares import Combined, Share, SharesDisagree, SharesTooFew, combine
from guardian.keys.sheet import Presented
from guardian.model.backup import Target
from guardian.model.drill import DrillCheck, DrillOutcome
from guardian.model.events import Phase
from guardian.model.reason import Reason, reason
from guardian.model.redaction import hide
from guardian.node import Node


@dataclass(frozen=True, slots=True)
class Brought:
    """What holders came with: shares, and names of what was meant to be one and cannot be read."""

    shares: tuple[Presented, ...] = ()
    damaged: tuple[str, ...] = ()


ShareSource = Callable[[str], Brought]
"""Gives what holders bring for the repository of a key. It may give the same, and more, for every repository."""


@dataclass(slots=True)
class _Tried:
    """What came of the sets of shares for one repository."""

    reasons: list[Reason] = field(default_factory=list)
    few: list[SharesTooFew] = field(default_factory=list)
    opened: tuple[Combined, Share, str, str] | None = None
    """The shares that opened it, one of them, and the ids of the repository and of the key."""
    error: GuardianError | None = None


def drill(node: Node, targets: Sequence[Target], shares: ShareSource) -> tuple[Drill, ...]:
    """Open every repository of ``targets`` by shares alone; each target gets the result of its repository, in the log.

    Raises what opening the log raises. Everything else that goes wrong is an outcome.
    """
    keys = sorted({target.key for target in targets})
    brought = {key: shares(key) for key in keys}
    drills: list[Drill] = []
    with open_book(node) as book:
        record = Record(node, book, history.read(book.log, heed=node.heed), Options(level="K"))
        for key, group in groupby(sorted(targets, key=lambda t: t.key), key=lambda t: t.key):
            begun = [record.begin(target) for target in group]
            node.report(Phase("open", key))
            check, repository_id, error = _open(node, key, brought[key], alone=len(keys) == 1)
            for one in begun:
                one.repository_id = repository_id
                drills.append(record.end(one, "K", [check], error=error))
    return tuple(drills)


def _open(
    node: Node, key: str, brought: Brought, *, alone: bool
) -> tuple[DrillCheck, str | None, GuardianError | None]:
    """One repository. ``alone``: nothing else is drilled, so every share that was brought must belong to it."""
    record = node.keys(given=False).record(key)
    known = record.repository_id if record else ""
    ours = [one.share for one in brought.shares if not known or one.repository_id in ("", known)]
    tried = _try(node, key, ours)
    reasons = [reason("share-damaged", share=name) for name in brought.damaged] + tried.reasons
    if alone and len(ours) < len(brought.shares):
        reasons.append(reason("share-of-another", shares=len(brought.shares) - len(ours)))
    if tried.opened is None:
        reasons += _not_opened(tried, alone=alone, nothing=not brought.shares and not brought.damaged)
        return _check(reasons, {}, proven=False), known or None, tried.error
    combined, share, found, key_id = tried.opened
    numbers = ", ".join(map(str, combined.numbers))
    reasons.append(reason("opened-by-shares", "info", numbers=numbers, threshold=share.threshold, set=share.set_id))
    reasons += [reason("share-misfit", number=number) for number in combined.misfits]
    if alone and tried.few:
        reasons.append(reason("shares-mixed"))
    if record is not None and found != known:
        reasons.append(reason("repository-changed", expected=known, found=found))
    elif record is None:
        reasons.append(reason("repository-not-on-record", "warning", id=found))
    elif record.restic_key_id not in (None, key_id):
        reasons.append(reason("escrow-stale", "warning"))
    measured: dict[str, int | float | str] = {
        "threshold": share.threshold,
        "shares": len(combined.numbers),
        "numbers": numbers,
        "key_id": key_id,
    }
    return _check(reasons, measured, proven=record is not None), found, None


def _try(node: Node, key: str, shares: Sequence[Share]) -> _Tried:
    """Put the shares together, set by set, until one set opens the repository."""
    tried = _Tried()
    sets: dict[tuple[str, int], list[Share]] = defaultdict(list)
    for share in shares:
        sets[share.set_id, share.threshold].append(share)
    wrong = []
    for held in sets.values():
        try:
            combined = combine(held)
            if tried.opened is None:
                hide(combined.password)
                tried.opened = (combined, held[0], *node.identity(key, combined.password))
        except SharesTooFew as few:
            tried.few.append(few)
        except SharesDisagree:
            tried.reasons.append(reason("shares-disagree", set=held[0].set_id))
        except WrongPassword:
            wrong.append(held[0].set_id)
        except GuardianError as error:
            _stopped(tried, error)
            break
    if tried.opened is None:
        tried.reasons += [reason("shares-open-nothing", set=set_id) for set_id in wrong]
    return tried


def _stopped(tried: _Tried, error: GuardianError) -> None:
    """The repository gave no answer (nothing is known), or one that is none (it is damaged)."""
    if isinstance(error, Interrupted):
        raise error
    if isinstance(error, Damage):
        tried.reasons.append(error.reason)
        return
    tried.error = error
    tried.reasons.append(reason(error.code, "warning"))


def _not_opened(tried: _Tried, *, alone: bool, nothing: bool) -> list[Reason]:
    """Why there was nothing to open it with, where that is not said yet."""
    if nothing:
        return [reason("no-shares", "warning")]
    if alone and len(tried.few) > 1 and sum(few.have for few in tried.few) >= min(few.need for few in tried.few):
        return [reason("shares-mixed")]
    if tried.few or not tried.reasons:
        have, need = max(((few.have, few.need) for few in tried.few), default=(0, 2))
        return [reason("shares-too-few", "warning", have=have, need=need)]
    return []


def _check(reasons: Sequence[Reason], measured: dict[str, int | float | str], *, proven: bool) -> DrillCheck:
    """The check, with the outcome that its reasons come to."""
    outcome: DrillOutcome = "PASS" if proven else "COULD_NOT_VERIFY"
    if any(found.severity == "critical" for found in reasons):
        outcome = "FAIL"
    elif any(found.code == "no-shares" for found in reasons):
        outcome = "NOT_RUN"
    return DrillCheck(level="K", name="custody", outcome=outcome, reasons=tuple(reasons), measured=measured)
