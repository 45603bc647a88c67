"""What is looked at: this host, the protection of its systems, databases, buckets, and what ``scan.targets`` names.

Every provider gives trees of facts for one or several targets of one kind. One that cannot look at all still gives its
target, with the reason in the place of the facts: its rules become unknown, and none of them goes missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from guardian.baseline.fact import Path, unreadable
from guardian.baseline.facts.host import chosen, collect, unasked
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import Host
from guardian.clock import Clock, rfc3339
from guardian.errors import GuardianError, Interrupted, Unavailable
from guardian.model.events import Reporter, silent
from guardian.model.finding import CollectorRun, Json, TargetKind, TargetRef


@dataclass(frozen=True, slots=True)
class Looked:
    """The facts of one target, and who gathered them."""

    target: TargetRef
    facts: Json
    at: str
    collectors: tuple[CollectorRun, ...] = ()
    unreachable: str = ""
    """Why nothing at all could be read; empty where something was."""


Needed = frozenset[Path]
"""The facts that the rules of a scan read."""
Collect = Callable[[], Iterator[tuple[TargetRef, Json, tuple[CollectorRun, ...]]]]


@dataclass(frozen=True, slots=True)
class Provider:
    """One place to look at. ``name`` is what the command line calls it: ``host``, ``cache``, ``social/core-db``.

    ``sparing`` is for a place where every fact costs a question: it collects those facts alone that rules need.
    """

    name: str
    kinds: tuple[TargetKind, ...]
    collect: Collect
    sparing: Callable[[Needed], Collect] | None = None

    def look(self, clock: Clock, needed: Needed | None = None) -> Iterator[Looked]:
        """Everything that is found there; a target without facts for each kind where nothing could be read."""
        seen: set[TargetKind] = set()
        at = rfc3339(clock.now())
        collect = self.sparing(needed) if self.sparing is not None and needed is not None else self.collect
        try:
            for target, facts, runs in collect():
                seen.add(target.kind)
                yield Looked(target, facts, at, runs)
                at = rfc3339(clock.now())
        except Interrupted:
            raise
        except GuardianError as error:
            yield from self._blind(seen, str(error), at)
        except Exception as error:  # noqa: BLE001  a collector that breaks must not take the others along
            yield from self._blind(seen, f"collector failed: {type(error).__name__}", at)

    def _blind(self, seen: set[TargetKind], why: str, at: str) -> Iterator[Looked]:
        for kind in self.kinds:
            target = TargetRef(kind=kind, id=self.name if kind not in seen else f"{self.name}/*")
            failed = CollectorRun(name=kind, outcome="failed")
            yield Looked(target, unreadable(why[:200]), at, (failed,), why)


def host_of(host: str, report: Reporter = silent) -> Provider:
    """The machine that this program runs on; ``report`` hears how far it is looked at."""
    return _files("host", FilePath("/"), host, report)


def tree_of(root: FilePath, report: Reporter = silent) -> Provider:
    """The host whose files lie below ``root``."""
    return _files(str(root), root, str(root), report)


def _files(name: str, root: FilePath, target: str, report: Reporter) -> Provider:
    def sparing(needed: Needed) -> Collect:
        return lambda: _host(root, target, report, needed)

    return Provider(name, ("host",), lambda: _host(root, target, report, None), sparing)


def _host(
    root: FilePath, name: str, report: Reporter, needed: Needed | None
) -> Iterator[tuple[TargetRef, Json, tuple[CollectorRun, ...]]]:
    folder = root.resolve()
    if not folder.is_dir():
        raise Unavailable(f"no such folder: {root}")
    collectors = chosen(needed)
    facts, runs = collect(Host(LocalRoot(folder), report=report), collectors)
    yield TargetRef(kind="host", id=name), unasked(collectors) | facts, runs
