"""Verifying all content: ``python benchmarks/decoder.py --scratch DIR [--mib 1024] [--storage s3] [--pairs 3]``.

A is the decoder (key, index, walk over all trees, every pack read and every blob verified, with 4 threads), B is
``restic check --read-data`` without a cache: the same repository, in a local folder or on a real S3 server on loopback
(SeaweedFS), by turns, each in a process of its own. The memory is the peak of each process. Half of the content is
random, half compresses to a third. ``--small-files N`` adds N files of 1 KiB. Then the decoder's index alone is filled
with ``--blobs`` (1,000,000) blobs. ``--restic PROGRAM`` chooses the restic.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from guardian.decoder import indexfile
from guardian.decoder.repository import open_repository
from guardian.decoder.seal import Key
from guardian.model.address import is_s3, parse
from guardian.model.reader import Reader
from guardian.model.secret import Secret
from guardian.objectstore.local import LocalReader

PASSWORD = "benchmark"  # of a repository that is thrown away
FACTOR, RESIDENT_MIB = 1.0, 300.0
"""The budget: the decoder at least FACTOR times as fast as restic, and in so much memory."""


def make(folder: Path, mib: int, small: int) -> None:
    """The data, unless they are there from the run before."""
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    words = [random.Random(n).randbytes(12) for n in range(256)]
    for number in range(mib // 4):
        directory = folder / "data" / f"{number // 100:04d}"
        directory.mkdir(parents=True, exist_ok=True)
        content = os.urandom(4 << 20)
        if number % 2:
            content = b"".join(words[byte] for byte in content[: (4 << 20) // 12])
        (directory / f"{number:06d}").write_bytes(content)
    for number in range(small):
        directory = folder / "data" / "small" / f"{number // 500:04d}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{number:06d}").write_bytes(os.urandom(1024))
    (folder / "complete").touch()


@contextmanager
def way_to(location: str) -> Iterator[Reader]:
    """Our own way to a repository; credentials for S3 are in the environment, as restic has them."""
    if not is_s3(location):
        with LocalReader(Path(location)) as local:
            yield local
        return
    from guardian.objectstore.s3reader import S3Reader  # noqa: PLC0415  boto3 would weigh on the local runs

    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    with S3Reader(parse(location), {name: Secret(os.environ[name].encode()) for name in names}) as remote:
        yield remote


@contextmanager
def storage(kind: str, scratch: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A fresh place for a repository: its location, and what the environment must hold to reach it."""
    folder = scratch / "repository"
    shutil.rmtree(folder, ignore_errors=True)
    if kind == "local":
        yield str(folder), {}
        return
    from guardian.demo.server import SeaweedFS  # noqa: PLC0415  the same
    from guardian.objectstore.s3 import S3Store  # noqa: PLC0415  the same

    folder.mkdir(parents=True)
    with SeaweedFS.start(folder) as server:
        address = server.address("benchmark", "repository")
        with S3Store(address, server.credentials) as store:
            store.ensure_bucket()
        yield address.location, {name: secret.reveal().decode() for name, secret in server.credentials.items()}
    shutil.rmtree(folder)


def verify(location: str) -> None:
    """A: everything, with the threads that a drill has on two processors."""
    started = time.monotonic()
    with way_to(location) as reader, ThreadPoolExecutor(4) as pool:
        loaded = open_repository(reader, Secret(PASSWORD.encode())).load()
        opened = time.monotonic()
        structure = loaded.check_structure(pool)
        walked = time.monotonic()
        mib, packs, broken = 0.0, 0, 0
        for report in loaded.verify_packs(loaded.packs(), pool):
            mib, packs, broken = mib + report.bytes_read / 2**20, packs + 1, broken + (not report.ok)
        read = time.monotonic()
    found = [*loaded.findings.kept, *structure.findings.kept, *loaded.pack_findings().kept]
    if found or broken:
        raise SystemExit(f"findings where nothing is damaged: {found[:5]}, {broken} packs")
    print(
        f"    opened {opened - started:.2f} s, {structure.trees} trees walked {walked - opened:.2f} s, "
        f"{mib:.0f} MiB in {packs} packs read {read - walked:.2f} s ({mib / (read - walked):.0f} MiB/s)"
    )


