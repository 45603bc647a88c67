"""Who and what is protected: regions, tenants, systems and their objectives, hosts."""

from typing import Annotated

from pydantic import Field, StringConstraints

from guardian.i18n import language
from guardian.model.border import Duration, Id, Written

RegionCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
"""An administrative division by its GB/T 2260 code: 520000 a province, 520100 a city, 520103 a district."""


class LocalText(Written):
    """One text in both languages."""

    zh: str
    en: str

    @property
    def spoken(self) -> str:
        """It in the language in use."""
        return self.zh if language() == "zh" else self.en


class Tenant(Written):
    """An agency in a region."""

    id: Id
    name: LocalText | None = None
    region: RegionCode | None = None


class Objectives(Written):
    """What a system's owner asks for: how much may be lost, how long it may be away."""

    rpo: Duration | None = Field(
        None, description="recovery point objective: the age of the newest good backup may not exceed it"
    )
    rto: Duration | None = Field(None, description="recovery time objective")
    dr_level: Annotated[int, Field(ge=1, le=6)] | None = Field(None, description="GB/T 20988 disaster recovery level")
