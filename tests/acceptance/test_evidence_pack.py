"""What an auditor does: verifies a pack with Python alone where Guardian never was, and is not deceived."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.keys.signing import SigningKey

_TESTS = Path(__file__).resolve().parents[1]
PLAN = {"schedule": "daily", "retention": {"daily": 14}, "drills": {"D3": "weekly"}}
PROBE = "import importlib.util as u; print([n for n in ('guardian', 'cryptography') if u.find_spec(n)])"


def _module(path: Path) -> ModuleType:
    name = f"guardian_tests_pack_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Auditor:
    """An empty directory on a machine with Python and nothing else; ``pack`` is what was handed over."""

    folder: Path
    pack: Path
    key: str

    def unpack(self, name: str = "unpacked") -> Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(self.pack) as archive:
            archive.extractall(folder)
        return folder

    def verify(self, what: Path, *more: str, lang: str = "C.UTF-8", isolated: bool = True) -> tuple[int, str]:
        """``python3 -I -S verify.py``: no site-packages, no environment, not even cryptography."""
        program = self.folder / "verify.py"
        if not program.exists():
            with zipfile.ZipFile(self.pack) as archive:
                program.write_bytes(archive.read("verify.py"))
        flags = ("-I", "-S") if isolated else ("-I",)
        done = subprocess.run(
            [sys.executable, *flags, str(program), str(what), *more],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env={"LANG": lang, "PATH": "/nonexistent"},
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real host: three backups and a drill up to D3 in a real repository."""
    made = _module(_TESTS / "site.py").make(tmp_path_factory.mktemp("host"))
    made.config["systems"]["app"] |= {"mlps_level": 3, "objectives": {"rpo": "1d", "rto": "4h"}, "plan": PLAN}
    made.write()
    assert made.guardian("init").code == 0
    _module(_TESTS / "cheap.py").cheapen(made)
    for _run in range(2):
        assert made.guardian("backup").code == 0
    assert made.guardian("verify", "--level", "D3").code == 0
    return made


