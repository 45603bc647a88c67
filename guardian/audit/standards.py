"""Standards as data: the files in ``policies/standards``, read strictly, and what may be asked of a log.

A clause never quotes a standard. It says in both languages what is asked for, how surely that is known, and by which
queries over the log it is answered.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from guardian.content import content_dir
from guardian.errors import ConfigError, UsageError
from guardian.i18n import _
from guardian.model.border import Duration, Id, Written
from guardian.model.estate import LocalText
from guardian.model.protection import DrillLevel
from guardian.model.standard import Confidence, MlpsLevel

Query = Literal[
    "sources-backed-up",
    "receipts-within-rpo",
    "drill-passed",
    "drill-run",
    "drill-cadence-met",
    "log-verified",
    "config-known",
    "plan-declared",
    "objectives-declared",
    "offsite-copy",
    "realtime-copy",
    "key-escrow",
    "manual",
]
"""What a clause may ask; :mod:`guardian.audit.clauses` has the answers. ``manual``: only a person can answer."""

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Ask(Written):
    """One question to the log. ``level`` and ``days`` belong to the queries about drills."""

    query: Query
    level: DrillLevel | None = None
    days: Annotated[int, Field(ge=1, le=3660)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Ask":
        drill = self.query in ("drill-passed", "drill-run")
        if drill != (self.level is not None) or drill != (self.days is not None):
            raise ValueError("level and days belong to drill-passed and drill-run, and both are needed there")
        return self


class Number(Written):
    """What a clause is called at one level of protection, and how surely."""

    id: Text
    confidence: Confidence


class Clause(Written):
    """One requirement. It is answered when every one of ``answered_by`` is."""

    id: Id
    title: LocalText
    requirement: LocalText
    numbers: Annotated[dict[MlpsLevel, Number], Field(min_length=1)]
    confidence: Confidence
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    answered_by: Annotated[tuple[Ask, ...], Field(min_length=1)]
    note: LocalText | None = None


class _Named(Written):
    id: Id
    title: LocalText
    sources: Annotated[dict[str, Text], Field(min_length=1)]


class Clauses(_Named):
    """A standard made of clauses."""

    kind: Literal["clauses"]
    edition: str
    status: Literal["in-force", "superseded"]
    clauses: Annotated[tuple[Clause, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> "Clauses":
        ids = [clause.id for clause in self.clauses]
        if len(set(ids)) != len(ids):
            raise ValueError("two clauses have one id")
        _known(self.sources, [source for clause in self.clauses for source in clause.sources])
        return self


class Objective(Written):
    """A time a level stands for, in words, and its largest value where there is one."""

    zh: Text
    en: Text
    confidence: Confidence
    most: Duration | None = None


class DataBackup(Written):
    """What a level asks of the data backup element."""

    full_every: Duration
    off_site: bool
    network_transfer: bool
    real_time: bool
    confidence: Confidence


class Level(Written):
    """One level of recovery capability."""

    level: Annotated[int, Field(ge=1, le=6)]
    name: LocalText
    rto: Objective
    rpo: Objective
    data_backup: DataBackup | None = None


class Edition(Written):
    """The levels as one edition has them. Only an edition that is used for claims is ever claimed from."""

    edition: str
    name: str
    status: Literal["in-force", "superseded"]
    used_for_claims: bool
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    in_force_from: str | None = None
    superseded_on: str | None = None
    superseded_by: str | None = None


class ElementSpec(Written):
    """One of the elements a level is made of, and who can judge it."""

    id: Id
    title: LocalText
    judged_by: Literal["log", "person"]


class Levels(_Named):
    """A standard made of levels."""

    kind: Literal["levels"]
    highest_from_snapshots: Annotated[int, Field(ge=1, le=4)]
    elements: tuple[ElementSpec, ...]
    editions: Annotated[tuple[Edition, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> "Levels":
        if sum(edition.used_for_claims for edition in self.editions) != 1:
            raise ValueError("exactly one edition is used for claims")
        for edition in self.editions:
            if [level.level for level in edition.levels] != list(range(1, len(edition.levels) + 1)):
                raise ValueError("levels are numbered from 1, in order")
            if edition.used_for_claims and any(level.data_backup is None for level in edition.levels):
                raise ValueError("a level that is claimed says what it asks of backups")
        _known(self.sources, [source for edition in self.editions for source in edition.sources])
        return self

    @property
    def claimed(self) -> Edition:
        """The edition that claims are made from."""
        return next(edition for edition in self.editions if edition.used_for_claims)


Standard = Clauses | Levels


def _known(known: dict[str, str], used: list[str]) -> None:
    if strange := set(used) - set(known):
        raise ValueError(f"a source is not explained: {min(strange)}")


def read(path: Path) -> Standard:
    """The standard in the file ``path``. Raises ConfigError when it is none."""
    import yaml  # noqa: PLC0415  start-up stays quick

    try:
        value: Any = yaml.safe_load(path.read_text("utf-8"))
        kind = value.get("kind") if isinstance(value, dict) else None
        noun: type[Clauses | Levels] = Levels if kind == "levels" else Clauses
        # By way of JSON, where strict mode takes a list for a tuple.
        return noun.model_validate_json(json.dumps(value))
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError, ValidationError) as error:
        said = str(error).splitlines()[:3]
        raise ConfigError(_("{path} is no standard: {why}").format(path=path, why=" ".join(said))) from error


def standards(folder: Path | None = None) -> Iterator[Standard]:
    """Every standard that ships with Guardian, by file name. Raises ConfigError."""
    for path in sorted((folder or content_dir("policies") / "standards").glob("*.yaml")):
        yield read(path)


def clause_standards(wanted: str | None = None) -> tuple[Clauses, ...]:
    """The standards made of clauses; only ``wanted`` when it is given. Raises UsageError for an unknown one."""
    found = tuple(standard for standard in standards() if isinstance(standard, Clauses))
    chosen = tuple(standard for standard in found if wanted in (None, standard.id))
    if not chosen:
        known = ", ".join(standard.id for standard in found)
        raise UsageError(
            _('there is no standard "{name}"').format(name=wanted), _("Known are: {names}.").format(names=known)
        )
    return chosen


def recovery_levels() -> Levels:
    """GB/T 20988. Raises ConfigError when its file is gone."""
    found = next((standard for standard in standards() if isinstance(standard, Levels)), None)
    if found is None:
        raise ConfigError(_("the levels of GB/T 20988 are missing from this installation"))
    return found


QUERIES: tuple[str, ...] = get_args(Query)
