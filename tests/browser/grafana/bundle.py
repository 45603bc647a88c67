"""The page's script and style, made once. What npm installs lies in .cache/ of the checkout, and is run by us alone.

Nothing else of Guardian needs node or npm. Who has neither gets :class:`Missing`, and sees no pictures.
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[2] / ".cache" / "dashboard-pictures"
_LOCKED: Final = ("package.json", "package-lock.json")


class Missing(Exception):
    """A program is not there, or what it should have made."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What the page is made of."""

    script: str
    style: str


def at_hand() -> Bundle:
    """The bundle as it was made from these very sources; :class:`Missing` where it has to be made (anew)."""
    made = CACHE / "made"
    if not made.is_file() or made.read_text("utf-8") != _digest():
        raise Missing("the page is not built: run python3 dev.py pictures")
    return Bundle((CACHE / "page.js").read_text("utf-8"), (CACHE / "page.css").read_text("utf-8"))


def built() -> Bundle:
    """The bundle, made now where it has to be: the first time takes a minute and half a gigabyte of space."""
    try:
        return at_hand()
    except Missing:
        CACHE.mkdir(parents=True, exist_ok=True)
    installed = CACHE / "installed"
    locked = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _LOCKED)).hexdigest()
    if not installed.is_file() or installed.read_text("utf-8") != locked:
        for name in _LOCKED:
            shutil.copyfile(HERE / name, CACHE / name)
        # Peers: some of Grafana's own parts have not declared yet that they work with this React.
        _run("npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
        installed.write_text(locked, "utf-8")
    _run("node", str(HERE / "build.mjs"), str(CACHE / "node_modules"), str(CACHE))
    (CACHE / "made").write_text(_digest(), "utf-8")
    return at_hand()


def _digest() -> str:
    sources = [*(HERE / name for name in _LOCKED), HERE / "build.mjs", *sorted((HERE / "src").iterdir())]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


def _run(*argv: str) -> None:
    program = shutil.which(argv[0])
    if program is None:
        raise Missing(f"no {argv[0]} here (Debian packages nodejs and npm)")
    done = subprocess.run([program, *argv[1:]], cwd=CACHE, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise Missing(f"{argv[0]} {argv[1]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
