#!/usr/bin/env python3
"""Set this checkout up and use it. Needs Python 3.11 or newer, and nothing else.

::

    python3 dev.py try          set up, then run the main job: guardian demo (try --lang zh: in Chinese)
    python3 dev.py check        set up, then everything that CI checks
    python3 dev.py check --only unit --only lint
    python3 dev.py pictures     draw every dashboard into build/dashboards/, to be looked at; needs node and npm too
    python3 dev.py messages     bring the catalogues of both languages up to date
    python3 dev.py lock         make the lock files anew (--upgrade: with the newest versions)
    python3 dev.py deb          build the Debian package into dist/

What a tool prints is shown only when it fails, or with -v. Exit codes: 0 good, 1 a step failed,
2 something is missing that cannot be installed from here (one line says what, and the command), 130 interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.lock"
LOCALE = ROOT / "guardian" / "locale"
# What each verb needs from the system: a Debian package, and where one sees that its part is there: programs by name,
# or paths below the root of the file system (with wild cards). One of them is enough.
SYSTEM: dict[str, dict[str, tuple[str, ...]]] = {
    "try": {"restic": ("restic",)},
    "check": {
        "restic": ("restic",),
        "strace": ("strace",),
        "postgresql": ("initdb", "usr/lib/postgresql/*/bin/initdb"),
        "mariadb-server": ("mariadbd", "usr/sbin/mariadbd"),
        "redis-server": ("redis-server",),
        "nginx-light": ("nginx", "usr/sbin/nginx"),
        "chromium": ("chromium", "google-chrome"),
        "fonts-wqy-microhei": ("usr/share/fonts/**/wqy-microhei.ttc", "usr/share/fonts/**/NotoSansCJK*"),
        "poppler-utils": ("pdftotext",),
        "prometheus": ("promtool",),
        "prometheus-alertmanager": ("amtool",),
        "victoria-metrics": ("vmagent",),
    },
    "pictures": {
        "nodejs": ("node",),
        "npm": ("npm",),
        "chromium": ("chromium", "google-chrome"),
        "fonts-wqy-microhei": ("usr/share/fonts/**/wqy-microhei.ttc", "usr/share/fonts/**/NotoSansCJK*"),
        "prometheus": ("promtool",),
    },
    "deb": {"dpkg": ("dpkg-deb",)},
}
NO_PROGRAMS = {"format", "lint", "types", "walls", "generated", "wheel"}  # the checks that need none of them

GENERATED = """
from guardian.config import reference as made
for name, text in (("guardian.schema.json", made.schema_text()), ("configuration.md", made.reference_text())):
    if (made.FOLDER / name).read_text("utf-8") != text:
        raise SystemExit(f"docs/reference/{name} is stale: run python -m guardian.config.reference --write")
from guardian_exporters import reference as metrics
if metrics.PAGE.read_text("utf-8") != metrics.reference_text():
    raise SystemExit("docs/reference/metrics.md is stale: run python -m guardian_exporters.reference --write")
from guardian_exporters import alert_reference as alerts
if alerts.PAGE.read_text("utf-8") != alerts.reference_text():
    raise SystemExit("docs/reference/alerts.md is stale: run python -m guardian_exporters.alert_reference --write")
from guardian.baseline import reference as rules
for name, text in rules.pages().items():
    if (rules.FOLDER / name).read_text("utf-8") != text:
        raise SystemExit(f"docs/reference/{name} is stale: run python -m guardian.baseline.reference --write")
import runpy, sys
sys.argv = ["build.py"]
runpy.run_path("exporters/grafana/build.py", run_name="__main__")
"""
CHECKS: dict[str, tuple[str, list[str]]] = {
    "format": ("formatting (ruff format)", ["ruff", "format", "--check", "."]),
    "lint": ("lint (ruff check)", ["ruff", "check", "."]),
    "types": ("types (mypy)", ["mypy"]),
    "walls": ("walls between rooms (lint-imports)", ["lint-imports"]),
    "generated": ("generated files (reference pages)", ["python", "-c", GENERATED]),
    "tests": (
        "all tests, with coverage (pytest; a quarter hour)",
        # More than there are processors: a test waits for disks, servers and other programs a third of its time.
        ["pytest", "-n", "5", "--dist", "loadfile", "--cov", "--cov-report=term"],
    ),
}
# Parts of "tests", for --only.
LAYERS: dict[str, tuple[str, list[str]]] = {
    **{
        layer: (f"{layer} tests (pytest)", ["pytest", f"tests/{layer}"])
        for layer in ("unit", "contract", "integration", "fault", "acceptance", "browser")
    },
    "wheel": ("wheel in a fresh environment (pytest)", ["pytest", "tests/acceptance/test_wheel.py"]),
}
# For Linux only ([tool.uv] in pyproject.toml); no address of a registry, since every site has its own.
UV_COMPILE = [
    *("pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "--quiet"),
]


class MissingError(Exception):
    """Something is missing that this file cannot install; the message is the one line to show."""


class StepError(Exception):
    """A step failed; ``output`` is what its tool said and has not been shown yet."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


