"""The one-file verifier against packs that lie: by strangers, and by whoever holds the host's own key."""

import ast
import base64
import hashlib
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.audit.facts import Period
from guardian.audit.pack import MANIFEST_TYPE, Request, pack
from guardian.errors import EvidenceInvalid, ToolMissing, UsageError
from guardian.keys.signing import SigningKey
from guardian.ledger import strictjson
from guardian.ledger.envelope import pae
from guardian.ledger.invalid import LogInvalid
from guardian.model.drill import DrillCheck, Frame, Planted
from guardian.model.evidence import PAYLOAD_TYPE
from guardian.model.reason import reason

Files = dict[str, bytes]
MAX_LINES = 450


def make(office: Any, output: Path, end: float = 30, **more: Any) -> Files:
    start = office.clock.now().replace(year=2026, month=3, day=1, hour=0, minute=0, second=0, microsecond=0)
    office.clock.moment = start + timedelta(days=end)
    pack(office.node, Request("app", Period(start, office.clock.now()), output, **more))
    with zipfile.ZipFile(output) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF takes seconds, and other programs have no place here."""
    monkeypatch.setattr("guardian.audit.pdf.render", _no_pdf)


def _no_pdf(*_given: object) -> bytes:
    raise ToolMissing("no browser")


@pytest.fixture(scope="module")
def files(good_month: Any, tmp_path_factory: pytest.TempPathFactory) -> Files:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guardian.audit.pdf.render", _no_pdf)
        return make(good_month, tmp_path_factory.mktemp("pack") / "pack.zip")


@pytest.fixture
def said(verifier: ModuleType, tmp_path: Path) -> Callable[..., str]:
    """What the verifier says of files: "valid", or the sentence."""

    def ask(files: Files | bytes, **more: Any) -> str:
        path = tmp_path / "asked.zip"
        path.write_bytes(files if isinstance(files, bytes) else zipped(files))
        try:
            verifier.verify(str(path), more.get("key"), more.get("checkpoint"))
        except verifier.Invalid as problem:
            return str(problem)
        return "valid"

    return ask


def zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sealed(kind: str, payload: bytes, key: SigningKey) -> bytes:
    signature = {"keyid": key.key_id, "sig": base64.b64encode(key.sign(pae(kind, payload))).decode()}
    return strictjson.dumps(
        {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signature]}
    )


def listed(files: Files, key: SigningKey, **changes: Any) -> Files:
    """``files`` with a manifest made anew and signed, as the host's own key can do at any time."""
    rest = {name: data for name, data in files.items() if not name.startswith("manifest.")}
    manifest = json.loads(files["manifest.json"]) | changes
    manifest["files"] = {name: {"sha256": hashlib.sha256(data).hexdigest()} for name, data in rest.items()}
    payload = json.dumps(manifest).encode()
    return rest | {"manifest.json": payload, "manifest.dsse.json": sealed(MANIFEST_TYPE, payload, key)}


def named(files: Files, kind: str) -> list[str]:
    return [name for name in sorted(files) if name.startswith("statements/") and kind in name]


def retold(files: Files, name: str, key: SigningKey, change: Callable[[Any], None]) -> Files:
    """A statement that says something else, signed again by the host's key."""
    payload = json.loads(base64.b64decode(json.loads(files[name])["payload"]))
    change(payload["predicate"])
    return listed(files | {name: sealed(PAYLOAD_TYPE, strictjson.dumps(payload), key)}, key)


def test_a_pack_is_valid(files: Files, said: Callable[..., str], good_month: Any) -> None:
    assert said(files) == "valid"
    assert said(files, key=good_month.key.verify_key.vkey(good_month.node.origin)) == "valid"
    assert said(files, key=good_month.key.key_id + "\n") == "valid"
    assert len(named(files, "no-backup")) == 1


