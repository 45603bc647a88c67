"""Plan, seed, result, replay: a drill that nobody could steer, and that anybody can redo."""

import base64
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_TESTS = Path(__file__).parents[1]


def _module(path: Path) -> ModuleType:
    name = f"guardian_evidence_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host that was drilled once with a report; not to be broken."""
    site = _module(_TESTS / "site.py").make(tmp_path_factory.mktemp("drilled"))
    (site.docs / "secret.key").write_bytes(os.urandom(2000))
    assert site.guardian("init").code == 0
    _module(_TESTS / "cheap.py").cheapen(site)
    assert site.guardian("backup").code == 0
    said = site.guardian("verify", "app/docs", "--seed-nonce", "c0ffee", "--report", site.root / "report.json")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said
    return site


@pytest.fixture
def again(drilled: Any, tmp_path: Path) -> Any:
    """The same host for one test to break; its documents lie where they were."""
    root = tmp_path / "host"
    subprocess.run(["cp", "-a", str(drilled.root), str(root)], check=True)
    config = json.loads(json.dumps(drilled.config).replace(drilled.url, str(root / "repository")))
    site = type(drilled)(root, str(root / "repository"), None, config)
    site.write()
    return site


def entries(site: Any, kind: str) -> list[dict[str, Any]]:
    """The predicates of a kind in the log, oldest first, each with its index and leaf hash."""
    said = site.guardian("ledger", "show", "-n", "1000").json["entries"]
    return [
        {**e["predicate"], "index": e["index"], "leaf": e["leaf_hash"]}
        for e in said
        if e["type"].split("/")[-2] == kind
    ]


def report(site: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site.root / "report.json").read_bytes())
    return found


def test_the_plan_comes_first_and_binds_the_seed(drilled: Any) -> None:
    (plan,), (result,) = entries(drilled, "drill-plan"), entries(drilled, "drill-result")
    assert plan["index"] < result["index"]
    assert result["plan"] == plan["leaf"]
    assert (plan["nonce_by"], plan["commitment"]) == ("auditor", hashlib.sha256(b"\xc0\xff\xee").hexdigest())
    assert {frame["unit"] for frame in plan["frames"]} == {"files", "packs"}
    told = result["seed"]
    assert told["nonce"] == "c0ffee"
    note = told["checkpoint"]
    assert int(note.splitlines()[1]) == plan["index"] + 1, "the plan is the last entry under that checkpoint"
    seed = hashlib.sha256(note.encode() + b"\0" + plan["drill_id"].encode() + b"\0" + b"\xc0\xff\xee").hexdigest()
    assert told["seed"] == seed
    checks = {check["level"]: check for check in result["checks"]}
    assert list(checks) == ["D0", "D1", "D2", "D3"]
    assert checks["D3"]["sample_sha256"]
    assert result["previous"] is None


def test_the_headline_is_by_bytes_and_the_rest_by_stratum(drilled: Any) -> None:
    d3 = entries(drilled, "drill-result")[0]["checks"][-1]
    said = {(a["unit"], a["stratum"]): a for a in d3["assurances"]}
    assert d3["assurances"][0]["unit"] == "bytes"
    assert said["bytes", ""]["method"] == "census"
    assert said["files", "critical"]["frame"] == 1
    assert said["files", "small"]["drawn"] <= 32
    measured = d3["measured"]
    assert {"draws", "distinct_chunks", "distinct_packs", "bytes_read", "files", "seconds", "second_seconds"} <= set(
        measured
    )
    assert measured["second_files"] == 8
    assert measured["compared"] > 0, "files with a digest from the source"


def test_each_drill_names_the_one_before(again: Any) -> None:
    assert again.guardian("verify", "app/docs", "--level", "D0").code == 0
    first, second = entries(again, "drill-result")
    assert second["previous"] == first["leaf"]


def test_without_an_auditor_every_drill_has_a_nonce_of_its_own(again: Any) -> None:
    assert again.guardian("verify").code == 0
    plans, results = entries(again, "drill-plan")[-2:], entries(again, "drill-result")[-2:]
    assert {plan["nonce_by"] for plan in plans} == {"guardian"}
    assert len({result["seed"]["nonce"] for result in results}) == 2


