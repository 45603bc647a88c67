"""A custodian who holds no key: the listing, what is found by it, and what a forged one comes to."""

import gzip
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.drill import listing
from guardian.errors import EvidenceInvalid
from guardian.keys.signing import SigningKey

ROOT = Path(__file__).parents[1]


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_keyless_{name}", ROOT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Custodian:
    """Somebody with nothing but the listing, the public key and the storage."""

    def __init__(self, site: Any, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.listing, self.key = folder / "listing.gz", folder / "key.pub"
        shutil.copy(site.state / "keys" / "signing.pub", self.key)

    def verify(self, *more: str | Path, listing: Path | None = None, key: bool = True) -> tuple[int, dict[str, Any]]:
        argv = [sys.executable, "-m", "guardian", "verify", "--keyless", "--json", "--listing", listing or self.listing]
        argv += ["--key", self.key] if key else []
        argv += ["--repository", self.site.url, *more]
        done = subprocess.run(list(map(str, argv)), cwd=self.folder, capture_output=True, check=False, env=self.env)
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def head_and_lines(self) -> tuple[dict[str, Any], list[bytes]]:
        head, *lines = gzip.decompress(self.listing.read_bytes()).splitlines(keepends=True)
        return json.loads(head), lines

    def forged(self, head: dict[str, Any], lines: list[bytes]) -> Path:
        path = self.folder / f"forged-{secrets.token_hex(4)}.gz"
        path.write_bytes(gzip.compress(json.dumps(head).encode() + b"\n" + b"".join(lines)))
        return path


@pytest.fixture(scope="module")
def custodian(tmp_path_factory: pytest.TempPathFactory) -> Custodian:
    root = tmp_path_factory.mktemp("keyless")
    site = module("site").make(root)
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    assert site.guardian("init").code == 0
    module("cheap").cheapen(site)
    assert site.guardian("backup").code == 0
    made = Custodian(site, tmp_path_factory.mktemp("custodian"))
    said = site.guardian("ledger", "listing", "main", "-o", made.listing)
    assert (said.code, said.json["outcome"]) == (0, "listed"), said
    return made


def codes(said: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in said["check"]["reasons"]}


def packs(custodian: Custodian) -> list[Path]:
    return sorted((custodian.site.repository / "data").rglob("?" * 64))


@contextmanager
def changed(path: Path, content: bytes | None) -> Iterator[None]:
    before, mode = path.read_bytes(), path.stat().st_mode
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    yield
    path.unlink(missing_ok=True)
    path.write_bytes(before)
    path.chmod(mode)


def test_the_listing_names_every_object_but_config_and_locks(custodian: Custodian) -> None:
    _head, lines = custodian.head_and_lines()
    root = custodian.site.repository
    there = sorted(
        f"{path.relative_to(root)} {path.stat().st_size}\n".encode()
        for folder in ("data", "index", "keys", "snapshots")
        for path in (root / folder).rglob("*")
        if path.is_file()
    )
    assert lines == there
    (last,) = custodian.site.guardian("ledger", "show", "-n", "1").json["entries"]
    assert last["type"].split("/")[-2] == "object-listing"
    assert last["predicate"]["objects"] == len(there)


def test_whole(custodian: Custodian) -> None:
    code, said = custodian.verify()
    assert (code, said["outcome"], codes(said)) == (0, "PASS", set())
    measured, coverage = said["check"]["measured"], said["check"]["coverage"]
    assert measured["objects"] == measured["listed"] == measured["present"] == coverage["packs_read"]
    assert measured["bytes"] == said["listing"]["bytes"] == coverage["bytes_read"]


def test_it_needs_no_key_and_says_when_nobody_vouches_for_the_signer(custodian: Custodian) -> None:
    code, said = custodian.verify(key=False)
    assert (code, said["outcome"], codes(said)) == (4, "COULD_NOT_VERIFY", {"listing-key-unknown"})


def test_damage_is_named(custodian: Custodian) -> None:
    first, second = packs(custodian)[:2]
    (index, *_rest) = (custodian.site.repository / "index").iterdir()
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    with changed(first, bytes(content)), changed(second, second.read_bytes() + b"x"), changed(index, None):
        code, said = custodian.verify()
    assert (code, said["outcome"]) == (3, "FAIL")
    named = {(reason["code"], reason["args"]["object"].rpartition("/")[2]) for reason in said["check"]["reasons"]}
    assert named == {
        ("object-hash-differs", first.name),
        ("listed-size-differs", second.name),
        ("listed-missing", index.name),
    }


def test_what_came_later_is_no_damage(custodian: Custodian) -> None:
    later = custodian.site.repository / "snapshots" / ("ab" * 32)
    later.write_bytes(b"later")
    code, said = custodian.verify()
    later.unlink()
    assert (code, said["outcome"], codes(said)) == (0, "PASS", {"not-in-listing"})


def test_a_round_in_slices_reads_each_object_once(custodian: Custodian, tmp_path: Path) -> None:
    cursor, read, runs = tmp_path / "cursor", 0, 0
    while True:
        code, said = custodian.verify("--cursor", cursor, "--max-bytes", "60000")
        assert (code, said["outcome"]) == (0, "PASS")
        measured, runs = said["check"]["measured"], runs + 1
        read += measured["bytes"]
        assert measured["present"] == measured["listed"], "what is there is looked at every time"
        assert said["check"]["coverage"]["bytes_read"] == read
        if "round-goes-on" not in codes(said):
            break
        assert runs < 50
    assert runs > 1
    assert read == said["listing"]["bytes"]


def test_what_was_bad_is_looked_at_every_time(custodian: Custodian, tmp_path: Path) -> None:
    cursor, first = tmp_path / "cursor", packs(custodian)[0]
    with changed(first, bytes(first.stat().st_size)):
        assert custodian.verify("--cursor", cursor, "--max-bytes", "1")[0] == 3
        code, said = custodian.verify("--cursor", cursor, "--max-bytes", "1")
        assert (code, codes(said)) == (3, {"object-hash-differs", "round-goes-on"})
    code, said = custodian.verify("--cursor", cursor, "--max-bytes", "1")
    assert (code, codes(said)) == (0, {"round-goes-on"})


def test_forged_listings_are_refused(custodian: Custodian) -> None:
    head, lines = custodian.head_and_lines()
    longer = gzip.compress(json.dumps(head).encode() + b"\n" + b"".join(lines) + lines[-1].replace(b"snap", b"snbp"))
    forged = {
        "a line less": custodian.forged(head, lines[:-1]),
        "a size": custodian.forged(head, [lines[0].replace(b"\n", b"1\n"), *lines[1:]]),
        "out of order": custodian.forged(head, lines[::-1]),
        "another index": custodian.forged({**head, "index": 0}, lines),
        "no proof": custodian.forged({**head, "proof": []}, lines),
        "a checkpoint of nobody": custodian.forged({**head, "checkpoint": "x"}, lines),
        "half a surrogate": custodian.forged({**head, "checkpoint": "\ud800"}, lines),
        "no envelope": custodian.forged({**head, "envelope": "e30="}, lines),
        "not base64": custodian.forged({**head, "envelope": "%"}, lines),
        "no head": custodian.forged({}, lines),
    }
    for name, content in {
        "text": b"hello",
        "nothing": b"",
        "cut": custodian.listing.read_bytes()[:-40],
        "more": longer,
    }.items():
        forged[name] = custodian.folder / f"{name}.gz"
        forged[name].write_bytes(content)
    bomb = custodian.folder / "bomb.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    for name, path in {**forged, "bomb": bomb}.items():
        with listing.opened(path) as file, pytest.raises(EvidenceInvalid):  # noqa: PT012  either of the two refuses
            file.prove(file.check())
            pytest.fail(name)
    code, said = custodian.verify(listing=forged["a line less"])
    assert (code, said["outcome"]) == (20, "error")


def test_a_listing_of_another_signer_is_refused(custodian: Custodian) -> None:
    kept = custodian.key.read_text()
    custodian.key.write_text(SigningKey.generate().verify_key.vkey("guardian/agency/host-1") + "\n")
    code, said = custodian.verify()
    custodian.key.write_text(kept)
    assert (code, said["error"]["code"]) == (20, "evidence-invalid")


def test_silent_storage_is_no_verdict(custodian: Custodian) -> None:
    code, said = custodian.verify("--repository", "s3:http://127.0.0.1:9/bucket/repository")
    assert (code, said["error"]["code"]) == (4, "storage-unreachable")


def test_a_custodian_with_a_log_signs_what_was_found(custodian: Custodian) -> None:
    said = custodian.site.guardian("verify", "--keyless", "--listing", custodian.listing)
    assert (said.code, said.json["outcome"], said.reasons) == (0, "PASS", set()), "this host's own key signed it"
    (last,) = custodian.site.guardian("ledger", "show", "-n", "1").json["entries"]
    assert last["index"] == said.json["entry"]
    assert (last["predicate"]["outcome"], last["predicate"]["checks"][0]["name"]) == ("PASS", "keyless")
    assert custodian.site.guardian("verify", "--level", "D1").code == 0, "an ordinary drill passes over it"


def test_damaged_repositories_are_not_vouched_for(custodian: Custodian) -> None:
    path = custodian.folder / "refused.gz"
    with changed(packs(custodian)[0], None):
        said = custodian.site.guardian("ledger", "listing", "main", "-o", path)
    assert (said.code, said.json["error"]["code"]) == (4, "repository-damaged")
    assert not path.exists()
    assert custodian.site.guardian("ledger", "listing", "main", "-o", custodian.listing).code == 2, "it is there"
