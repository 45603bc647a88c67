"""How much memory there is: the machine's, and that of every control group above us."""

from pathlib import Path

from guardian.backup.memory import BASE, FACTOR, available, wanted


def _machine(root: Path, available_kib: int, group: str = "/a/b") -> tuple[Path, Path]:
    proc, groups = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {available_kib} kB\n")
    (proc / "self" / "cgroup").write_text(f"1:name=systemd:/x\n0::{group}\n")
    (groups / "a" / "b").mkdir(parents=True)
    return proc, groups


def test_without_groups_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert available(*_machine(tmp_path, 1000)) == 1000 << 10


def test_the_tightest_group_counts_and_what_can_be_given_back_is_free(tmp_path: Path) -> None:
    proc, groups = _machine(tmp_path, 4 << 20)
    (groups / "a" / "memory.max").write_text("1000000\n")
    (groups / "a" / "memory.current").write_text("600000\n")
    (groups / "a" / "memory.stat").write_text("anon 1\ninactive_file 100000\n")
    (groups / "a" / "b" / "memory.max").write_text("max\n")
    (groups / "a" / "b" / "memory.current").write_text("5\n")
    assert available(proc, groups) == 500000


def test_nobody_tells(tmp_path: Path) -> None:
    assert available(tmp_path, tmp_path) is None


def test_what_a_prune_wants_grows_with_the_index() -> None:
    assert wanted(0) == BASE
    assert wanted(100 << 20) == BASE + FACTOR * (100 << 20)
