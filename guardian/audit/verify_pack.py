#!/usr/bin/env python3
"""Verify an evidence pack of Guardian, offline, with nothing but this file.

    python3 verify.py PACK [--key PUBLIC-KEY] [--checkpoint NOTE-FILE]

PACK is the ZIP file, or the folder it was unpacked to. It is valid when, from the public key on, everything holds: the
manifest's signature and the SHA-256 of every file; every statement's signature (DSSE) and its place in the log (RFC
6962 inclusion, C2SP tlog-proof); the checkpoints, each continued by the next; the chain of receipts; and of every
restore drill that its sample was fixed by its plan before it was drawn, that each plan is told of once, that the drill
was held against the right receipt, that none between two was left out, and that its bounds follow from its figures.

Exit code 0: valid. 20: not valid, and the first thing that is not is named. 2: wrong usage.

Needs Python 3.8 or newer. Signatures are checked by the library ``cryptography`` where it is installed, else by the
routine below (RFC 8032), which is slower and just as strict. Nothing is written, nothing is fetched.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import math
import os
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

CHINESE = (os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "").startswith("zh")
WORDS = {
    "altered": ("is not the file that the manifest lists", "与清单所列文件不一致"),
    "bound": ("claims a bound that does not follow from its figures", "声称的上界与其数据不符"),
    "chain": ("does not follow the receipt before: one was left out", "与前一回执不相接：有缺漏"),
    "gap": ("follows a drill that is not there: one was left out", "所接的前一次演练不在包中：有缺漏"),
    "inconsistent": ("does not continue into the pack's checkpoint", "不能延续到包中的检查点"),
    "key": ("is not the key you gave", "与您给定的公钥不一致"),
    "kind": ("is not the statement that its name says", "不是文件名所述的声明"),
    "malformed": ("is not written as it should be", "格式不正确"),
    "missing": ("is missing", "缺失"),
    "name": ("is no file that a pack holds", "不是证据包中应有的文件"),
    "outcome": ("claims a better outcome than its checks have", "声称的结果好于其各项检查"),
    "proof": ("is not the proof that its name says", "不是文件名所述的证明"),
    "reference": ("does not agree with the statement it refers to", "与其所引的声明不一致"),
    "root": ("does not lead from its statement to the log's root", "不能从其声明归结到日志的根"),
    "seed": ("did not draw its sample as it was fixed beforehand", "抽样与预先固定的不一致"),
    "signature": ("is not signed by the key", "签名与公钥不符"),
    "system": ("speaks of another system", "所述为另一系统"),
    "unreadable": ("cannot be read", "无法读取"),
}  # fmt: skip


class Invalid(Exception):
    """The pack is not valid: the file ``where``, for the reason ``what`` of WORDS; ``detail`` says a little more."""

    def __str__(self) -> str:
        where, what, detail = self.args
        return f"{where}: {WORDS[what][CHINESE]}" + (f" ({detail})" if detail != "" else "")


def ensure(holds: object, where: str, what: str, detail: object = "") -> None:
    """Raise Invalid unless it holds."""
    if not holds:
        raise Invalid(where, what, detail)


# --- Ed25519 (RFC 8032, section 5.1) ----------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def _add(a: Any, b: Any) -> Any:
    """The sum of two points in extended homogeneous coordinates (5.1.4)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def _decode(data: bytes) -> Any:
    """The point that 32 bytes stand for (5.1.3); None when they stand for none."""
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = _decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is that of ``message`` by ``key`` (5.1.7): S·B - k·A must be the very bytes of R."""
    a, s = _decode(key) if len(key) == 32 else None, int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    minus_a = (P - a[0], a[1], 1, P - a[3])
    steps, q = (None, BASE, minus_a, _add(BASE, minus_a)), (0, 1, 1, 0)
    for bit in range(255, -1, -1):
        q, step = _add(q, q), steps[(s >> bit & 1) + 2 * (k >> bit & 1)]
        q = _add(q, step) if step else q
    inverse = pow(q[2], P - 2, P)
    return (q[1] * inverse % P | (q[0] * inverse % P & 1) << 255).to_bytes(32, "little") == signature[:32]


def signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``key`` signed ``message``, by the library where there is one."""
    if Ed25519PublicKey is None:
        return ed25519_verify(key, signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment,misc]


