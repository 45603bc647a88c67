"""This host as it is configured: its state, its keys, its log, and the way to each of its repositories.

Rooms above ask a node for what they need and are given one thing at a time; nothing is opened before it is used.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from guardian.clock import Clock
from guardian.config.load import Loaded, ResolvedRepository
from guardian.config.secrets import credentials, resolve
from guardian.durable import Lease, private_dir
from guardian.errors import ConfigError, EvidenceInvalid, GuardianError, Interrupted
from guardian.i18n import _
from guardian.keys.store import KeyStore
from guardian.ledger.heads import Heads
from guardian.ledger.store import Log
from guardian.model.address import S3Address
from guardian.model.events import Remark, Reporter
from guardian.model.reader import Reader
from guardian.model.secret import Secret
from guardian.proc import Limits, Stop, which
from guardian.restic.capability import Capability, probe
from guardian.restic.client import Access, Restic
from guardian.scratch import Aside, scratch_folder


@dataclass(frozen=True, slots=True)
class Node:
    """One configured host. Cheap to make: it reads nothing until asked."""

    loaded: Loaded
    clock: Clock
    report: Reporter
    stop: Stop
    aside: Aside | None = None
    """Where caches and scratch go instead when the state directory may be read only."""

    @property
    def state(self) -> Path:
        """The directory that holds keys, log, cache and scratch."""
        return self.loaded.state_dir

    @property
    def tenant(self) -> str:
        """The id of the tenant this host belongs to."""
        return self.loaded.config.tenant.id

    @property
    def host(self) -> str:
        """The id of this host: from the configuration, else from its name."""
        return self.loaded.host

    def heed(self) -> None:
        """For long loops of our own, which no signal ends by itself. Raises Interrupted once a stop was asked for."""
        if self.stop.requested:
            raise Interrupted(_("interrupted"))

    # keys and log

    def keys(self, *, given: bool = True) -> KeyStore:
        """The keys of this node: files in the state directory, or secrets the configuration refers to.

        Without ``given`` no password the configuration refers to is looked at: for who needs none, or must not.
        """
        config, base = self.loaded.config, self.loaded.base
        named = [(r.key, r.spec.password) for r in self.loaded.repositories()] if given else []
        passwords = {key: resolve(reference, base) for key, reference in named if reference}
        signing = resolve(config.signing_key, base) if config.signing_key else None
        return KeyStore(self.state, signing=signing, passwords=passwords)

    @property
    def origin(self) -> str:
        """The name of this node's log."""
        return f"guardian/{self.tenant}/{self.host}"

    @property
    def log_folder(self) -> Path:
        """Where the log lies."""
        return self.state / "log"

    def log(self) -> Log:
        """The log, open for appending, mended if the last writer was cut off; what was mended is said.

        Raises EvidenceInvalid when it does not hold together or is gone, ConfigError when ``guardian init`` never made
        it.
        """
        log = Log.open_for_append(self.existing_log(), self.keys(given=False).signing_key())
        for repair in log.repairs:
            self.report(Remark(repair.reason("warning")))
        return log

    def read_log(self) -> Log:
        """The log as its checkpoint stands, for reading: nothing is mended, nothing written. Raises as :meth:`log`."""
        return Log.open(self.existing_log(), self.keys(given=False).verify_key())

    def existing_log(self) -> Path:
        """Where the log lies, when there is one. Raises EvidenceInvalid when there was one, else ConfigError."""
        if Log.exists(self.log_folder):
            return self.log_folder
        if self.had_log():
            raise EvidenceInvalid(
                _("the log of this host is gone: {path}").format(path=self.log_folder),
                _("Put it back from a copy or an export. 'guardian init' begins a new one; the loss stays visible."),
            )
        raise ConfigError(_("this host has no log yet"), _("Run 'guardian init' first."))

    def had_log(self) -> bool:
        """Whether there must be a log: repositories are put on record only once there is one."""
        keys = self.keys(given=False)
        return any(keys.record(repository.key) for repository in self.loaded.repositories())

    def heads(self, log: Log) -> Heads:
        """The newest receipt of each source."""
        return Heads(log, self.state / "heads.json")

    # repositories

    def lease(self, key: str, purpose: str) -> Lease:
        """The right to work on a repository from this host, for one process at a time.

        Raises RepositoryLocked when another process has it.
        """
        folder = self.state / "leases"
        private_dir(folder)
        return Lease.acquire(folder / f"{key}.lease", purpose)

    def is_leased(self, key: str) -> bool:
        """Whether a process of this host is at work on a repository."""
        return Lease.held(self.state / "leases" / f"{key}.lease")

    def unsettled_runs(self, key: str) -> frozenset[str]:
        """Ids of the runs on a repository that are under way, or were cut off: their intents are there."""
        return frozenset(path.stem for path in (self.state / "runs" / key).glob("*.json"))

    def capability(self) -> Capability:
        """What the installed restic can do."""
        return probe(which(self.loaded.config.restic.program))

    def restic(
        self, key: str, lease: Lease | None = None, password: Secret | None = None, *, maintenance: bool = False
    ) -> Restic:
        """The restic program, set up for one repository, after a quick look whether its storage answers at all.

        With ``password`` this host's own is not looked at; for ``maintenance`` it is the identity that may delete,
        where the configuration names one. A hung server would hang restic for ever:
        StorageUnreachable is raised within seconds instead.
        """
        repository = self.loaded.repository(key)
        self.reach(repository)
        settings = self.loaded.config.restic
        grace = settings.stop_grace.total_seconds()
        return Restic(
            self._access(repository, lease, password, maintenance=maintenance),
            self.capability(),
            clock=self.clock,
            stop=self.stop,
            limits=Limits(
                stall_seconds=settings.stall_timeout.total_seconds(),
                # What hangs rarely listens to SIGINT either: it is not waited for longer than usual, nor than asked.
                stall_grace_seconds=min(Limits().stall_grace_seconds, grace),
                grace_seconds=grace,
            ),
        )

    def identity(self, key: str, password: Secret) -> tuple[str, str]:
        """The id of a repository and of the key in it that ``password`` opens, from its decrypted configuration.

        By our own decoder, or by restic where that has no way. Raises WrongPassword, RepositoryMissing, and what
        reader and restic raise.
        """
        from guardian.decoder.repository import open_repository  # noqa: PLC0415  start-up stays quick

        with self.reader(key) as reader:
            if reader is not None:
                record = self.keys(given=False).record(key)
                opened = open_repository(reader, password, (record and record.restic_key_id) or "")
                return opened.config.id, opened.key_id
        restic = self.restic(key, password=password)
        return restic.config().id, restic.current_key()

    def derive(self, key: str) -> None:
        """Keep what is derived from our password of the repository ``key``, so that the next backup need not do it.

        Nothing is kept where the password or the way to the storage is not ours, or the storage does not answer.
        """
        from guardian.decoder.repository import open_repository  # noqa: PLC0415  start-up stays quick

        keys = self.keys()
        with suppress(GuardianError), self.reader(key) as reader:
            record, memory = keys.record(key), keys.derived(key)
            if reader is not None and memory is not None:
                open_repository(reader, keys.password(key), (record and record.restic_key_id) or "", memory)

    def chunker(self, key: str) -> str | None:
        """By which polynomial the repository ``key`` cuts files, by our own decoder; None where that has no way.

        Two repositories with one polynomial store the same content once in a copy of both. Raises as :meth:`reader`,
        WrongPassword, RepositoryMissing, RepositoryDamaged.
        """
        from guardian.decoder.repository import open_repository  # noqa: PLC0415  start-up stays quick

        with self.reader(key) as reader:
            if reader is None:
                return None
            keys = self.keys()
            record = keys.record(key)
            hint = (record and record.restic_key_id) or ""
            return open_repository(reader, keys.password(key), hint).config.chunker_polynomial

    @contextmanager
    def reader(self, key: str) -> Iterator[Reader | None]:
        """Our own way to the bytes of a repository, read-only; None where there is none (only local and S3 have one).

        Raises StorageUnreachable within seconds when nobody answers, ConfigError when credentials are missing.
        """
        repository = self.loaded.repository(key)

        def secrets() -> Mapping[str, Secret]:
            spec = repository.spec
            return credentials(spec.credentials, self.loaded.base) if spec.credentials else {}

        patience = self.loaded.config.restic.stall_timeout.total_seconds()
        with storage((repository.path, repository.s3), secrets, repository.cacert, patience) as reader:
            yield reader

    def reach(self, repository: ResolvedRepository) -> None:
        """Make sure that the storage answers. Only S3 can be asked without a key.

        Raises StorageUnreachable or StorageRefused.
        """
        if repository.s3 is not None:
            from guardian.objectstore.reach import reach  # noqa: PLC0415  only S3 needs it

            reach(repository.s3, cacert=str(repository.cacert) if repository.cacert else None)

    def _access(
        self, repository: ResolvedRepository, lease: Lease | None, password: Secret | None, *, maintenance: bool
    ) -> Access:
        spec, settings = repository.spec, self.loaded.config.restic
        secrets = (maintenance and spec.maintenance_credentials) or spec.credentials
        keys = self.keys(given=password is None)
        record = keys.record(repository.key)
        cache, temporary = self._passing / "cache", self._passing / "tmp"
        for folder in (cache, temporary):
            private_dir(folder)
        return Access(
            url=repository.url,
            password=password or keys.password(repository.key),
            credentials=credentials(secrets, self.loaded.base) if secrets else {},
            cacert=repository.cacert,
            cache_dir=cache if settings.cache else None,
            tmp_dir=temporary,
            connections=spec.connections,
            limit_upload=spec.limit_upload,
            limit_download=spec.limit_download,
            key_hint=record.restic_key_id if record else None,
            compression=settings.compression,
            lease_fd=lease.fd if lease else None,
        )

    # scratch

    @property
    def cache(self) -> Path | None:
        """Where restic keeps its caches, a folder for each repository's id; None when it keeps none."""
        return self._passing / "cache" if self.loaded.config.restic.cache else None

    @property
    def _passing(self) -> Path:
        """Where lies what is there for a moment only."""
        return self.aside.path if self.aside else self.state

    @contextmanager
    def scratch(self, expected_bytes: int = 0, *, servers: bool = False) -> Iterator[Path]:
        """A private directory for restored or copied data; gone on every exit, swept at the next start after a crash.

        For ``servers`` that do not run as we do, it lies where their user can pass when we are root. Raises StorageFull
        when the disk has less than ``expected_bytes`` left.
        """
        passable = servers and os.geteuid() == 0
        leases = self._passing / "scratch"
        with scratch_folder(leases, self.loaded.scratch_dir, expected_bytes, passable=passable) as folder:
            yield folder


@contextmanager
def storage(
    place: tuple[Path | None, S3Address | None],
    secrets: Callable[[], Mapping[str, Secret]],
    cacert: Path | None = None,
    patience: float = 120.0,
) -> Iterator[Reader | None]:
    """Our own way to the bytes of a repository in a directory or a bucket; None for neither. As ``Node.reader``.

    A bucket that does not answer within ``patience`` seconds is unreachable.
    """
    path, s3 = place
    authority = str(cacert) if cacert else None
    if path is not None:
        from guardian.objectstore.local import LocalReader  # noqa: PLC0415  start-up stays quick

        with LocalReader(path) as local:
            yield local
    elif s3 is not None:
        from guardian.objectstore.reach import reach  # noqa: PLC0415  only S3 needs it
        from guardian.objectstore.s3reader import S3Reader  # noqa: PLC0415  boto3 is heavy

        reach(s3, cacert=authority)
        with S3Reader(s3, secrets(), cacert=authority, patience=patience) as remote:
            yield remote
    else:
        yield None