def test_the_same_evidence_makes_the_same_pack(month: Any, tmp_path: Path) -> None:
    make(month, tmp_path / "one.zip")
    make(month, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_unpacked_pack_is_valid_and_a_link_in_it_is_not(files: Files, verifier: ModuleType, tmp_path: Path) -> None:
    for name, data in files.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert verifier.verify(str(tmp_path / "unpacked"), None, None)
    readme = (tmp_path / "unpacked" / "README.txt").rename(tmp_path / "elsewhere")
    (tmp_path / "unpacked" / "README.txt").symlink_to(readme)
    with pytest.raises(verifier.Invalid, match=r"README\.txt: is no file"):
        verifier.verify(str(tmp_path / "unpacked"), None, None)


def test_statements_of_another_system_stay_at_home(month: Any, tmp_path: Path) -> None:
    other = month.back_up(29.6, system="other")
    files = make(month, tmp_path / "pack.zip")
    assert f"statements/{other.index:09d}-backup-receipt.json" not in files
    assert b'"other"' not in base64.b64decode(json.loads(files[named(files, "receipt")[0]])["payload"])


def test_a_period_takes_what_its_drills_refer_to(office: Callable[..., Any], tmp_path: Path, said: Any) -> None:
    made = office()
    for day in range(5):
        made.back_up(day)
    made.drill(6)
    start = made.clock.now() - timedelta(hours=1)
    made.clock.moment = start + timedelta(days=1)
    pack(made.node, Request("app", Period(start, made.clock.now()), tmp_path / "pack.zip"))
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert len(named(files, "backup-receipt")) == 1, "the one the drill was held against, and no other"
    assert said(files) == "valid"


# by a stranger


def test_every_flipped_byte_is_found_and_its_file_named(files: Files, said: Callable[..., str]) -> None:
    draw = random.Random(7)
    for name, data in files.items():
        at = draw.randrange(len(data))
        altered = data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
        answer = said(files | {name: altered})
        # A public key that was altered is a key nothing is signed with.
        assert answer.startswith((name, "manifest.dsse.json") if name == "keys/log.vkey" else name), (name, answer)


def test_every_missing_file_is_named(files: Files, said: Callable[..., str]) -> None:
    for name in files:
        answer = said({other: data for other, data in files.items() if other != name})
        assert answer.startswith(f"{name}: is missing"), answer


def test_a_file_too_many_is_named(files: Files, said: Callable[..., str]) -> None:
    assert said(files | {"statements/000000999-extra.json": b"{}"}).startswith(
        "statements/000000999-extra.json: is no file"
    )


def test_swapped_proofs_are_named(files: Files, said: Callable[..., str]) -> None:
    one, two = [name for name in sorted(files) if name.startswith("proofs/")][3:5]
    assert said(files | {one: files[two], two: files[one]}).startswith(f"{one}: is not the file")


def test_a_pack_forged_with_another_key_needs_the_real_one_to_be_seen(
    office: Any, good_month: Any, tmp_path: Path, said: Any
) -> None:
    forger = office()
    forger.back_up(0)
    forged = make(forger, tmp_path / "forged.zip")
    assert said(forged) == "valid", "with a key of its own it holds together, and says that the key is its own"
    real = good_month.key.verify_key.vkey(good_month.node.origin)
    assert said(forged, key=real).startswith("keys/log.vkey: is not the key you gave")
    assert said(forged | {"keys/log.vkey": f"{real}\n".encode()}, key=real).startswith(
        "manifest.dsse.json: is not signed"
    )


# by the host's own key


def test_a_receipt_left_out_is_named_by_the_next(files: Files, said: Callable[..., str], good_month: Any) -> None:
    receipts = named(files, "backup-receipt")
    left = {name: data for name, data in files.items() if name != receipts[10] and receipts[10][11:20] not in name}
    assert said(listed(left, good_month.key)).startswith(f"{receipts[11]}: does not follow the receipt before")


def test_figures_changed_by_the_host_lead_to_no_root(files: Files, said: Callable[..., str], good_month: Any) -> None:
    (name, *_more) = named(files, "drill-result")
    lied = retold(
        files,
        name,
        good_month.key,
        lambda predicate: predicate.update(outcome="PASS", ended="2026-03-02T00:00:00.000000Z"),
    )
    assert said(lied).startswith(f"proofs/{name[11:20]}.tlog-proof: does not lead from its statement")


def test_statements_of_one_system_do_not_speak_for_another(
    files: Files, said: Callable[..., str], good_month: Any
) -> None:
    renamed = listed(files, good_month.key, system="other")
    assert said(renamed) == f"{named(files, 'receipt')[0]}: speaks of another system"


def test_proofs_swapped_by_the_host_are_named(files: Files, said: Callable[..., str], good_month: Any) -> None:
    one, two = [name for name in sorted(files) if name.startswith("proofs/")][3:5]
    swapped = listed(files | {one: files[two], two: files[one]}, good_month.key)
    assert said(swapped).startswith(f"{one}: is not the proof that its name says")


def test_a_checkpoint_that_was_kept_is_continued(month: Any, tmp_path: Path, said: Callable[..., str]) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(month.log.note)
    month.back_up(29.6)
    assert said(make(month, tmp_path / "with.zip", kept=kept.read_bytes()), checkpoint=str(kept)) == "valid"
    # Without being asked for, the proof is not in the pack: that is not valid, and says what is missing.
    size = month.log.size - 1
    assert said(make(month, tmp_path / "without.zip"), checkpoint=str(kept)).startswith(
        f"consistency/{size}.txt: is missing"
    )


def test_a_log_rewritten_with_its_own_key_contradicts_the_checkpoint_that_was_kept(
    office: Callable[..., Any], month: Any, tmp_path: Path, said: Callable[..., str]
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(month.log.note)
    liar = office(keys=month.root / "state" / "keys")
    for day in range(29):
        liar.back_up(day + 0.5)
    shorter = make(liar, tmp_path / "shorter.zip")
    assert said(shorter) == "valid", "by itself it holds together: this is why checkpoints are kept elsewhere"
    assert "is missing" in said(shorter, checkpoint=str(kept))
    with pytest.raises(EvidenceInvalid, match="does not continue"):
        make(liar, tmp_path / "refused.zip", kept=kept.read_bytes())
    while liar.log.size <= month.log.size:
        liar.back_up(29.5)
    longer = make(liar, tmp_path / "longer.zip")
    proof = {f"consistency/{month.log.size}.txt": b"\n".join(base64.b64encode(bytes(32)) for _hash in range(4)) + b"\n"}
    assert said(listed(longer | proof, liar.key), checkpoint=str(kept)).startswith(f"{kept}: does not continue")


def test_a_kept_checkpoint_of_another_key_is_refused(office: Any, month: Any, tmp_path: Path, said: Any) -> None:
    other = office()
    kept = tmp_path / "kept"
    kept.write_bytes(other.log.note)
    with pytest.raises(EvidenceInvalid, match="not signed by this log"):
        make(month, tmp_path / "refused.zip", kept=other.log.note)
    assert said(make(month, tmp_path / "pack.zip"), checkpoint=str(kept)) == f"{kept}: is not signed by the key"


def _passed(**more: Any) -> DrillCheck:
    return DrillCheck(level="D2", name="packs", outcome="PASS", **more)


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"nonce": b"m"}, "did not draw its sample as it was fixed beforehand (nonce)"),
    "a seed of its own": ({"seed_lie": "00" * 32}, "did not draw its sample as it was fixed beforehand (SHA-256)"),
    "a checkpoint from before the plan": (
        {"early": True},
        "did not draw its sample as it was fixed beforehand (checkpoint)",
    ),
    "a nonce that is none": (
        {"seed": {"checkpoint": "c", "nonce": "6E", "seed": "s"}},
        "is not written as it should be (nonce)",
    ),
    "no seed": ({"seed": {}}, "did not draw its sample as it was fixed beforehand (seed)"),
    "another tree": ({"tree_id": "00" * 32}, "does not agree with the statement it refers to (receipt: tree_id)"),
    "another snapshot": (
        {"snapshot_id": "00" * 32},
        "does not agree with the statement it refers to (receipt: snapshot_id)",
    ),
    "no such receipt": ({"receipt": "00" * 32}, "does not agree with the statement it refers to (receipt)"),
    "no such plan": ({"plan": "00" * 32}, "does not agree with the statement it refers to (plan)"),
    "no plan": ({"plan": None}, "did not draw its sample as it was fixed beforehand (plan)"),
    "another frame than the plan's": (
        {"frames": (Frame(unit="files", count=1000, bytes=1001, sha256="00" * 32),)},
        "does not agree with the statement it refers to (plan: frames)",
    ),
    "a part larger than the whole": (
        {
            "frames": (Frame(unit="packs", count=9, bytes=9, sha256="00" * 32),),
            "figures": {"unit": "packs", "frame": 10, "drawn": 10, "method": "hypergeometric"},
        },
        "does not agree with the statement it refers to (plan: frames)",
    ),
    "less confidence than was asked": (
        {"figures": {"confidence": 0.5}, "upper": 1 - 0.5 ** (1 / 300)},
        "does not agree with the statement it refers to (plan: confidence)",
    ),
    "a planted fault overlooked": (
        {"checks": (_passed(planted=(Planted(kind="flip", level="D2", where="p", found=False),)),)},
        "claims a better outcome than its checks have (planted)",
    ),
    "a pass with a critical finding": (
        {"checks": (_passed(reasons=(reason("pack-missing"),)),)},
        "claims a better outcome than its checks have",
    ),
    "another drill's plan": ({"drill_id": "00"}, "does not agree with the statement it refers to (plan: drill_id)"),
    "a better bound": ({"upper": 0.005}, "claims a bound that does not follow from its figures (0.005)"),
    "a bound of nothing": ({"upper": 0.0}, "claims a bound that does not follow from its figures (0.0)"),
    "bad ones overlooked": ({"figures": {"bad": 1}}, "claims a bound that does not follow"),
    "fewer draws": ({"figures": {"drawn": 30}}, "claims a bound that does not follow"),
    "more bad than drawn": ({"figures": {"bad": 301}}, "is not written as it should be (assurance)"),
    "a census that was none": ({"figures": {"method": "census"}, "upper": 0.0}, "claims a bound that does not follow"),
    "a better outcome": ({"checked": "FAIL", "outcome": "PASS"}, "claims a better outcome than its checks have"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_drill_that_lies_in_a_log_that_holds(lie: str, office: Callable[..., Any], tmp_path: Path, said: Any) -> None:
    """Signed by the host, under its checkpoint, in the manifest: only what the drill says contradicts itself."""
    given, expected = LIES[lie]
    changes = dict(given)
    made = office()
    made.back_up(0)
    if changes.pop("early", False):
        changes["note"] = made.log.note.decode()
    if seed := changes.pop("seed_lie", None):
        changes["seed"] = {"checkpoint": "whichever", "nonce": "6e", "seed": seed}
    entry = made.drill(1, changes.pop("checked", "PASS"), claims=changes)
    files = make(made, tmp_path / "pack.zip")
    answer = said(files)
    assert answer.startswith(f"statements/{entry.index:09d}-drill-result.json: {expected}"), answer


def test_a_seed_from_a_later_checkpoint_is_no_chance(office: Any, tmp_path: Path, said: Any) -> None:
    """With one checkpoint of many to choose from, a host could add entries until a seed pleases."""
    made = office()
    made.back_up(0)
    plan: Any = made.plan(1)
    made.configured()
    note = made.log.note.decode()
    seed = hashlib.sha256(note.encode() + b"\0" + plan.predicate.drill_id.encode() + b"\0n").hexdigest()
    drawn = {"checkpoint": note, "drill_id": plan.predicate.drill_id, "nonce": "6e", "seed": seed}
    made.drill(1, claims={"plan": plan.leaf_hash.hex(), "seed": drawn})
    assert said(make(made, tmp_path / "pack.zip")).endswith("fixed beforehand (checkpoint)")


def test_a_drill_left_out_is_named_by_the_next(office: Any, tmp_path: Path, said: Any) -> None:
    """Whoever holds the key packs what he likes: a drill that failed is not to vanish between two that passed."""
    made = office()
    made.back_up(0)
    failed, passed = made.drill(1, "FAIL"), made.drill(2)
    files = make(made, tmp_path / "pack.zip")
    assert said(files) == "valid"
    left = {name: data for name, data in files.items() if f"{failed.index:09d}" not in name}
    name = f"statements/{passed.index:09d}-drill-result.json"
    assert said(listed(left, made.key)).startswith(f"{name}: follows a drill that is not there")


def test_a_drill_told_again_with_the_same_plan_is_named(office: Any, tmp_path: Path, said: Any) -> None:
    made = office()
    made.back_up(0)
    first: Any = made.drill(1, "FAIL")
    better = {"outcome": "PASS", "checks": (), "previous": first.leaf_hash.hex()}
    made.log.append(first.predicate.model_copy(update=better | {"checks": (_passed(),)}))
    assert said(make(made, tmp_path / "pack.zip")).endswith("(plan: told twice)")


def test_what_was_drilled_before_the_period_is_referred_to_and_not_counted(
    office: Any, tmp_path: Path, verifier: ModuleType
) -> None:
    made = office()
    made.back_up(0)
    made.drill(1)
    made.back_up(2)
    made.drill(3)
    made.clock.moment += timedelta(days=1)
    period = Period(made.clock.now() - timedelta(days=2.5), made.clock.now())
    pack(made.node, Request("app", period, tmp_path / "pack.zip"))
    rows = verifier.verify(str(tmp_path / "pack.zip"), None, None)
    assert rows["drills, passed / 演练，通过"] == "1, 1"
    assert rows["backups, failed / 备份，未成"] == "1, 0"
    assert rows["plans without result / 无结果的计划"] == 0


@pytest.mark.parametrize(
    "figures",
    [
        {"unit": "files", "frame": 10, "drawn": 10, "bad": 0, "method": "hypergeometric", "upper": 0.0},
        {"unit": "files", "frame": 1000, "drawn": 258, "bad": 0, "method": "hypergeometric", "upper": 0.01},
        {"unit": "bytes", "frame": 10**12, "drawn": 299, "bad": 1, "method": "clopper-pearson", "upper": 0.01578},
        {"unit": "bytes", "frame": 77, "drawn": 77, "bad": 7, "method": "census", "upper": 7 / 77},
        {"unit": "packs", "frame": 0, "drawn": 0, "bad": 0, "method": "hypergeometric", "upper": 1.0},
    ],
    ids=lambda figures: f"{figures['unit']} {figures['method']}",
)
def test_honest_bounds_are_taken(figures: dict[str, Any], office: Any, tmp_path: Path, said: Any) -> None:
    made = office()
    made.back_up(0)
    upper = figures.pop("upper")
    made.drill(1, upper=upper, figures=figures)
    assert said(make(made, tmp_path / "pack.zip")) == "valid"


# hostile bytes


def test_names_that_lead_elsewhere_are_refused(files: Files, said: Callable[..., str]) -> None:
    for name in ("../evil", "/etc/evil", "a/../b", "C:evil", "a//b", "a\nb", "./a", "über", "a/b/c/d", "x" * 90):
        assert "is no file that a pack holds" in said(files | {name: b""}), name


def test_a_name_twice_is_refused(files: Files, said: Callable[..., str]) -> None:
    buffer = io.BytesIO(zipped(files))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("README.txt", files["README.txt"])
    assert said(buffer.getvalue()).startswith("README.txt: is no file")


def test_bombs_are_not_unpacked(files: Files, said: Callable[..., str], verifier: ModuleType, monkeypatch: Any) -> None:
    monkeypatch.setattr(verifier, "MAX_FILE", 1 << 20)
    monkeypatch.setattr(verifier, "MAX_TOTAL", 8 << 20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes((1 << 20) + 1))
    assert said(buffer.getvalue()) == "zeros: is no file that a pack holds (size)"
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(9):
            archive.writestr(f"zeros-{number}", bytes(1 << 20))
    assert said(buffer.getvalue()) == "zeros-8: is no file that a pack holds (size)"


HOSTILE = [
    b"", b"{}", b"[]", b"null", b"1e999", b'{"payload":NaN}',
    b'{"a":1,"a":1}', b"[" * 100_000, b"\xff\xfe", b"1" * 5000,
    b'{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}',
    b'{"payload":5,"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}',
    b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"\\ud800"}]}',
    b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[null]}',
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_odd_bytes_in_any_file_are_named_and_never_crash(
    data: bytes, files: Files, said: Callable[..., str], good_month: Any
) -> None:
    kinds = {name.split("/")[0]: name for name in files if "/" in name and "policy" not in name and "cosig" not in name}
    for name in [*kinds.values(), "manifest.dsse.json"]:
        altered = files | {name: data}
        answer = said(altered if name.startswith("manifest") else listed(altered, good_month.key))
        first = "checkpoints/head.txt" if name.startswith("checkpoints") else name
        if not name.startswith("consistency"):  # asked for by the drill that needs it
            assert answer.startswith((first, "manifest.dsse.json")), (name, answer)
        assert answer != "valid"