def environment() -> dict[str, str]:
    """The environment of every tool: ours, with the virtual environment's programs first."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(VENV)}
    env.pop("PYTHONHOME", None)  # would point the virtual environment's Python at another standard library
    return env


def step(label: str, work: Callable[[], str]) -> str:
    """Do one piece of ``work``, saying what it is and how long it took; returns what ``work`` returns."""
    print(f"  {label:.<52} ", end="", flush=True)
    started = time.monotonic()
    try:
        result = work()
    except BaseException as error:
        word = "stopped" if isinstance(error, KeyboardInterrupt) else "FAILED "
        print(f"{word} {time.monotonic() - started:5.1f} s\n{getattr(error, 'output', '')}", flush=True)
        raise
    print(f"ok {time.monotonic() - started:10.1f} s", flush=True)
    return result


def run(argv: list[str], *, verbose: bool) -> str:
    """Run one program in the checkout and return what it printed; on failure show that and raise StepError."""
    lines: list[str] = []
    env = environment()
    program = shutil.which(argv[0], path=env["PATH"]) or argv[0]
    if verbose:
        print(f"\n$ {' '.join(argv)}", flush=True)
    try:
        child = subprocess.Popen(
            [program, *argv[1:]], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="backslashreplace",
        )  # fmt: skip
    except OSError as error:
        raise MissingError(f"cannot start {argv[0]}: {error.strerror}") from error
    with child:
        for line in child.stdout or ():
            lines.append(line)
            if verbose:
                print(line, end="", flush=True)
    output = "".join(lines)
    if child.returncode != 0:
        raise StepError(f"{argv[0]} ended with {child.returncode}", "" if verbose else output)
    return output


def quietly(argv: list[str]) -> bool:
    """Whether ``argv`` can be run and ends well."""
    try:
        return subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


# --- Set-up ------------------------------------------------------------------------------------------------


def is_there(mark: str) -> bool:
    """Whether this machine has ``mark``: a path pattern below /, or the name of a program."""
    if "/" in mark:
        return any(Path("/").glob(mark))
    return shutil.which(mark) is not None


def missing_packages(needed: dict[str, tuple[str, ...]]) -> list[str]:
    """Debian packages of ``needed`` (see SYSTEM), and of what .venv is made of, that this machine lacks."""
    # A Debian Python without python3-venv has the venv module, but not the ensurepip it relies on.
    venv = [] if venv_works() or importlib.util.find_spec("ensurepip") else ["python3-venv"]
    return venv + [package for package, marks in needed.items() if not any(map(is_there, marks))]


def install_system_packages(packages: list[str], *, verbose: bool) -> None:
    """Install Debian packages when we may, or raise MissingError with the exact command."""
    names = ", ".join(packages)
    if shutil.which("apt-get") is None:
        raise MissingError(f"missing on this machine: {names}; install with its package manager, then run this again")
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    root = os.geteuid() == 0
    elevate = [] if root else ["sudo", "-n"]
    if root:
        by_hand = f"apt-get update && {command}"
    elif shutil.which("sudo"):
        by_hand = f"sudo apt-get update && sudo {command}"
    else:
        by_hand = f"su - -c 'apt-get update && {command}'"  # with -, for root's PATH: dpkg needs it
    if not quietly([*elevate, "true"]):
        raise MissingError(f"missing on this machine: {names}; install with: {by_hand}")

    def install() -> str:
        # A fresh machine has no package lists yet. A list that cannot be fetched is no reason to stop: the
        # package may be in another one. If it is not, that list is why.
        stale = ""
        try:
            run([*elevate, "apt-get", "-o", "APT::Update::Error-Mode=any", "update"], verbose=verbose)
        except StepError as error:
            stale = error.output
        try:
            return run([*elevate, "env", "DEBIAN_FRONTEND=noninteractive", *command.split()], verbose=verbose)
        except StepError as error:
            raise StepError(str(error), stale + error.output) from error

    try:
        step(f"system packages: {', '.join(packages)}", install)
    except StepError as error:
        raise MissingError(f"could not install {names} (why: see above); once that is mended: {by_hand}") from error


def venv_works() -> bool:
    """Whether ``.venv`` is whole, new enough and made for this very folder (scripts carry their path)."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    made_here = any(line.startswith("command = ") and line.endswith(f" {VENV}") for line in lines)
    # INSTALLER is the last file written when pip is installed: without it, making .venv was interrupted.
    probe = "import sys, importlib.metadata as m; sys.exit(not m.distribution('pip').read_text('INSTALLER')"
    return made_here and quietly([str(VENV / "bin" / "python"), "-c", f"{probe} or sys.version_info < (3, 11))"])