@dataclass(frozen=True)
class Cost:
    """What one run took: wall and processor seconds, peak memory in MiB."""

    wall: float
    cpu: float
    mib: float

    def __str__(self) -> str:
        return f"{self.wall:6.2f} s, {self.cpu:6.2f} s of processor, {self.mib:4.0f} MiB"


def measured(argv: list[str], environment: dict[str, str] | None = None) -> Cost:
    started = time.monotonic()
    with subprocess.Popen(argv, env={**os.environ, "RESTIC_PASSWORD": PASSWORD, **(environment or {})}) as child:
        _pid, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}")
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def forge_indexes(folder: Path, blobs: int) -> None:
    """A repository that has nothing but index files over ``blobs`` blobs, 50,000 each, sealed with a key of zeros."""
    rng = random.Random(1)
    (folder / "index").mkdir(parents=True)
    for start in range(0, blobs, 50_000):
        packs = [
            {
                "id": rng.randbytes(32).hex(),
                "blobs": [
                    {"id": rng.randbytes(32).hex(), "type": "data", "offset": n << 20, "length": 1 << 20}
                    for n in range(16)
                ],
            }
            for _pack in range(min(50_000, blobs - start) // 16)
        ]
        iv = rng.randbytes(16)
        text = (
            Cipher(algorithms.AES(bytes(32)), modes.CTR(iv)).encryptor().update(json.dumps({"packs": packs}).encode())
        )
        one_time = bytes(16) + Cipher(algorithms.AES(bytes(16)), modes.ECB()).encryptor().update(iv)
        sealed = iv + text + Poly1305.generate_tag(one_time, text)
        (folder / "index" / hashlib.sha256(sealed).hexdigest()).write_bytes(sealed)


def fill(folder: Path) -> None:
    """The index alone."""
    started = time.monotonic()
    with LocalReader(folder) as reader:
        loaded = indexfile.load(reader, Key(bytes(32), bytes(16), bytes(16)).opener())
    print(f"    {len(loaded.index)} blobs in {time.monotonic() - started:.1f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--storage", choices=("local", "s3"), default="local")
    parser.add_argument("--small-files", type=int, default=0)
    parser.add_argument("--blobs", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--restic", default="restic")
    parser.add_argument("--only", choices=("verify", "fill"), help=argparse.SUPPRESS)
    parser.add_argument("--location", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        verify(options.location) if options.only == "verify" else fill(options.scratch)
        return 0
    ourselves = [sys.executable, __file__, "--scratch", str(options.scratch), "--only"]
    data = options.scratch / f"data-{options.mib}-{options.small_files}"
    make(data, options.mib, options.small_files)
    runs: dict[str, list[Cost]] = {"decoder": [], "restic": []}
    with storage(options.storage, options.scratch) as (location, environment):
        restic = [options.restic, "-q", "--no-cache", "-r", location]
        measured([*restic, "init"], environment)
        measured([*restic, "backup", str(data)], environment)
        programs = {
            "decoder": [*ourselves, "verify", "--location", location],
            "restic": [*restic, "check", "--read-data"],
        }
        for pair in range(options.pairs):
            for name in sorted(programs, reverse=bool(pair % 2)):
                runs[name].append(measured(programs[name], environment))
                print(f"{name:8} {runs[name][-1]}", flush=True)
    indexes = options.scratch / "indexes"
    shutil.rmtree(indexes, ignore_errors=True)
    forge_indexes(indexes, options.blobs)
    index = measured([sys.executable, __file__, "--only", "fill", "--scratch", str(indexes)])
    print(f"index of {options.blobs} blobs: {index}")
    wall, cpu = (
        statistics.median(getattr(c, what) for c in runs["restic"])
        / statistics.median(getattr(c, what) for c in runs["decoder"])
        for what in ("wall", "cpu")
    )
    resident = max(index.mib, *(cost.mib for cost in runs["decoder"]))
    good = wall >= FACTOR and resident <= RESIDENT_MIB
    print(
        f"decoder {wall:.2f} × as fast as restic (at least {FACTOR}), {cpu:.2f} × by processor time, "
        f"at most {resident:.0f} MiB: {'good' if good else 'OVER'}"
    )
    return 0 if good else 3


if __name__ == "__main__":
    sys.exit(main())
