"""What a rule asks, as people write it: one noun in seven forms, told apart by the key that leads it.

::

    {path: sshd/effective/maxauthtries, op: "<=", value: $max_tries}          an assertion over one fact
    {all: [...]}   {any: [...]}   {none: [...]}                               over other checks
    {every: accounts/users, where: {...}, check: {...}, name: name}           over the items of a list or mapping
    {some: nginx/servers, where: {...}, check: {...}}
    {cel: 'hba.all(l, l.method != "trust")', with: {hba: pg/hba}}             where the rest does not reach
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from guardian.baseline.fact import Path
from guardian.i18n import _
from guardian.model.border import Written

Op = Literal[
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not_in",
    "contains",
    "lacks",
    "subset",
    "superset",
    "size<=",
    "size>=",
    "mode_within",
    "glob",
    "not_glob",
    "cidr_within",
    "newer_than_days",
    "lasts_days",
    "version_ge",
]
"""What an assertion compares with; :mod:`guardian.baseline.assertion` says what each means."""
OPS: Final[tuple[Op, ...]] = get_args(Op)

MAX_CEL: Final = 400
MAX_DEPTH: Final = 6

_COMPANIONS: Final[dict[str, frozenset[str]]] = {
    "path": frozenset({"op", "value", "absent"}),
    "all": frozenset(),
    "any": frozenset(),
    "none": frozenset(),
    "every": frozenset({"where", "check", "name", "absent"}),
    "some": frozenset({"where", "check", "name", "absent"}),
    "cel": frozenset({"with"}),
}


def parse_path(value: object) -> object:
    """``a/b/c``, ``.`` or a list of keys as a tuple of keys."""
    if value == ".":
        return ()
    if isinstance(value, str):
        return tuple(value.split("/"))
    return tuple(value) if isinstance(value, list) else value


FactPath = Annotated[
    Path,
    BeforeValidator(parse_path, json_schema_input_type=str | list[str]),
    Field(max_length=12),
]
"""A way through a tree of facts, written ``a/b/c``, or as a list where a key has a slash in it."""


class Check(Written):
    """One question about facts. Exactly one of ``path, all, any, none, every, some, cel`` leads it."""

    model_config = ConfigDict(populate_by_name=True)

    path: FactPath | None = Field(None, description="the fact that is compared")
    op: Op | None = None
    value: Any = Field(None, description="what the fact is compared with; $name is a parameter of the rule")
    absent: Any = Field(None, description="what the fact counts as where it is known to be absent; default: unknown")
    all_: "tuple[Check, ...] | None" = Field(None, alias="all", min_length=1)
    any_: "tuple[Check, ...] | None" = Field(None, alias="any", min_length=1)
    none: "tuple[Check, ...] | None" = Field(None, min_length=1)
    every: FactPath | None = Field(None, description="a list or mapping of which every item is to satisfy `check`")
    some: FactPath | None = Field(None, description="a list or mapping of which some item is to satisfy `check`")
    where: "Check | None" = Field(None, description="only the items for which this holds")
    check: "Check | None" = Field(None, description="what an item is to satisfy; paths begin at the item")
    name: FactPath | None = Field(None, description="what an item is called in the evidence")
    cel: Annotated[str, Field(min_length=1, max_length=MAX_CEL)] | None = None
    with_: dict[str, FactPath] = Field(default_factory=dict, alias="with", description="names in `cel` and their facts")

    @model_validator(mode="after")
    def _one_form(self) -> "Check":
        written = {name.rstrip("_") for name in self.model_fields_set}
        leading = written & _COMPANIONS.keys()
        if len(leading) != 1:
            raise ValueError(_("a check is led by exactly one of path, all, any, none, every, some, cel"))
        form = leading.pop()
        if strange := sorted(written - {form} - _COMPANIONS[form]):
            raise ValueError(
                _("{name} does not belong to a check that is led by {form}").format(name=strange[0], form=form)
            )
        if form == "path" and not {"op", "value"} <= written:
            raise ValueError(_("an assertion has path, op and value"))
        if form in ("every", "some") and self.check is None:
            raise ValueError(_("every and some have a check for their items"))
        return self

    @property
    def form(self) -> str:
        """The key that leads it."""
        return next(name.rstrip("_") for name in self.model_fields_set if name.rstrip("_") in _COMPANIONS)

    @property
    def has_absent(self) -> bool:
        """Whether something is to be taken where the fact is absent (null may be that something)."""
        return "absent" in self.model_fields_set

    def parts(self) -> "tuple[Check, ...]":
        """The checks it is made of, those for items left out."""
        return self.all_ or self.any_ or self.none or ()

    def facts(self) -> Iterator[Path]:
        """Every fact it reads, from the top of the tree."""
        for path in (self.path, self.every, self.some, *self.with_.values()):
            if path is not None:
                yield path
        for part in self.parts():
            yield from part.facts()

    def parameters(self) -> Iterator[str]:
        """The parameters it names, but for those inside CEL."""
        if isinstance(self.value, str) and self.value.startswith("$") and not self.value.startswith("$$"):
            yield self.value[1:]
        for part in (*self.parts(), self.where, self.check):
            if part is not None:
                yield from part.parameters()

    def cels(self) -> "Iterator[Check]":
        """Every check in CEL in it."""
        if self.cel is not None:
            yield self
        for part in (*self.parts(), self.where, self.check):
            if part is not None:
                yield from part.cels()

    def depth(self) -> int:
        """How deep checks stand in checks; 1 for an assertion."""
        inner = [part.depth() for part in (*self.parts(), self.where, self.check) if part is not None]
        return 1 + max(inner, default=0)
