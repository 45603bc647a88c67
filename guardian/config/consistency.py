"""The rules that join several keys: names that must exist, places that must not overlap, words with a grammar.

They read the plain tree, tolerantly, and not the nouns: a typo elsewhere must not hide them, so that one run
reports everything that is wrong.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guardian.config import timing
from guardian.config.location import Location, LocationError, fill, parse_location, placeholders
from guardian.config.metrics import metrics_faults
from guardian.config.problem import Fault, Loc, did_you_mean
from guardian.i18n import _


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules need to know besides the tree: where it lies, which host this is, where state goes."""

    base: Path
    host: str
    state_dir: Path


def default_repositories(systems: Mapping[str, Any], repositories: Mapping[str, Any]) -> dict[str, str | None]:
    """System → the repository it is backed up to: its own, ``main``, or the only one that is no copy's target.

    None where that is not decided.
    """
    targets = {
        name for system in systems.values() for name in _texts(_table(_table(system).get("plan")).get("copy_to"))
    }
    rest = [name for name in repositories if name not in targets]
    shared = "main" if "main" in repositories else rest[0] if len(rest) == 1 else None
    own = {name: _table(system).get("repository") for name, system in systems.items()}
    return {name: repository if isinstance(repository, str) else shared for name, repository in own.items()}


def check(tree: Mapping[str, Any], around: Surroundings) -> list[Fault]:
    """Every fault against the rules above in ``tree``."""
    systems = {name: _table(system) for name, system in _table(tree.get("systems")).items()}
    repositories = {name: _table(spec) for name, spec in _table(tree.get("repositories")).items()}
    places = _Places(systems, repositories, str(_table(tree.get("tenant")).get("id")), around)
    return [
        *places.urls(),
        *_names(systems, repositories),
        *_cycles(systems),
        *timing.faults(tree),
        *metrics_faults(_table(_table(tree.get("agent")).get("metrics"))),
        *places.same(),
        *places.overlaps(),
    ]


def _names(systems: Mapping[str, Any], repositories: Mapping[str, Any]) -> Iterator[Fault]:
    defaults = default_repositories(systems, repositories)
    for name, system in systems.items():
        at: Loc = ("systems", name)
        own = defaults[name]
        if own is None and repositories:
            hint = _("Name one repository main, or write repository: NAME here.")
            yield Fault(at, _("it is not clear which repository this system is backed up to"), hint)
        if "repository" in system:
            yield from _exists((*at, "repository"), system["repository"], repositories)
        for index, target in enumerate(_items(_table(system.get("plan")).get("copy_to"))):
            loc = (*at, "plan", "copy_to", index)
            yield from _exists(loc, target, repositories)
            if target == own:
                yield Fault(loc, _("a copy goes to another repository than the backup itself"))
        for index, other in enumerate(_items(system.get("depends_on"))):
            yield from _exists((*at, "depends_on", index), other, systems)


def _exists(loc: Loc, name: object, known: Mapping[str, Any]) -> Iterator[Fault]:
    if isinstance(name, str) and name not in known:
        hint = _("Known here: {keys}.").format(keys=", ".join(known)) if known else ""
        yield Fault(loc, _('there is no "{name}"').format(name=name[:64]) + did_you_mean(name, list(known)), hint)


def _cycles(systems: Mapping[str, Any]) -> Iterator[Fault]:
    """Each ring of systems that wait for each other, once."""
    needs = {
        name: [other for other in _texts(system.get("depends_on")) if other in systems]
        for name, system in systems.items()
    }
    settled: set[str] = set()
    for start in list(needs):
        # Depth first without recursion: a chain of systems may be longer than Python's stack is deep.
        trail: dict[str, Iterator[str]] = {} if start in settled else {start: iter(needs[start])}
        while trail:
            name = next(reversed(trail))
            other = next(trail[name], None)
            if other is None:
                settled.add(name)
                del trail[name]
            elif other in trail:
                steps = list(trail)
                ring = " → ".join([*steps[steps.index(other) :], other])
                text = _("systems depend on each other in a ring: {ring}").format(ring=ring)
                yield Fault(("systems", name, "depends_on"), text)
            elif other not in settled:
                trail[other] = iter(needs[other])


