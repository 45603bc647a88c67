"""The real part of ``anomaly.py``: real files, real restic, real ``guardian backup``, attacks with a real cipher.

What a receipt counts has to be exactly what was done to the files; every attack has to be found, and no ordinary day
may be taken for one.
"""

import base64
import io
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FILES = 400
Attack = Callable[["Real", list[Path]], dict[str, int]]


class Real:
    """A host with documents, text and photographs, and what they were before somebody touched them."""

    def __init__(self, root: Path) -> None:
        self.root, self.docs = root / "anomaly-host", root / "anomaly-host" / "docs"
        shutil.rmtree(self.root, ignore_errors=True)
        self.docs.mkdir(parents=True)
        self.rng = random.Random(11)
        for number in range(FILES):
            folder = self.docs / f"office-{number % 20}"
            folder.mkdir(exist_ok=True)
            kind = ("docx", "txt", "jpg", "pdf")[number % 4]
            (folder / f"{number}.{kind}").write_bytes(self.content(kind))
        config = {
            "tenant": {"id": "agency"},
            "host": "host-1",
            "repositories": {"main": {"url": str(self.root / "repository")}},
            "systems": {"app": {"sources": {"docs": {"kind": "files", "paths": [str(self.docs)]}}}},
        }
        (self.root / "guardian.yaml").write_text(yaml.safe_dump(config))
        self.guardian("init")

    def content(self, kind: str) -> bytes:
        """A file of a kind, as its program writes it."""
        rng = self.rng
        words = " ".join(rng.choice(("budget", "payment", "letter", "省", "annex", "2026")) for _word in range(2000))
        if kind == "txt":
            return words.encode()
        if kind == "docx":
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("word/document.xml", f"<w:document>{words}</w:document>")
                archive.writestr("word/media/image1.png", rng.randbytes(30_000))
            return made.getvalue()
        if kind == "jpg":
            scan = rng.randbytes(60_000).replace(b"\xff", b"\xff\0")
            return b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + scan + b"\xff\xd9"
        stream = zlib.compress(words.encode())
        body = (
            b"1 0 obj <</Filter /FlateDecode /Length %d>>\nstream\n" % len(stream) + stream + b"\nendstream\nendobj\n"
        )
        return b"%PDF-1.4\n" + body * 3 + b"%%EOF\n"

    def guardian(self, *arguments: str) -> tuple[int, Any]:
        argv = [sys.executable, "-m", "guardian", "--config", str(self.root / "guardian.yaml"), *arguments, "--json"]
        done = subprocess.run(argv, capture_output=True, env={**os.environ, "LANG": "C.UTF-8"}, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit(f"guardian {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
        return done.returncode, json.loads(done.stdout)

    def back_up(self) -> tuple[int, dict[str, Any], set[str]]:
        """Exit code, the churn in the receipt, the codes of the reasons."""
        code, said = self.guardian("backup")
        (run,) = said["runs"]
        _code, shown = self.guardian("ledger", "show", "--entry", str(run["entry"]))
        return code, shown["entries"][0]["predicate"]["churn"], {told["code"] for told in run["reasons"]}

    def all(self) -> list[Path]:
        return sorted(path for path in self.docs.rglob("*") if path.is_file())

    def day(self, share: float) -> dict[str, int]:
        """An ordinary day: some files edited, some new, some gone, some renamed."""
        files = self.all()
        self.rng.shuffle(files)
        edit, gone, moved = files[: round(len(files) * share)], files[-2:], files[-6:-2]
        for path in edit:
            path.write_bytes(self.content(path.suffix[1:]))
        for path in gone:
            path.unlink()
        for number, path in enumerate(moved):
            path.rename(path.parent.parent / "office-0" / f"moved-{number}-{self.rng.randrange(10**9)}{path.suffix}")
        for _new in range(3):
            (self.docs / "office-1" / f"new-{self.rng.randrange(10**9)}.docx").write_bytes(self.content("docx"))
        return {"changed": len(edit), "removed": 2, "renamed": 4, "new": 3}


def cipher(data: bytes) -> bytes:
    return Cipher(algorithms.AES(os.urandom(32)), modes.CTR(os.urandom(16))).encryptor().update(data)


def in_place(how: Callable[[bytes], bytes]) -> Attack:
    def attack(_host: Real, victims: list[Path]) -> dict[str, int]:
        for path in victims:
            path.write_bytes(how(path.read_bytes()))
        return {"changed": len(victims)}

    return attack


def renamed(_host: Real, victims: list[Path]) -> dict[str, int]:
    for path in victims:
        path.with_name(path.name + ".locked").write_bytes(cipher(path.read_bytes()))
        path.unlink()
        (path.parent / "HOW_TO_DECRYPT.txt").write_text("send money " * 20)
    return {"replaced": len(victims), "new": len({path.parent for path in victims})}


def scattered(host: Real, victims: list[Path]) -> dict[str, int]:
    for path in victims:
        (path.parent / f"{host.rng.getrandbits(64):016x}").write_bytes(cipher(path.read_bytes()))
        path.unlink()
    return {"removed": len(victims), "new": len(victims)}


def deleted(_host: Real, victims: list[Path]) -> dict[str, int]:
    for path in victims:
        path.unlink()
    return {"removed": len(victims)}


def in_blocks(data: bytes) -> bytes:
    """Every other 4 KiB."""
    return b"".join(
        cipher(data[at : at + 4096]) if at // 4096 % 2 else data[at : at + 4096] for at in range(0, len(data), 4096)
    )


ATTACKS: tuple[tuple[str, float, Attack], ...] = (
    ("encrypt 10%", 0.1, in_place(cipher)),
    ("encrypt 30%", 0.3, in_place(cipher)),
    ("encrypt 100%", 1.0, in_place(cipher)),
    ("encrypt and rename 10%", 0.1, renamed),
    ("encrypt, random names 15%", 0.15, scattered),
    ("every other block, 10%", 0.1, in_place(in_blocks)),
    ("first 4 KiB, 10%", 0.1, in_place(lambda data: cipher(data[:4096]) + data[4096:])),
    ("base64 of it, 10%", 0.1, in_place(lambda data: base64.b64encode(cipher(data)))),
    ("zeros, 10%", 0.1, in_place(lambda data: bytes(len(data)))),
    ("truncate 30%", 0.3, in_place(lambda _data: b"")),
    ("delete 60%", 0.6, deleted),
)


def run(scratch: Path) -> bool:
    """Whether all was found, nothing else was, and every counted figure was right."""
    host = Real(scratch.resolve())
    good = host.back_up()[0] == 0
    wrong = 0
    for _day in range(9):
        expected = host.day(0.03)
        code, churn, codes = host.back_up()
        wrong += _differs("ordinary day", churn, expected)
        good = good and code == 0 and "suspicious" not in codes
    print("real: nine ordinary days,", "no alarm" if good else "A FALSE ALARM")
    for name, share, attack in ATTACKS:
        before = {path: path.read_bytes() for path in host.all()}
        victims = host.rng.sample(sorted(before), round(len(before) * share))
        expected = attack(host, victims)
        code, churn, codes = host.back_up()
        found = code == 3 and "suspicious" in codes
        wrong += _differs(name, churn, expected)
        signals = codes - {"suspicious", "scrambled-example", "files-changed", "source-shrunk"}
        print(f"real: {name:28} {'found' if found else 'NOT FOUND'}: {', '.join(sorted(signals))}", flush=True)
        good = good and found
        for path in host.all():
            if path not in before:
                path.unlink()
        for path, data in before.items():
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)
        host.guardian("suspicions", "clear", "app/docs", "--reason", "a drill", "--attack")
        code, _churn, codes = host.back_up()
        if code != 0:
            print(f"real: after {name} was put right: {sorted(codes)}")
            good = False
    print(f"real: {wrong} counted figures were wrong")
    shutil.rmtree(host.root)
    return good and not wrong


def _differs(what: str, churn: dict[str, Any], expected: dict[str, int]) -> int:
    names = ("changed", "replaced", "removed", "renamed", "new")
    wrong = {name: (churn[name], expected.get(name, 0)) for name in names if churn[name] != expected.get(name, 0)}
    if wrong:
        print(f"real: {what}: (found, done) {wrong}")
    return len(wrong)
