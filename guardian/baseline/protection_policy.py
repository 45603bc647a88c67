"""What a system's backups are to be, by its levels: the files in ``policies/protection``, and the strictest of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from guardian.config.document import parse, plain
from guardian.config.includes import read_bytes
from guardian.content import content_dir
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.border import Duration, Id, Written
from guardian.model.estate import LocalText
from guardian.model.protection import DrillLevel

FOLDER: Final = "protection"


class EscrowDemand(Written):
    """So many people hold shares of a repository's password, and so many of them together have it."""

    threshold: Annotated[int, Field(ge=2, le=16)]
    shares: Annotated[int, Field(ge=2, le=16)]

    @model_validator(mode="after")
    def _possible(self) -> "EscrowDemand":
        if self.threshold > self.shares:
            raise ValueError("more shares are needed than there are")
        return self


class Demands(Written):
    """What is asked of a system. What is not said is not asked."""

    rpo: Duration | None = Field(None, description="the longest that the owner may ask for, and the age of backups")
    rto: Duration | None = None
    places: Annotated[int, Field(ge=1, le=9)] = Field(1, description="repositories that hold its backups, copies too")
    remote_places: Annotated[int, Field(ge=0, le=9)] = Field(0, description="of these so many are not on its host")
    keep: Duration | None = Field(None, description="how far back restore points reach")
    immutable_days: Annotated[int, Field(ge=0, le=3650)] = Field(0, description="nobody deletes for so many days")
    drills: dict[DrillLevel, Duration] = Field(
        default_factory=dict, description="a drill of this level or above passed at least so often"
    )
    escrow: EscrowDemand | None = None

    def with_(self, other: "Demands") -> "Demands":
        """Both: of each demand the stricter one."""
        escrows = [one for one in (self.escrow, other.escrow) if one is not None]
        levels = self.drills.keys() | other.drills.keys()
        return Demands(
            rpo=_least(self.rpo, other.rpo),
            rto=_least(self.rto, other.rto),
            places=max(self.places, other.places),
            remote_places=max(self.remote_places, other.remote_places),
            keep=max((one for one in (self.keep, other.keep) if one), default=None),
            immutable_days=max(self.immutable_days, other.immutable_days),
            drills={
                level: least
                for level in sorted(levels)
                if (least := _least(self.drills.get(level), other.drills.get(level)))
            },
            escrow=max(escrows, key=lambda one: (one.threshold, one.shares), default=None),
        )


def _least(one: Duration | None, other: Duration | None) -> Duration | None:
    return min((each for each in (one, other) if each is not None), default=None)


class ProtectionPolicy(Written):
    """Demands by level. ``default_level``: what a system without a level is held to; None: to nothing of this."""

    policy: Id
    title: LocalText
    by: Literal["mlps-level", "dr-level"]
    default_level: Annotated[int, Field(ge=1, le=6)] | None = None
    note: LocalText | None = None
    levels: Annotated[dict[Annotated[str, Field(pattern=r"^[1-6]$")], Demands], Field(min_length=1)]

    @model_validator(mode="after")
    def _rising(self) -> "ProtectionPolicy":
        """A higher level asks for no less than a lower one."""
        before: Demands | None = None
        for level in sorted(self.levels):
            here = self.levels[level]
            if before is not None and here.with_(before) != here:
                raise ValueError(f"level {level} asks for less than a lower one")
            before = here
        if self.default_level is not None and str(self.default_level) not in self.levels:
            raise ValueError("the default level is not among the levels")
        return self

    def of(self, mlps_level: int | None, dr_level: int | None) -> Demands:
        """What it asks of a system with these levels."""
        level = mlps_level if self.by == "mlps-level" else dr_level
        chosen = level if level is not None else self.default_level
        return self.levels.get(str(chosen), Demands())


def policies(own: Iterable[Path] = ()) -> tuple[ProtectionPolicy, ...]:
    """Those that ship with Guardian and the files ``own``. Raises ConfigError, InvalidConfigError."""
    shipped = sorted((content_dir("policies") / FOLDER).glob("*.yaml"))
    return tuple(_read(path) for path in (*shipped, *own))


def demands(known: Iterable[ProtectionPolicy], mlps_level: int | None, dr_level: int | None) -> Demands:
    """The strictest of what ``known`` ask of a system with these levels."""
    found = Demands()
    for policy in known:
        found = found.with_(policy.of(mlps_level, dr_level))
    return found


def _read(path: Path) -> ProtectionPolicy:
    tree = plain(parse(read_bytes(path, path.name), path.name))
    try:
        # By way of JSON, where strict mode takes a list for a tuple.
        return ProtectionPolicy.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            _("{path} is no protection policy: {where}: {why}").format(path=path.name, where=where, why=first["msg"])
        ) from error
