"""Figures in words: durations, sizes, shares and moments, as both languages write them. Bounds never shrink."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor

from guardian.i18n import N_, _
from guardian.model.drill import Assurance, Frame

PROVES: dict[str, str] = {
    "K": N_("the keys open the repository without this host's own copy"),
    "D0": N_("every expected snapshot is there, fresh, none rolled back"),
    "D1": N_("every tree, index entry and pack is there"),
    "D2": N_("stored bytes are intact"),
    "D3": N_("files come back bit-exact"),
    "D4": N_("the application's data works"),
    "D5": N_("the system recovers by its runbook"),
    "D6": N_("the whole plan works, people included"),
}
"""What a pass of each level proves, and no more."""

OUTCOMES: dict[str, str] = {
    "PASS": N_("pass"),
    "FAIL": N_("FAIL"),
    "COULD_NOT_VERIFY": N_("could not verify"),
    "NOT_RUN": N_("not run"),
    "complete": N_("complete"),
    "partial": N_("PARTIAL"),
    "failed": N_("FAILED"),
    "skipped": N_("skipped"),
}

FAULTS: dict[str, str] = {
    "flip": N_("flipped bit"),
    "truncate": N_("truncated pack"),
    "drop": N_("dropped pack"),
    "stale": N_("stale snapshot"),
    "swapped-tree": N_("swapped tree"),
}
"""Kinds of planted faults, as people call them."""

STATES: dict[str, str] = {
    "satisfied": N_("satisfied"),
    "not-satisfied": N_("NOT satisfied"),
    "could-not-verify": N_("could not verify"),
}
"""What evidence says to a question."""

EVENTS: dict[str, str] = {
    "signing-key-created": N_("the log's signing key was made"),
    "repository-created": N_("the repository was made, with its password"),
    "repository-adopted": N_("an existing repository was taken over"),
    "log-begun-anew": N_("a new log was begun after the old one was lost"),
    "password-escrowed": N_("the password was split into shares for its holders"),
    "password-recovered": N_("the password was put together again from shares"),
    "password-rotated": N_("the password was replaced"),
}
"""What may happen to a key."""

CRITERIA: dict[str, str] = {
    "backup-frequency": N_("time between backups"),
    "off-site": N_("copy elsewhere"),
    "validity-verified": N_("content read back"),
    "recovery-time": N_("time to recover"),
    "snapshots": N_("kind of copy"),
}
"""What a level of GB/T 20988 is judged by."""

COUNTED: dict[str, str] = {
    "files": N_("{n} sampled files"),
    "bytes": N_("{n} byte-units"),
    "packs": N_("{n} sampled packs"),
}
"""Draws by their unit."""

STRATA: dict[str, str] = {
    "small": N_("files up to 512 KiB"),
    "medium": N_("files up to 64 MiB"),
    "large": N_("larger files"),
    "critical": N_("small critical files"),
}
"""Parts of a frame that are spoken of apart."""

WHOLE: dict[str, str] = {"files": N_("{n} files in all"), "bytes": N_("{n} in all"), "packs": N_("{n} packs in all")}
"""A frame by its unit."""


def duration(seconds: float) -> str:
    """``5400`` as ``1.5 h``; at most three digits that count, negative ones (a record of the future) with a sign."""
    size = abs(seconds)
    sign = "−" if seconds < 0 else ""
    for limit, divisor, form in (
        (120, 1, N_("{n} s")),
        (7200, 60, N_("{n} min")),
        (172800, 3600, N_("{n} h")),
        (float("inf"), 86400, N_("{n} d")),
    ):
        if size < limit:
            value = size / divisor
            return sign + _(form).format(n=f"{value:.0f}" if value >= 100 else f"{value:.3g}")
    raise AssertionError  # nothing is longer than for ever


def size(count: float) -> str:
    """``1536`` as ``1.5 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def bound(share: float) -> str:
    """An upper bound in per cent, rounded up: what is printed must not promise more than what was proven."""
    if share >= 1:
        return "100 %"
    return f"{ceil(share * 10_000 - 1e-9) / 100:.2f} %"


def portion(part: float, whole: float) -> str:
    """How much was done, in per cent, rounded down: only all of it is 100 %."""
    if not whole:
        return "–"
    return f"{floor(part / whole * 1000 + 1e-9) / 10:g} %"


def percent(share: float) -> str:
    """A level of confidence, exactly."""
    return f"{share * 100:.10g} %"


def moment(when: datetime) -> str:
    """A moment to the minute, in UTC, said so."""
    return f"{stamp(when)} UTC"


def stamp(when: datetime) -> str:
    """A moment to the minute in UTC, where that is said elsewhere."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"


def last_day(end: datetime) -> str:
    """The last day of a period whose ``end`` is no longer in it."""
    return day(end - timedelta(microseconds=1))


def day(when: datetime) -> str:
    """A day in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d}"


def grouped(count: int) -> str:
    """``412806`` as ``412,806``."""
    return f"{count:,}"


def is_census(said: Assurance) -> bool:
    """Whether all there is was read: then there is no bound, only what was bad."""
    return said.method == "census" or (said.unit != "bytes" and said.drawn >= said.frame)


def assurance(said: Assurance, frames: Sequence[Frame] = (), when: datetime | None = None) -> str:
    """What a sample lets one say, never more: the frame, the draws, the bad ones, the bound with its confidence.

    ``frames`` are those of the drill's plan, ``when`` its date. Formulas: :mod:`guardian.drill.bounds`.
    """
    counted = {"drawn": _(COUNTED[said.unit]).format(n=grouped(said.drawn)), "bad": grouped(said.bad)}
    parts = [_("Frame: {frame}.").format(frame=_frame(said, frames))]
    if is_census(said):
        every = _("All of it was read; {bad} bytes did not come back as they were.")
        if said.unit != "bytes":
            every = _("All of them were read; {bad} did not come back bit-exact.")
        return " ".join([*parts, every.format(**counted)])
    parts.append(_("{drawn} drawn by the published seed; {bad} did not come back bit-exact.").format(**counted))
    if said.upper >= 1:
        return " ".join([*parts, _("That rules nothing out.")])
    day_of_it = _("on {day}").format(day=day(when)) if when else _("at that time")
    claim = _("With {confidence} confidence less than {upper} of the {of} were bad {day}.")
    return " ".join(
        [
            *parts,
            claim.format(
                confidence=percent(said.confidence), upper=bound(said.upper), of=_(_OF[said.unit]), day=day_of_it
            ),
        ]
    )


_OF = {"files": N_("files in the frame"), "bytes": N_("bytes in the frame"), "packs": N_("packs in the frame")}


def _frame(said: Assurance, frames: Sequence[Frame]) -> str:
    planned = next((f for f in frames if f.unit == ("packs" if said.unit == "packs" else "files")), None)
    if said.stratum or planned is None:
        whole = _(WHOLE[said.unit]).format(n=size(said.frame) if said.unit == "bytes" else grouped(said.frame))
        stratum = _(STRATA.get(said.stratum, said.stratum)) if said.stratum else ""
        return _("{stratum}: {whole}").format(whole=whole, stratum=stratum) if stratum else whole
    return f"{_(WHOLE[planned.unit]).format(n=grouped(planned.count))} / {size(planned.bytes)}"