def test_keys_are_read_strictly(verifier: ModuleType) -> None:
    key = SigningKey.generate().verify_key
    line = key.vkey("log")
    assert verifier.open_key("k", line + "\n") == ("log", key.raw, key.note_hash("log"))
    name, hint, encoded = line.split("+", 2)
    other = hashlib.sha256(b"log\n\x02" + key.raw).hexdigest()[:8]
    raw = base64.b64encode(b"\x02" + key.raw).decode()
    for bad in (
        f"{name}+00000000+{encoded}",
        f"{name}+{other}+{raw}",
        f"+{hint}+{encoded}",
        name,
        "",
        f"gol+{hint}+{encoded}",
    ):
        with pytest.raises(verifier.Invalid, match="is not written as it should be"):
            verifier.open_key("k", bad)


def test_checkpoints_are_read_strictly(verifier: ModuleType) -> None:
    """Signed by the log's key, each of them: the signature alone makes no checkpoint."""
    signer = SigningKey.generate()
    key = verifier.open_key("k", signer.verify_key.vkey("log"))
    root = base64.b64encode(bytes(32)).decode()

    def note(body: str) -> str:
        signature = base64.b64encode(signer.verify_key.note_hash("log") + signer.sign(body.encode())).decode()
        return f"{body}\n— log {signature}\n"

    assert verifier.open_note("n", note(f"log\n7\n{root}\n"), key) == (7, bytes(32))
    for body in (
        f"log\n07\n{root}\n",
        f"log\n-7\n{root}\n",
        f"log\n7\n{root[:-1]}\n",
        f"log\n7\n{root} \n",
        "log\n7\n",
        "log\n",
    ):
        with pytest.raises(verifier.Invalid, match="is not written as it should be"):
            verifier.open_note("n", note(body), key)
    with pytest.raises(verifier.Invalid, match="is not signed by the key"):
        verifier.open_note("n", note(f"gol\n7\n{root}\n"), key)
    with pytest.raises(verifier.Invalid, match="is not signed by the key"):
        verifier.open_note("n", note(f"log\n7\n{root}\n").replace("log\n7", "log\n8"), key)