# --- Files, JSON, base64 ----------------------------------------------------------------------------------------------

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,80}){0,2}")
MAX_FILES, MAX_FILE, MAX_TOTAL = 100_000, 64 << 20, 512 << 20


def read_pack(path: Path) -> dict[str, bytes]:
    """Every file of the pack by its name. Nothing is unpacked to disk; sizes are counted as read, not as promised."""
    files: dict[str, bytes] = {}
    room = [MAX_TOTAL]

    def take(name: str, opened: Any) -> None:
        with opened as file:
            data = file.read(MAX_FILE + 1)
        ensure(NAME.fullmatch(name) and name not in files, ascii(name)[1:-1][:200], "name")
        room.append(room[-1] - len(data))
        ensure(len(data) <= MAX_FILE and room[-1] >= 0 and len(files) < MAX_FILES, name, "name", "size")
        files[name] = data

    if path.is_dir():
        for found in sorted(path.rglob("*")):
            name = found.relative_to(path).as_posix()
            ensure(not found.is_symlink() and (found.is_file() or found.is_dir()), ascii(name)[1:-1], "name")
            if found.is_file():
                take(name, found.open("rb"))
    else:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                take(member.filename, archive.open(member))
    return files


def text(files: dict[str, bytes], name: str, wanted_by: str = "") -> str:
    """The file ``name``, UTF-8."""
    ensure(name in files, name, "missing", wanted_by)
    try:
        return files[name].decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(name, "malformed", "UTF-8") from None


def parse_json(where: str, source: str) -> Any:
    """The object in ``source``. What two parsers could read differently (a name twice, NaN) is refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        ensure(len(dict(pairs)) == len(pairs), where, "malformed", "a name twice")
        return dict(pairs)

    def refuse(constant: str) -> NoReturn:
        raise Invalid(where, "malformed", constant)

    try:
        return json.loads(source, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Invalid(where, "malformed", "JSON") from None


def field(where: str, value: Any, name: str, *kinds: type) -> Any:
    """``value[name]``, which must be of one of ``kinds``. True is no number, and neither is infinity."""
    found = value.get(name) if isinstance(value, dict) else None
    ensure(type(found) in kinds and found not in (math.inf, -math.inf), where, "malformed", name)
    return found


def unbase64(where: str, encoded: str) -> bytes:
    """Base64, strictly: there is one way to write every value."""
    try:
        data = binascii.a2b_base64(encoded.encode("ascii"))
    except (UnicodeError, binascii.Error):
        raise Invalid(where, "malformed", "base64") from None
    ensure(base64.b64encode(data).decode() == encoded, where, "malformed", "base64")
    return data


# --- Keys, checkpoints (C2SP signed-note, tlog-checkpoint), envelopes (DSSE) ------------------------------------------


class Key(NamedTuple):
    """A public key, the name it signs under, and the four bytes that name both in a signed note."""

    name: str
    raw: bytes
    hint: bytes


class Head(NamedTuple):
    """A checkpoint: with so many entries the log has this root."""

    size: int
    root: bytes


def open_key(where: str, line: str) -> Key:
    """The key in a line ``name+hash+base64(0x01, key)``."""
    name, hint, encoded = [*line.strip().split("+", 2), "", ""][:3]
    raw = unbase64(where, encoded)
    expected = hashlib.sha256(name.encode("utf-8", "replace") + b"\n" + raw).digest()[:4]
    ensure(name and len(raw) == 33 and raw[0] == 1 and hint == expected.hex(), where, "malformed", "Ed25519")
    return Key(name, raw[1:], expected)


def open_note(where: str, note: str, key: Key) -> Head:
    """The checkpoint in a signed note; the log's own key must have signed it."""
    body, _blank, signatures = note.rpartition("\n\n")
    origin, size, root, *_more = [*body.split("\n"), "", "", ""]
    head = Head(int(size) if re.fullmatch(r"0|[1-9][0-9]{0,17}", size) else -1, unbase64(where, root))
    ensure(len(note) < 65_536 and head.size >= 0 and len(head.root) == 32, where, "malformed", "checkpoint")
    ensure(origin == key.name, where, "signature", "origin")
    for line in signatures.split("\n"):
        dash, name, encoded = [*line.split(" "), "", ""][:3]
        if (dash, name) == ("\u2014", key.name):
            data = unbase64(where, encoded)
            if data[:4] == key.hint and signed(key.raw, data[4:], (body + "\n").encode("utf-8", "replace")):
                return head
    raise Invalid(where, "signature", "")


