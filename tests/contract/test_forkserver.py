"""The forked command line says and does what the program does that is started anew (tests/forkserver.py)."""

import subprocess
import sys
from typing import Any

import pytest


def both(site: Any, *arguments: str, **environment: str) -> list[tuple[int, bytes, bytes]]:
    """The same call, started and forked."""
    argv, env = site.argv(*arguments), site.env(environment)
    forks = sys.modules[type(site).__module__].forks()
    assert forks.can(argv, env)
    started = subprocess.run(argv, capture_output=True, env=env, cwd=site.root, check=False)
    forked = forks.client.run(argv[3:], env, site.root, 60)
    return [(one.returncode, one.stdout, one.stderr) for one in (started, forked)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("config", "show", "--json"),
        ("no-such-verb",),
        ("restore", "app/docs", "--target", "docs"),
        ("snapshots", "--json"),
        ("ledger", "show", "--lang", "zh"),
    ],
    ids=" ".join,
)
def test_streams_and_exit_codes_are_the_same(site: Any, arguments: tuple[str, ...]) -> None:
    started, forked = both(site, *arguments)
    assert started == forked


def test_environment_and_directory_are_the_calls_own(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a producer of the call is given tells: nothing of this process, and no descriptor of the server's."""
    monkeypatch.setenv("GUARDIAN_TEST_OURS", "not to be seen")
    seen = site.root / "seen"
    look = f'(env; pwd; ls -l "/proc/$PPID/fd") > {seen}; echo saved'
    site.source("docs", kind="command", argv=["sh", "-c", look], environment={"GIVEN": "env:GIVEN"})
    site.write()
    assert site.guardian("backup", "app/docs", GIVEN="to this call").code == 0
    told = seen.read_text()
    assert "GIVEN=to this call" in told
    assert "not to be seen" not in told
    assert "guardian-fork" not in told


def test_who_takes_too_long_is_killed(site: Any) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        site.guardian("agent", "run", timeout=4)
    assert not site.guardian("agent", "status").json["running"]


def test_what_is_about_an_interpreters_start_starts_one(site: Any) -> None:
    forks = sys.modules[type(site).__module__].forks()
    assert not forks.can(site.argv("--version"), {**site.env(), "LC_ALL": "C"})
    assert not forks.can(site.argv("--version"), {**site.env(), "PYTHONUTF8": "0"})
    assert not forks.can(site.argv("--version"), {**site.env(), "LANG": "zh_CN.UTF-8"})
