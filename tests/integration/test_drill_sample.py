"""What a drill reads of many files, of large ones, of streams, and what it says when some of it is gone."""

import hashlib
import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.drill import bounds

_TESTS = Path(__file__).parents[1]
MANY, EACH = 420, 700
LARGE = 80 << 20


def _module(path: Path) -> ModuleType:
    name = f"guardian_sample_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three sources: many small files, one large file, one stream. Not to be broken."""
    site = _module(_TESTS / "site.py").make(tmp_path_factory.mktemp("sample"))
    content = random.Random(5)
    for name in ("many", "large"):
        (site.root / name).mkdir()
        site.source(name, kind="files", paths=[str(site.root / name)])
    for number in range(MANY):
        (site.root / "many" / f"{number:03}").write_bytes(content.randbytes(EACH))
    (site.root / "many" / "site.key").write_bytes(content.randbytes(EACH))
    (site.root / "large" / "image").write_bytes(content.randbytes(LARGE))
    (site.root / "produced").write_bytes(content.randbytes(3 << 20))
    site.source("dump", kind="command", argv=["cat", str(site.root / "produced")])
    for name in ("db", "docs"):
        del site.config["systems"]["app"]["sources"][name]
    site.write()
    assert site.guardian("init").code == 0
    _module(_TESTS / "cheap.py").cheapen(site)
    assert site.guardian("backup").code == 0
    return site


@pytest.fixture
def host(original: Any, tmp_path: Path) -> Any:
    """A copy of its repository and state to break; what was backed up lies where it was."""
    root = tmp_path / "host"
    root.mkdir()
    for name in ("state", "repository"):
        subprocess.run(["cp", "-a", str(original.root / name), str(root / name)], check=True)
    config = {**original.config, "repositories": {"main": {"url": str(root / "repository")}}}
    site = type(original)(root, str(root / "repository"), None, config)
    site.write()
    return site


def d3(said: Any) -> dict[str, Any]:
    found: dict[str, Any] = said.json["drills"][0]["checks"][-1]
    assert found["level"] == "D3"
    return found


def codes(check: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in check["reasons"]}


def test_many_chunks_are_drawn_until_enough_were_hit(original: Any) -> None:
    check = d3(original.guardian("verify", "app/many"))
    headline, measured = check["assurances"][0], check["measured"]
    assert measured["distinct_chunks"] == bounds.needed(0.01, 0.95) == 299
    assert headline["drawn"] == measured["draws"] > 299
    assert (headline["unit"], headline["frame"], headline["bad"]) == ("bytes", EACH * (MANY + 1), 0)
    assert headline["upper"] < 0.01
    assert headline["upper"] == pytest.approx(1 - 0.05 ** (1 / headline["drawn"]))


def test_two_drills_draw_different_samples(original: Any) -> None:
    samples = {
        d3(original.guardian("verify", "app/many", "--seed-nonce", "aa"))["sample_sha256"] for _drill in range(2)
    }
    assert len(samples) == 2, "the checkpoint is another one, though the auditor's nonce is the same"


def test_a_lost_tenth_is_seen_counted_and_named(host: Any) -> None:
    """Every tenth small file is spoiled where it is stored: the bound follows the draws, and each path is named."""
    lost = spoil(host, [f"{number:03}" for number in range(0, MANY, 10)])
    said = host.guardian("verify", "app/many")
    check = d3(said)
    assert (said.code, check["outcome"]) == (3, "FAIL")
    headline = check["assurances"][0]
    assert 0.03 < headline["bad"] / headline["drawn"] < 0.2
    assert headline["upper"] > headline["bad"] / headline["drawn"]
    named = {r["args"]["path"] for r in check["reasons"] if r["code"] == "file-lost"}
    assert named
    assert named <= lost
    assert len(named) == 20, "as many as fit; the rest are counted"
    assert "files-lost-more" in codes(check)


def test_a_critical_file_is_always_read(host: Any) -> None:
    (path,) = spoil(host, ["site.key"])
    check = d3(host.guardian("verify", "app/many"))
    assert path in {r["args"]["path"] for r in check["reasons"] if r["code"] == "file-lost"}
    (critical,) = (a for a in check["assurances"] if a["stratum"] == "critical")
    assert (critical["frame"], critical["drawn"], critical["bad"], critical["method"]) == (1, 1, 1, "census")