def test_a_replay_draws_the_same(drilled: Any) -> None:
    drill = report(drilled)["drills"][0]["drill_id"]
    for proof in (drill, "report.json"):
        before = (drilled.state / "log" / "checkpoint").read_bytes()
        said = drilled.guardian("verify", "--replay", proof)
        assert (said.code, said.json["outcome"]) == (0, "PASS"), said
        samples = [r for r in said.json["replays"][0]["reasons"] if r["code"] == "sample-same"]
        assert [r["args"]["level"] for r in samples] == ["D2", "D3"]
        assert (drilled.state / "log" / "checkpoint").read_bytes() == before, "a replay writes nothing"


def test_a_replay_finds_what_broke_since(again: Any) -> None:
    for pack in (again.repository / "data").rglob("*"):
        if pack.is_file():
            content = bytearray(pack.read_bytes())
            content[40] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(content)
    said = again.guardian("verify", "--replay", "report.json")
    assert (said.code, said.json["outcome"], said.json["replays"][0]["recorded"]) == (3, "FAIL", "PASS")


def test_a_replay_after_more_backups_says_that_the_packs_are_others(again: Any) -> None:
    (again.docs / "new").write_bytes(os.urandom(100_000))
    assert again.guardian("backup", "app/docs").code == 0
    said = again.guardian("verify", "--replay", "report.json")
    assert (said.code, said.reasons >= {"packs-changed", "sample-same"}) == (0, True), said


def test_a_replay_without_the_snapshot_could_not_verify(again: Any) -> None:
    again.restic("forget", report(again)["drills"][0]["checks"][0]["measured"]["newest"])
    said = again.guardian("verify", "--replay", "report.json")
    assert (said.code, said.json["outcome"]) == (4, "COULD_NOT_VERIFY"), said


def forged(site: Any, name: str, **changes: Any) -> str:
    """The report with one statement altered, its signature kept."""
    document = report(site)
    envelope = json.loads(base64.b64decode(document["drills"][0]["envelopes"][name]))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"] |= changes
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    document["drills"][0]["envelopes"][name] = base64.b64encode(json.dumps(envelope).encode()).decode()
    (site.root / "forged.json").write_text(json.dumps(document))
    return "forged.json"


@pytest.mark.parametrize(
    ("name", "changes"),
    [("plan", {"commitment": "0" * 64}), ("result", {"outcome": "FAIL"}), ("receipt", {"tree_id": "0" * 64})],
)
def test_an_altered_statement_is_invalid_evidence(again: Any, name: str, changes: dict[str, Any]) -> None:
    assert again.guardian("verify", "--replay", forged(again, name, **changes)).code == 20


