"""A node hands each room what the configuration says, and no more."""

from pathlib import Path

import pytest

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.node import Node
from guardian.proc import Limits, Stop

CONFIG = """
tenant: {{id: agency}}
host: host-1
restic: {{stall_timeout: 7s, stop_grace: {grace}}}
repositories: {{main: {{url: {folder}/repository}}}}
systems: {{app: {{sources: {{docs: {{kind: files, paths: [{folder}/docs]}}}}}}}}
"""


@pytest.mark.parametrize(("grace", "after_a_stall"), [("5s", 5.0), ("20m", Limits().stall_grace_seconds)])
def test_a_hanging_restic_is_waited_for_no_longer_than_asked(tmp_path: Path, grace: str, after_a_stall: float) -> None:
    path = tmp_path / "guardian.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, grace=grace))
    node = Node(load(path), SystemClock(), lambda _event: None, Stop())
    node.keys().ensure_password("main")
    limits = node.restic("main")._session.limits
    assert (limits.stall_seconds, limits.stall_grace_seconds) == (7.0, after_a_stall)