def prepared(label: str, argv: list[str], *, advice: str, verbose: bool) -> None:
    """Do one step of the set-up; when it fails, raise MissingError with ``advice``, after what the tool said."""
    try:
        step(label, lambda: run(argv, verbose=verbose))
    except StepError as error:
        raise MissingError(f"{label}: failed (why: see above); {advice}") from error


def up_to_date(name: str, inputs: list[Path], install: Callable[[str], None]) -> None:
    """Do ``install`` unless it was done before with the same bytes in ``inputs``, by the same Python, here."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {VENV}".encode())
    for path in inputs:
        digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    stamp = VENV / f"installed-{name.replace(' ', '-')}"
    if stamp.is_file() and stamp.read_text("utf-8") == digest.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    install(name)
    stamp.write_text(digest.hexdigest(), "utf-8")


def set_up(needed: dict[str, tuple[str, ...]], *, verbose: bool) -> None:
    """Bring ``.venv`` and the system packages to what is needed; quick when nothing has changed."""
    if packages := missing_packages(needed):
        install_system_packages(packages, verbose=verbose)
    if os.path.lexists(VENV) and not VENV.is_dir():
        raise MissingError(f"{VENV} is in the way: it is not a folder; move it elsewhere")
    if not venv_works():
        # --clear: half an environment, or one moved here from another folder, is made anew.
        making = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        prepared("virtual environment", making, advice=f"{VENV} must be writable", verbose=verbose)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    if not verbose:
        pip.append("--quiet")  # shown only when it fails, and then the reason is not lost among the downloads
    # Only wheels: a source package would fetch its own, unlocked, build tools.
    # No dependencies: the lock file is complete, and pip before 23.3 would look for `name[extra]` beside the version
    # locked of `name`, and stumble as soon as the index has a newer one.
    locked = [*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(LOCK)]
    advice = "pip needs its package index (set with `pip config`) and 700 MB of space; then run this again"
    up_to_date("locked dependencies", [LOCK], lambda name: prepared(name, locked, advice=advice, verbose=verbose))
    ourselves = [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    sources = [ROOT / "pyproject.toml", ROOT / "hatch_build.py", *sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))]
    advice = "a change in this checkout broke it, or it is not writable"
    up_to_date("guardian itself", sources, lambda name: prepared(name, ourselves, advice=advice, verbose=verbose))


# --- Verbs -------------------------------------------------------------------------------------------------


def check(only: list[str], *, verbose: bool) -> int:
    """Run the checks named (all of them when none is); every one runs, also after another has failed."""
    if not os.access(ROOT, os.W_OK):
        raise MissingError(f"{ROOT} must be writable: the checks keep their caches in it")
    failed = []
    summary = ""
    for name in only or CHECKS:
        label, argv = (CHECKS | LAYERS)[name]
        try:
            output = step(label, lambda argv=argv: run(argv, verbose=verbose))  # type: ignore[misc]
        except StepError:
            failed.append(name)
        else:
            if argv[0] == "pytest":
                # The figures are worth seeing also when all is well: lines of totals and the closing line.
                lines = output.rstrip().splitlines()
                summary += "".join(f"{line}\n" for line in lines[:-1] if line.startswith("TOTAL")) + f"{lines[-1]}\n"
    print(f"\n{summary}", end="")
    if failed:
        print(f"failed: {', '.join(failed)}")
        return 1
    print("all checks passed")
    return 0


def demo(arguments: list[str]) -> int:
    """Become ``guardian demo``: the terminal, the signals and the exit code are its own."""
    print(flush=True)
    os.execve(VENV / "bin" / "guardian", ["guardian", "demo", *arguments], environment())


def pictures(arguments: list[str]) -> int:
    """Become the tool that draws dashboards (tests/browser/grafana/pictures.py)."""
    print(flush=True)
    tool = ROOT / "tests" / "browser" / "grafana" / "pictures.py"
    os.execve(VENV / "bin" / "python", ["python", str(tool), *arguments], environment())


def lock(*, upgrade: bool, verbose: bool) -> int:
    """Make both lock files anew: what runs (with the S3 extra), and all of it with the tools of development."""
    newest = ["--upgrade"] if upgrade else []
    jobs: list[tuple[Path, list[str]]] = [
        (LOCK, ["--extra", "dev", *newest]),
        (LOCK.with_name("runtime.lock"), ["--extra", "s3", *newest, "--constraint", str(LOCK.relative_to(ROOT))]),
    ]
    for path, options in jobs:
        argv = ["uv", *UV_COMPILE, *options, "--output-file", str(path.relative_to(ROOT))]
        step(path.name, lambda argv=argv: run(argv, verbose=verbose))  # type: ignore[misc]
        if any(mark in path.read_text("utf-8") for mark in ("://", "--index", "--find-links")):
            print(f"{path} names a registry of this machine: do not commit it")
            return 1
    return 0


# --- Catalogues (these functions run inside .venv, where babel is) -----------------------------------------


def extracted_messages() -> Any:
    """A babel Catalog of every message in the source and its templates; click's own are in locale/click_texts.py."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    keywords: dict[str, Any] = {"_": None, "N_": None, "ngettext": (1, 2)}
    template = Catalog(project="guardian", charset="utf-8")
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    for _file, _line, message, _comments, context in extract_from_dir(ROOT / "guardian", methods, keywords=keywords):
        template.add(message, context=context)
    return template


