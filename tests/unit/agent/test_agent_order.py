"""An order: all that a job's process is told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from guardian.agent.order import Order
from guardian.config.load import load
from guardian.config.loaded import Loaded
from guardian.model.job import Task

SLOT = datetime(2026, 11, 2, 2, 30, tzinfo=UTC)
TASK = Task(key="backup:app/docs", kind="backup", system="app", source="docs", repository="main.app")


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "guardian.yaml"
    document = {
        "tenant": {"id": "agency", "name": {"zh": "局", "en": "Agency"}},
        "host": "host-1",
        "repositories": {
            "main": {"url": "rest:https://example.org/{system}", "limit_upload": 500},
            "far": {"url": "far", "limit_download": 9},
        },
        "systems": {
            "app": {
                "sources": {
                    "docs": {"kind": "files", "paths": ["/srv/中文"]},
                    "db": {"kind": "postgresql", "dsn": "env:DSN", "assertions": ["select 1"], "newest": "select 2"},
                },
                "plan": {
                    "schedule": "daily at 02:30",
                    "jitter": "30m",
                    "drills": {"D3": "weekly"},
                    "copy_to": ["far"],
                    "retention": {"daily": 7, "within": "2d"},
                    "hooks": {"before": [{"argv": ["true"], "time_limit": "5s"}]},
                },
                "objectives": {"rpo": "1d"},
            }
        },
        "restic": {"stop_grace": "7s", "lock_wait": "3m"},
        "agent": {"bandwidth": [{"window": "08:00-18:00", "upload": 100}], "nice": 3},
    }
    path.write_text(yaml.safe_dump(document), "utf-8")
    return load(path)


def test_the_configuration_arrives_as_it_is_in_force(loaded: Loaded) -> None:
    order = Order.model_validate_json(Order.of(loaded, TASK, SLOT).model_dump_json())
    arrived = order.loaded()
    assert arrived.config == loaded.config
    assert (arrived.path, arrived.base, arrived.host, arrived.sha256, arrived.state_dir) == (
        loaded.path, loaded.base, loaded.host, loaded.sha256, loaded.state_dir,
    )  # fmt: skip
    assert arrived.targets() == loaded.targets()
    assert arrived.repositories() == loaded.repositories()
    assert (order.task, order.moment()) == (TASK, SLOT)


def test_no_slot(loaded: Loaded) -> None:
    assert Order.of(loaded, TASK, None).moment() is None


def test_the_lines_limits_are_never_raised(loaded: Loaded) -> None:
    order = Order.of(loaded, TASK, SLOT).model_copy(update={"upload": 800, "download": 4})
    limits = {r.key: (r.spec.limit_upload, r.spec.limit_download) for r in order.loaded().repositories()}
    assert limits == {"main.app": (500, 4), "far": (800, 4)}
