"""A host whose log was written by hand: months of backups and drills without restic or a repository."""

import hashlib
import importlib.util
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.audit.facts import PackFacts, Period
from guardian.audit.gather import gather, verified
from guardian.clock import rfc3339
from guardian.config.load import load
from guardian.ledger.store import Log
from guardian.model.backup import Counts
from guardian.model.drill import Assurance, DrillCheck, Frame
from guardian.model.evidence import (
    BackupReceipt,
    ConfigChange,
    DrillPlan,
    DrillResult,
    Entry,
    KeyEvent,
    NoBackup,
)
from guardian.model.reason import reason
from guardian.node import Node
from guardian.proc import Stop

START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIG = """
tenant: {{id: agency}}
host: host-1
repositories:
  main: {{url: "{url}"}}
systems:
  app:
    {system}
    sources: {{docs: {{kind: files, paths: [{folder}/docs]}}}}
  other:
    sources: {{docs: {{kind: files, paths: [{folder}/other]}}}}
"""
WHOLE = (
    "mlps_level: 3\n    objectives: {rpo: 25h, rto: 4h, dr_level: 4}\n    "
    "plan: {schedule: daily, retention: {daily: 14}, drills: {D3: weekly}}"
)


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class Hand:
    """A clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Office:
    """Writes statements as the rooms do, at any time."""

    def __init__(self, root: Path, system: str = WHOLE, url: str = "", keys: Path | None = None) -> None:
        root.mkdir(exist_ok=True)
        if keys:
            shutil.copytree(keys, root / "state" / "keys")
        path = root / "guardian.yaml"
        path.write_text(CONFIG.format(url=url or root / "repository", folder=root, system=system), "utf-8")
        self.root = root
        self.clock = Hand(START)
        self.node = Node(load(path), self.clock, lambda _event: None, Stop())
        self.key = self.node.keys().ensure_signing_key(self.node.origin)
        self.log = Log.create(self.node.log_folder, self.node.origin, self.key)
        self.newest: dict[tuple[str, str], Entry] = {}
        self.drilled: Entry | None = None
        self.log.append(KeyEvent(event="signing-key-created", key_id=self.key.key_id, at=self.now, **self.who))

    @property
    def who(self) -> dict[str, str]:
        return {"tenant": "agency", "host": "host-1"}

    @property
    def now(self) -> str:
        return rfc3339(self.clock.now())

    def configured(self) -> Entry:
        return self.log.append(ConfigChange(sha256=self.node.loaded.sha256, at=self.now, **self.who))

    def back_up(self, day: float, system: str = "app", outcome: Any = "complete") -> Entry:
        self.clock.moment = START + timedelta(days=day)
        before = self.newest.get((system, "docs"))
        receipt = BackupReceipt(
            run_id=digest(day, system)[:32],
            system=system,
            source="docs",
            source_kind="files",
            repository="main",
            repository_id=digest("repository"),
            snapshot_id=digest("snapshot", day, system),
            tree_id=digest("tree", day, system),
            paths=("/srv/docs",),
            outcome=outcome,
            counts=Counts(files=10, bytes=1000),
            started=rfc3339(self.clock.now() - timedelta(seconds=10)),
            ended=self.now,
            plan_sha256=digest("plan"),
            tools={},
            previous=before.leaf_hash.hex() if before else None,
            **self.who,
        )
        entry = self.log.append(receipt, [("snapshot", receipt.snapshot_id)])
        self.newest[system, "docs"] = entry
        return entry

    def fail(self, day: float) -> Entry:
        self.clock.moment = START + timedelta(days=day)
        said = NoBackup(
            run_id=digest(day)[:32],
            system="app",
            source="docs",
            repository="main",
            outcome="failed",
            reasons=(reason("storage-unreachable"),),
            started=self.now,
            ended=self.now,
            **self.who,
        )
        return self.log.append(said)

    def escrow(self, event: str = "password-escrowed") -> Entry:
        said = KeyEvent(event=event, key_id="00", repository="main", threshold=2, shares=3, at=self.now, **self.who)
        return self.log.append(said)

    def plan(self, day: float, nonce: bytes = b"n", **changes: Any) -> Entry:
        self.clock.moment = START + timedelta(days=day)
        receipt = self.newest["app", "docs"]
        of: Any = receipt.predicate
        said = DrillPlan(
            drill_id=digest("drill", day)[:32],
            system="app",
            source="docs",
            repository="main",
            repository_id=of.repository_id,
            level="D3",
            snapshot_id=of.snapshot_id,
            tree_id=of.tree_id,
            receipt=receipt.leaf_hash.hex(),
            frames=(Frame(unit="files", count=10, bytes=1000, sha256=digest("frame")),),
            confidence=0.95,
            max_loss=0.01,
            commitment=hashlib.sha256(nonce).hexdigest(),
            nonce_by="guardian",
            planned=self.now,
            **self.who,
        )
        return self.log.append(said.model_copy(update=changes))

    def drill(
        self, day: float, outcome: Any = "PASS", level: Any = "D3", claims: dict[str, Any] | None = None, **changes: Any
    ) -> Entry:
        """A drill with its plan; ``changes`` go into the result, ``nonce``, ``upper``, ``figures`` into its sample."""
        changes |= claims or {}
        nonce, upper = changes.pop("nonce", b"n"), changes.pop("upper", 1 - 0.05 ** (1 / 300))
        figures = {"unit": "bytes", "frame": 1000, "drawn": 300, "bad": 0, "method": "clopper-pearson"}
        figures |= changes.pop("figures", {})
        size = max(0, figures["frame"])
        frames = (Frame(unit="files", count=size, bytes=size, sha256=digest("frame")),)
        planned = self.plan(day, frames=changes.pop("frames", frames))
        plan: Any = planned.predicate
        note = changes.pop("note", self.log.note.decode())
        seed = hashlib.sha256(note.encode() + b"\0" + plan.drill_id.encode() + b"\0" + nonce).hexdigest()
        assurance = Assurance(**{"confidence": 0.95, "upper": upper, **figures})
        said = DrillResult(
            drill_id=plan.drill_id,
            system="app",
            source="docs",
            repository="main",
            repository_id=plan.repository_id,
            level=level,
            outcome=outcome,
            checks=(
                DrillCheck(level="D0", name="presence", outcome="PASS"),
                DrillCheck(level=level, name="restore", outcome=outcome, assurances=(assurance,)),
            ),
            seed={"checkpoint": note, "drill_id": plan.drill_id, "nonce": nonce.hex(), "seed": seed},
            snapshot_id=plan.snapshot_id,
            tree_id=plan.tree_id,
            receipt=plan.receipt,
            plan=planned.leaf_hash.hex(),
            previous=self.drilled.leaf_hash.hex() if self.drilled else None,
            started=self.now,
            ended=self.now,
            tools={},
            **self.who,
        )
        entry = self.drilled = self.log.append(said.model_copy(update=changes))
        return entry

    def facts(self, start: float = 0, end: float = 30) -> PackFacts:
        self.clock.moment = START + timedelta(days=end)
        period = Period(START + timedelta(days=start), START + timedelta(days=end))
        return gather(self.node, verified(self.node), "app", period).facts


@pytest.fixture
def office(tmp_path: Path) -> Callable[..., Office]:
    """``office(system=…, url=…, keys=FOLDER)``: an empty one, with the keys of another."""

    def make(**given: Any) -> Office:
        return Office(tmp_path / f"office-{len(list(tmp_path.iterdir()))}", **given)

    return make


def a_month(made: Office) -> Office:
    """Thirty days as they should be: a backup a day, a drill a week, and one run that failed."""
    made.configured()
    for day in range(30):
        made.back_up(day)
        if day % 7 == 0:
            made.drill(day + 0.1)
    made.fail(29.5)
    return made


@pytest.fixture
def month(office: Callable[..., Office]) -> Office:
    """A month of one's own, to go on with."""
    return a_month(office())


@pytest.fixture(scope="session")
def good_month(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A month to look at and not to touch."""
    return a_month(Office(tmp_path_factory.mktemp("month") / "office"))


@pytest.fixture(scope="session")
def verifier() -> ModuleType:
    """The one-file verifier, loaded as the stranger it is: by its path alone."""
    import guardian.audit

    path = Path(guardian.audit.__file__).with_name("verify_pack.py")
    spec = importlib.util.spec_from_file_location("stranger", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["stranger"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
