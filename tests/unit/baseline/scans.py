"""Scans made by the engine, for what shows them: every status, hostile names, a waiver, changes."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from guardian.baseline.judge import Judge
from guardian.baseline.outcome import Scanned
from guardian.baseline.policy import Library
from guardian.baseline.scan import Gathered, Nowhere, Site, scan_places
from guardian.baseline.targets import Provider
from guardian.baseline.waivers import Waiver, Waivers
from guardian.clock import SystemClock
from guardian.errors import StorageUnreachable
from guardian.model.finding import TargetRef

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)

HOSTILE = "=cmd|' /C calc'!A0\n\x1b[31m\u202e<script>alert(1)</script>]]>&\uffff"
"""A name that is a formula, a terminal's orders, markup and no XML."""

HEALTHY: dict[str, Any] = {
    "packages": {"openssh-server": "9.2"},
    "sshd": {"effective": {"permitrootlogin": "no", "maxauthtries": 3}},
    "pg": {"hba": [{"type": "local", "method": "peer"}], "ssl": "off"},
    "users": [{"name": "li", "uid": 1000, "max_days": 60}],
    "sysctl": {"run": {"net.ipv4.ip_forward": "0"}, "boot": {}},
}
MIXED: dict[str, Any] = {
    **HEALTHY,
    "packages": {"openssh-server": None},
    "pg": {"hba": {"$err": "denied: needs pg_monitor"}, "ssl": "off"},
    "users": [{"name": HOSTILE, "uid": 1000, "max_days": 99999}, {"name": "wu", "uid": 1001, "max_days": 400}],
    "sysctl": {"run": {"net.ipv4.ip_forward": "1"}, "boot": {}},
}


class At(SystemClock):
    """A clock that stands."""

    def now(self) -> datetime:
        return AT


def waiver(**changed: str) -> Waiver:
    said = {
        "rule": "GD-EX-004",
        "target": "host:app-*",
        "owner": "li",
        "approver": "wang",
        "reason": "NAT gateway until the move",
        "ticket": "CHG-118",
        "until": "2026-12-10",
    }
    return Waiver.model_validate_json(json.dumps(said | changed))


def provider(name: str, facts: Any) -> Provider:
    def collect() -> Iterator[Any]:
        if isinstance(facts, Exception):
            raise facts
        yield TargetRef(kind="host", id=name, labels={"role": "gateway"}), facts, ()

    return Provider(name, ("host",), collect)


def scanned(
    rules: Library,
    places: Sequence[Provider] | None = None,
    waivers: Sequence[Waiver] = (),
    before: Any = None,
    baselines: Sequence[str] = ("example",),
) -> Scanned:
    """A scan of three hosts: one healthy, one with a hostile name and every status, one that nobody reached."""
    chosen = places or (
        provider("app-1", MIXED),
        provider("app-2", HEALTHY),
        provider(HOSTILE, MIXED),
        provider("gone", StorageUnreachable("nobody answers")),
    )
    judge = Judge("gz-hrss", rules.chosen(baselines), Waivers(tuple(waivers) or (waiver(),)), AT)
    gathered = Gathered(before or {}, full=True)
    return scan_places(Site("gz-hrss", "app-1", At()), chosen, judge, gathered, (rules, "medium", Nowhere()))
