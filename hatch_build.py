"""Compile the message catalogues when the package is built or installed from a checkout."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Make ``guardian.mo`` beside every ``guardian.po``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  the hook's signature
        """Run before the wheel, standard or editable, is put together."""
        for po in sorted(Path(self.root, "guardian", "locale").glob("*/LC_MESSAGES/guardian.po")):
            with po.open("rb") as text, po.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, read_po(text))