def test_a_signature_for_one_purpose_is_none_for_another(verifier: ModuleType) -> None:
    signer = SigningKey.generate()
    key = verifier.open_key("k", signer.verify_key.vkey("log"))
    sealed_as = sealed(MANIFEST_TYPE, b"{}", signer).decode()
    assert verifier.open_envelope("e", sealed_as, key, MANIFEST_TYPE) == "{}"
    with pytest.raises(verifier.Invalid, match="payloadType"):
        verifier.open_envelope("e", sealed_as, key, PAYLOAD_TYPE)


def test_base64_has_one_reading(verifier: ModuleType) -> None:
    assert verifier.unbase64("b", "AAE=") == b"\0\1"
    for bad in ("AAE", "AAE=\n", "A AE=", "AAF=", "AAE=AAE=", "AA-_", "é"):
        with pytest.raises(verifier.Invalid, match="base64"):
            verifier.unbase64("b", bad)


def test_a_bound_nobody_could_compute_is_refused_quickly(verifier: ModuleType) -> None:
    figures = {"unit": "bytes", "method": "x", "frame": 1 << 60, "drawn": 1 << 50, "bad": 1 << 49, "confidence": 0.9}
    with pytest.raises(verifier.Invalid, match="bad"):
        verifier.check_bound({**figures, "upper": 0.6}, "s")


