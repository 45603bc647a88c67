"""Compile the message catalogues, and put what ships beside the package into the wheel."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTENT = ("policies", "runbooks", "exporters/prometheus", "exporters/alertmanager", "exporters/grafana")
"""Folders of the checkout that a wheel carries in ``guardian/_content``; an editable install finds them in place."""


class GuardianBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Make ``guardian.mo`` beside every ``guardian.po``; ship the content folders."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before the wheel, standard or editable, is put together."""
        for po in sorted(Path(self.root, "guardian", "locale").glob("*/LC_MESSAGES/guardian.po")):
            with po.open("rb") as text, po.with_suffix(".mo").open("wb") as compiled:
                write_mo(compiled, read_po(text))
        if version == "standard":
            for name in CONTENT:
                if Path(self.root, name).is_dir():
                    build_data["force_include"][str(Path(self.root, name))] = f"guardian/_content/{name}"
