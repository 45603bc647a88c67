"""The Debian package: made here, installed by dpkg itself on a copy of this system that has no network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import guardian

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"python3.{sys.version_info[1]}"
TREE = "usr/lib/guardian"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb here"),
    pytest.mark.skipif(not Path("/usr/bin", PYTHON).exists(), reason="the system's Python is another one than this"),
]

# An overlay of this system in memory, a network without any interface that is up, dpkg in it.
MACHINE = """\
set -eu
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
cp "$2" "$1/root/guardian.deb"
rm -rf "$1/root/etc/guardian" "$1/root/var/lib/guardian"
test -n "${3:-}" || exit 0
echo ready
exec chroot "$1/root" sh -euc "$3"
"""


def run(*argv: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV"))}
    words = [str(word) for word in argv]
    return subprocess.run(words, env=env | environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    made = run(sys.executable, ROOT / "packaging" / "build_deb.py", "--output", folder, "--compression", "none")
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    assert run("dpkg-deb", "-x", package, folder).returncode == 0
    return folder


def on_a_copy(package: Path, folder: Path, script: str) -> str:
    """What ``script`` says on a copy of this system, without network; skips where such copies cannot be made."""
    machine = ("unshare", "-m", "-n", "-p", "-f", "sh", "-c", MACHINE, "sh", folder, package)
    if run(*machine).returncode != 0:
        pytest.skip("no overlay of this system can be mounted here")
    done = run(*machine, script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.partition("ready\n")[2]


def test_it_says_what_it_is_and_what_it_needs(package: Path) -> None:
    said = run("dpkg-deb", "-f", package, "Package", "Version", "Depends").stdout
    assert "Package: guardian-dr" in said
    assert f"Version: {guardian.__version__}" in said
    assert "restic (>= 0.14)" in said
    assert f"python3 (>= 3.{sys.version_info[1]}~), python3 (<< 3.{sys.version_info[1] + 1}~)" in said


def test_everything_in_it_is_roots_and_no_path_of_this_machine_is_in_it(package: Path, tree: Path) -> None:
    lines = run("dpkg-deb", "-c", package).stdout.splitlines()
    assert {line.split()[1] for line in lines} == {"root/root"}
    assert not [line for line in lines if line[0] != "l" and "w" in (line[5], line[8])]
    for path in (tree / TREE / "pyvenv.cfg", tree / TREE / "bin" / "guardian", *(tree / TREE).rglob("direct_url.json")):
        assert str(ROOT) not in path.read_text("utf-8")
    compiled = next((tree / TREE).rglob("guardian/__pycache__/clock.*.pyc"))
    assert str(tree).encode() not in compiled.read_bytes()
    assert f"/{TREE}/".encode() in compiled.read_bytes()


def test_it_runs_from_where_it_was_unpacked(tree: Path) -> None:
    program = (tree / TREE / "bin" / "python3", "-I", tree / TREE / "bin" / "guardian")
    assert run(*program, "--version").stdout.strip() == f"guardian {guardian.__version__}"
    exporter = (tree / TREE / "bin" / "python3", "-I", tree / TREE / "bin" / "guardian-exporter")
    assert "--fleet" in run(*exporter, "--help").stdout
    assert (tree / "usr/bin/guardian-exporter").is_symlink()
    planned = run(*program, "agent", "install", "--dry-run", "--root", tree)
    assert planned.returncode == 0, planned.stderr
    assert "/var/lib/guardian" in planned.stdout
    asked = "import sys, guardian_exporters, boto3, bcrypt; print(sys.prefix, guardian_exporters.__file__)"
    found = run(tree / TREE / "bin" / "python3", "-c", asked).stdout.split()
    assert [str(Path(path)).startswith(str(tree / TREE)) for path in found] == [True, True]


def test_its_unit_is_the_one_that_the_program_writes(tree: Path) -> None:
    unit = (tree / "usr/lib/systemd/system/guardian-agent.service").read_text()
    assert "ExecStart=/usr/bin/guardian --config /etc/guardian/guardian.yaml agent run\n" in unit


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_dpkg_installs_it_and_takes_it_away_without_network(package: Path, tmp_path: Path) -> None:
    said = on_a_copy(
        package,
        tmp_path,
        """
        dpkg --force-depends -i /guardian.deb >/dev/null 2>&1
        cd /
        guardian --version
        stat -c '%a %U:%G %n' /etc/guardian /etc/guardian/secrets /var/lib/guardian
        dpkg --verify guardian-dr && echo verified
        dpkg --force-depends -i /guardian.deb >/dev/null 2>&1 && echo again
        touch /var/lib/guardian/mine
        dpkg -r guardian-dr >/dev/null 2>&1
        test -e /usr/lib/guardian || echo gone
        test -e /var/lib/guardian/mine && echo kept
        dpkg --force-depends -i /guardian.deb >/dev/null 2>&1
        rm /var/lib/guardian/mine
        dpkg -P guardian-dr >/dev/null 2>&1
        getent passwd guardian || echo nobody
        test -e /etc/guardian || echo nothing
        """,
    )
    assert said.split("\n") == [
        f"guardian {guardian.__version__}",
        "750 root:guardian /etc/guardian",
        "750 root:guardian /etc/guardian/secrets",
        "700 guardian:guardian /var/lib/guardian",
        "verified",
        "again",
        "gone",
        "kept",
        "nobody",
        "nothing",
        "",
    ]
