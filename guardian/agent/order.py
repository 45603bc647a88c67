"""What the agent asks a job's process to do: one JSON document, handed over by a descriptor.

It carries the configuration as the agent has it in force, so that a file changed in the middle changes no running job.
Secrets are in it by reference only, as in the configuration; it stands in no argument, no environment and no file.
"""

from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from guardian.clock import rfc3339
from guardian.config.host import HostConfig
from guardian.config.loaded import Loaded
from guardian.model.border import Stated
from guardian.model.job import Task
from guardian.model.protection import RepositorySpec


class Order(Stated):
    """One job. ``upload`` and ``download`` are the line's limits now (KiB per second), None for none.

    ``slot`` is the nominal moment it is for, None when no slot is meant. ``clock_trusted`` false: nothing may be
    removed for its age.
    """

    config: HostConfig
    path: str
    host: str
    sha256: str
    state_dir: str
    defaults: dict[str, str]
    task: Task
    slot: str | None = None
    upload: int | None = None
    download: int | None = None
    clock_trusted: bool = True
    language: str = "en"
    verbose: int = 0

    @classmethod
    def of(cls, loaded: Loaded, task: Task, slot: datetime | None) -> "Order":
        """The order to do ``task`` for ``slot`` as ``loaded`` says."""
        return cls(
            config=loaded.config,
            path=str(loaded.path),
            host=loaded.host,
            sha256=loaded.sha256,
            state_dir=str(loaded.state_dir),
            defaults=dict(loaded.defaults),
            task=task,
            slot=rfc3339(slot) if slot else None,
        )

    def loaded(self) -> Loaded:
        """The configuration to work by, with the line's limits on every repository."""
        config = self.config
        if self.upload or self.download:
            limited = {name: self._limited(spec) for name, spec in config.repositories.items()}
            config = config.model_copy(update={"repositories": limited})
        path = Path(self.path)
        return Loaded(
            config=config,
            path=path,
            base=path.parent,
            host=self.host,
            sha256=self.sha256,
            provenance=MappingProxyType({}),
            state_dir=Path(self.state_dir),
            defaults=MappingProxyType(self.defaults),
        )

    def moment(self) -> datetime | None:
        """The slot as a moment."""
        return datetime.fromisoformat(self.slot) if self.slot else None

    def _limited(self, spec: RepositorySpec) -> RepositorySpec:
        return spec.model_copy(
            update={
                "limit_upload": _lower(spec.limit_upload, self.upload),
                "limit_download": _lower(spec.limit_download, self.download),
            }
        )


def _lower(one: int | None, other: int | None) -> int | None:
    return min(one, other) if one and other else one or other