def open_envelope(where: str, source: str, key: Key, kind: str) -> str:
    """The payload of an envelope: the bytes that were signed, given out only after the signature held."""
    envelope = parse_json(where, source)
    payload = unbase64(where, field(where, envelope, "payload", str))
    ensure(field(where, envelope, "payloadType", str) == kind, where, "malformed", "payloadType")
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    found = [unbase64(where, field(where, one, "sig", str)) for one in field(where, envelope, "signatures", list)[:16]]
    ensure(any(signed(key.raw, one, message) for one in found), where, "signature")
    return text({where: payload}, where)


# --- The tree (RFC 6962, section 2.1) ---------------------------------------------------------------------------------


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """Where a tree divides: at the largest power of two below its size."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that the audit path of entry ``index`` leads to (2.1.1); ``path`` is used up from its end."""
    if size == 1 or not path:
        return leaf
    sibling, left = path.pop(), split(size)
    if index < left:
        return node(root_of(leaf, index, left, path), sibling)
    return node(sibling, root_of(leaf, index - left, size - left, path))


def roots_of(known: bytes | None, old: int, new: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """The roots of the first ``old`` and of all ``new`` entries that a consistency proof leads to (2.1.2)."""
    if old == new or not path:
        both = known or (path.pop() if path else b"")
        return both, both
    sibling, left = path.pop(), split(new)
    if old <= left:
        first, second = roots_of(known, old, left, path)
        return first, node(second, sibling)
    first, second = roots_of(None, old - left, new - left, path)
    return node(sibling, first), node(sibling, second)


def continues(old: Head, new: Head, path: list[bytes]) -> bool:
    """Whether the log of ``old`` is the beginning of that of ``new``."""
    if not 0 < old.size < new.size:
        return not path and old.size <= new.size and (old.root == new.root or old.size == 0)
    return roots_of(old.root, old.size, new.size, path) == (old.root, new.root) and not path


# --- The pack ---------------------------------------------------------------------------------------------------------

STATEMENT, MANIFEST = "application/vnd.in-toto+json", "application/vnd.guardian.pack-manifest+json"
TYPE = re.compile(r"https://guardian-dr\.org/statement/([a-z-]+)/v[0-9]{1,3}")
FILE = re.compile(r"statements/([0-9]{9,18})-([a-z-]+)\.json")
OUTCOMES = ("FAIL", "COULD_NOT_VERIFY", "NOT_RUN", "PASS")
HEAD = "checkpoints/head.txt"


class Said(NamedTuple):
    """A statement that was signed and lies in the log: its file, number, leaf hash, kind and predicate."""

    file: str
    number: int
    leaf: str
    kind: str
    says: Any


def check_manifest(files: dict[str, bytes], key: Key) -> Any:
    """The manifest: signed, and every file is what it lists, and none is beside it."""
    where = "manifest.dsse.json"
    source = open_envelope(where, text(files, where), key, MANIFEST)
    manifest = parse_json(where, source)
    listed = {**field(where, manifest, "files", dict)}
    listed["manifest.json"] = {"sha256": hashlib.sha256(source.encode()).hexdigest()}
    for name in sorted(listed):
        ensure(name in files, name, "missing")
        digest = hashlib.sha256(files[name]).hexdigest()
        ensure(digest == field(where, listed[name], "sha256", str), name, "altered")
    for name in sorted(set(files) - set(listed) - {where}):
        raise Invalid(name, "name", "manifest.json")
    return manifest


def check_checkpoint(where: str, note: str, files: dict[str, bytes], key: Key) -> Head:
    """A checkpoint, proven to be a former state of the log whose present one is the pack's."""
    now, then = open_note(HEAD, text(files, HEAD), key), open_note(where, note, key)
    proof = f"consistency/{then.size}.txt"
    lines = [] if then.size in (0, now.size) else text(files, proof, where).split()
    ensure(continues(then, now, [unbase64(proof, line) for line in lines]), where, "inconsistent", proof)
    return then


def check_statement(where: str, files: dict[str, bytes], key: Key, head: Head) -> Said:
    """One statement: its signature, its proof, and that it is what the file's name says."""
    statement = parse_json(where, open_envelope(where, text(files, where), key, STATEMENT))
    named, kind = FILE.fullmatch(where), TYPE.fullmatch(field(where, statement, "predicateType", str))
    if not named or not kind or named[2] != kind[1]:
        raise Invalid(where, "kind", "")
    proof, leaf = f"proofs/{named[1]}.tlog-proof", hashlib.sha256(b"\0" + files[where]).digest()
    top, _blank, note = text(files, proof, where).partition("\n\n")
    first, index, *path = [*top.split("\n"), ""]
    ensure((first, index) == ("c2sp.org/tlog-proof@v1", f"index {int(named[1])}"), proof, "proof")
    ensure(note == text(files, HEAD), proof, "proof", HEAD)
    hashes = [unbase64(proof, line) for line in path[:-1]]
    included = int(named[1]) < head.size and root_of(leaf, int(named[1]), head.size, hashes) == head.root
    ensure(included and not hashes, proof, "root", where)
    return Said(where, int(named[1]), leaf.hex(), kind[1], field(where, statement, "predicate", dict))


def check_chain(said: list[Said]) -> None:
    """Between the first and the last receipt of a source none was left out: each names the one before."""
    newest: dict[Any, Any] = {}
    for one in said:
        chain = tuple(field(one.file, one.says, name, str) for name in ("source", "repository"))
        previous = one.says.get("previous")
        ensure(newest.get(chain, previous) == previous, one.file, "chain")
        newest[chain] = one.leaf


def check_told(drills: list[Said], known: dict[str, Said]) -> None:
    """No drill was left out before another, and none was told again: whoever repeats one until it passes does both."""
    told: set[str] = set()
    for one in drills:
        # Two that run side by side both name the one before both: there may be several heirs, and no gap.
        before, plan = (field(one.file, one.says, name, str, type(None)) for name in ("previous", "plan"))
        ensure(before is None or (before in known and known[before].number < one.number), one.file, "gap")
        ensure(plan is None or plan not in told, one.file, "reference", "plan: told twice")
        told.add(plan)


def check_drill(one: Said, known: dict[str, Said], files: dict[str, bytes], key: Key) -> int:
    """One drill: its receipt and plan, its seed, its outcome; how many bounds were recomputed."""
    where, says = one.file, one.says
    about, place = ["system", "source", "tree_id"], ["repository", "snapshot_id"]
    # The receipt of a copy is that of the backup; a statement between the two says where the copy lies.
    copied = [*about, "receipt", "repository:to", "snapshot_id:copy_id"] if says.get("copy_of") else []
    same = about if copied else [*about, *place]
    planned = [*about, *place, "drill_id", "receipt", "copy_of"]
    for other, names in (("receipt", same), ("plan", planned), ("copy_of", copied)):
        if says.get(other) is not None:
            found = known.get(field(where, says, other, str))
            ensure(found and found.number < one.number, where, "reference", other)
            for ours, _colon, theirs in (name.partition(":") for name in names):
                same_there = found and found.says.get(theirs or ours) == says.get(ours)
                ensure(same_there, where, "reference", f"{other}: {ours}")
    plan = known.get(says.get("plan"))
    if field(where, says, "seed", dict):
        check_seed(one, plan, files, key)
    checks = field(where, says, "checks", list)
    named = [field(where, check, "outcome", str) for check in [*checks, says]]
    ensure(set(named) <= set(OUTCOMES), where, "malformed", "outcome")
    outcomes = [OUTCOMES.index(outcome) for outcome in named]
    ensure(outcomes[-1] <= min([*outcomes[:-1], OUTCOMES.index("NOT_RUN" if not checks else "PASS")]), where, "outcome")
    for check in checks:
        if check["outcome"] == "PASS":
            reasons, planted = (field(where, check, name, list) for name in ("reasons", "planted"))
            ensure("critical" not in [field(where, said, "severity", str) for said in reasons], where, "outcome")
            ensure(all(field(where, fault, "found", bool) for fault in planted), where, "outcome", "planted")
    samples = [sample for check in checks for sample in field(where, check, "assurances", list)]
    for sample in samples:
        if not plan or not says["seed"]:
            raise Invalid(where, "seed", "seed")
        check_frame(sample, plan, where)
        check_bound(sample, where)
    return len(samples)


def check_frame(sample: Any, plan: Said, where: str) -> None:
    """A sample speaks of the frame that its plan fixed, with the confidence that was asked for."""
    unit, frame = field(where, sample, "unit", str), field(where, sample, "frame", int)
    ensure(sample.get("confidence") == plan.says.get("confidence"), where, "reference", "plan: confidence")
    for planned in field(plan.file, plan.says, "frames", list):
        if field(plan.file, planned, "unit", str) == ("packs" if unit == "packs" else "files"):
            whole = field(plan.file, planned, "bytes" if unit == "bytes" else "count", int)
            # Of a part of it (a stratum) no more; of packs neither, since a prune may take some away meanwhile.
            part = unit == "packs" or field(where, sample, "stratum", str)
            ensure(frame <= whole if part else frame == whole, where, "reference", "plan: frames")


def check_seed(one: Said, plan: Said | None, files: dict[str, bytes], key: Key) -> None:
    """The seed follows from the checkpoint right after the plan, and from the nonce the plan committed to."""
    note, nonce, seed = (field(one.file, one.says["seed"], name, str) for name in ("checkpoint", "nonce", "seed"))
    ensure(re.fullmatch("([0-9a-f]{2})*", nonce), one.file, "malformed", "nonce")
    parts = (note.encode("utf-8", "replace"), field(one.file, one.says, "drill_id", str).encode(), bytes.fromhex(nonce))
    ensure(hashlib.sha256(b"\0".join(parts)).hexdigest() == seed, one.file, "seed", "SHA-256")
    head = check_checkpoint(one.file, note, files, key)
    if not plan:
        raise Invalid(one.file, "seed", "plan")
    ensure(plan.says.get("commitment") == hashlib.sha256(parts[2]).hexdigest(), one.file, "seed", "nonce")
    # Of all checkpoints the one whose last entry is the plan: with several to choose from, a seed could be chosen.
    ensure(head.size == plan.number + 1, one.file, "seed", "checkpoint")


def check_bound(sample: Any, where: str) -> None:
    """Were ``upper`` of the frame bad, so few bad draws would be no likelier than 1 - C; else it claims too much."""
    frame, drawn, bad = (field(where, sample, name, int) for name in ("frame", "drawn", "bad"))
    confidence, upper = (field(where, sample, name, int, float) for name in ("confidence", "upper"))
    possible = 0 <= bad <= drawn and frame >= 0 and 0 < confidence < 1 and 0 <= upper <= 1
    ensure(possible and max(frame, drawn) < 1 << 62, where, "malformed", "assurance")
    unit, method = field(where, sample, "unit", str), field(where, sample, "method", str)
    whole = drawn >= frame and (unit != "bytes" or method == "census")  # bytes are drawn again and again
    if upper == 1 or (whole and upper * frame > bad - 1e-6):
        return
    ensure(bad <= 100_000, where, "malformed", "bad")

    def ways(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    if method == "hypergeometric":
        damaged = round(upper * frame)
        some = range(max(0, drawn - frame + damaged), min(bad, damaged) + 1)
        logs = [ways(damaged, k) + ways(frame - damaged, drawn - k) - ways(frame, drawn) for k in some]
    else:  # Clopper and Pearson; for none bad, upper = 1 - (1 - C) ** (1 / n)
        p = max(upper, 1e-300)
        logs = [ways(drawn, k) + k * math.log(p) + (drawn - k) * math.log1p(-p) for k in range(bad + 1)]
    ensure(sum(math.exp(min(one, 0.0)) for one in logs) <= 1 - confidence + 1e-6, where, "bound", upper)


def verify(path: str, given: str | None, kept: str | None) -> dict[str, object]:
    """Check everything; what is worth showing, by its label in both languages. Raises Invalid."""
    files = read_pack(Path(path))
    line = text(files, "keys/log.vkey").strip()
    key = open_key("keys/log.vkey", line)
    key_id = hashlib.sha256(key.raw).hexdigest()
    ensure(given is None or given.strip() in (line, key_id), "keys/log.vkey", "key")
    manifest = check_manifest(files, key)
    head = check_checkpoint(HEAD, text(files, HEAD), files, key)
    if kept is not None:
        with Path(kept).open(encoding="utf-8") as file:
            check_checkpoint(kept, file.read(65_537), files, key)
    names = sorted(name for name in files if name.startswith("statements/"))
    said = sorted((check_statement(name, files, key, head) for name in names), key=lambda one: one.number)
    system, entries = field("manifest.json", manifest, "system", str), field("manifest.json", manifest, "entries", dict)
    start, end = (field("manifest.json", entries, name, int) for name in ("from", "to"))
    for one in said:
        ensure(one.says.get("system", system) == system, one.file, "system")
    # What lies before is there because it is referred to: it is neither checked as a chain nor counted.
    within = [one for one in said if start <= one.number < end]
    check_chain([one for one in within if one.kind == "backup-receipt"])
    known = {one.leaf: one for one in said}
    drills = [one for one in within if one.kind == "drill-result"]
    check_told(drills, known)
    bounds = sum(check_drill(one, known, files, key) for one in drills)
    count = Counter(one.kind for one in within)
    left = {one.leaf for one in within if one.kind == "drill-plan"} - {one.says.get("plan") for one in drills}
    told = (
        ("as you gave it", "与您给定的一致") if given else ("from the pack itself: compare it", "取自包内，请另行核对")
    )
    period = field("manifest.json", manifest, "period", dict)
    return {
        "system / 系统": system,
        "period / 时段": f"{period.get('from')} … {period.get('to')}",
        "log / 日志": f"{key.name} {head.size} {head.root.hex()}",
        "key / 公钥": f"{key_id} ({told[CHINESE]})",
        "statements / 声明": len(said),
        "backups, failed / 备份，未成": f"{count['backup-receipt']}, {count['no-backup']}",
        "drills, passed / 演练，通过": f"{len(drills)}, {sum(one.says['outcome'] == 'PASS' for one in drills)}",
        "drills planned beforehand / 预先固定计划": sum(one.says.get("plan") is not None for one in drills),
        "plans without result / 无结果的计划": len(left),
        "bounds recomputed / 重新计算的上界": bounds,
    }


def main() -> int:
    """Verify as the command line asks; the exit code."""
    parser = argparse.ArgumentParser(prog="verify.py", description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("pack", metavar="PACK", help="the ZIP file or the folder it was unpacked to")
    parser.add_argument("--key", help="the log's public key as you were told by another way: its line or its id")
    parser.add_argument("--checkpoint", help="a file with a checkpoint of the log that you kept from before")
    asked = parser.parse_args()
    for path in filter(None, (asked.pack, asked.checkpoint)):
        if not Path(path).exists():
            parser.error(f"{path} does not exist")

    def say(line: str) -> None:
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
        sys.stdout.buffer.write((shown + "\n").encode(sys.stdout.encoding or "utf-8", "backslashreplace"))

    try:
        rows = verify(asked.pack, asked.key, asked.checkpoint)
    except Invalid as problem:
        say(f"{'无效' if CHINESE else 'NOT VALID'}: {problem}")
        return 20
    except Exception as problem:  # noqa: BLE001  whatever a hostile pack brings about, it is not valid
        say(f"{'无效' if CHINESE else 'NOT VALID'}: {asked.pack}: {WORDS['unreadable'][CHINESE]} ({problem!r})")
        return 20
    say("有效" if CHINESE else "VALID")
    for label, value in rows.items():
        say(f"  {label.split(' / ')[CHINESE]}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
