"""Does what changed since the last good backup look like an attack? Pure: figures in, a judgement with reasons out.

Each signal is a reason with a weight; from a sum of 1 on, a backup is suspicious. What a single backup shows
clearly weighs 1 by itself: content that is not what its name says, files that got a foreign ending, files and rows that
are gone. What is only unusual weighs less and needs company. Before there is a history, absolute bounds hold that no
ordinary day reaches; with one, bounds are the source's own (:mod:`guardian.backup.usual`).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from guardian.backup import drift, stream_signals
from guardian.backup.harm import Harm, harm_of
from guardian.backup.kinds import PACKED, kind_of
from guardian.backup.usual import Usual, moment, share, tail
from guardian.model.churn import Churn, Judgement, Look, Repeated, Verdict
from guardian.model.reason import Reason, reason

Signal = tuple[float, Reason]

SUSPICIOUS: Final = 1.0
_CHANCE: Final = 1e-4
"""So unlikely must a sample be that it is not put down to chance: once in 27 years of daily backups."""
_QUIET: Final = timedelta(days=3)
_NOTES: Final = (
    "read", "decrypt", "recover", "restore", "ransom", "unlock", "help", "how", "warning", "解密", "恢复", "勒索", "赎"
)  # fmt: skip


def judge_change(history: Sequence[Churn], now: Churn) -> Judgement:
    """Judge ``now`` by ``history``: earlier churns of the same source that are taken for clean, oldest first."""
    usual = Usual([churn for churn in history if churn.kind == now.kind], now)
    told = list(stream_signals.signals(usual) if now.kind == "stream" else _signals(usual))
    score = round(sum(weight for weight, _reason in told), 3)
    verdict: Verdict = "suspicious" if score >= SUSPICIOUS else "normal"
    return Judgement(
        verdict=verdict,
        score=score,
        signals=tuple(told),
        remarks=tuple(_quiet(usual)),
        history=len(usual.history),
    )


def _signals(usual: Usual) -> Iterator[Signal]:
    harm = harm_of(usual.now)
    yield from _scrambled(usual, harm)
    yield from _opaque(usual, harm)
    yield from _endings(usual, harm)
    yield from _gone(usual)
    yield from _shrunk(usual)
    yield from _burst(usual, harm)
    yield from _incompressible(usual)
    yield from _hidden(usual)
    yield from _repeated(usual)
    yield from drift.signals(usual)


def _scrambled(usual: Usual, harm: Harm) -> Iterator[Signal]:
    """Files that hold something else than their names say: the one sign that needs no history."""
    now = usual.now
    chance = usual.chance(lambda look: look.scrambled + look.blank, lambda churn: churn.old)
    likely = tail(now.old.scrambled + now.old.blank, now.old.files, chance)
    part = share(harm.scrambled, now.files_before)
    if likely >= _CHANCE or harm.scrambled < min(3.0, 0.1 * now.files_before):
        return
    least = 0.002 if usual.known else 0.02
    told = reason(
        "content-scrambled",
        count=round(harm.scrambled),
        share=percent(part),
        sampled=now.old.files,
        found=now.old.scrambled + now.old.blank,
    )
    yield (1.0 if part >= least else 0.6), told


def _opaque(usual: Usual, harm: Harm) -> Iterator[Signal]:
    """Random content in files of no known kind: sure only where nearly all is so, and it was not so before."""
    now, old = usual.now, usual.now.old
    chance = usual.chance(lambda look: look.opaque, lambda churn: churn.old)
    in_place = tail(old.opaque, old.files, chance)
    fresh_chance = usual.chance(lambda look: look.opaque + look.scrambled, lambda churn: churn.fresh)
    bad_fresh = now.fresh.opaque + now.fresh.scrambled
    beside = tail(bad_fresh, now.fresh.files, fresh_chance)
    count = (harm.opaque if in_place < _CHANCE else 0.0) + (harm.moved if beside < _CHANCE else 0.0)
    part = share(count, now.files_before)
    if count < 3:
        return
    sure = max(share(old.opaque, old.files), share(bad_fresh, now.fresh.files)) >= 0.8
    told = reason("content-opaque", count=round(count), share=percent(part))
    if usual.known and part >= 0.01:
        yield (1.0 if sure and part >= 0.03 else 0.6), told
    elif not usual.known and part >= 0.2:
        yield (1.0 if sure else 0.6), told


def _endings(usual: Usual, harm: Harm) -> Iterator[Signal]:
    """Many files with an ending that the source never saw: ``report.docx.locked``."""
    now = usual.now
    seen = {one.suffix for churn in usual.settled for one in churn.suffixes} | PACKED
    foreign = [one for one in now.suffixes if one.suffix not in seen]
    count = sum(one.files for one in foreign)
    part = share(count, now.files_before)
    if count < max(3, min(10, 0.1 * now.files_before)) or part < (0.01 if usual.known else 0.05):
        return
    # A mass conversion, of .doc into .docx say, has a known ending and content that is what it says.
    sound = all(kind_of(f"x.{one.suffix}") for one in foreign) and share(harm.scrambled, count) < 0.1
    told = reason("foreign-endings", count=count, share=percent(part), suffix=foreign[0].suffix[:32])
    yield (0.4 if sound else 1.0), told


def _gone(usual: Usual) -> Iterator[Signal]:
    """Files that were deleted: more than ever, and a good part of the source."""
    now = usual.now
    part = share(now.removed, now.files_before)
    most = usual.most(lambda churn: share(churn.removed, churn.files_before))
    told = reason("files-gone", count=now.removed, share=percent(part), usual=percent(most))
    if now.removed < 5:
        pass
    elif part >= 0.5 and part > 1.5 * most:
        yield 1.0, told
    elif usual.known and part >= 0.08 and part > 3 * most:
        # What came in their place may be the same, encrypted: only content that is what it says speaks against that.
        hidden = now.new >= 0.5 * now.removed and vouched(now.fresh) < 0.5
        yield (1.0 if part >= 0.2 or hidden else 0.6), told
    if now.bytes < 0.5 * now.bytes_before and part < 0.2:
        lost = now.bytes_before - now.bytes
        yield 0.6, reason("bytes-gone", count=lost, share=percent(share(lost, now.bytes_before)))


def vouched(look: Look) -> float:
    """The share of looked-into files whose content is what it should be; all when none was looked into."""
    return 1 - share(look.sealed + look.opaque + look.scrambled + look.blank, look.files)


def _shrunk(usual: Usual) -> Iterator[Signal]:
    now = usual.now
    part = share(now.shrunk, now.files_before)
    most = usual.most(lambda churn: share(churn.shrunk, churn.files_before))
    if now.shrunk >= 5 and part >= (0.05 if usual.known else 0.2) and part > 3 * most:
        yield 1.0, reason("files-emptied", count=now.shrunk, share=percent(part), usual=percent(most))


def _burst(usual: Usual, harm: Harm) -> Iterator[Signal]:
    """Far more files changed than usual. No proof by itself, unless nothing in them vouches for them."""
    now = usual.now
    part = share(harm.overwritten, now.files_before)
    most = usual.most(lambda churn: share(harm_of(churn).overwritten, churn.files_before))
    if not usual.known or harm.overwritten < 3 or part < 0.05 or part <= 2.5 * most:
        return
    mute = vouched(now.old) < 0.5
    told = reason("burst-of-changes", count=round(harm.overwritten), share=percent(part), usual=percent(most))
    yield (1.0 if mute and (part > 10 * most or part >= 0.25) else 0.5), told


def _incompressible(usual: Usual) -> Iterator[Signal]:
    """New content that does not compress, in a source whose content does."""
    now = usual.now
    if now.raw_bytes < 1 << 20 or now.raw_bytes < 0.01 * now.bytes:
        return
    now_ratio = packed(now)
    usually, spread, count = usual.middle(packed, lambda churn: churn.raw_bytes >= 1 << 16)
    if count >= 7 and now_ratio >= 0.9 and now_ratio > usually + max(0.15, 4 * spread):
        yield 0.5, reason("incompressible", ratio=percent(now_ratio), usual=percent(usually))


def packed(churn: Churn) -> float:
    """What compression leaves of new content: about 1 of what is random."""
    return share(churn.stored_bytes, churn.raw_bytes)


def _hidden(usual: Usual) -> Iterator[Signal]:
    now = usual.now
    part = share(now.hidden, now.files_before)
    most = usual.most(lambda churn: share(churn.hidden, churn.files_before))
    if now.hidden >= 5 and part >= 0.02 and part > 3 * most:
        yield 0.4, reason("changed-in-secret", count=now.hidden, share=percent(part))


def _repeated(usual: Usual) -> Iterator[Signal]:
    """The same small new file in many folders, as a letter of ransom is left."""
    now, found = usual.now, usual.now.repeated
    if found is None or found.folders < max(4, 0.2 * now.folders):
        return
    known: set[str] = {one.name for one in (churn.repeated for churn in usual.settled) if isinstance(one, Repeated)}
    if found.name in known:
        return
    speaking = any(word in found.name.lower() for word in _NOTES)
    yield (0.5 if speaking else 0.3), reason("same-file-everywhere", name=found.name[:100], folders=found.folders)


def _quiet(usual: Usual) -> Iterator[Reason]:
    """A source in which nothing changes any more, though it used to: no attack, and perhaps no longer the source."""
    history, now = usual.history, usual.now
    if not is_quiet(now) or len(history) < 14:
        return
    lively = [moment(churn) for churn in history if not is_quiet(churn)]
    if len(lively) < 7 or moment(history[-1]) - moment(history[0]) < timedelta(days=30):
        return
    longest = max(later - earlier for earlier, later in pairwise(lively))
    silent = moment(now) - lively[-1]
    if silent > max(_QUIET, 3 * longest):
        yield reason("source-silent", "warning", days=silent.days, usual=max(1, longest.days))


def is_quiet(churn: Churn) -> bool:
    """Whether nothing changed at all."""
    return not (churn.gone or churn.new or churn.renamed or churn.touched)


def percent(part: float) -> str:
    """``0.1234`` as ``12.3%``."""
    return f"{100 * part:.1f}%"
