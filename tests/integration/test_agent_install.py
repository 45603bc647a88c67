"""Installing the agent below a staging root: exact modes, nothing overwritten, nothing left behind."""

import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.agent.unit import STOP_SECONDS, UnitOptions, paths_text, unit_text
from guardian.cli import main
from guardian.errors import UsageError

UNIT = "etc/systemd/system/guardian-agent.service"
DROP_IN = "etc/systemd/system/guardian-agent.service.d/50-guardian-paths.conf"
CONFIGURATION = """\
tenant: {id: gz-hrss, name: {en: x, zh: x}, region: "520000"}
repositories:
  main: {url: "/srv/repository"}
systems:
  social-insurance:
    sources: {documents: {kind: files, paths: [/srv/documents]}}
    plan: {schedule: "every 6h", retention: {daily: 14}}
agent: {metrics: {textfile: /var/lib/node/guardian.prom}}
"""


@dataclass(frozen=True, slots=True)
class Said:
    returncode: int
    stdout: str


def guardian(*words: str) -> Said:
    """The command line, in this process: a start of Python for each would take most of the time."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.TextIOWrapper(io.BytesIO(), "utf-8")):
        code = main._run(["--lang", "en", *words], main.build, "guardian")
    out.flush()
    return Said(code, out.buffer.getvalue().decode())  # type: ignore[attr-defined]


def asked(verb: str, root: Path, *words: str) -> dict[str, str]:
    """What ``verb`` did below ``root``: name → action."""
    said = guardian("--json", "agent", verb, "--root", str(root), *words)
    assert said.returncode == 0, said.stdout
    return {done["name"]: done["action"] for done in json.loads(said.stdout)["done"]}


def install(root: Path, *words: str) -> dict[str, str]:
    return asked("install", root, "--program", "/usr/bin/guardian", *words)


def everything(root: Path) -> dict[str, Any]:
    """Every path below ``root`` with its mode and owner, and a file's content."""
    return {
        str(path.relative_to(root)): (oct(s.st_mode), s.st_uid, s.st_gid, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
        for s in [path.lstat()]
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with an account database, and nothing else."""
    for name, text in {
        "passwd": "root:x:0:0:root:/root:/bin/bash\n", "group": "root:x:0:\n", "shadow": "root:*:1:0:9:7:::\n",
        "gshadow": "root:*::\n", "login.defs": "SYS_UID_MAX 999\nSYS_GID_MAX 999\n",
    }.items():  # fmt: skip
        path = tmp_path / "root" / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes users and gives files away")


@as_root
def test_everything_has_its_owner_and_mode(root: Path) -> None:
    done = install(root)
    assert set(done.values()) == {"made", "skipped"}
    assert done["guardian"] == "made"
    found = {
        name: root.joinpath(name).stat() for name in ("etc/guardian", "etc/guardian/secrets", "var/lib/guardian", UNIT)
    }
    assert {name: stat.S_IMODE(s.st_mode) for name, s in found.items()} == {
        "etc/guardian": 0o750, "etc/guardian/secrets": 0o750, "var/lib/guardian": 0o700, UNIT: 0o644,
    }  # fmt: skip
    account = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("guardian:"))
    _name, _x, uid, gid, _comment, home, shell = account.split(":")
    assert (home, shell) == ("/var/lib/guardian", "/usr/sbin/nologin")
    assert 0 < int(uid) < 1000
    assert (found["etc/guardian"].st_uid, found["etc/guardian"].st_gid) == (0, int(gid))
    assert (found["var/lib/guardian"].st_uid, found["var/lib/guardian"].st_gid) == (int(uid), int(gid))
    assert found[UNIT].st_uid == 0


def test_a_dry_run_changes_nothing_and_says_the_same(root: Path) -> None:
    before = everything(root)
    planned = install(root, "--dry-run")
    assert everything(root) == before
    assert {name: action for name, action in install(root).items() if action != "skipped"} == planned


def test_installing_again_changes_nothing(root: Path) -> None:
    install(root)
    before = everything(root)
    assert set(install(root).values()) == {"same"}
    assert everything(root) == before


def test_a_unit_that_somebody_changed_stays_and_an_older_one_is_renewed(root: Path) -> None:
    install(root)
    assert asked("install", root, "--program", "/opt/other/guardian")[f"/{UNIT}"] == "changed"
    mine = (root / UNIT).read_text() + "# mine\n"
    (root / UNIT).write_text(mine)
    assert install(root)[f"/{UNIT}"] == "kept"
    assert asked("uninstall", root)[f"/{UNIT}"] == "kept"
    assert (root / UNIT).read_text() == mine


def test_removal_leaves_nothing_of_an_installation_that_was_never_used(root: Path) -> None:
    before = everything(root)
    install(root)
    planned = asked("uninstall", root, "--dry-run")
    assert asked("uninstall", root) == planned
    left = everything(root)
    # Parents of what was made, and the copies that the account tools make of their files, are not ours.
    ours = ("etc/guardian", "var/lib/guardian", UNIT)
    assert not [name for name in left if name.startswith(ours)]
    assert left["etc/passwd"][3] == before["etc/passwd"][3]
    assert asked("uninstall", root) == {}


def test_removal_keeps_configuration_and_state_until_a_purge(root: Path) -> None:
    install(root)
    (root / "etc/guardian/guardian.yaml").write_text("mine")
    (root / "var/lib/guardian/keys").mkdir()
    done = asked("uninstall", root)
    assert done[f"/{UNIT}"] == "removed"
    assert {name for name, action in done.items() if action == "kept"} == {
        "/etc/guardian",
        "/var/lib/guardian",
        "guardian",
    }
    assert (root / "etc/guardian/guardian.yaml").read_text() == "mine"
    assert "guardian:" in (root / "etc/passwd").read_text()
    assert set(asked("uninstall", root, "--purge").values()) == {"removed"}
    assert not (root / "etc/guardian").exists()
    assert not (root / "var/lib/guardian").exists()
    assert "guardian:" not in (root / "etc/passwd").read_text()


def test_state_alone_is_kept_too_and_can_be_purged_later(root: Path) -> None:
    install(root)
    (root / "var/lib/guardian/keys").mkdir()
    planned = asked("uninstall", root, "--dry-run")
    assert asked("uninstall", root) == planned
    assert planned["/var/lib/guardian"] == planned["guardian"] == "kept"
    assert set(asked("uninstall", root, "--purge").values()) == {"removed"}
    assert not (root / "etc/guardian").exists()


def test_what_was_there_before_is_not_taken_away(root: Path) -> None:
    (root / "etc/guardian").mkdir()
    with (root / "etc/passwd").open("a") as passwd, (root / "etc/group").open("a") as group:
        passwd.write("guardian:x:123:124::/nowhere:/bin/false\n")
        group.write("guardian:x:124:\n")
    assert install(root)["guardian"] == "same"
    asked("uninstall", root, "--purge")
    assert (root / "etc/guardian").is_dir()
    assert "guardian:x:123:124" in (root / "etc/passwd").read_text()


def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "file").write_text("x")
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/guardian").symlink_to(elsewhere)
    assert install(root)["/var/lib/guardian"] == "kept"
    asked("uninstall", root, "--purge")
    assert (elsewhere / "file").read_text() == "x"
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


@as_root
def test_state_that_root_made_becomes_the_agents(root: Path) -> None:
    (root / "var/lib/guardian/keys").mkdir(parents=True)
    (root / "var/lib/guardian/keys/signing").write_text("x")
    (root / "var/lib/guardian/link").symlink_to("/etc/passwd")
    owner = Path("/etc/passwd").stat().st_uid
    install(root)
    uid = (root / "var/lib/guardian").stat().st_uid
    assert uid > 0
    assert (root / "var/lib/guardian/keys/signing").stat().st_uid == uid
    assert (root / "var/lib/guardian/link").lstat().st_uid == uid
    assert Path("/etc/passwd").stat().st_uid == owner


def test_what_a_configuration_writes_elsewhere_is_opened_to_the_agent(root: Path) -> None:
    (root / "etc/guardian").mkdir()
    (root / "etc/guardian/guardian.yaml").write_text(CONFIGURATION)
    install(root)
    lines = (root / DROP_IN).read_text().splitlines()
    assert [line for line in lines if "=" in line] == [
        "ReadWritePaths=-/var/lib/node",
        "ReadWritePaths=-/srv/repository",
    ]
    asked("uninstall", root)
    assert not (root / DROP_IN).parent.exists()


@as_root
def test_the_agent_may_read_a_configuration_that_root_wrote(root: Path) -> None:
    (root / "etc/guardian").mkdir()
    written = root / "etc/guardian/guardian.yaml"
    written.write_text(CONFIGURATION)
    written.chmod(0o600)
    assert install(root)["/etc/guardian/guardian.yaml"] == "changed"
    found = written.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (
        0o640,
        0,
        (root / "etc/guardian").stat().st_gid,
    )
    written.chmod(0o604)  # somebody's own idea
    assert install(root)["/etc/guardian/guardian.yaml"] == "kept"
    assert stat.S_IMODE(written.stat().st_mode) == 0o604


def test_a_unit_that_a_package_brought_is_not_overruled(root: Path) -> None:
    packaged = root / "usr/lib/systemd/system/guardian-agent.service"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("[Service]\n")
    assert f"/{UNIT}" not in install(root)
    assert not (root / UNIT).exists()


def test_a_bare_staging_directory_gets_no_user_and_says_so(tmp_path: Path) -> None:
    assert install(tmp_path)["guardian"] == "skipped"
    assert stat.S_IMODE((tmp_path / "etc/guardian").stat().st_mode) == 0o750


def test_a_record_that_is_none_stops_everything(root: Path) -> None:
    install(root)
    (root / "etc/guardian/installed.json").write_text("{}}")
    assert guardian("agent", "uninstall", "--root", str(root)).returncode == 2


def test_a_name_that_is_none_and_a_path_that_fits_no_unit_are_refused(root: Path) -> None:
    before = everything(root)
    for words in (("--user", "-x"), ("--user", "a b"), ("--program", "/opt/my programs/guardian")):
        assert guardian("agent", "install", "--root", str(root), *words).returncode == 2
    assert everything(root) == before


def test_it_speaks_of_what_it_did(root: Path) -> None:
    said = guardian("agent", "install", "--root", str(root))
    assert "/var/lib/guardian" in said.stdout
    assert "0700 guardian:guardian" in said.stdout
    assert "guardian init" in said.stdout


# The unit


def text() -> str:
    return unit_text(UnitOptions(Path("/usr/bin/guardian"), Path("/etc/guardian/guardian.yaml"), "guardian"))


def test_the_unit_says_what_an_agent_needs() -> None:
    settings = [tuple(line.split("=", 1)) for line in text().splitlines() if "=" in line and not line.startswith("#")]
    assert len(dict(settings)) == len(settings)  # nothing is said twice
    unit = dict(settings)
    assert unit["ExecStart"] == "/usr/bin/guardian --config /etc/guardian/guardian.yaml agent run"
    assert (unit["Type"], unit["NotifyAccess"], unit["KillSignal"], unit["KillMode"]) == (
        "notify",
        "main",
        "SIGINT",
        "mixed",
    )
    assert int(unit["TimeoutStopSec"]) == STOP_SECONDS >= 180
    assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"] == "CAP_DAC_READ_SEARCH"
    assert (unit["ProtectSystem"], unit["NoNewPrivileges"], unit["LimitCORE"]) == ("strict", "yes", "0")
    assert "ProtectProc" not in unit  # a lock's owner must be seen


def test_a_percent_sign_in_a_path_is_no_specifier() -> None:
    assert "ReadWritePaths=-/srv/100%%\n" in paths_text(Path("/etc/guardian/guardian.yaml"), [Path("/srv/100%")])


@pytest.mark.parametrize(
    "path", ["relative", "/with space", "/with\nline", '/with"quote', "/with$dollar", "/with\\slash"]
)
def test_what_cannot_stand_in_a_unit_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        paths_text(Path("/etc/guardian/guardian.yaml"), [Path(path)])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (Debian package systemd)")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    program = tmp_path / "guardian"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "guardian-agent.service"
    unit.write_text(unit_text(UnitOptions(program, Path("/etc/guardian/guardian.yaml"), "root")))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    about = [line for line in done.stderr.splitlines() if "guardian-agent" in line]
    assert (about, done.returncode) == ([], 0), done.stderr
    unit.write_text(unit.read_text().replace("Nice=5", "Nicer=5"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert "Nicer" in done.stderr  # so it does look


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (Debian package systemd)")
def test_the_sandbox_stays_tight(tmp_path: Path) -> None:
    unit = tmp_path / "guardian-agent.service"
    unit.write_text(text())
    argv = ["systemd-analyze", "security", "--offline=yes", "--threshold=35", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-300:]
