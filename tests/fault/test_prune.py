"""Freeing space: when it is worth it, when it is not begun, and killed in the middle."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.backup.maintain import run_maintenance
from guardian.backup.maintained import Maintained
from guardian.backup.prune import Look, Pruning, look, worth
from guardian.restic.removal import PruneFigures, read_figures

NOW = datetime.now(UTC).replace(microsecond=0)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _module("points")


@pytest.fixture(scope="module")
def full(initialised: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three backups of data that changed in part in between: when two go, packs are left that are half needed."""
    site = sys.modules[type(initialised).__module__].copy(initialised, tmp_path_factory.mktemp("full") / "site")
    site.config["systems"]["app"]["plan"] = {"retention": {"last": 1, "minimum": 1, "max_removal": 1.0}}
    site.write()
    for number in range(3):
        for name in range(12):
            if number == 0 or name % 2:
                (site.docs / f"big-{name}").write_bytes(os.urandom(150_000))
        assert site.guardian("backup", "app/docs").code == 0
    return site


@pytest.fixture
def host(full: Any, tmp_path: Path) -> Any:
    return sys.modules[type(full).__module__].copy(full, tmp_path / "site")


def maintain(site: Any) -> Maintained:
    return run_maintenance(made.node_of(site), "main")


def stored(site: Any) -> int:
    return sum(path.stat().st_size for path in (site.repository / "data").rglob("*") if path.is_file())


def test_what_nothing_needs_is_freed_and_looked_at_before_and_after(host: Any) -> None:
    before = stored(host)
    done = maintain(host)
    assert done.outcome == "complete", done
    assert done.removed == 2
    assert done.pruned
    assert (done.pruned.structure_before, done.pruned.structure_after) == ("PASS", "PASS")
    assert done.freed_bytes == before - stored(host) > 1_500_000
    assert made.Points(host).said("prune")[-1] == done.pruned
    assert host.guardian("verify", "app/docs", "--level", "D2", "--full").code == 0
    again = maintain(host)
    assert again.pruned
    assert [why.code for why in again.pruned.reasons] == ["prune-not-worth"]


def test_a_damaged_repository_is_not_touched(host: Any) -> None:
    newest = max(
        (path for path in (host.repository / "data").rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime
    )
    newest.unlink()
    before = stored(host)
    done = maintain(host)
    assert done.outcome == "failed"
    assert done.pruned
    assert done.pruned.outcome == "failed"
    assert stored(host) == done.pruned.total_bytes == before


def test_while_somebody_holds_a_lock_no_space_is_freed(host: Any) -> None:
    """As another host's backup does. Neither is anything removed meanwhile."""
    password = next((host.state / "keys").glob("*.password"))
    env = {**host.env(), "RESTIC_PASSWORD_FILE": str(password), "RESTIC_REPOSITORY": host.url}
    command = ["restic", "--no-cache", "backup", "--stdin"]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as other:
        while not list((host.repository / "locks").glob("[0-9a-f]*")):
            assert other.poll() is None
            time.sleep(0.02)
        before = stored(host)
        done = maintain(host)
        assert stored(host) == before
        other.send_signal(signal.SIGINT)
        assert other.stdin is not None
        other.stdin.close()
        other.wait()
    assert done.outcome == "failed", done
    assert done.removed == 0
    assert "repository-locked" in {why.code for source in done.sources for why in source.reasons}
    assert done.pruned
    assert [why.code for why in done.pruned.reasons] == ["prune-in-use"]
    assert done.pruned.total_bytes == before, "how large it is is known all the same"


def test_a_prune_that_memory_does_not_suffice_for_is_not_begun(host: Any) -> None:
    node = made.node_of(host)
    with node.log() as log:
        pruning = Pruning(node, "main", log, node.restic("main"))
        assert pruning._unsafe(Look("PASS", (), 1 << 20)) is None
        refused = pruning._unsafe(Look("PASS", (), 1 << 50))
    assert refused is not None
    assert refused[0] == "skipped"
    assert refused[1][0].code == "prune-memory"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
@pytest.mark.parametrize("after", [0.1, 0.6])
def test_cut_off_in_the_middle_it_leaves_a_whole_repository_and_the_next_goes_on(
    host: Any, how: signal.Signals, after: float
) -> None:
    mark, program = host.root / "pruning", host.root / "restic"
    # A slow line, so that there is a middle.
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" --dry-run"*) ;; *" prune "*) touch {mark};'
        ' set -- --limit-upload=600 --limit-download=900 "$@" ;; esac\nexec /usr/bin/env restic "$@"\n'
    )
    program.chmod(0o755)
    host.config["restic"] = {"program": str(program)}
    host.write()
    with subprocess.Popen(
        host.argv("maintain", "--json"), env=host.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as going:
        while not mark.exists():
            assert going.poll() is None, going.communicate()
            time.sleep(0.02)
        time.sleep(after)
        assert going.poll() is None
        going.send_signal(how)
        going.communicate()
    assert going.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    seen = look(made.node_of(host), "main")
    assert seen.outcome == "PASS", seen
    mark.unlink()
    del host.config["restic"]
    host.write()
    for _attempt in range(50):  # the guard gives the lease back once the restic it stops has ended
        said = host.guardian("maintain")
        if said.code != 11:
            break
        time.sleep(0.2)
    assert said.code == 0, said
    assert look(made.node_of(host), "main").outcome == "PASS"
    assert not list((host.repository / "locks").iterdir())
    host.restic("check", "--read-data")


def test_it_is_worth_it_from_a_tenth_on() -> None:
    assert not worth(PruneFigures(removed=50, left=950, unused_left=40))
    assert worth(PruneFigures(removed=50, left=950, unused_left=60))
    assert not worth(PruneFigures(removed=0, left=1000, unused_left=500))
    assert worth(PruneFigures())


def test_the_figures_are_read_from_what_restic_says() -> None:
    text = """
to repack:            69 blobs / 1.078 MiB
this removes:         67 blobs / 1.047 MiB
to delete:             7 blobs / 25.726 KiB
total prune:          74 blobs / 1.072 MiB
remaining:            16 blobs / 38.003 KiB
unused size after prune: 0 B (0.00% of remaining size)
"""
    found = read_figures(text.splitlines())
    assert (found.removed, found.left, found.unused_left) == (1124073, 38915, 0)
