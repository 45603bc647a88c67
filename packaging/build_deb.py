"""Build the Debian package: a virtual environment of the locked wheels and ours below /usr/lib/guardian.

::

    python3 dev.py deb                         dist/guardian-dr_VERSION_ARCHITECTURE.deb
    .venv/bin/python packaging/build_deb.py --output DIR [--compression none]

Needs a package index while it builds; the package needs no network when it is installed. It is made for the Python
that builds it (3.11 on Debian 12), since wheels with compiled parts are. The same commit makes the same bytes.
"""

from __future__ import annotations

import argparse
import compileall
import gzip
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
LOCK = ROOT / "requirements" / "runtime.lock"
NAME = "guardian-dr"
HOME = "usr/lib/guardian"
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
# What pip notes about how it installed: paths of the machine that built.
NOTES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# Guardian asks S3 and nothing else of its forty megabytes; and what finds credentials and endpoints.
SERVICES = {"s3", "sts", "sso", "sso-oidc", "signin"}

LAUNCHER = """\
#!/usr/lib/guardian/bin/python3 -I
import sys

from {module} import main

sys.exit(main())
"""


def run(*argv: str | Path, **environment: str) -> str:
    """Run a tool to its end and return what it said; on failure say it and leave."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | environment
    done = subprocess.run([str(a) for a in argv], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def epoch() -> str:
    """The time that everything in the package bears: SOURCE_DATE_EPOCH, or that of the newest commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return given or run("git", "log", "-1", "--format=%ct").strip()


def version() -> str:
    """Ours, as Debian sorts it: ``1.0rc1`` comes before ``1.0``."""
    said: dict[str, str] = {}
    for line in (ROOT / "guardian" / "__init__.py").read_text("utf-8").splitlines():
        if line.startswith("__version__"):
            said["version"] = line.split('"')[1]
    plain = said["version"]
    for mark in (".dev", "a", "b", "rc"):
        plain = plain.replace(mark, f"~{mark.lstrip('.')}", 1) if mark in plain else plain
    return plain


def environment(tree: Path, work: Path, date: str) -> None:
    """The virtual environment below ``tree``, made by hand: no path of this machine gets into it."""
    home = tree / HOME
    site = home / "lib" / PYTHON / "site-packages"
    site.mkdir(parents=True)
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", work, SOURCE_DATE_EPOCH=date)
    (wheel,) = work.glob("*.whl")
    pip = (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--target",
        site,
    )
    run(*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", LOCK)
    run(*pip, "--no-deps", "--no-index", wheel)
    shutil.rmtree(site / "bin", ignore_errors=True)
    for note in NOTES:
        for path in site.glob(f"*.dist-info/{note}"):
            path.unlink()
    for folder in (site / "botocore" / "data", site / "boto3" / "data"):
        for service in folder.iterdir() if folder.is_dir() else ():
            if service.is_dir() and service.name not in SERVICES:
                shutil.rmtree(service)
    # Never looked at again: only root changes these files, and a package is unpacked with any times.
    compileall.compile_dir(
        site, quiet=2, stripdir=str(tree), prependdir="/", workers=2,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON[6:]}\n")
    programs = home / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(f"/usr/bin/{PYTHON}")
    (tree / "usr" / "bin").mkdir()
    for name, module in (("guardian", "guardian.__main__"), ("guardian-exporter", "guardian.cli.exporter")):
        (programs / name).write_text(LAUNCHER.format(module=module))
        (programs / name).chmod(0o755)
        (tree / "usr" / "bin" / name).symlink_to(f"../lib/guardian/bin/{name}")


def unit(tree: Path) -> None:
    """The unit, as this very package writes it."""
    sys.path.insert(0, str(ROOT))
    from guardian.agent.unit import NAME as UNIT
    from guardian.agent.unit import UnitOptions, unit_text

    folder = tree / "usr" / "lib" / "systemd" / "system"
    folder.mkdir(parents=True)
    options = UnitOptions(Path("/usr/bin/guardian"), Path("/etc/guardian/guardian.yaml"), "guardian")
    (folder / UNIT).write_text(unit_text(options))


def papers(tree: Path, date: str, control: dict[str, str]) -> None:
    """Copyright, changelog, and what dpkg reads."""
    folder = tree / "usr" / "share" / "doc" / NAME
    folder.mkdir(parents=True)
    shutil.copy(HERE / "debian" / "copyright", folder)
    entry = (
        f"{NAME} ({control['Version']}) unstable; urgency=medium\n\n  * See CHANGELOG.md of this version.\n\n"
        f" -- {control['Maintainer']}  {formatdate(int(date))}\n"
    )
    (folder / "changelog.gz").write_bytes(gzip.compress(entry.encode(), mtime=0))
    debian = tree / "DEBIAN"
    debian.mkdir()
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
    lines = [f"{key}: {value}\n" for key, value in (control | {"Installed-Size": str(size)}).items()]
    (debian / "control").write_text("".join(lines) + (HERE / "debian" / "description").read_text("utf-8"))
    for script in ("postinst", "prerm", "postrm"):
        shutil.copy(HERE / "debian" / script, debian)
        (debian / script).chmod(0o755)
    sums = [
        line
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink() and debian not in path.parents
        for line in [f"{_md5(path)}  {path.relative_to(tree)}\n"]
    ]
    (debian / "md5sums").write_text("".join(sums))


def _md5(path: Path) -> str:
    import hashlib

    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()  # the form of dpkg --verify


def build(output: Path, compression: str) -> Path:
    """Make the package in ``output``; its path."""
    date = epoch()
    following = f"{sys.version_info[0]}.{sys.version_info[1] + 1}"
    control = {
        "Package": NAME,
        "Version": version(),
        "Architecture": run("dpkg", "--print-architecture").strip(),
        "Maintainer": "The Guardian authors <maintainers@guardian-dr.invalid>",
        "Depends": f"python3 (>= {PYTHON[6:]}~), python3 (<< {following}~), restic (>= 0.14), libc6 (>= 2.28), passwd",
        "Suggests": "postgresql-client, default-mysql-client, prometheus-node-exporter",
        "Section": "admin",
        "Priority": "optional",
    }
    with tempfile.TemporaryDirectory(prefix="guardian-deb-") as folder:
        tree, work = Path(folder, "tree"), Path(folder, "work")
        work.mkdir()
        tree.mkdir()
        environment(tree, work, date)
        unit(tree)
        papers(tree, date, control)
        for path in (tree, *tree.rglob("*")):
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
        output.mkdir(parents=True, exist_ok=True)
        made = output / f"{NAME}_{control['Version']}_{control['Architecture']}.deb"
        run(
            *("dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", tree, made),
            SOURCE_DATE_EPOCH=date,
        )
    return made


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="where the package goes; default: dist/")
    parser.add_argument("--compression", choices=["xz", "gzip", "zstd", "none"], default="xz", help="of dpkg-deb")
    options = parser.parse_args()
    os.umask(0o022)
    print(build(options.output.absolute(), options.compression))


if __name__ == "__main__":
    main()
