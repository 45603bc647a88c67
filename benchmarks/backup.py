"""What Guardian adds to a backup: ``python benchmarks/backup.py --scratch DIR [--small] [--server rclone]``.

A is ``guardian backup``, B is bare ``restic backup``: the same restic, the same files, a fresh repository each on the
same real S3 server, restic's cache empty for both, secrets given by files to both. A and B take turns at being first.
Two data sets that nothing can compress: 1 GiB in 2,000 files, and 100,000 small files. The memory is the peak of
Guardian's own process, without restic and its guard. A second backup of the same files is measured for memory alone:
it is compared with the first. Processor time, of all processes on either side and of Guardian's own, is told too: a
machine that is busy with other things changes it less than the wall time.
"""

import argparse
import os
import resource
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from guardian.clock import SystemClock
from guardian.demo.server import SeaweedFS
from guardian.errors import GuardianError
from guardian.model.address import S3Address
from guardian.model.secret import Secret
from guardian.objectstore.reach import reach
from guardian.objectstore.s3 import S3Store
from guardian.proc.command import Command
from guardian.proc.service import Service

FACTOR, SECONDS, RESIDENT_MIB = 1.05, 0.5, 80.0
"""The budget: wall time at most FACTOR × bare restic + SECONDS, and so much memory whatever the number of files."""


@dataclass(frozen=True)
class DataSet:
    name: str
    files: int
    size: int
    """Bytes of each file."""

    def make(self, folder: Path) -> None:
        """Random files, 200 to a directory, unless they are there from the run before."""
        if (folder / "complete").exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        for number in range(self.files):
            directory = folder / "data" / f"{number // 200:04d}"
            if number % 200 == 0:
                directory.mkdir(parents=True)
            (directory / f"{number:06d}.bin").write_bytes(os.urandom(self.size))
        (folder / "complete").touch()


FULL = (DataSet("1 GiB in 2,000 files", 2_000, 524_288), DataSet("100,000 small files", 100_000, 1_024))
SMOKE = (DataSet("64 MiB in 128 files", 128, 524_288), DataSet("5,000 small files", 5_000, 1_024))


@dataclass(frozen=True)
class Storage:
    """An S3 server that runs, and its keys."""

    endpoint: str
    credentials: dict[str, Secret]

    def bucket(self) -> str:
        """A fresh bucket, as restic is to be told of it."""
        name = f"benchmark-{secrets.token_hex(6)}"
        scheme, _, place = self.endpoint.partition("://")
        host, _, port = place.partition(":")
        with S3Store(S3Address(scheme, host, int(port), name, ""), self.credentials) as store:
            store.ensure_bucket()
        return f"s3:{self.endpoint}/{name}/repository"


@contextmanager
def seaweedfs(folder: Path) -> Iterator[Storage]:
    with SeaweedFS.start(folder) as server:
        yield Storage(server.endpoint, server.credentials)


@contextmanager
def rclone(folder: Path) -> Iterator[Storage]:
    program = Path(sysconfig.get_path("scripts")) / "rclone"
    (folder / "data").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key, secret = secrets.token_hex(10), secrets.token_hex(20)  # good for this one server on loopback
    options = ("--addr", f"127.0.0.1:{port}", "--auth-key", f"{key},{secret}", "--config", os.devnull)
    command = Command(argv=(str(program), "serve", "s3", *options, str(folder / "data")), cwd=folder)
    with Service.start(command, folder / "server.log") as service:
        for _ in range(200):
            try:
                reach(S3Address("http", "127.0.0.1", port, "ready", ""), timeout=5)
                break
            except GuardianError:
                if service.returncode is not None:
                    raise
                SystemClock().sleep(0.05)
        pair = {"AWS_ACCESS_KEY_ID": Secret(key.encode()), "AWS_SECRET_ACCESS_KEY": Secret(secret.encode())}
        yield Storage(f"http://127.0.0.1:{port}", pair)


SERVERS = {"seaweedfs": seaweedfs, "rclone": rclone}


@dataclass(frozen=True)
class Run:
    seconds: float
    resident_mib: float = 0.0
    processor: float = 0.0
    """Seconds of all its processes."""
    own: float = 0.0
    """Seconds of the process itself."""


