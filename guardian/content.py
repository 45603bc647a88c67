"""Where the data that ships with Guardian lies, in a wheel and in a checkout alike.

Policies, runbooks, and what Prometheus, Alertmanager and Grafana are given.
"""

from pathlib import Path
from typing import Literal

_PACKAGED = Path(__file__).with_name("_content")
_CHECKOUT = Path(__file__).resolve().parent.parent

Kind = Literal["policies", "runbooks", "exporters/prometheus", "exporters/alertmanager", "exporters/grafana"]


def content_dir(kind: Kind) -> Path:
    """The folder of ``kind``: ``guardian/_content`` in a wheel, the checkout's own in an editable install."""
    packaged = _PACKAGED / kind
    return packaged if packaged.is_dir() else _CHECKOUT / kind
