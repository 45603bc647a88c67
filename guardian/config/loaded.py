"""A configuration in force: what it names, found and put together."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from guardian.config.host import HostConfig
from guardian.config.location import Kind, fill, parse_location
from guardian.config.problem import did_you_mean
from guardian.errors import UsageError
from guardian.i18n import _
from guardian.model.address import S3Address
from guardian.model.backup import Target
from guardian.model.protection import FilesSource, RepositorySpec, SourceSpec


@dataclass(frozen=True, slots=True)
class ResolvedRepository:
    """One concrete repository.

    ``name`` is the configured one, ``key`` is safe as a file name and differs for every place: ``main``, or
    ``main.<system>`` when the address names the system. ``url`` is what restic is given; ``path`` is set for a local
    directory and ``s3`` for a bucket. ``systems`` are those backed up or copied there.
    """

    name: str
    key: str
    url: str
    kind: Kind
    spec: RepositorySpec
    systems: tuple[str, ...]
    path: Path | None = None
    s3: S3Address | None = None
    cacert: Path | None = None

    @property
    def remote(self) -> bool:
        """Whether backups leave this host: neither a local directory nor a server on loopback."""
        if self.kind == "local":
            return False
        if self.s3 is None:
            return True
        try:
            return not ip_address(self.s3.host).is_loopback
        except ValueError:
            return self.s3.host != "localhost" and not self.s3.host.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was read and checked.

    ``path`` and ``base`` (its folder) are absolute; ``sha256`` is that of the effective configuration in canonical
    JSON, defaults included; ``provenance`` tells of every dotted key which ``file:line`` set it, or ``default``;
    ``defaults`` names the repository that each system is backed up to.
    """

    config: HostConfig
    path: Path
    base: Path
    host: str
    sha256: str
    provenance: Mapping[str, str]
    state_dir: Path
    defaults: Mapping[str, str]

    @property
    def scratch_dir(self) -> Path | None:
        """Where scratch lies, if the configuration says so."""
        chosen = self.config.scratch_dir
        return self.resolve(chosen) if chosen else None

    def resolve(self, path: str) -> Path:
        """A path from the configuration, absolute: a relative one is relative to the configuration's folder."""
        return Path(os.path.normpath(self.base / path))

    def targets(self, selectors: Sequence[str] = ()) -> tuple[Target, ...]:
        """The targets that ``system`` or ``system/source`` name, each once, in the order asked; all for none.

        Raises UsageError for a name that is not configured.
        """
        everything = {target.ref: target for target in self._all_targets()}
        found: dict[str, Target] = {}
        for selector in selectors:
            matching = {ref: t for ref, t in everything.items() if selector in {ref, t.system}}
            if not matching:
                known = [*self.config.systems, *everything]
                message = _('nothing is configured as "{name}"').format(name=selector[:130]) + did_you_mean(
                    selector, known
                )
                raise UsageError(message, _("Configured are: {names}.").format(names=", ".join(everything)))
            found |= matching
        return tuple((found if selectors else everything).values())

    def source(self, target: Target) -> SourceSpec:
        """What ``target`` protects."""
        return self.config.systems[target.system].sources[target.source]

    def excludes(self, target: Target) -> tuple[str, ...]:
        """The exclude patterns of a files target, and the state directory when it lies in one of its paths.

        Journal, cache and keys of Guardian change while it runs and are no part of anybody's data.
        """
        source = self.source(target)
        if not isinstance(source, FilesSource):
            return ()
        state, real = self.state_dir, Path(os.path.realpath(self.state_dir))
        inside: list[str] = []
        for path in map(Path, source.paths):
            if state.is_relative_to(path):
                inside.append(str(state))
            elif real.is_relative_to(os.path.realpath(path)):
                # restic sees the names below the path it was given, not where links lead.
                inside.append(str(path / real.relative_to(os.path.realpath(path))))
        return (*source.exclude, *dict.fromkeys(_literal(path) for path in inside))

    def repository(self, wanted: Target | str) -> ResolvedRepository:
        """The concrete repository of a target, of a key, or of a configured name that stands for one place.

        Raises UsageError for an unknown one.
        """
        key = wanted.key if isinstance(wanted, Target) else wanted
        known = {repository.key: repository for repository in self.repositories()}
        if key not in known:
            message = _('there is no repository "{name}"').format(name=key[:130]) + did_you_mean(key, list(known))
            raise UsageError(message, _("Configured are: {names}.").format(names=", ".join(known)))
        return known[key]

    def copies(self, target: Target) -> tuple[ResolvedRepository, ...]:
        """The repositories that the backups of ``target`` are copied to."""
        names = self.config.systems[target.system].plan.copy_to
        return tuple(self.repository(self._key(name, target.system)) for name in names)

    def copied(self, target: Target) -> tuple[Target, ...]:
        """``target`` as it lies in each repository that its backups are copied to."""
        system, source = target.system, target.source
        names = dict.fromkeys(self.config.systems[system].plan.copy_to)
        return tuple(Target(system, source, name, self._key(name, system)) for name in names)

    def within(self, target: Target, repository: str) -> Target:
        """``target`` as it lies in ``repository`` (a name or a key): its own, or one that it is copied to.

        Raises UsageError when it lies in no such repository.
        """
        places = (target, *self.copied(target))
        found = next((place for place in places if repository in {place.repository, place.key}), None)
        if found is None:
            message = _("{ref} does not lie in repository {name}").format(ref=target.ref, name=repository[:130])
            known = ", ".join(place.repository for place in places)
            raise UsageError(message, _("It lies in: {names}.").format(names=known))
        return found

    def residents(self, key: str) -> tuple[Target, ...]:
        """Every target that is backed up or copied to the repository ``key``, as it lies there."""
        places = (place for target in self._all_targets() for place in (target, *self.copied(target)))
        return tuple(place for place in places if place.key == key)

    def origins(self, key: str) -> tuple[str, ...]:
        """The keys of the repositories whose backups are copied to the repository ``key``; empty where none are."""
        there = (t.key for t in self._all_targets() if t.key != key and key in {copy.key for copy in self.copied(t)})
        return tuple(dict.fromkeys(there))

    def repositories(self) -> tuple[ResolvedRepository, ...]:
        """Every concrete repository: one for each system that uses it where the address names the system."""
        return tuple(self._concrete())

    def _key(self, name: str, system: str) -> str:
        return f"{name}.{system}" if "{system}" in self.config.repositories[name].url else name

    def _all_targets(self) -> Iterator[Target]:
        for name, system in self.config.systems.items():
            repository = self.defaults[name]
            for source in system.sources:
                yield Target(name, source, repository, self._key(repository, name))

    def _concrete(self) -> Iterator[ResolvedRepository]:
        uses: dict[str, list[str]] = {name: [] for name in self.config.repositories}
        for system, spec in self.config.systems.items():
            for name in dict.fromkeys((self.defaults[system], *spec.plan.copy_to)):
                uses[name].append(system)
        for name, systems in uses.items():
            if "{system}" in self.config.repositories[name].url:
                yield from (self._resolved(name, system, (system,)) for system in systems)
            else:
                yield self._resolved(name, "", tuple(systems))

    def _resolved(self, name: str, system: str, systems: tuple[str, ...]) -> ResolvedRepository:
        spec = self.config.repositories[name]
        filled = fill(spec.url, {"tenant": self.config.tenant.id, "system": system, "host": self.host})
        location = parse_location(filled, self.base)
        return ResolvedRepository(
            name=name,
            key=self._key(name, system),
            url=location.url,
            kind=location.kind,
            spec=spec,
            systems=systems,
            path=location.path,
            s3=location.s3,
            cacert=self.resolve(spec.cacert) if spec.cacert else None,
        )


def _literal(path: str) -> str:
    """``path`` as a restic pattern that matches it and nothing else."""
    return "".join(f"\\{character}" if character in "*?[\\" else character for character in path)
