"""Taking snapshots away, and the space that nothing needs any more. Nothing here decides what goes.

A policy is given to restic only to ask what it would do; what is removed is named by full ids. What restic says of
itself is no proof: whoever removes looks at the list again afterwards.
"""

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardian.errors import ToolFailed
from guardian.i18n import _
from guardian.model.protection import Retention
from guardian.proc import Streams
from guardian.restic import argv
from guardian.restic.client import Restic
from guardian.restic.errors import classify, texts
from guardian.restic.listen import OnProgress
from guardian.restic.session import by_line

_KEPT, _LINE = 200, 4096
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) (B|KiB|MiB|GiB|TiB)\b")
_UNITS: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_FIGURES: Final = {
    "used": re.compile(r"^used:"),
    "unused": re.compile(r"^unused:"),
    "total": re.compile(r"^total:"),
    "removed": re.compile(r"^total prune:"),
    "repacked": re.compile(r"^to repack:"),
    "left": re.compile(r"^remaining:"),
    "unused_left": re.compile(r"^unused size after prune:"),
}
_PROGRESS: Final = re.compile(rb"(\d{1,9}) / (\d{1,9}) (?:packs repacked|files deleted|snapshots|indexes)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What restic would do: the full ids it would keep and those it would remove."""

    keep: frozenset[str]
    remove: frozenset[str]

    @property
    def considered(self) -> frozenset[str]:
        """Every snapshot it looked at."""
        return self.keep | self.remove


@dataclass(frozen=True, slots=True)
class PruneFigures:
    """What restic says a prune comes to, in bytes; None for what it did not say.

    ``unused`` is in packs that something needs and in packs that nothing does; ``removed`` what goes in all.
    """

    used: int | None = None
    unused: int | None = None
    total: int | None = None
    removed: int | None = None
    repacked: int | None = None
    left: int | None = None
    unused_left: int | None = None


def ask(restic: Restic, tags: Sequence[str], policy: Retention, within_hours: int) -> Answer:
    """What restic would forget of the snapshots that have all of ``tags``, taken as one group. Changes nothing.

    Raises the typed errors, ToolFailed when the answer is not understood.
    """
    session = restic.session
    call = argv.forget_asked(tuple(tags), _policy(policy, within_hours))
    said = session.retrying(lambda: session.answer(call, cache=False))
    groups = _groups(said.stdout)
    return Answer(_ids(groups, "keep"), _ids(groups, "remove"))


def forget(restic: Restic, ids: Sequence[str]) -> None:
    """Have the snapshots ``ids`` (full ids) removed. Never tried again. Raises the typed errors.

    That nothing is raised proves nothing: restic ends well also when an id was not there.
    """
    if not ids or not all(re.fullmatch(r"[0-9a-f]{64}", one) for one in ids):
        raise ValueError("only whole ids are removed, and at least one")
    restic.session.answer(argv.forget(tuple(ids)), cache=False)


def prune_asked(restic: Restic, max_unused: str) -> PruneFigures:
    """What a prune would come to. Changes nothing, but takes the repository for itself while it looks."""
    return _prune(restic, argv.prune(max_unused, None, dry=True), None)


def prune(
    restic: Restic, max_unused: str, max_repack_bytes: int | None = None, on_progress: OnProgress | None = None
) -> PruneFigures:
    """Free what nothing needs, leaving ``max_unused`` (``5%``). Takes the repository for itself; never tried again.

    Ended at any instant it leaves a repository that is whole: new packs and index come before old ones go. Raises
    Interrupted, RepositoryDamaged, and the typed errors.
    """
    return _prune(restic, argv.prune(max_unused, max_repack_bytes, dry=False), on_progress)


def _prune(restic: Restic, call: argv.Call, on_progress: OnProgress | None) -> PruneFigures:
    said: deque[bytes] = deque(maxlen=_KEPT)
    last: deque[bytes] = deque(maxlen=_KEPT)

    def stdout(line: bytes) -> None:
        said.append(line[:_LINE])
        if on_progress is not None and (found := _PROGRESS.search(line)):
            on_progress(int(found[1]), int(found[2]))

    session = restic.session
    out, err = by_line(stdout), by_line(lambda line: last.append(line[:_LINE]))
    finished = session.run(call, Streams(stdout=out, stderr=err), cache=False, output_is_progress=True)
    out.close()
    err.close()
    session.refuse_stopped(finished)
    if finished.returncode != 0:
        raise classify(tuple(last), finished.returncode, session.capability)
    return read_figures(texts(said))


def read_figures(lines: Sequence[str]) -> PruneFigures:
    """The figures in restic's own words, which have been the same since 0.12."""
    found: dict[str, int] = {}
    for line in lines:
        name = next((name for name, pattern in _FIGURES.items() if pattern.search(line.strip())), None)
        sizes = _SIZE.findall(line)
        if name and sizes:
            number, unit = sizes[-1]
            found[name] = int(float(number) * _UNITS[unit])
    return PruneFigures(**found)


def _policy(policy: Retention, within_hours: int) -> tuple[str, ...]:
    named = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    options = [f"--keep-{name}={count}" for name in named if (count := getattr(policy, name))]
    if within_hours:
        options.append(f"--keep-within={within_hours}h")
    if not options:
        # restic 0.14 keeps everything then, newer ones may do something else: nobody asks without a rule.
        raise ValueError("a retention without any rule")
    return tuple(options)


def _groups(text: bytes) -> list[dict[str, Any]]:
    if not text.strip():
        return []  # no snapshot has the tags
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, list) or not all(isinstance(group, dict) for group in document):
        raise ToolFailed(_("restic's answer is not what was asked for"))
    return document


def _ids(groups: Sequence[dict[str, Any]], name: str) -> frozenset[str]:
    found: set[str] = set()
    for group in groups:
        for snapshot in group.get(name) or ():
            one = snapshot.get("id") if isinstance(snapshot, dict) else None
            if not isinstance(one, str) or not re.fullmatch(r"[0-9a-f]{64}", one):
                raise ToolFailed(_("restic's answer is not what was asked for"))
            found.add(one)
    return frozenset(found)


__all__ = ["Answer", "PruneFigures", "ask", "forget", "prune", "prune_asked", "read_figures"]
