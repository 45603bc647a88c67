"""kill -9 at random instants while an agent works: nothing lost, no stale lock for the next run, journal and log agree.

    python benchmarks/agent_kills.py [--kills 100] [--seed N]

A host with three sources in two repositories is backed up every few seconds. At a random instant the agent, one of its
jobs' processes, or a restic is killed with SIGKILL; the agent is started again when it was the one. In the end it is
left alone for a while, asked to end, and everything is held against everything else. The seed is printed.
"""

import argparse
import importlib.util
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import agents
import cheap

from guardian.clock import rfc3339

PATIENCE = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {seed}, {asked.kills} kills", flush=True)
    with tempfile.TemporaryDirectory(prefix="guardian-kills-") as root:
        host = make(Path(root))
        tally = kill_often(host, asked.kills, random.Random(seed))
        return judge(host, tally)


def make(root: Path) -> Any:
    spec = importlib.util.spec_from_file_location("guardian_bench_site", Path(__file__).parent.parent / "tests/site.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["guardian_bench_site"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    host = module.make(root)
    big = root / "big"
    big.mkdir()
    for number in range(60):
        write(big / f"{number}.txt")
    host.config["systems"]["app"]["plan"] = {"schedule": "every 3s", "drills": {"D3": "every 7s"}}
    host.config["repositories"]["other"] = {"url": str(root / "other")}
    host.config["systems"]["second"] = {
        "repository": "other",
        "sources": {"big": {"kind": "files", "paths": [str(big)]}},
        "plan": {"schedule": "every 4s"},
    }
    host.config["agent"] = {"metrics": {"listen": None}, "nice": 0}
    host.write()
    said = host.guardian("init")
    assert said.code == 0, said
    cheap.cheapen(host)
    return host


def write(path: Path) -> None:
    """A few hundred KiB more of a log: files that are scrambled would be called suspicious, and rightly."""
    lines = (f"request {number} of user {number * 7919 % 1000} took {number % 97} ms" for number in range(8000))
    with path.open("a") as log:
        log.write("\n".join(lines) + "\n")


def kill_often(host: Any, kills: int, chance: random.Random) -> Counter[str]:
    tally: Counter[str] = Counter()
    agent = agents.Running(host)
    try:
        while sum(tally.values()) < kills:
            time.sleep(chance.uniform(0.05, 4.0))
            for path in (host.root / "big").iterdir():
                if chance.random() < 0.1:
                    write(path)
            what = chance.choice(["agent", "agent", "job", "restic"])
            if not strike(agent, what):
                continue
            tally[f"{what} killed"] += 1
            if agent.process.poll() is not None:
                agent = agents.Running(host)
            if sum(tally.values()) % 10 == 0:
                print(f"{sum(tally.values())} kills: {dict(tally)}", flush=True)
        done = len(agents.entries(host, "backup-receipt"))
        end = time.monotonic() + PATIENCE
        while len(agents.entries(host, "backup-receipt")) < done + 6 and time.monotonic() < end:
            time.sleep(1)
        tally["receipts after the last kill"] = len(agents.entries(host, "backup-receipt")) - done
    finally:
        code = agent.end()
    tally["exit code of the last agent"] = code
    return tally


def strike(agent: Any, what: str) -> bool:
    """Kill it; whether there was one."""
    below = agents.descendants(agent.process.pid)
    if what == "agent":
        agent.kill()
        return True
    wanted = agent.work() if what == "job" else [p for p in below if agents.argv(p)[0].endswith(b"/restic")]
    for pid in wanted[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
    return bool(wanted)


def judge(host: Any, tally: Counter[str]) -> int:
    """Hold log, journal, repositories and locks against each other."""
    faults: list[str] = []
    if host.guardian("ledger", "verify").code != 0:
        faults.append("the log does not hold together")
    receipts = agents.entries(host, "backup-receipt")
    slots = Counter((one.system, one.source, one.slot) for one in receipts if one.slot)
    faults += [f"two receipts for {where}" for where, count in slots.items() if count > 1]
    for system, source in {(one.system, one.source) for one in receipts}:
        faults += agree(host, system, source, [one for one in receipts if (one.system, one.source) == (system, source)])
    drilled = host.guardian("verify", "--level", "D1")
    if drilled.code != 0:
        faults.append(f"a drill says no: {sorted(drilled.reasons)}")
    backed = host.guardian("backup")
    if backed.code != 0:
        faults.append(f"a backup by hand ends with {backed.code}: {sorted(backed.reasons)}")
    for name in ("main", "other"):
        faults += [f"a lock is left in {name}: {whose}" for whose in left(host, name)]
    print(yaml.safe_dump(dict(tally), sort_keys=False).rstrip())
    print(f"receipts in the log: {len(receipts)}, of them for a slot: {sum(slots.values())}")
    print(f"statements of no backup: {len(agents.entries(host, 'no-backup'))}")
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "nothing lost, no stale lock, journal and log agree")
    return int(bool(faults) or tally["exit code of the last agent"] != 0)


def left(host: Any, name: str) -> list[str]:
    """The locks in a repository: when, by which process, and what that number is now."""
    found = []
    url = host.config["repositories"][name]["url"]
    for lock in (Path(url) / "locks").iterdir():
        if len(lock.name) != 64:
            continue  # half a file of a restic that was killed while it wrote it: no lock, and no restic minds it
        password = host.state / "keys" / f"{name}.password"
        env = {**host.env(), "RESTIC_PASSWORD_FILE": str(password), "RESTIC_REPOSITORY": url}
        argv = ["restic", "--no-cache", "--no-lock", "cat", "lock", lock.name]
        said = json.loads(subprocess.run(argv, env=env, capture_output=True, check=True).stdout)
        found.append(f"{said['time']}, process {said['pid']}, now {agents.argv(said['pid'])[:3]}")
    return found


def agree(host: Any, system: str, source: str, receipts: list[Any]) -> list[str]:
    """What journal and log say of one source that differs."""
    task = f"backup:{system}/{source}"
    tried = agents.attempts(host, task)
    ends = agents.slot_ends(host, task)
    faults = [f"{task}: the attempt {one.id} never ended" for one in tried if one.result is None]
    good = {rfc3339(one.slot) for one in tried if one.slot and one.result and one.result.outcome == "complete"}
    said = {one.slot for one in receipts if one.slot and one.outcome == "complete"}
    faults += [f"{task}: only the journal knows a backup for {slot}" for slot in sorted(good - said)]
    faults += [f"{task}: only the log knows a backup for {slot}" for slot in sorted(said - good)]
    twice = [slot for slot, count in Counter(end.slot for end in ends).items() if count > 1]
    faults += [f"{task}: the slot {slot} ended twice" for slot in twice]
    told = [one for one in agents.entries(host, "no-backup") if (one.system, one.source) == (system, source)]
    missing = [end for end in ends if end.state != "run" and not covered(end, told)]
    return faults + [f"{task}: the log is silent on the slot {rfc3339(end.slot)}" for end in missing]


def covered(end: Any, told: list[Any]) -> bool:
    """Whether one of the statements tells of a slot that nobody ran."""
    for one in told:
        if one.slot:
            last = datetime.fromisoformat(one.slot_until or one.slot)
            if datetime.fromisoformat(one.slot) <= end.slot <= last:
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
