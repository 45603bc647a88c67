"""Database dumps in the model of ``anomaly.py``: how they grow, and what an attack makes of them."""

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta

from anomaly_model import START, is_month_end, is_workday

from guardian.backup.anomaly import judge_change
from guardian.model.churn import Churn, Look


@dataclass
class Dump:
    """A dump: its length, what compression leaves of it, the share of its chunks that are random, rows or None."""

    name: str
    size: float
    ratio: float
    random: float = 0.0
    rows: int | None = None
    rewritten: float = 1.0
    """Share of it that is new each time."""


DUMPS = (
    Dump("SQL text", 4e9, 0.16),
    Dump("SQL text with rows", 8e8, 0.22, rows=2_000_000),
    Dump("custom format, compressed", 2e9, 0.99, random=0.97, rows=5_000_000),
    Dump("SQLite", 3e8, 0.35, rows=400_000, rewritten=0.15),
)
ATTACKS = ("encrypt 10%", "encrypt 30%", "encrypt 100%", "zeros", "rows 60% gone", "truncated 70%")


def day(dump: Dump, rng: random.Random, n: int) -> Churn:
    at = START + timedelta(days=n)
    before = (dump.size, dump.rows)
    growth = rng.gauss(0.0012, 0.0006) if is_workday(at) else 0.0002
    if at.day == 1:  # what is older than the law wants is deleted
        growth -= rng.uniform(0.0, 0.08)
    dump.size *= 1 + growth
    if dump.rows is not None:
        dump.rows = round(dump.rows * (1 + growth))
    new = min(1.0, dump.rewritten * rng.lognormvariate(0, 0.2) * (2 if is_month_end(at) else 1))
    return figures(dump, before, new, at.isoformat(), rng)


def figures(dump: Dump, before: tuple[float, int | None], new: float, at: str, rng: random.Random) -> Churn:
    raw = dump.size * new
    pieces = max(1, min(16, round(raw / (1 << 20))))
    opaque = sum(rng.random() < dump.random for _piece in range(pieces))
    return Churn(
        kind="stream",
        against="0" * 64,
        at=at,
        elapsed=86400,
        files=1,
        files_before=1,
        changed=1,
        bytes=round(dump.size),
        bytes_before=round(before[0]),
        raw_bytes=round(raw),
        stored_bytes=round(raw * dump.ratio * rng.lognormvariate(0, 0.02)),
        old=Look(files=pieces, opaque=opaque),
        rows=dump.rows,
        rows_before=before[1],
    )


def attacked(dump: Dump, how: str, rng: random.Random, n: int) -> Churn:
    """One dump after an attack on its database."""
    victim, before = replace(dump), (dump.size, dump.rows)
    at = (START + timedelta(days=n)).isoformat()
    new = victim.rewritten
    if how.startswith("encrypt"):
        share = int(how.split()[1].rstrip("%")) / 100
        victim.ratio = victim.ratio * (1 - share) + share
        victim.random = victim.random * (1 - share) + share
        new = max(new, share)
        if victim.rewritten < 1:  # of what is new, nearly all is what was encrypted
            part = share / (share + victim.rewritten * (1 - share))
            victim.ratio = dump.ratio * (1 - part) + part
            victim.random = dump.random * (1 - part) + part
    elif how.startswith("rows"):
        victim.rows = round(victim.rows * 0.4) if victim.rows is not None else None
        victim.size *= 0.45
    elif how.startswith("truncated"):
        victim.size *= 0.3
    made = figures(victim, before, new, at, rng)
    if how == "zeros":
        return made.model_copy(update={"old": Look(files=made.old.files, blank=made.old.files), "stored_bytes": 1000})
    return made


def run(seeds: int, days: int, attacks: int, verbose: bool) -> tuple[float, int, float]:
    """Share of attacks found, false alarms, source-years."""
    hits: dict[str, list[bool]] = defaultdict(list)
    alarms_total = 0
    for template in DUMPS:
        here: list[bool] = []
        alarms = 0
        for seed in range(1000, 1000 + seeds):
            rng = random.Random(f"{template.name} {seed}")
            dump, history, states = replace(template), list[Churn](), list[Dump]()
            for n in range(days):
                now = day(dump, rng, n)
                judged = judge_change(history[-730:], now)
                if judged.verdict == "suspicious":
                    alarms += 1
                    if verbose:
                        print(f"    day {n}: {', '.join(told.code for told in judged.reasons)}")
                history.append(now)
                states.append(replace(dump))
            for _n in range(attacks):
                at = rng.randrange(30, days)
                for how in ATTACKS:
                    hit = judge_change(history[:at], attacked(states[at - 1], how, rng, at)).verdict == "suspicious"
                    hits[how].append(hit)
                    here.append(hit)
        alarms_total += alarms
        rate = alarms / (seeds * days / 365)
        print(f"dump: {template.name:28} {rate:6.2f} {sum(here) / len(here):14.1%}", flush=True)
    print("dumps:  " + ", ".join(f"{how} {sum(found) / len(found):.1%}" for how, found in hits.items()))
    every = [hit for found in hits.values() for hit in found]
    return sum(every) / len(every), alarms_total, len(DUMPS) * seeds * days / 365