@pytest.fixture(scope="module")
def auditor(site: Any, tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """The auditor with a pack of that host."""
    folder = tmp_path_factory.mktemp("auditor")
    # Without a browser: what it makes is looked at elsewhere, and takes seconds.
    path = {"PATH": _without_browser(folder)}
    said = site.guardian("audit", "pack", "app", "-o", folder / "pack.zip", **path)
    assert said.code == 0, said
    assert said.json["outcome"] == "packed"
    return Auditor(folder, folder / "pack.zip", said.json["key"])


def _without_browser(folder: Path) -> str:
    """A PATH with restic alone in it."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "restic").symlink_to(str(shutil.which("restic")))
    return str(programs)


def test_the_pack_is_valid_where_there_is_nothing_but_python(auditor: Auditor) -> None:
    probe = subprocess.run([sys.executable, "-I", "-S", "-c", PROBE], capture_output=True, text=True, check=True)
    assert probe.stdout.strip() == "[]", "the machine of this test must not know Guardian, nor cryptography"
    code, out = auditor.verify(auditor.pack, "--key", auditor.key)
    assert (code, out.splitlines()[0]) == (0, "VALID"), out
    assert "drills, passed: 2, 2" in out
    assert "drills planned beforehand: 2" in out
    assert "as you gave it" in out
    code, out = auditor.verify(auditor.unpack())
    assert (code, out.splitlines()[0]) == (0, "VALID"), out
    assert "compare it" in out, "a key that nobody vouched for is said to be one"


def test_the_library_says_the_same_in_chinese(auditor: Auditor) -> None:
    code, out = auditor.verify(auditor.pack, isolated=False, lang="zh_CN.UTF-8")
    assert (code, out.splitlines()[0]) == (0, "有效"), out
    assert "演练，通过: 2, 2" in out


@pytest.mark.parametrize("python", ["3.8", "3.9", "3.10", "3.12", "3.13"])
def test_other_pythons_agree(python: str, auditor: Auditor) -> None:
    found = sorted(Path(os.environ.get("PYENV_ROOT", "/nonexistent"), "versions").glob(f"{python}.*/bin/python3"))
    if not found:
        pytest.skip(f"no Python {python} on this machine (looked in PYENV_ROOT)")
    argv = [str(found[-1]), "-I", "-S", str(auditor.unpack("old") / "verify.py"), str(auditor.pack)]
    done = subprocess.run(argv, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "VALID"), done


def test_the_pack_holds_what_it_says(auditor: Auditor) -> None:
    folder = auditor.unpack()
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "README.txt", "verify.py", "manifest.json", "manifest.dsse.json", "report.html", "report.zh.html",
        "clauses.json", "four-questions.json", "grade.json", "oscal-assessment-results.json", "keys/log.vkey",
        "policy/tlog-policy.txt", "checkpoints/head.txt", "cosignatures/README.txt",
    } <= names  # fmt: skip
    kinds = {name.split("-", 1)[1] for name in names if name.startswith("statements/")}
    assert {
        "backup-receipt.json",
        "drill-plan.json",
        "drill-result.json",
        "config-change.json",
        "key-event.json",
    } <= kinds
    readme = (folder / "README.txt").read_text("utf-8")
    assert auditor.key in readme
    assert "What it does not prove" in readme
    assert "它不能证明" in readme
    questions = json.loads((folder / "four-questions.json").read_text("utf-8"))["questions"]
    assert [one["state"] for one in questions] == ["satisfied"] * 4
    assert all(one["question"]["zh"] and one["question"]["en"] for one in questions)
    leaves = {one["leaf_hash"] for question in questions for one in question["proofs"]}
    assert leaves, "the answers rest on entries of the log"
    assert (folder / "policy" / "tlog-policy.txt").read_text() == f"log {auditor.key}\nquorum none\n"


def test_oscal_is_shaped_as_it_should_be(auditor: Auditor) -> None:
    (root,) = json.loads((auditor.unpack() / "oscal-assessment-results.json").read_text("utf-8")).values()
    assert root["import-ap"]["href"] == "#" + root["back-matter"]["resources"][0]["uuid"]
    (result,) = root["results"]
    observed = {one["uuid"] for one in result["observations"]}
    states = set()
    for finding in result["findings"]:
        status = finding["target"]["status"]
        states.add(status["state"])
        assert status["state"] == "satisfied" or status["remarks"]
        assert {one["observation-uuid"] for one in finding.get("related-observations", ())} <= observed
    assert states == {"satisfied", "not-satisfied"}
    assert "\n" not in json.dumps(root["metadata"], ensure_ascii=False)


# somebody between the host and the auditor


def flip(folder: Path, name: str) -> str:
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))
    return name


def first(folder: Path, pattern: str) -> str:
    return str(min(folder.glob(pattern)).relative_to(folder))


@pytest.mark.parametrize(
    "pattern",
    [
        "statements/*-backup-receipt.json", "statements/*-drill-result.json", "statements/*-drill-plan.json",
        "proofs/*", "consistency/*", "checkpoints/head.txt", "policy/*", "manifest.json", "manifest.dsse.json",
        "README.txt", "verify.py", "report.html", "report.zh.html", "clauses.json", "four-questions.json", "grade.json",
        "oscal-assessment-results.json", "cosignatures/README.txt", "keys/log.vkey",
    ],
)  # fmt: skip
def test_a_flipped_bit_is_named(pattern: str, auditor: Auditor) -> None:
    folder = auditor.unpack()
    name = flip(folder, first(folder, pattern))
    code, out = auditor.verify(folder, "--key", auditor.key)
    assert code == 20
    assert out.startswith(f"NOT VALID: {name}: "), out


def test_a_dropped_statement_is_named(auditor: Auditor) -> None:
    folder = auditor.unpack()
    name = first(folder, "statements/*-backup-receipt.json")
    (folder / name).unlink()
    assert auditor.verify(folder) == (20, f"NOT VALID: {name}: is missing\n")


def test_swapped_proofs_are_named(auditor: Auditor) -> None:
    folder = auditor.unpack()
    one, two = sorted((folder / "proofs").iterdir())[2:4]
    first_bytes = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first_bytes)
    code, out = auditor.verify(folder)
    assert code == 20
    assert f"proofs/{one.name}" in out


def test_a_cut_checkpoint_is_named(auditor: Auditor) -> None:
    folder = auditor.unpack()
    path = folder / "checkpoints" / "head.txt"
    path.write_bytes(path.read_bytes()[:60])
    assert auditor.verify(folder)[1].startswith("NOT VALID: checkpoints/head.txt: ")


def resealed(folder: Path, key: SigningKey) -> None:
    """Make the manifest anew and sign it, as only the holder of ``key`` can."""
    import base64
    import hashlib

    from guardian.audit.pack import MANIFEST_TYPE
    from guardian.ledger.envelope import pae

    manifest = json.loads((folder / "manifest.json").read_bytes())
    names = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("manifest.")]
    manifest["files"] = {
        str(path.relative_to(folder)): {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in names
    }
    payload = json.dumps(manifest).encode()
    signature = base64.b64encode(key.sign(pae(MANIFEST_TYPE, payload))).decode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": MANIFEST_TYPE,
        "signatures": [{"keyid": key.key_id, "sig": signature}],
    }
    (folder / "manifest.json").write_bytes(payload)
    (folder / "manifest.dsse.json").write_text(json.dumps(envelope))


def test_figures_changed_by_the_host_itself_are_named(site: Any, auditor: Auditor) -> None:
    """With the host's own key everything can be signed again; the log's root cannot be met."""
    import base64

    from guardian.keys.store import KeyStore
    from guardian.ledger.envelope import seal
    from guardian.model.evidence import PAYLOAD_TYPE

    key = KeyStore(site.state).signing_key()
    folder = auditor.unpack()
    name = first(folder, "statements/*-drill-result.json")
    statement = json.loads(base64.b64decode(json.loads((folder / name).read_bytes())["payload"]))
    statement["predicate"]["checks"][-1]["measured"]["compared"] = 100_000
    (folder / name).write_bytes(seal(PAYLOAD_TYPE, json.dumps(statement).encode(), [key]))
    resealed(folder, key)
    code, out = auditor.verify(folder, "--key", auditor.key)
    assert code == 20
    assert out.startswith(f"NOT VALID: proofs/{name[11:20]}.tlog-proof: does not lead from its statement"), out


def test_a_pack_signed_by_another_key_is_named(auditor: Auditor) -> None:
    folder = auditor.unpack()
    forger = SigningKey.generate()
    resealed(folder, forger)
    assert auditor.verify(folder)[1].startswith("NOT VALID: manifest.dsse.json: is not signed by the key")
    (folder / "keys" / "log.vkey").write_text(f"{forger.verify_key.vkey('guardian/agency/host-1')}\n")
    resealed(folder, forger)
    assert auditor.verify(folder)[1].startswith("NOT VALID: checkpoints/head.txt: is not signed by the key")
    code, out = auditor.verify(folder, "--key", auditor.key)
    assert (code, out) == (20, "NOT VALID: keys/log.vkey: is not the key you gave\n")


@pytest.mark.parametrize("argv", [(), ("/nonexistent",), ("--what",)])
def test_wrong_usage_is_two(argv: tuple[str, ...], auditor: Auditor) -> None:
    auditor.verify(auditor.pack)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(auditor.folder / "verify.py"), *argv], capture_output=True, check=False
    )
    assert done.returncode == 2


# the verbs


def test_clauses_and_grade_on_the_command_line(site: Any) -> None:
    said = site.guardian("audit", "clauses", "app", "--level", "3")
    assert said.code == 3, "no escrow, and backups beside their source: not everything is satisfied"
    (about,) = said.json["systems"]
    answers = {one["clause"]: one for one in about["clauses"]}
    assert answers["8.1.4.9 a"]["state"] == "satisfied"
    assert answers["8.1.4.9 a"]["proofs"]
    assert answers["8.1.4.9 b"]["by"] == "person"
    assert all(one["text"]["zh"] and one["text"]["en"] for one in answers["8.1.4.9 a"]["reasons"])
    said = site.guardian("audit", "grade", PLAIN="1")
    assert said.code == 3
    assert "2007 Table C.1 (superseded)" in said.out
    assert "level 0" in said.out
    assert site.guardian("audit", "clauses", "nothing").code == 2
    for name in ("nothing", "app/docs"):
        assert site.guardian("audit", "pack", name, "-o", site.root / "none.zip").code == 2
    assert site.guardian("audit", "clauses", "--standard", "none").code == 2
    assert site.guardian("audit", "grade", "--from", "2026-02-02", "--to", "2026-01-01").code == 2


def test_a_damaged_log_makes_no_pack(site: Any, tmp_path: Path) -> None:
    copy = tmp_path / "host"
    shutil.copytree(site.root, copy, symlinks=True)
    bundle = next(path for path in (copy / "state" / "log" / "tile" / "entries").rglob("*") if path.is_file())
    data = bytearray(bundle.read_bytes())
    data[-100] ^= 1
    bundle.write_bytes(data)
    other = type(site)(copy, site.url, config=site.config)
    for verb in (("pack", "app", "-o", tmp_path / "pack.zip"), ("clauses",), ("grade",)):
        assert other.guardian("audit", *verb).code == 20, verb
    assert not (tmp_path / "pack.zip").exists()


# the story


@pytest.fixture
def betrayed(new_site: Callable[..., Any]) -> Any:
    made = new_site()
    assert made.guardian("init").code == 0
    _module(_TESTS / "cheap.py").cheapen(made)
    return made


def test_who_has_the_password_and_alters_history_is_caught(betrayed: Any, tmp_path: Path) -> None:
    """An administrator with the repository's password removes a payment from what was backed up, and covers the tracks.

    restic sees nothing wrong: the repository is whole. The log knows which tree each snapshot had.
    """
    site = betrayed
    site.config["systems"]["app"]["sources"].pop("db")
    site.write()
    (site.docs / "payments.csv").write_text("1,mine\n2,yours\n")
    said = site.guardian("backup")
    assert said.code == 0, said
    assert site.guardian("verify", "--level", "D3").code == 0
    assert fourth_question(site)["state"] == "satisfied"

    # The altered snapshot has the same host, time, path and tags as the true one, which is then removed.
    (snapshot,) = json.loads(site.restic("snapshots", "--json").stdout)
    (site.docs / "payments.csv").write_text("1,mine\n")
    tags = [word for tag in snapshot["tags"] for word in ("--tag", tag)]
    when = snapshot["time"][:19].replace("T", " ")
    site.restic("backup", str(site.docs), "--host", snapshot["hostname"], "--time", when, *tags, "--force")
    site.restic("forget", snapshot["id"], "--prune")
    assert site.restic("check", "--read-data").returncode == 0, "to restic nothing is wrong"

    caught = site.guardian("verify", "--level", "D0")
    assert caught.code == 3
    assert {"snapshot-foreign", "snapshot-missing"} <= caught.reasons
    assert caught.json["drills"][0]["outcome"] == "FAIL"

    # The evidence tells the auditor, and the pack is valid: it is the truth about what happened.
    packed = site.guardian("audit", "pack", "app", "-o", tmp_path / "pack.zip", PATH=_without_browser(tmp_path))
    assert packed.code == 0, packed
    auditor = Auditor(tmp_path, tmp_path / "pack.zip", packed.json["key"])
    code, out = auditor.verify(auditor.pack, "--key", auditor.key)
    assert code == 0, out
    assert "drills, passed: 2, 1" in out
    fourth = fourth_question(site)
    assert fourth["state"] == "not-satisfied"
    assert {one["code"] for one in fourth["reasons"]} == {"drill-failed"}


def fourth_question(site: Any) -> Any:
    """Do recent records of restore tests show normal recovery?"""
    (about,) = site.guardian("audit", "clauses", "app").json["systems"]
    return about["questions"][3]
