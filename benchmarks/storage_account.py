"""A moto server with buckets and users of known kinds, and the programs that scan it: for the benchmarks of scans."""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
Moto: Any = importlib.import_module("iam").Moto

KEYS = ("AKIABENCHMARK0000001", "benchmark")
PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
GUARDIAN = [sys.executable, "-m", "guardian"]


def seed(server: Moto, buckets: int) -> None:
    """Four kinds of buckets in turn: locked and private; private; public by its ACL; public by its policy."""
    client = server.client("s3", KEYS)
    for number in range(buckets):
        name, kind = f"agency-bucket-{number:04d}", number % 4
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=kind == 0)
        if kind < 2:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=PRIVATE)
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
        if kind == 2:
            client.put_bucket_acl(Bucket=name, ACL="public-read")
        if kind == 3:
            who = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
            client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [who]}))


def requests(server: Moto) -> int:
    """How many requests the server has answered so far, by its own log."""
    log = server.log
    return sum('" 200 -' in line or '" 40' in line for line in log.read_text("utf-8", "replace").splitlines())


@dataclass(frozen=True)
class Ran:
    """One run of a program: wall seconds, the most resident memory in MiB, how it ended, where its output is."""

    seconds: float
    resident: float
    code: int
    output: Path


@dataclass
class Bench:
    """A folder with a configured host, over a server that is seeded; ``environment`` is that of every program."""

    folder: Path
    server: Moto
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        credentials = self.folder / "credentials"
        credentials.write_text(f"AWS_ACCESS_KEY_ID={KEYS[0]}\nAWS_SECRET_ACCESS_KEY={KEYS[1]}\n")
        credentials.chmod(0o600)
        config = {
            "tenant": {"id": "bench"},
            "repositories": {
                "main": {"url": str(self.folder / "repository")},
                # So that one of the buckets is one of backups.
                "far": {
                    "url": f"s3:{self.server.endpoint}/agency-bucket-0000/far",
                    "credentials": f"file:{credentials}",
                },
            },
            "systems": {
                "app": {
                    "repository": "main",
                    "sources": {"docs": {"kind": "files", "paths": [str(self.folder / "docs")]}},
                }
            },
            "scan": {
                "targets": {
                    "storage": {"kind": "s3", "endpoint": self.server.endpoint, "credentials": f"file:{credentials}"}
                }
            },
        }
        (self.folder / "guardian.yaml").write_text(yaml.safe_dump(config))
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "AWS_ACCESS_KEY_ID": KEYS[0],
            "AWS_SECRET_ACCESS_KEY": KEYS[1], "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.server.endpoint,
        }  # fmt: skip
        (self.folder / "docs").mkdir()
        if self.run([*GUARDIAN, *self.config, "init"], "init").code:
            raise RuntimeError((self.folder / "init.err").read_text("utf-8", "replace"))

    @property
    def config(self) -> list[str]:
        return ["--config", str(self.folder / "guardian.yaml")]

    def run(self, argv: list[str], name: str, **more: str) -> Ran:
        """Run a program to its end."""
        output = self.folder / f"{name}.out"
        environment = {**self.environment, **more}
        started = time.perf_counter()
        with output.open("wb") as out, (self.folder / f"{name}.err").open("wb") as err:
            actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
            pid = os.posix_spawnp(argv[0], argv, environment, file_actions=actions)
            _pid, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - started
        return Ran(seconds, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), output)

    def guardian(self, name: str, families: tuple[str, ...], deny: str = "") -> Ran:
        """Scan the storage with rules of ``families``; ``deny`` is a request that is refused."""
        starts = [sys.executable, str(Path(__file__).with_name("deny.py")), "guardian"] if deny else GUARDIAN
        chosen = [word for family in families for word in ("--baseline", family)]
        argv = [*starts, *self.config, "scan", "storage", *chosen, "--format", "json"]
        return self.run(argv, name, DENY=deny)

    def prowler(self, program: str, name: str, deny: str = "") -> Ran:
        """Scan the storage with Prowler's checks of S3; it is found in ``name``."""
        words = [
            "aws",
            "-s",
            "s3",
            "--region",
            "us-east-1",
            "-M",
            "json-ocsf",
            "-o",
            str(self.folder / name),
            "-F",
            "r",
        ]
        words += ["--no-banner", "--no-color"]
        if not deny:
            return self.run([program, *words], name)
        python = str(Path(program).with_name("python"))
        return self.run([python, str(Path(__file__).with_name("deny.py")), "prowler", *words], name, DENY=deny)


def guardian_verdicts(ran: Ran) -> dict[tuple[str, str], str]:
    """By target and rule."""
    document: Any = json.loads(ran.output.read_bytes())
    return {(one["target"]["id"], one["rule"]): one["status"] for one in document["findings"]}


def prowler_verdicts(folder: Path) -> dict[tuple[str, str], str]:
    """By resource and check; nothing where it wrote nothing."""
    found: dict[tuple[str, str], str] = {}
    for path in folder.glob("*.ocsf.json"):
        for one in json.loads(path.read_bytes()):
            found[one["resources"][0]["uid"], one["metadata"]["event_code"]] = one["status_code"]
    return found