def test_statements_of_two_drills_do_not_belong_together(again: Any) -> None:
    assert again.guardian("verify", "app/docs", "--report", again.root / "second.json").code == 0
    mixed = report(again)
    second = json.loads((again.root / "second.json").read_bytes())
    mixed["drills"][0]["envelopes"]["plan"] = second["drills"][0]["envelopes"]["plan"]
    (again.root / "mixed.json").write_text(json.dumps(mixed))
    assert again.guardian("verify", "--replay", "mixed.json").code == 20


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"drills": 3}', b'{"drills": [{"envelopes": {"plan": 1}}]}'])
def test_a_file_that_is_no_evidence(drilled: Any, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(content)
    said = drilled.guardian("verify", "--replay", path)
    assert (said.code, said.json["error"]["code"]) == (20, "evidence-invalid"), said


def test_a_drill_nobody_knows(drilled: Any) -> None:
    assert drilled.guardian("verify", "--replay", "0" * 32).code == 2


def test_an_interrupted_drill_leaves_a_plan_and_can_be_run_again(again: Any) -> None:
    program = again.root / "restic"
    marker = again.root / "restoring"
    program.write_text(
        f'#!/bin/sh\ncase " $* " in *" restore "*) touch {marker}; exec sleep 600;; esac\n'
        f'exec {shutil.which("restic")} "$@"\n'
    )
    program.chmod(0o755)
    again.config["restic"] = {"program": str(program), "stop_grace": "1s"}
    again.write()
    process = subprocess.Popen(
        again.argv("verify", "app/docs"),
        env=again.env(),
        cwd=again.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not marker.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert len(entries(again, "drill-plan")) == len(entries(again, "drill-result")) + 1
    del again.config["restic"]
    again.write()
    said = again.guardian("verify", "app/docs")
    assert (said.code, said.json["outcome"]) == (0, "PASS")
    assert not list((again.state / "scratch").glob("*")), "what was restored is gone"
    assert again.guardian("ledger", "verify").code == 0


# whoever has the host's key can sign anything, and is held to what the plan bound


def resigned(site: Any, name: str, change: Any) -> str:
    """The report with one statement altered by ``change(predicate)`` and signed anew; what names it follows."""
    from guardian.keys.store import KeyStore
    from guardian.ledger.envelope import seal
    from guardian.ledger.tree import leaf_hash
    from guardian.model.evidence import PAYLOAD_TYPE

    key = KeyStore(site.state).signing_key()
    document = report(site)
    envelopes = document["drills"][0]["envelopes"]

    def sign(which: str, alter: Any) -> bytes:
        envelope = json.loads(base64.b64decode(envelopes[which]))
        statement = json.loads(base64.b64decode(envelope["payload"]))
        alter(statement["predicate"])
        signed = seal(PAYLOAD_TYPE, json.dumps(statement, separators=(",", ":"), sort_keys=True).encode(), [key])
        envelopes[which] = base64.b64encode(signed).decode()
        return signed

    signed = sign(name, change)
    if name == "plan":
        sign("result", lambda predicate: predicate.update(plan=leaf_hash(signed).hex()))
    (site.root / "resigned.json").write_text(json.dumps(document))
    return "resigned.json"


def _other_nonce(predicate: dict[str, Any]) -> None:
    """A nonce that draws a nicer sample, with the seed that follows from it."""
    told = predicate["seed"]
    told["nonce"] = "beef"
    text = told["checkpoint"].encode() + b"\0" + predicate["drill_id"].encode() + b"\0" + b"\xbe\xef"
    told["seed"] = hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("result", _other_nonce),
        ("result", lambda predicate: predicate["seed"].update(seed="1" * 64)),
        ("result", lambda predicate: predicate.update(tree_id="1" * 64)),
        ("plan", lambda predicate: predicate.update(commitment="1" * 64)),
        ("plan", lambda predicate: predicate.update(frames=[])),
    ],
    ids=["nonce", "seed", "tree", "commitment", "planned-afterwards"],
)
def test_a_drill_that_was_steered_is_invalid_evidence(again: Any, name: str, change: Any) -> None:
    """The last is signed and consistent in itself: only the log's tree knows that the plan was another one."""
    assert again.guardian("verify", "--replay", resigned(again, name, change)).code == 20


def test_a_checkpoint_chosen_afterwards_is_invalid_evidence(again: Any) -> None:
    """A later checkpoint of the same log: with enough of them, somebody could look for a sample to their liking."""
    assert again.guardian("backup", "app/db").code == 0

    def later(predicate: dict[str, Any]) -> None:
        told = predicate["seed"]
        told["checkpoint"] = (again.state / "log" / "checkpoint").read_text()
        text = told["checkpoint"].encode() + b"\0" + predicate["drill_id"].encode() + b"\0" + b"\xc0\xff\xee"
        told["seed"] = hashlib.sha256(text).hexdigest()

    assert again.guardian("verify", "--replay", resigned(again, "result", later)).code == 20


def test_signing_anew_changes_nothing_by_itself(again: Any) -> None:
    """So that the tests above fail for what was altered, and not for how."""
    said = again.guardian("verify", "--replay", resigned(again, "result", lambda predicate: None))
    assert said.code == 0, said