def update_catalogues() -> int:
    """Add new messages, drop those that are gone, compile both languages and list what has no translation."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po, write_po

    untranslated = 0
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/guardian.po")):
        with path.open("rb") as text:
            catalogue = read_po(text, locale=path.parts[-3])
        # Dates and places in the source would make every change touch every line.
        catalogue.update(extracted_messages(), no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        for message in catalogue:
            if not message.id:
                continue  # the header
            if path.parts[-3] == "en":
                message.string = message.id
            elif not all(message.string if isinstance(message.string, tuple) else [message.string]):
                untranslated += 1
                print(f"{path.parts[-3]}: {message.id!r}")
        with path.open("wb") as text:
            write_po(text, catalogue, width=0, sort_output=True, no_location=True, ignore_obsolete=True)
        with path.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, catalogue)
        print(f"{path.parts[-3]}: {len(catalogue)} messages")
    print(f"{untranslated} without a translation")
    return 0


def deb(*, verbose: bool) -> int:
    """Build the Debian package into dist/."""
    argv = ["python", str(ROOT / "packaging" / "build_deb.py"), "--output", str(ROOT / "dist")]
    print(step("Debian package", lambda: run(argv, verbose=verbose)), end="")
    return 0


def messages() -> int:
    """Run :func:`update_catalogues` here when babel and jinja2 are here, otherwise in the virtual environment."""
    if importlib.util.find_spec("babel") and importlib.util.find_spec("jinja2"):
        return update_catalogues()
    again = [str(VENV / "bin" / "python"), "-c", "import dev; dev.update_catalogues()"]
    return subprocess.run(again, check=False, cwd=ROOT).returncode


# --- Command line ------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line of this file."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-v", "--verbose", action="store_true", help="show what every tool prints")
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True)
    passed_on = "Other options are passed on to guardian demo: --lang zh, --keep."
    verbs.add_parser("try", parents=[common], help="set up and run the main job", epilog=passed_on)
    checking = verbs.add_parser("check", parents=[common], help="set up and check everything")
    checking.add_argument("--only", action="append", default=[], choices=[*CHECKS, *LAYERS], help="only this part")
    drawing = "Names of dashboards (province, system, …) and other options are passed on: --language zh, --keep."
    verbs.add_parser("pictures", parents=[common], help="draw the dashboards", epilog=drawing)
    verbs.add_parser("messages", parents=[common], help="bring the catalogues up to date")
    verbs.add_parser("deb", parents=[common], help="build the Debian package")
    locking = verbs.add_parser("lock", parents=[common], help="make the lock files anew")
    locking.add_argument("--upgrade", action="store_true", help="take the newest versions")
    return top


def main() -> int:
    """Run one verb and return the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036  older ones are told, instead of crashing somewhere
        print(f"dev.py needs Python 3.11 or newer, and this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    options, rest = parser().parse_known_args()
    if rest and options.verb not in ("try", "pictures"):
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # whatever the terminal's encoding
    try:
        needed = SYSTEM.get(options.verb, {})
        if options.verb == "check" and options.only and NO_PROGRAMS.issuperset(options.only):
            needed = {}
        # A lock file or a catalogue may be the very thing that keeps the set-up from working: ask for the tool only.
        tool = {"lock": "uv", "messages": "pybabel"}.get(options.verb)
        if tool is None or not (VENV / "bin" / tool).is_file():
            set_up(needed, verbose=options.verbose)
        verbs: dict[str, Callable[[], int]] = {
            "try": lambda: demo([word for word in rest if word != "--"]),
            "pictures": lambda: pictures([word for word in rest if word != "--"]),
            "check": lambda: check(options.only, verbose=options.verbose),
            "lock": lambda: lock(upgrade=options.upgrade, verbose=options.verbose),
            "messages": messages,
            "deb": lambda: deb(verbose=options.verbose),
        }
        return verbs[options.verb]()
    except MissingError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 2
    except StepError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndev.py: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