def test_a_proof_under_another_head_is_named(files: Files, said: Callable[..., str], good_month: Any) -> None:
    """The right path with an older checkpoint of the same log below it: proofs speak of the head alone."""
    drill = json.loads(base64.b64decode(json.loads(files[named(files, "drill-result")[0]])["payload"]))["predicate"]
    name = "proofs/000000002.tlog-proof"
    top = files[name].split(b"\n\n")[0]
    swapped = listed(files | {name: top + b"\n\n" + drill["seed"]["checkpoint"].encode()}, good_month.key)
    assert said(swapped) == f"{name}: is not the proof that its name says (checkpoints/head.txt)"


def test_what_two_parsers_read_differently_is_refused(files: Files, said: Callable[..., str]) -> None:
    envelope = files["manifest.dsse.json"]
    twice = envelope[:-1] + b"," + envelope[1:]
    assert (
        said(files | {"manifest.dsse.json": twice})
        == "manifest.dsse.json: is not written as it should be (a name twice)"
    )
    nan = envelope[:-1] + b',"more":NaN}'
    assert said(files | {"manifest.dsse.json": nan}) == "manifest.dsse.json: is not written as it should be (NaN)"


ODD: list[Any] = [None, True, 1, -1, 1.5, 10**30, "", "x", "0" * 64, [], {}, [[]], {"": None}]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_wrong_types_in_signed_statements_are_answered(data: st.DataObject, verifier: ModuleType) -> None:
    """A drill of any shape, signed or not, ends in a sentence: the checks raise nothing but Invalid."""
    predicate: dict[str, Any] = {
        "system": "app", "source": "docs", "repository": "main", "drill_id": "d", "outcome": "PASS", "seed": {},
        "receipt": None, "plan": None, "snapshot_id": "s", "tree_id": "t",
        "checks": [{"outcome": "PASS", "assurances": [
            {"unit": "bytes", "frame": 10, "drawn": 10, "bad": 0, "confidence": 0.95, "upper": 0.5, "method": "census"}
        ]}],
    }  # fmt: skip
    targets: list[Any] = [predicate, predicate["checks"][0], predicate["checks"][0]["assurances"][0]]
    target = data.draw(st.sampled_from(targets))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(st.sampled_from(ODD))
    one = verifier.Said("statements/000000001-drill-result.json", 1, "00", "drill-result", predicate)
    key = verifier.Key("log", bytes(32), b"0000")
    with suppress(verifier.Invalid):
        verifier.check_drill(one, {}, {}, key)