@dataclass(frozen=True, slots=True)
class _Places:
    """The rules about where things lie."""

    systems: Mapping[str, Any]
    repositories: Mapping[str, Any]
    tenant: str
    around: Surroundings

    def urls(self) -> Iterator[Fault]:
        """Addresses that cannot be read, and locks that only a bucket can have."""
        for name, spec in self.repositories.items():
            try:
                kind = self._location(spec["url"], "system").kind if isinstance(spec.get("url"), str) else None
            except LocationError as error:
                yield Fault(("repositories", name, "url"), error.message, error.hint)
                continue
            if kind not in {"s3", None} and spec.get("lock") is not None:
                hint = _("Remove lock, or use an address that begins with s3:.")
                yield Fault(("repositories", name, "lock"), _("only S3 buckets can be locked"), hint)

    def same(self) -> Iterator[Fault]:
        """Two repositories that are one place."""
        seen: dict[str, str] = {}
        for name, location in self._all():
            place = str(location.path) if location.path else location.url.rstrip("/")
            if seen.setdefault(place, name) != name:
                text = _('the same place as repository "{name}"').format(name=seen[place])
                yield Fault(("repositories", name, "url"), text)
                return

    def overlaps(self) -> Iterator[Fault]:
        """Sources in a repository or in Guardian's own state, and repositories in a source."""
        # By ancestors and not in pairs: a thousand systems with a repository each must not take minutes.
        repositories = {form: name for name, path in self._local() for form in _forms(path)}
        state = _forms(self.around.state_dir)
        sources: dict[str, list[tuple[Loc, list[str]]]] = {}
        told: set[tuple[Loc, str]] = set()
        for loc, path, exclude in self._sources():
            outer = [ancestor for form in _forms(path) for ancestor in _upwards(form)]
            if not state.isdisjoint(outer):
                yield Fault(loc, _("this source lies in the state directory of Guardian itself"))
            for name in dict.fromkeys(repositories[form] for form in outer if form in repositories):
                told.add((loc, name))
                yield Fault(loc, _('this source lies in repository "{name}"').format(name=name))
            for form in _forms(path):
                sources.setdefault(form, []).append((loc, exclude))
        for name, path in self._local():
            outer = [ancestor for form in _forms(path) for ancestor in _upwards(form)]
            for loc, exclude in (source for form in outer for source in sources.get(form, ())):
                if (loc, name) in told or not {os.path.normpath(p) for p in exclude}.isdisjoint(outer):
                    continue
                told.add((loc, name))
                hint = _("Move one of the two, or exclude {path}.").format(path=path)
                yield Fault(loc, _('repository "{name}" lies in this source').format(name=name), hint)

    def _local(self) -> Iterator[tuple[str, Path]]:
        """The local directories among the repositories."""
        return ((name, location.path) for name, location in self._all() if location.path)

    def _sources(self) -> Iterator[tuple[Loc, Path, list[str]]]:
        for name, system in self.systems.items():
            for key, source in _table(system.get("sources")).items():
                at, table = ("systems", name, "sources", key), _table(source)
                if isinstance(path := table.get("path"), str):
                    yield (*at, "path"), self.around.base / path, []
                for index, path in enumerate(_items(table.get("paths"))):
                    if isinstance(path, str):
                        yield (*at, "paths", index), self.around.base / path, _texts(table.get("exclude"))

    def _all(self) -> Iterator[tuple[str, Location]]:
        """Every place each repository may be at: one a system where the address names the system."""
        for name, spec in self.repositories.items():
            url = spec.get("url")
            if not isinstance(url, str):
                continue
            for system in self.systems if "{system}" in url else [""]:
                try:
                    yield name, self._location(url, system)
                except LocationError:
                    break

    def _location(self, url: str, system: str) -> Location:
        placeholders(url)
        filled = fill(url, {"tenant": self.tenant, "system": system, "host": self.around.host})
        return parse_location(filled, self.around.base)


def _forms(path: Path) -> frozenset[str]:
    """The names ``path`` goes by: as written, and after following links. None for what is no path."""
    if "\0" in str(path):
        return frozenset()
    return frozenset({os.path.normpath(path), os.path.realpath(path)})


def _upwards(form: str) -> list[str]:
    """``form`` and every directory above it."""
    return [form, *map(str, Path(form).parents)]


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [item for item in _items(value) if isinstance(item, str)]
