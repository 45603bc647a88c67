"""A made-up province for whoever tries something on it: the file of a fleet, or a past to fill a Prometheus with.

    python benchmarks/province.py fleet --hosts 300 > fleet.jsonl
    python benchmarks/province.py past --hosts 100 --days 1 --step 300 [--agents] > past.om
    promtool tsdb create-blocks-from openmetrics past.om DATA

``--fault NAME`` (as often as wanted) takes these faults alone, ``--sound`` none; otherwise every fault is there. With
``--agents`` the hosts' own pages are in the past too. A host and moment take 2 ms of a processor.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

from guardian.model.fleet_file import lines
from guardian.province import FAULTS, Province, Shape
from guardian_exporters import history


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fleet", "past"))
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--sources", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=1.0, help="how much of the past before the end of history")
    parser.add_argument("--step", type=float, default=300.0, help="seconds between two moments")
    parser.add_argument("--end", type=datetime.fromisoformat, help="when history ends, RFC 3339; default 2027-01-01Z")
    parser.add_argument("--fault", action="append", choices=tuple(FAULTS), default=[])
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--agents", action="store_true")
    asked = parser.parse_args()
    shape = Shape(seed=asked.seed, hosts=asked.hosts, sources=asked.sources)
    province = Province(shape, faults=tuple(asked.fault) or (() if asked.sound else tuple(FAULTS)))
    if asked.end is not None:
        province = Province(shape, province.faults, origin=asked.end - timedelta(days=shape.days))
    sys.stdout.buffer.writelines(lines(province.fleet()) if asked.what == "fleet" else past(province, asked))
    return 0


def past(province: Province, asked: argparse.Namespace) -> Iterator[bytes]:
    count = int(asked.days * 86400 / asked.step)
    moments = [province.end - timedelta(seconds=asked.step * back) for back in range(count, -1, -1)]
    yield from history.of_fleet(province.fleet, moments, job="guardian-fleet", instance="hub")
    if asked.agents:
        yield from history.of_hosts(province.fleet, moments, job="guardian-agent")
    yield history.END


if __name__ == "__main__":
    sys.exit(main())
