"""A host that has backed up, copied as often as tests need one to break, and the tools to break it with.

Making a repository and two backups takes ten seconds; copying the result takes none. And each start of restic spends
half a second on deriving its key, unless it is cheapened (tests/cheap.py).
Everything else is what a real ``guardian init`` and two real ``guardian backup`` left.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0


@dataclass(slots=True)
class Stage:
    """One such host. ``site`` is the configured host, ``saved`` where its documents lay when they were backed up."""

    site: Any
    saved: Path

    # the source

    @property
    def docs(self) -> Path:
        return self.site.docs

    def source_digest(self) -> str:
        """One digest of every name, type and byte of the documents: the same before and after, or they were touched."""
        return digest(self.docs)

    # the repository

    def objects(self, kind: str) -> list[Path]:
        """The files of ``kind`` (``data``, ``index``, ``keys``, ``snapshots``, ``locks``), by name."""
        folder = self.site.repository / kind
        return sorted((p for p in folder.rglob("*") if p.is_file() and "-tmp" not in p.name), key=lambda p: p.name)

    def receipts(self) -> list[dict[str, Any]]:
        """The predicates of the receipts in the log, oldest first."""
        return [e["predicate"] for e in self.entries() if "/backup-receipt/" in e["type"]]

    def snapshot_file(self, number: int) -> Path:
        """The snapshot file of receipt ``number``; -1 is the newest."""
        return self.site.repository / "snapshots" / self.receipts()[number]["snapshot_id"]

    def data_pack(self) -> Path:
        """The largest pack: it holds file contents, no trees."""
        return max(self.objects("data"), key=lambda p: p.stat().st_size)

    # the log

    def entries(self) -> list[dict[str, Any]]:
        """The newest entries of the log as ``guardian ledger show`` tells them, oldest first."""
        said = self.site.guardian("ledger", "show", "-n", "1000")
        assert said.code == 0, said
        return list(said.json["entries"])

    def last(self) -> dict[str, Any]:
        """The newest entry: ``kind`` (the name in its type), ``outcome`` and ``codes`` of every reason in it."""
        entry = self.entries()[-1]
        codes = set()

        def walk(node: Any) -> None:
            if isinstance(node, dict):
                codes.update({node["code"]} if "code" in node else ())
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(entry["predicate"])
        return {**entry["predicate"], "kind": entry["type"].split("/")[-2], "codes": codes}

    # verdicts

    def good(self, *level: str) -> None:
        """A normal backup and a normal drill are good (again)."""
        said = self.site.guardian("backup")
        assert (said.code, said.json["outcome"]) == (0, "complete"), said
        said = self.site.guardian("verify", *level)
        assert (said.code, said.json["outcome"]) == (0, "PASS"), said

    def told(self, *arguments: str | Path) -> tuple[int, str]:
        """What a person sees: exit code and every line of both streams."""
        said = self.site.guardian(*arguments, PLAIN="1")
        assert "Traceback" not in said.out + said.err, said
        return said.code, said.out + said.err

    # restic beside us

    def program(self, script: str) -> None:
        """From now on Guardian's restic is a shell ``script`` that ends in the real one; ``$*`` are its arguments."""
        wrapper = self.site.root / "bin" / "restic"
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(f'#!/bin/sh\n{script}\nexec {shutil.which("restic")} "$@"\n')
        wrapper.chmod(0o755)
        self.configure(restic={"program": str(wrapper)})

    def configure(self, **keys: Any) -> None:
        self.site.config.update(keys)
        self.site.write()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Guardian in the background, with ``--json``. The caller collects it."""
        argv = self.site.argv(*arguments, "--json")
        return subprocess.Popen(
            argv, env=self.site.env(), cwd=self.site.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def within(self, prefix: list[str], *arguments: str | Path, plain: bool = False) -> Any:
        """One call of Guardian, started by the words of ``prefix``: as another user, or where disks are read-only."""
        argv = [*prefix, *self.site.argv(*arguments, *(() if plain else ("--json",)))]
        done = subprocess.run(
            argv, env=self.site.env(), cwd=self.site.root, capture_output=True, timeout=300, check=False
        )
        said = sys.modules[type(self.site).__module__].Said(
            done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )
        assert "Traceback" not in said.out + said.err, said
        return said

    @contextmanager
    def elsewhere(self, *arguments: str, grip: int = signal.SIGSTOP) -> Iterator[int]:
        """A plain restic on a host of another name, caught with its lock in hand by ``grip``; yields its pid.

        One that was only stopped is let go at the end. Not by SIGINT: restic takes a moment to know of its own lock.
        """
        before = set(self.objects("locks"))
        argv = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-u", "sh", "-c"]
        argv += ['hostname elsewhere && exec restic --no-cache "$@"', "sh", *arguments]
        env = self.site.env(
            {
                "RESTIC_PASSWORD_FILE": str(self.site.state / "keys" / "main.password"),
                "RESTIC_REPOSITORY": self.site.url,
            }
        )
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: set(self.objects("locks")) - before or process.poll() is not None)
            assert process.poll() is None, "it ended before it was caught"
            process.send_signal(grip)
            if grip == signal.SIGKILL:
                process.wait()
            yield process.pid
        finally:  # it goes its way, and takes its lock with it
            process.send_signal(signal.SIGCONT)
            process.communicate()


def until(true: Any, patience: float = PATIENCE) -> Any:
    """Wait until ``true()`` is; fail after ``patience`` seconds, which only a broken program needs."""
    end = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)
    return found


def read_only(*paths: Path) -> list[str]:
    """The words before a command that let it see ``paths`` and all below as on a read-only disk."""
    mounts = [f"mount --bind {path} {path} && mount -o remount,bind,ro {path} || exit 99" for path in paths]
    namespace = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m", "sh", "-c"]
    return [*namespace, "\n".join([*mounts, 'exec "$@"']), "sh"]


def may_mount() -> bool:
    """Whether this machine gives us a mount namespace."""
    namespace = ["unshare", *(() if os.geteuid() == 0 else ("-r",)), "-m"]
    try:
        tried = subprocess.run([*namespace, "mount", "-t", "tmpfs", "t", "/mnt"], capture_output=True, check=False)
    except OSError:
        return False
    return tried.returncode == 0


def reader_of(path: Path) -> int | None:
    """The pid of the restic that has ``path`` open."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if not (process / "exe").readlink().name.startswith("restic"):
                continue
            if any(fd.readlink() == path for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    return None


def flip(path: Path, at: float = 0.5) -> None:
    """Turn one bit round, ``at`` this part of the file. Twice is as before."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 0x10
    path.write_bytes(content)


def digest(root: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=os.fsencode):
        found.update(os.fsencode(path.relative_to(root)) + b"\0" + oct(path.lstat().st_mode).encode())
        if path.is_symlink():
            found.update(os.fsencode(path.readlink()))
        elif path.is_file():
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def prepare(site: Any, cheapen: Callable[[Any], None]) -> Stage:
    """Initialise ``site`` and back up its documents twice, with a change in between."""
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    said = site.guardian("init")
    assert said.code == 0, said
    cheapen(site)
    for number in range(2):
        (site.docs / "changing").write_text(f"version {number}")
        said = site.guardian("backup")
        assert said.code == 0, said
    return Stage(site, site.docs)


def copy(original: Stage, root: Path) -> Stage:
    """A copy of ``original`` in ``root``, which is made. Its documents lie in it, under another path than before."""
    site = sys.modules[type(original.site).__module__].copy(original.site, root)
    return Stage(site, original.saved)
