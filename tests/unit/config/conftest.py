"""A configuration that is right, and a way to change it."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
tenant: {id: gz-hrss, region: "520000"}
host: web-1
repositories:
  main: {url: "s3:http://127.0.0.1:9000/guardian/{tenant}/{system}", credentials: file:secrets/s3.env}
  offsite: {url: "s3:https://far.example/guardian-offsite/{host}"}
systems:
  social:
    objectives: {rpo: 6h, rto: 4h}
    sources:
      docs: {kind: files, paths: [/srv/docs], exclude: ["*.tmp"]}
      core: {kind: sqlite, path: /srv/core.db}
    plan: {schedule: "every 6h", copy_to: [offsite], drills: {D1: daily, D3: weekly}}
  portal:
    depends_on: [social]
    repository: offsite
    sources:
      www: {kind: files, paths: [/srv/www]}
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration: ``write(text)``, or the good one with ``write((old, new), …)``."""

    def written(*changes: str | tuple[str, str], name: str = "guardian.yaml") -> Path:
        text = GOOD
        for change in changes:
            if isinstance(change, str):
                text = change
                continue
            assert change[0] in text
            text = text.replace(*change)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written
