"""What was read of one target at one moment, kept under its digest so that any verdict can be made again."""

import hashlib
import json
from typing import Final, Literal

from pydantic import Field

from guardian.model.border import Stated
from guardian.model.finding import CollectorRun, Json, TargetRef

FACTS_SCHEMA: Final = "guardian.facts/v1"


class View(Stated):
    """The facts of one target. ``at`` is RFC 3339 in UTC; ``facts`` a tree as :mod:`guardian.baseline.fact` tells."""

    schema_: Literal["guardian.facts/v1"] = Field(FACTS_SCHEMA, alias="schema", serialization_alias="schema")
    target: TargetRef
    at: str
    collectors: tuple[CollectorRun, ...] = ()
    facts: Json

    def canonical(self) -> bytes:
        """The bytes that are kept and digested: the same view gives the same bytes."""
        value = self.model_dump(mode="json", by_alias=True)
        return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()

    def digest(self) -> str:
        """SHA-256 of :meth:`canonical`."""
        return hashlib.sha256(self.canonical()).hexdigest()
