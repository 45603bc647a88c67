"""What a host of a made-up province says of itself at a moment, as its agent would."""

from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Final

from guardian.model.reason import Reason, reason
from guardian.model.status import (
    AgentNow,
    Assured,
    CopyStatus,
    DrillStatus,
    HostStatus,
    JobNow,
    LogStatus,
    Ran,
    SourceStatus,
    Verdict,
)
from guardian.province.backups import STOPPING, Backups
from guardian.province.estate import DAY, SourcePlan
from guardian.province.holdings import repository, scan
from guardian.province.told import Told

LEVELS: Final = {"D2": DAY, "D3": 7 * DAY, "D4": 30 * DAY}
"""Drills that are planned for each source, and how often."""
_OUTCOMES: Final = {"PASS": ("complete", 0), "FAIL": ("failed", 3), "COULD_NOT_VERIFY": ("failed", 4)}


@dataclass(frozen=True)
class History(Told):
    """All of it. Faults befall the first of its sources."""

    def status(self) -> HostStatus:
        """Everything the host says."""
        sources = () if "host-unprotected" in self.trouble else self.host.sources
        backups = [self._backups(source) for source in sources]
        return HostStatus(
            tenant=self.host.tenant,
            host=self.host.name,
            region=self.host.region,
            at=self.text(self.at) or "",
            agent=self._agent(),
            log=LogStatus(entries=self.entries, intact=True, root="ab" * 32, newest=self.text(self.at - 60)),
            sources=tuple(self._source(one) for one in backups),
            drills=tuple(self._drill(one, level) for one in backups for level in LEVELS),
            copies=tuple(self._copy(one) for one in backups),
            repositories=(repository(self, backups),) if backups else (),
            scans=(scan(self),),
            jobs=tuple(
                JobNow(
                    task=f"backup:{b.plan.key}",
                    kind="backup",
                    state="running",
                    since=self.text(b.start(b.newest)) or "",
                )
                for b in backups
                if b.running
            ),
        )

    def _backups(self, source: SourcePlan) -> Backups:
        first = source is self.host.sources[0]
        return Backups(self.host, source, self.trouble if first else {}, self.at)

    @cached_property
    def entries(self) -> int:
        """Statements in its log."""
        days = max(0.0, self.at - self.host.born) / DAY
        return 3 + int(days * sum(DAY / source.period + 1.2 for source in self.host.sources))

    def _agent(self) -> AgentNow:
        upgraded = self.host.draw("upgraded") * self.host.shape.days * DAY
        started = floor(max(upgraded, self.host.born) / DAY) * DAY if self.at > upgraded else self.host.born
        return AgentNow(
            version="1.1.0" if self.at > upgraded else "1.0.0",
            restic="0.18.0" if self.host.draw("restic") < 0.8 else "0.14.0",
            pid=700 + self.host.number % 30000,
            started=self.text(started) or "",
            config_sha256="0" * 64,
            config_loaded=self.text(started + 1) or "",
            next_wake=self.text(self.at + 60),
            state_free_bytes=int(4e9 + 4e10 * self.host.draw("free")),
            max_loss_objective=0.01,
        )

    # sources

    def _source(self, b: Backups) -> SourceStatus:
        good, plan = b.good, b.plan
        point = None if good is None else b.start(good)
        ended = b.ended if b.ended >= b.first else None
        newest = good if good is not None else ended
        paused = self.trouble.get("plan-paused") if b.trouble else None
        reasons = tuple(self._against(b, point))
        return SourceStatus(
            system=plan.system,
            source=plan.source,
            kind=plan.kind,
            repository="main",
            verdict=self._verdict(b, point, reasons),
            reasons=reasons,
            backup=self._ran_backup(b),
            rpo_seconds=plan.rpo,
            rto_seconds=plan.rto,
            known_since=self.text(self.host.born),
            restore_point=self.text(point),
            restore_point_snapshot=None if good is None else f"{good + 1:064x}",
            verified=self.text(self._verified(b)),
            verified_level="D4",
            figures={} if good is None or newest is None else b.figures(newest),
            medians={} if good is None or newest is None else b.medians(newest),
            paused_since=self.text(paused),
            missing=0,
            unaccounted=0,
            assured=self._assured(b),
        )

    def _verdict(self, b: Backups, point: float | None, reasons: tuple[Reason, ...]) -> Verdict:
        if point is None and b.ended < b.first:
            return "unprotected"
        if point is None:
            return "unprotected" if b.ending(b.ended)[0] != "partial" else "at-risk"
        return "at-risk" if any(one.severity != "info" for one in reasons) else "protected"

    def _against(self, b: Backups, point: float | None) -> list[Reason]:
        found: list[Reason] = []
        if point is None:
            found.append(reason("never-backed-up"))
        elif self.at - point > b.plan.rpo:
            age, most = int(self.at - point), int(b.plan.rpo)
            found.append(reason("recovery-point-too-old", age_seconds=age, rpo_seconds=most))
        if "plan-paused" in b.trouble:
            found.append(reason("plan-disabled", "warning"))
        if b.failures:
            found.append(reason("last-run-failed", "warning", count=b.failures, why=b.ending(b.ended)[2]))
        if b.ended >= b.first and b.ending(b.ended)[0] == "partial":
            found.append(reason("backup-partial", "warning", snapshot="0" * 64))
        return found

    def _ran_backup(self, b: Backups) -> Ran:
        number = b.ended
        enabled = "plan-paused" not in b.trouble
        stalled = any(name in b.trouble for name in STOPPING)
        due = None if stalled else self.text(b.start(b.newest + 1))
        if b.newest < b.first:
            return Ran(task=f"backup:{b.plan.key}", next_due=due, enabled=enabled)
        started = self.text(b.start(b.newest))
        if number < b.first:
            return Ran(task=f"backup:{b.plan.key}", last_started=started, next_due=due, enabled=enabled)
        outcome, code, why = b.ending(number)
        good = b.good
        return Ran(
            task=f"backup:{b.plan.key}",
            last_started=started,
            last_ended=self.text(b.start(number) + b.seconds(number)),
            last_outcome=outcome,
            last_exit_code=code,
            last_reasons=(reason(why),) if why else (),
            last_seconds=round(b.seconds(number), 1),
            last_success=None if good is None else self.text(b.start(good) + b.seconds(good)),
            failures_in_a_row=b.failures,
            missed=int(self.host.draw(b.plan.source, "missed") * 4),
            skipped=int(self.host.draw(b.plan.source, "skipped") * 9),
            next_due=due,
            enabled=enabled,
        )

    # drills

    def _turn(self, b: Backups, level: str, moment: float) -> tuple[float | None, float | None]:
        """When the newest drill of a level began, and the newest that passed."""
        interval = LEVELS[level]
        until = min(moment, b.trouble.get("drill-overdue", moment))
        first = self.host.born + b.plan.period + b.plan.duration * 2
        begun = floor((until - first - 600) / interval) if until >= first + 600 else -1
        if begun < 0:
            return None, None
        start, passed = first + begun * interval, begun
        for name in ("drill-failing", "drill-unverifiable"):
            if name in b.trouble and level != "D2":
                passed = min(passed, floor((b.trouble[name] - first) / interval))
        return start, None if passed < 0 else first + passed * interval

    def _verified(self, b: Backups) -> float | None:
        """Creation of the newest restore point that a drill brought back."""
        last = [t for level in ("D3", "D4") if (t := self._turn(b, level, self.at)[1]) is not None]
        if not last:
            return None
        number = floor((max(last) - b.plan.duration * 1.2 - b.plan.offset) / b.plan.period)
        good = b.good_before(number)
        return None if good is None else b.start(good)

    def _assured(self, b: Backups) -> Assured | None:
        start, _passed = self._turn(b, "D3", self.at)
        if start is None:
            return None
        weak = "assurance-weak" in b.trouble and start >= b.trouble["assurance-weak"]
        most = 0.2 if weak else 0.0099
        return Assured(level="D3", confidence=0.95, max_loss=most, at=self.text(start + 600) or "")

    def _drill(self, b: Backups, level: str) -> DrillStatus:
        start, passed = self._turn(b, level, self.at)
        outcome: str | None = None
        if start is not None:
            failing = "COULD_NOT_VERIFY" if "drill-unverifiable" in b.trouble else "FAIL"
            outcome = "PASS" if passed == start else failing
        rto = min(0.6 * b.plan.rto, 120 + b.plan.bytes / 2e8)
        if "rto-missed" in b.trouble and start is not None and start >= b.trouble["rto-missed"]:
            rto = 2.5 * b.plan.rto
        bounded, measured = level != "D4" and outcome == "PASS", level == "D4" and outcome == "PASS"
        planted = None if level == "D4" or start is None else 4
        return DrillStatus(
            system=b.plan.system,
            source=b.plan.source,
            level=level,
            ran=self._ran_drill(b, level, start, outcome),
            last_pass=self.text(None if passed is None else passed + 600),
            outcome=outcome,
            rto_seconds=round(rto, 1) if measured else None,
            rpo_seconds=round(b.plan.period / 2, 1) if measured else None,
            confidence=0.95 if bounded else None,
            max_loss=0.0099 if bounded else None,
            interval_seconds=LEVELS[level],
            known_since=self.text(self.host.born),
            planted=planted,
            planted_missed=None if planted is None else 0,
            disagreements=None if planted is None else 0,
        )

    def _ran_drill(self, b: Backups, level: str, start: float | None, outcome: str | None) -> Ran:
        task, interval = f"drill:{level}:{b.plan.key}", LEVELS[level]
        if start is None or outcome is None:
            return Ran(task=task, next_due=self.text(self.host.born + interval))
        ran, code = _OUTCOMES[outcome]
        return Ran.model_validate(
            {
                "task": task,
                "last_started": self.text(start),
                "last_ended": self.text(start + 600),
                "last_outcome": ran,
                "last_exit_code": code,
                "last_seconds": 600.0,
                "failures_in_a_row": int(code != 0),
                "next_due": self.text(start + interval),
            }
        )

    # copies

    def _copy(self, b: Backups) -> CopyStatus:
        onset = b.trouble.get("copy-behind")
        until = self.at if onset is None else min(self.at, onset)
        newest = min(b.ended, floor((until - b.plan.duration * 2.5 - b.plan.offset) / b.plan.period))
        held = b.good_before(newest)
        behind = 0 if held is None else max(0, b.ended - held)
        failed = onset is not None
        return CopyStatus(
            system=b.plan.system,
            source=b.plan.source,
            repository="offsite",
            ran=Ran(
                task=f"copy:{b.plan.key}:offsite",
                last_started=self.text(self.at - b.plan.period / 2),
                last_ended=self.text(self.at - b.plan.period / 2 + 60),
                last_outcome="failed" if failed else "complete",
                last_exit_code=4 if failed else 0,
                failures_in_a_row=behind if failed else 0,
            ),
            restore_point=None if held is None else self.text(b.start(held)),
            behind=behind,
            verified=self.text(self._verified(b)),
            verified_level="D3",
        )