@settings(max_examples=60, deadline=None)
@given(junk=st.binary(max_size=300))
def test_any_bytes_as_a_pack_end_in_twenty(junk: bytes, verifier: ModuleType, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.zip"
    path.write_bytes(junk)
    with pytest.raises((verifier.Invalid, zipfile.BadZipFile)):
        verifier.verify(str(path), None, None)


def test_a_truncated_pack_is_not_valid(files: Files, verifier: ModuleType, tmp_path: Path) -> None:
    data = zipped(files)
    path = tmp_path / "cut.zip"
    for size in (10, len(data) // 2, len(data) - 30):
        path.write_bytes(data[:size])
        with pytest.raises((verifier.Invalid, zipfile.BadZipFile)):
            verifier.verify(str(path), None, None)


# making


def test_a_log_that_does_not_hold_makes_no_pack(month: Any, tmp_path: Path) -> None:
    bundle = next(path for path in (month.node.log_folder / "tile" / "entries").rglob("*") if path.is_file())
    data = bytearray(bundle.read_bytes())
    data[200] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(LogInvalid):
        make(month, tmp_path / "pack.zip")
    assert not (tmp_path / "pack.zip").exists()


def test_an_existing_file_is_never_replaced(month: Any, tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        make(month, tmp_path / "pack.zip")
    assert (tmp_path / "pack.zip").read_bytes() == b"mine"


def test_without_a_browser_the_pack_says_so(month: Any, tmp_path: Path) -> None:
    month.clock.moment += timedelta(days=1)
    start = month.clock.now() - timedelta(days=31)
    packed = pack(month.node, Request("app", Period(start, month.clock.now()), tmp_path / "pack.zip"))
    assert isinstance(packed.without_pdf, ToolMissing)
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert {"report.html", "report.zh.html"} <= set(archive.namelist())
        assert "report.pdf" not in archive.namelist()


# the file itself


def test_the_verifier_is_one_readable_file_for_old_pythons(verifier: ModuleType) -> None:
    source = Path(str(verifier.__file__)).read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any("guardian" in name for name in imported)
    assert sum(1 for line in source.splitlines() if line.strip()) < MAX_LINES
    assert os.access(str(verifier.__file__), os.X_OK)
