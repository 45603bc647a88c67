"""What a host did in the past: its agent's jobs, done in this process by a moved clock and written into its journal.

A rule that waits for weeks is proved on a host that is really so old: its log, its journal and its repositories tell of
backups, drills, maintenance and scans of then, because these were done, and the clock stood there.
"""

import importlib.util
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from guardian.agent import work
from guardian.agent.journal import Journal
from guardian.agent.order import Order
from guardian.agent.tasks import planned
from guardian.clock import SystemClock
from guardian.model.job import JobResult, Task
from guardian.node import Node
from guardian.provision import provision


def _points() -> ModuleType:
    name = "guardian_tests_points"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("points.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Past:
    """The host of ``site`` as it was ``ago``."""

    def __init__(self, site: Any, ago: timedelta) -> None:
        points = _points()
        self._site, self.clock = site, points.Moved(SystemClock().now() - ago)
        self._node: Callable[[], Node] = lambda: points.node_of(site, self.clock)

    @property
    def node(self) -> Node:
        """The host, by the configuration as it is written now."""
        return self._node()

    def set_up(self) -> None:
        """``guardian init`` of then."""
        made = list(provision(self.node))
        assert all(one.standing != "failed" for one in made), made

    def did(self, *keys: str) -> None:
        """Do the jobs of these tasks one after the other, as the agent of then; each must have ended well."""
        node = self.node
        tasks = {one.task.key: one.task for one in planned(node.loaded)}
        with Journal.open(self._site.state / "agent", self.clock) as journal:
            for key in keys:
                attempt = journal.begin(key, None)
                result = self._work(node, tasks[key])
                journal.end(attempt, result)
                assert result.outcome == "complete", (key, result)

    def _work(self, node: Node, task: Task) -> JobResult:
        slot: datetime | None = None
        return work.done(node, Order.of(node.loaded, task, slot))
