"""What an idle agent costs: resident memory and its share of one processor, with 20 sources and metrics served.

    python benchmarks/agent_idle.py [--minutes 10] [--sources 20]

The agent is started on a fresh host, backs everything up once, and is then left alone. Processor time is that of the
agent's own process between two looks at it; a scrape of its metrics every 15 seconds and one question after its status
every minute are part of it. Ends with 1 when a figure is over its bound.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import yaml

MEMORY = 70 << 20
SHARE = 0.002
GUARDIAN = [sys.executable, "-m", "guardian"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sources", type=int, default=20)
    parser.add_argument("--port", type=int, default=19787)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guardian-idle-") as root:
        return measure(Path(root), asked)


def measure(root: Path, asked: argparse.Namespace) -> int:
    configure(root, asked)
    config = ["--config", str(root / "guardian.yaml")]
    subprocess.run([*GUARDIAN, *config, "init"], check=True, stdout=subprocess.DEVNULL)
    log = root / "agent.log"
    with log.open("wb") as out:
        agent = subprocess.Popen([*GUARDIAN, *config, "agent", "run"], stdout=out, stderr=out)
    try:
        print(f"waiting for the first backups of {asked.sources} sources", flush=True)
        while log.read_text().count(": complete after") < asked.sources:
            if agent.poll() is not None or time.monotonic() < 0:
                print(log.read_text())
                return 1
            time.sleep(0.5)
        time.sleep(5)
        return idle(agent.pid, root, asked)
    finally:
        agent.terminate()
        agent.wait()


def configure(root: Path, asked: argparse.Namespace) -> None:
    sources = {}
    for number in range(asked.sources):
        folder = root / "data" / f"s{number}"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(os.urandom(10_000))
        sources[f"s{number}"] = {"kind": "files", "paths": [str(folder)]}
    plan = {"schedule": "daily at 03:00", "drills": {"D3": "weekly", "D1": "daily"}}
    document = {
        "tenant": {"id": "agency"},
        "host": "host-1",
        "repositories": {"main": {"url": str(root / "repository")}},
        "systems": {"app": {"sources": sources, "plan": plan, "objectives": {"rpo": "2d"}}},
        "agent": {"metrics": {"listen": f"127.0.0.1:{asked.port}"}},
    }
    (root / "guardian.yaml").write_text(yaml.safe_dump(document))


def idle(pid: int, root: Path, asked: argparse.Namespace) -> int:
    begun, used = time.monotonic(), processor(pid)
    most = 0
    end = begun + asked.minutes * 60
    beat = 0
    while time.monotonic() < end:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{asked.port}/metrics", timeout=10).read()
        if beat % 4 == 0:
            command = [*GUARDIAN, "--config", str(root / "guardian.yaml"), "agent", "status"]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        beat += 1
        most = max(most, resident(pid))
        time.sleep(max(0.0, min(15.0, end - time.monotonic())))
    most = max(most, resident(pid))
    share = (processor(pid) - used) / (time.monotonic() - begun)
    print(f"resident memory, at most   {most / (1 << 20):6.1f} MiB   (bound {MEMORY >> 20})")
    print(f"share of one processor     {share * 100:6.3f} %     (bound {SHARE * 100:g})")
    print(f"over {asked.minutes:g} minutes, {asked.sources} sources, {beat} scrapes")
    return int(most > MEMORY or share > SHARE)


def processor(pid: int) -> float:
    """Seconds of processor time the process itself used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory the process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    sys.exit(main())