def timed(argv: list[str], env: dict[str, str], cwd: Path) -> Run:
    """Run to the end. The peak is read from the process's own status while it lives: its children are not in it."""
    before, start = children(), time.perf_counter()
    with subprocess.Popen(argv, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        status, stat, peak, own = Path(f"/proc/{process.pid}/status"), Path(f"/proc/{process.pid}/stat"), 0, 0.0
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        said = b""
        while process.poll() is None:
            peak, own = max(peak, high_water(status)), max(own, used(stat))
            said += process.stdout.read() or b""  # type: ignore[union-attr]
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        said += process.stdout.read() or b""  # type: ignore[union-attr]
    if process.returncode:
        raise SystemExit(f"{argv}: exit code {process.returncode}\n{said.decode(errors='replace')}")
    return Run(seconds, peak / 1024, children() - before, own)


def high_water(status: Path) -> int:
    try:
        return next((int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def children() -> float:
    """Seconds of processor time of all processes that this one has seen end, and of those that they have."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def used(stat: Path) -> float:
    """Seconds of processor time of the process, without its children."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Bench:
    """One place for both: a folder that is made anew for every run, and the storage."""

    scratch: Path
    storage: Storage
    restic: str

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home)} | more

    @contextmanager
    def home(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="run-") as name:
            yield Path(name)

    def bare(self, data: Path) -> Run:
        with self.home() as home:
            pairs = [
                f"{name.lower()} = {secret.reveal().decode()}" for name, secret in self.storage.credentials.items()
            ]
            (home / "aws").write_text("\n".join(["[default]", *pairs]) + "\n")
            (home / "password").write_text(secrets.token_urlsafe(32) + "\n")
            env = self.environment(
                home,
                AWS_SHARED_CREDENTIALS_FILE=str(home / "aws"),
                RESTIC_PASSWORD_FILE=str(home / "password"),
                RESTIC_REPOSITORY=self.storage.bucket(),
            )
            cache = f"--cache-dir={home / 'cache'}"
            subprocess.run([self.restic, cache, "init"], env=env, check=True, capture_output=True)
            shutil.rmtree(home / "cache", ignore_errors=True)
            return timed([self.restic, cache, "backup", str(data)], env, home)

    def guardian(self, data: Path, twice: bool = False) -> Run:
        with self.home() as home:
            lines = [name.encode() + b"=" + secret.reveal() for name, secret in self.storage.credentials.items()]
            (home / "credentials").touch(mode=0o600)
            (home / "credentials").write_bytes(b"\n".join(lines) + b"\n")
            source = {"kind": "files", "paths": [str(data)]}
            config = {
                "tenant": {"id": "benchmark"},
                "host": "host-1",
                "restic": {"program": self.restic},
                "repositories": {"main": {"url": self.storage.bucket(), "credentials": "file:credentials"}},
                "systems": {"app": {"sources": {"docs": source}}},
            }
            (home / "guardian.yaml").write_text(yaml.safe_dump(config))
            guardian = [sys.executable, "-m", "guardian"]
            env = self.environment(home)
            subprocess.run([*guardian, "init"], env=env, cwd=home, check=True, capture_output=True)
            shutil.rmtree(home / "state" / "cache", ignore_errors=True)
            first = timed([*guardian, "backup"], env, home)
            if not twice:
                return first
            second = timed([*guardian, "backup"], env, home)
            return replace(first, resident_mib=max(first.resident_mib, second.resident_mib))


def compare(bench: Bench, data_set: DataSet, pairs: int) -> None:
    folder = bench.scratch / f"data-{data_set.files}-{data_set.size}"
    data_set.make(folder)
    a: list[Run] = []
    b: list[Run] = []
    for number in range(pairs):
        for ours in (True, False) if number % 2 == 0 else (False, True):
            if ours:
                a.append(bench.guardian(folder / "data", twice=number + 1 == pairs))
            else:
                b.append(bench.bare(folder / "data"))
        one, other = a[-1], b[-1]
        print(
            f"{data_set.name}, pair {number + 1}: A {one.seconds:.2f} s, B {other.seconds:.2f} s, "
            f"A/B {one.seconds / other.seconds:.3f}, A-B {one.seconds - other.seconds:+.2f} s; processor "
            f"A {one.processor:.2f} s, B {other.processor:.2f} s, own {one.own:.2f} s; "
            f"resident {one.resident_mib:.1f} MiB",
            flush=True,
        )
    mine, bare = (statistics.median(run.seconds for run in runs) for runs in (a, b))
    processor = [statistics.median(run.processor for run in runs) for runs in (a, b)]
    allowed = FACTOR * bare + SECONDS
    peak = max(run.resident_mib for run in a)
    print(
        f"{data_set.name}, medians of {pairs}: A {mine:.2f} s, B {bare:.2f} s, A/B {mine / bare:.3f}; "
        f"budget {FACTOR} B + {SECONDS} s = {allowed:.2f} s: {_verdict(mine <= allowed)}, {mine - allowed:+.2f} s; "
        f"processor A {processor[0]:.2f} s, B {processor[1]:.2f} s, {processor[0] - processor[1]:+.2f} s; "
        f"resident {peak:.1f} MiB: {_verdict(peak <= RESIDENT_MIB)} {RESIDENT_MIB:.0f} MiB"
    )


def _verdict(good: bool) -> str:
    return "within" if good else "OVER"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True, help="a directory for data and repositories")
    parser.add_argument("--small", action="store_true", help="a smoke run with little data: its ratios mean little")
    parser.add_argument("--server", choices=SERVERS, default="seaweedfs")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--restic", default=shutil.which("restic") or "restic", help="the program both use")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = options.scratch.resolve()
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix="server-") as name,
        SERVERS[options.server](Path(name)) as storage,
    ):
        said = subprocess.run([options.restic, "version"], check=True, capture_output=True, text=True).stdout
        restic = said.split(" compiled")[0].strip()
        print(f"{restic}, {options.server}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for data_set in SMOKE if options.small else FULL:
            compare(Bench(scratch, storage, options.restic), data_set, options.pairs)


if __name__ == "__main__":
    main()
