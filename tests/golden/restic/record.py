"""Records what a real restic says: ``python tests/golden/restic/record.py /usr/bin/restic …``.

For each program a folder named by its version, one JSON file for each situation: arguments, exit code, both outputs.
Ids, times, durations and paths of the recording machine are replaced by fixed ones, so that a new recording differs
only where restic does. The tests replay them through the parser and the classifier.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
PASSWORD = "recorded"


class Recorder:
    """One restic, one scratch directory."""

    def __init__(self, program: Path, scratch: Path) -> None:
        self.program, self.scratch = program, scratch
        self.version = self.plain("version").stdout.decode().split()[1]
        self.folder = HERE / self.version
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.ids: dict[str, str] = {}

    def environment(self, **more: str) -> dict[str, str]:
        base = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8", "RESTIC_PROGRESS_FPS": "2"}
        base |= {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": str(self.scratch / "repo")}
        return base | {"RESTIC_CACHE_DIR": str(self.scratch / "cache")} | more

    def plain(self, *arguments: str, stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.program, *arguments], input=stdin, capture_output=True, check=False, env=self.environment(**more)
        )

    def record(self, name: str, *arguments: str, stdin: bytes = b"", **more: str) -> bytes:
        """Run it and keep what it said."""
        said = self.plain(*arguments, stdin=stdin, **more)
        self.keep(name, arguments, said.returncode, said.stdout, said.stderr)
        return said.stdout

    def keep(self, name: str, arguments: tuple[str, ...], code: int, out: bytes, err: bytes) -> None:
        document = {
            "arguments": [self.normal(argument) for argument in arguments],
            "returncode": code,
            "stdout": self.normal(out.decode("utf-8", "surrogateescape")).splitlines(),
            "stderr": self.normal(err.decode("utf-8", "surrogateescape")).splitlines(),
        }
        text = json.dumps(document, indent=1, ensure_ascii=True) + "\n"
        (self.folder / f"{name}.json").write_text(text)

    def normal(self, text: str) -> str:
        """The same text from every machine at every time."""
        text = text.replace(str(self.scratch), "/scratch").replace(os.uname().nodename, "host")
        text = re.sub(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?", r"2026-01-01\g<1>00:00:00", text)
        text = re.sub(r"(_duration|\"duration)\":[\d.e-]+", r'\1":0.5', text)
        text = re.sub(r'"seconds_(elapsed|remaining)":\d+', r'"seconds_\1":1', text)
        text = re.sub(r"(?<![\d.])\b[0-9a-f]{8}(?:[0-9a-f]{2})?(?:[0-9a-f]{54})?\b", self._id, text)
        text = re.sub(r"\bPID \d+", "PID 4242", text)
        text = re.sub(r'"pid": ?\d+', '"pid": 4242', text)
        text = re.sub(r"/proc/\d+/", "/proc/4242/", text)
        text = re.sub(r"(after|ago\)|\() ?[\d.]+m?s\b", r"\1 1s", text)
        text = re.sub(r"check-cache-\d+", "check-cache-1", text)
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", text)

    def _id(self, match: re.Match[str]) -> str:
        found = match[0]
        number = self.ids.setdefault(found[:8], f"{len(self.ids) + 1:08x}")
        return (number * 8)[: len(found)]


def saving(r: Recorder) -> None:
    """Saving and looking, with nothing wrong."""
    source = r.scratch / "source"
    (source / "folder").mkdir(parents=True)
    for name in (b"plain", b'quo"te', b"new\nline", b"\xff\xfe", "贵州".encode()):
        (Path(os.fsdecode(os.fsencode(source / "folder") + b"/" + name))).write_bytes(name)
    r.record("init", "init", "--json")
    r.record("init-again", "init", "--json")
    marks = ("--host", "web-1", "--tag", "guardian", "--tag", "run=1")
    r.record("backup-new", "backup", "--json", "-vv", *marks, str(source))
    (source / "folder" / "plain").write_bytes(b"changed content")
    r.record("backup-modified", "backup", "--json", "-vv", *marks, str(source))
    r.record("backup-stream", "backup", "--json", "-vv", "--stdin", "--stdin-filename", "/app.db", stdin=b"stream")
    r.record("backup-stream-folder", "backup", "--json", "--stdin", "--stdin-filename", "/dir/app.db", stdin=b"x")
    r.record("backup-missing-source", "backup", "--json", str(source), "/nope")
    r.record("backup-all-missing", "backup", "--json", "/nope")
    r.record("backup-unknown-parent", "backup", "--json", "--parent", "deadbeef", str(source))
    sleeper = subprocess.Popen(["sleep", "60"])
    r.record("backup-unreadable", "backup", "--json", "-vv", str(source), f"/proc/{sleeper.pid}/mem")
    sleeper.kill()
    sleeper.wait()
    listed = json.loads(r.record("snapshots", "snapshots", "--json", "--no-lock"))
    r.record("snapshots-unknown", "snapshots", "--json", "--no-lock", "deadbeef")
    r.record("cat-config", "cat", "config", "--json", "--no-lock")
    r.record("key-list", "key", "list", "--json", "--no-lock")
    r.record("restore", "restore", "--json", "--target", str(r.scratch / "target"), listed[0]["id"])
    r.record(
        "restore-no-match",
        "restore",
        "--json",
        "--target",
        str(r.scratch / "t2"),
        "--include",
        "/nope",
        listed[0]["id"],
    )
    r.record("restore-unknown", "restore", "--json", "--target", str(r.scratch / "t3"), "deadbeef")
    r.record("dump-unknown-path", "dump", listed[0]["id"], "/nope")
    r.record("check", "check", "--json", "--no-lock")
    r.record("unlock", "unlock")


def closed_doors(r: Recorder) -> None:
    """Nothing can be opened, or somebody else is inside."""
    r.record("wrong-password", "cat", "config", "--no-lock", "--json", RESTIC_PASSWORD="other")
    r.record("missing-local", "cat", "config", "--no-lock", "--json", RESTIC_REPOSITORY=str(r.scratch / "none"))
    with_lock(r, lambda: r.record("locked", "backup", "--json", str(r.scratch / "source")))
    bad = r.scratch / "repo" / "locks" / ("ab" * 32)
    bad.write_bytes(b"garbage")
    r.record("garbage-lock", "backup", "--json", str(r.scratch / "source"))
    bad.unlink()
    stream = subprocess.Popen(
        [r.program, "backup", "--json", "--stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=r.environment(),
    )
    assert stream.stdin
    stream.stdin.write(os.urandom(3_000_000))
    stream.send_signal(signal.SIGINT)
    time.sleep(1)
    out, err = stream.communicate()
    r.keep("interrupted", ("backup", "--json", "--stdin"), stream.returncode, out, err)


def with_lock(r: Recorder, act: Callable[[], object]) -> None:
    """Do ``act`` while another restic holds an exclusive lock."""
    holder = subprocess.Popen(
        [r.program, "check"], env=r.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not any((r.scratch / "repo" / "locks").iterdir()):
        time.sleep(0.01)
    holder.send_signal(signal.SIGSTOP)
    act()
    holder.kill()
    holder.wait()
    r.plain("unlock")


def damage(r: Recorder) -> None:
    """Something in the repository is not as it was."""
    source = r.scratch / "big"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(200_000))
    r.plain("backup", str(source))
    listed = json.loads(r.plain("snapshots", "--json", "--no-lock").stdout)
    newest = listed[-1]["id"]
    packs = [path for path in (r.scratch / "repo" / "data").rglob("*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[5000] ^= 1
    pack.write_bytes(content)
    r.record("check-flipped", "check", "--json", "--no-lock")
    r.record("check-flipped-read-data", "check", "--json", "--no-lock", "--read-data")
    r.record("restore-flipped", "restore", "--json", "--target", str(r.scratch / "t4"), newest)
    r.record("dump-flipped", "dump", newest, str(source / "file"))
    pack.unlink()
    r.record("check-pack-missing", "check", "--json", "--no-lock")
    snapshot = r.scratch / "repo" / "snapshots" / newest
    snapshot.chmod(0o600)
    snapshot.write_bytes(b"garbage")
    shutil.rmtree(r.scratch / "cache")
    r.record("snapshots-garbage", "snapshots", "--json", "--no-lock")
    r.record("backup-garbage-snapshot", "backup", "--json", str(r.scratch / "source"))


def main() -> None:
    for program in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            recorder = Recorder(program.resolve(), Path(scratch))
            for scene in (saving, closed_doors, damage):
                scene(recorder)


if __name__ == "__main__":
    main()