def test_of_a_large_file_64_mib_are_read_and_that_is_said(original: Any) -> None:
    check = d3(original.guardian("verify", "app/large"))
    (part,) = (r for r in check["reasons"] if r["code"] == "largest-in-part")
    assert part["args"]["size"] == LARGE
    assert 64 << 20 <= part["args"]["bytes"] < 72 << 20
    measured = check["measured"]
    assert (measured["second_files"], measured["second_blobs"]) == (0, 4), "no file is small enough: chunks instead"


def test_a_stream_is_held_against_what_its_producer_wrote(original: Any, host: Any) -> None:
    check = d3(original.guardian("verify", "app/dump"))
    assert (check["outcome"], check["measured"]["compared"]) == ("PASS", 1)
    assert check["assurances"][0]["method"] == "census"
    spoil(host, ["dump"])
    said = host.guardian("verify", "app/dump")
    assert (said.code, "file-lost" in codes(d3(said))) == (3, True)


def test_full_reads_every_file_by_both_paths(original: Any, host: Any) -> None:
    check = d3(original.guardian("verify", "app/many", "--full"))
    assert (check["name"], check["outcome"], check["measured"]["files"]) == ("full-restore", "PASS", MANY + 1)
    assert {a["method"] for a in check["assurances"]} == {"census"}
    assert check["measured"]["second_files"] == MANY + 1
    spoil(host, ["007"])
    said = host.guardian("verify", "app/many", "--full")
    check = d3(said)
    assert (said.code, check["assurances"][1]["bad"]) == (3, 1)
    assert codes(check) >= {"file-lost", "restore-error"}
    assert "paths-disagree" not in codes(check), "both found it"


def test_a_tree_that_is_gone_fails_the_levels_above(host: Any) -> None:
    """Of a snapshot whose root cannot be read there is no frame: D1 says why, and D3 is no pass."""
    for pack in packs(host):
        pack.unlink()
    said = host.guardian("verify", "app/many")
    outcomes = [check["outcome"] for check in said.json["drills"][0]["checks"]]
    assert said.code == 3
    assert outcomes[1] == outcomes[3] == "FAIL"


def test_what_is_asked_for_must_be_possible(original: Any) -> None:
    said = original.guardian("verify", "--max-loss", "0.000002", "--confidence", "0.99")
    assert (said.code, said.json["error"]["code"]) == (2, "usage")


# how it is broken


def packs(site: Any) -> list[Path]:
    return [path for path in (site.repository / "data").rglob("*") if path.is_file()]


def spoil(site: Any, names: list[str]) -> set[str]:
    """Flip a bit in the first chunk of each file ``names``, where it is stored; their paths in the snapshot."""
    from guardian.decoder.repository import open_repository
    from guardian.model.secret import Secret
    from guardian.objectstore.local import LocalReader

    password = (site.state / "keys" / "main.password").read_bytes().strip()
    wanted, found, spots = set(names), set(), []
    with LocalReader(site.repository) as reader:
        loaded = open_repository(reader, Secret(password)).load()
        for snapshot in loaded.snapshots:
            for entry in loaded.walk(snapshot):
                path = entry.path.decode()  # type: ignore[union-attr]
                if entry.node.kind == "file" and Path(path).name in wanted:  # type: ignore[union-attr]
                    number = loaded.index.find(0, entry.node.content[:32])  # type: ignore[union-attr]
                    assert number is not None
                    spots.append((loaded.index.pack_of(number).id.hex(), loaded.index.place(number).offset + 20))
                    found.add(path)
    assert found
    for pack, offset in spots:
        file = site.repository / "data" / pack[:2] / pack
        file.chmod(0o600)
        with file.open("r+b") as opened:
            opened.seek(offset)
            byte = opened.read(1)[0]
            opened.seek(offset)
            opened.write(bytes([byte ^ 1]))
    return found


def test_the_sources_were_left_alone(original: Any) -> None:
    content = random.Random(5)
    first = hashlib.sha256(content.randbytes(EACH)).digest()
    assert hashlib.sha256((original.root / "many" / "000").read_bytes()).digest() == first
    assert (original.root / "large" / "image").stat().st_size == LARGE
