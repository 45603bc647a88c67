"""What entries and checkpoints look like, byte for byte, and what is refused."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.errors import EvidenceInvalid
from guardian.keys.signing import SigningKey, VerifyKey
from guardian.ledger import checkpoint, layout, strictjson
from guardian.ledger.envelope import MAX_ENTRY, EntryTooLarge, pae, seal, signers, unseal
from guardian.ledger.statement import MAX_STATEMENT, decode_entry, encode
from guardian.model.evidence import PAYLOAD_TYPE, Checkpoint, KeyEvent
from guardian.model.secret import Secret

KEY = SigningKey.load(Secret(b"k" * 32))
OTHER = SigningKey.load(Secret(b"o" * 32))
EVENT = KeyEvent(event="repository-created", tenant="t", host="h", key_id="k", at="2026-01-01T00:00:00Z")


def entry(**changes: object) -> bytes:
    value = json.loads(seal(PAYLOAD_TYPE, encode(EVENT, [("s", "ab" * 32)]), [KEY]))
    return json.dumps({**value, **changes}).encode()


# --- envelopes


def test_pre_authentication_encoding() -> None:
    """The example of the DSSE specification, protocol.md."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_an_envelope_has_one_form() -> None:
    data = seal("text/plain", b"hello", [KEY])
    signature = base64.b64encode(KEY.sign(b"DSSEv1 10 text/plain 5 hello")).decode()
    assert data.decode() == (
        '{"payload":"aGVsbG8=","payloadType":"text/plain","signatures":'
        f'[{{"keyid":"{KEY.key_id}","sig":"{signature}"}}]}}'
    )


def test_signers_are_distinct_keys_whatever_the_hints_say() -> None:
    envelope = unseal(seal("t", b"p", [KEY, KEY]))
    assert signers(envelope, [KEY.verify_key, OTHER.verify_key]) == {KEY.verify_key}
    swapped = seal("t", b"p", [OTHER]).replace(OTHER.key_id.encode(), KEY.key_id.encode())
    assert signers(unseal(swapped), [KEY.verify_key, OTHER.verify_key]) == {OTHER.verify_key}
    both = unseal(seal("t", b"p", [KEY, OTHER]))
    assert signers(both, [KEY.verify_key, OTHER.verify_key]) == {KEY.verify_key, OTHER.verify_key}
    assert signers(both, []) == frozenset()


def test_url_safe_base64_and_a_missing_hint_are_read() -> None:
    value = json.loads(seal("t", b"\xff\xfe\xfb" * 3, [KEY]))
    value["payload"] = value["payload"].replace("+", "-").replace("/", "_")
    del value["signatures"][0]["keyid"]
    assert signers(unseal(json.dumps(value).encode()), [KEY.verify_key])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"payload":"","payloadType":"t"}',
        b'{"payload":"","payloadType":"t","signatures":[]}',
        b'{"payload":"","payloadType":1,"signatures":[{"sig":""}]}',
        b'{"payload":"!","payloadType":"t","signatures":[{"sig":""}]}',
        b'{"payload":"\xc3\xa9","payloadType":"t","signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":"t","signatures":["x"]}',
        b'{"payload":"","payloadType":"t","signatures":[{"sig":1}]}',
        b'{"payload":"","payload":"","payloadType":"t","signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":"t","x":NaN,"signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":"t","signatures":[' + b",".join([b'{"sig":""}'] * 17) + b"]}",
        b"[" * 60_000,
        b"\xff",
        b" " * (MAX_ENTRY + 1),
    ],
)
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises(EvidenceInvalid):
        unseal(data)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_readers(data: bytes) -> None:
    for read in (unseal, checkpoint.parse, lambda raw: decode_entry(0, raw)):
        with pytest.raises(EvidenceInvalid):
            read(data)
    assert layout.pack(layout.unpack(data)) == data[: layout.packed_size(layout.unpack(data))]


def test_a_surrogate_in_the_type_is_signed_by_nobody() -> None:
    data = b'{"payload":"","payloadType":"\\ud800","signatures":[{"sig":""}]}'
    assert signers(unseal(data), [KEY.verify_key]) == frozenset()


def test_every_flipped_bit_of_an_envelope_breaks_it() -> None:
    data = seal("t", b"p", [KEY])
    before = unseal(data)
    for at in range(len(data)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            try:
                envelope = unseal(flipped)
            except EvidenceInvalid:
                continue
            # The hint is not authenticated; base64 may spell the same bytes in two ways. Nothing else may pass.
            if signers(envelope, [KEY.verify_key]):
                assert (envelope.payload_type, envelope.payload) == (before.payload_type, before.payload)


def test_an_entry_that_does_not_fit_is_refused_before_it_is_written() -> None:
    seal(PAYLOAD_TYPE, b"x" * MAX_STATEMENT, [KEY, OTHER, KEY])
    with pytest.raises(EntryTooLarge, match="does not fit the log") as caught:
        seal(PAYLOAD_TYPE, b"x" * 49_100, [KEY])
    assert caught.value.exit_code == 1


# --- statements


def test_a_statement_has_one_form() -> None:
    said = KeyEvent(event="signing-key-created", tenant="贵州", host="h", key_id="k", at="2026-01-01T00:00:00Z")
    assert encode(said, [("c", "cd" * 32)]).decode() == (
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{"at":"2026-01-01T00:00:00Z",'
        '"event":"signing-key-created","host":"h","key_id":"k","repository":null,"repository_id":null,"shares":null,'
        '"tenant":"贵州","threshold":null},'
        '"predicateType":"https://guardian-dr.org/statement/key-event/v1",'
        f'"subject":[{{"digest":{{"sha256":"{"cd" * 32}"}},"name":"c"}}]}}'
    )


def test_a_statement_comes_back() -> None:
    found = decode_entry(7, seal(PAYLOAD_TYPE, encode(EVENT, [("s", "ab" * 32)]), [KEY]))
    assert (found.index, found.predicate, found.subjects) == (7, EVENT, (("s", "ab" * 32),))
    assert found.predicate_type == "https://guardian-dr.org/statement/key-event/v1"


def test_a_statement_without_subjects_is_about_itself() -> None:
    found = decode_entry(0, seal(PAYLOAD_TYPE, encode(EVENT, []), [KEY]))
    assert [name for name, _digest in found.subjects] == ["key-event"]


def payload(**changes: object) -> str:
    value = {**json.loads(encode(EVENT, [("s", "ab" * 32)])), **changes}
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "changes", [{"predicateType": "https://example.org/new/v9"}, {"predicate": {}}, {"predicate": 1}]
)
def test_unknown_and_odd_predicates_are_tolerated(changes: dict[str, object]) -> None:
    found = decode_entry(0, entry(payload=payload(**changes)))
    assert found.predicate is None
    assert found.subjects == (("s", "ab" * 32),)


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "x"},
        {"predicateType": 1},
        {"subject": None},
        {"subject": [1]},
        {"subject": [{"name": 1, "digest": {"sha256": "x"}}]},
    ],
)
def test_what_is_no_statement(changes: dict[str, object]) -> None:
    with pytest.raises(EvidenceInvalid, match="no in-toto statement"):
        decode_entry(3, entry(payload=payload(**changes)))


def test_another_payload_type_is_no_statement() -> None:
    with pytest.raises(EvidenceInvalid):
        decode_entry(0, entry(payloadType="text/plain"))


def test_json_has_one_reading() -> None:
    assert strictjson.dumps({"b": "é", "a": [1]}) == '{"a":[1],"b":"é"}'.encode()
    assert strictjson.loads(strictjson.dumps("name \udcff")) == "name \udcff"
    for bad in (b'{"a":1,"a":1}', b'[{"a":{"b":1,"b":2}}]', b"NaN", b"-Infinity", b"[1", b"1 2", b"\xff", b"[" * 10**6):
        with pytest.raises(ValueError, match=r"."):
            strictjson.loads(bad)
    with pytest.raises(ValueError, match=r"."):
        strictjson.dumps(float("nan"))


# --- checkpoints

HEAD = Checkpoint("example.org/log", 42, bytes(range(32)))


def test_a_known_signed_note() -> None:
    """A signature of the Go project's signed-note tests: hash, framing and algorithm are theirs."""
    _name, key = VerifyKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    line = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    text = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    assert line[:4] == key.note_hash("PeterNeumann")
    assert key.verify(line[4:], text)


def test_a_checkpoint_has_one_form() -> None:
    note = checkpoint.sign(HEAD, KEY)
    body = b"example.org/log\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    line = base64.b64encode(KEY.verify_key.note_hash("example.org/log") + KEY.sign(body)).decode()
    assert note == body + f"\n— example.org/log {line}\n".encode()
    signed = checkpoint.parse(note)
    assert signed.checkpoint == HEAD
    assert signed.signed_by(KEY.verify_key)
    assert not signed.signed_by(OTHER.verify_key)


def test_cosignatures_and_extension_lines_are_kept() -> None:
    cosignature = base64.b64encode(b"hash" + b"\x00" * 72).decode()
    note = checkpoint.sign(HEAD, KEY) + f"— witness.example {cosignature}\n".encode()
    signed = checkpoint.parse(note)
    assert [line.name for line in signed.signatures] == ["example.org/log", "witness.example"]
    assert signed.signed_by(KEY.verify_key)
    body = b"o\n1\n" + base64.b64encode(b"r" * 32) + b"\nextension\n"
    line = base64.b64encode(KEY.verify_key.note_hash("o") + KEY.sign(body))
    extended = checkpoint.parse(body + "\n— o ".encode() + line + b"\n")
    assert extended.signed_by(KEY.verify_key)
    assert extended.checkpoint.size == 1


def test_a_signature_under_another_name_is_not_the_logs() -> None:
    body = checkpoint.sign(HEAD, KEY).split(b"\n\n")[0] + b"\n"
    line = base64.b64encode(KEY.verify_key.note_hash("other") + KEY.sign(body))
    assert not checkpoint.parse(body + "\n— other ".encode() + line + b"\n").signed_by(KEY.verify_key)


def test_every_flipped_bit_of_a_checkpoint_breaks_it() -> None:
    note = checkpoint.sign(HEAD, KEY)
    for at in range(len(note)):
        for bit in range(8):
            flipped = note[:at] + bytes([note[at] ^ 1 << bit]) + note[at + 1 :]
            try:
                signed = checkpoint.parse(flipped)
            except EvidenceInvalid:
                continue
            # The last digit of base64 has bits that say nothing; whatever passes says what was signed.
            assert not signed.signed_by(KEY.verify_key) or signed.checkpoint == HEAD


@pytest.mark.parametrize(
    "change",
    [
        (b"\n42\n", b"\n042\n"),
        (b"\n42\n", b"\n-1\n"),
        (b"\n42\n", b"\n4 2\n"),
        (b"\n42\n", b"\n99999999999999999999\n"),
        (b"example.org/log\n42", b"\n42"),
        (b"example.org/log\n42", b"two words\n42"),
        (b"Hh8=\n", b"Hh8\n"),
        (b"Hh8=\n", b"Hh8A\n"),
        (b"\n\n", b"\n"),
        ("—".encode(), b"-"),
        (b"\n42\n", b"\n42\r\n"),
        (b"\n42\n", b"\n42\n\n"),
    ],
)
def test_what_is_no_checkpoint(change: tuple[bytes, bytes]) -> None:
    note = checkpoint.sign(HEAD, KEY)
    assert change[0] in note
    with pytest.raises(EvidenceInvalid):
        checkpoint.parse(note.replace(change[0], change[1], 1))


def test_a_checkpoint_is_capped() -> None:
    note = checkpoint.sign(HEAD, KEY)
    line = note.split(b"\n\n")[1]
    with pytest.raises(EvidenceInvalid):
        checkpoint.parse(note + line * 64)
    with pytest.raises(EvidenceInvalid):
        checkpoint.parse(note[:-1] + b"A" * 70_000 + b"\n")
    with pytest.raises(ValueError, match="origin"):
        checkpoint.sign(Checkpoint("two\nlines", 1, b"r" * 32), KEY)


# --- layout


def test_paths() -> None:
    assert [layout.number(n) for n in (0, 7, 999, 1000, 1234067)] == ["000", "007", "999", "x001/000", "x001/x234/067"]
    assert layout.bundle_path(5) == "tile/entries/005"
    assert layout.tile_path(2, 1000) == "tile/2/x001/000"


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 200))
def test_bundles(entries: list[bytes], cut: int) -> None:
    data = layout.pack(entries)
    assert layout.unpack(data) == entries
    assert len(data) == layout.packed_size(entries)
    whole = layout.unpack(data[: max(0, len(data) - cut)])
    assert whole == entries[: len(whole)]


def test_a_bundle_has_at_most_256_entries() -> None:
    assert len(layout.unpack(b"\0" * 2000)) == 256


def test_rows() -> None:
    assert [layout.rows(size, 0, 0) for size in (0, 1, 256, 300)] == [0, 1, 256, 256]
    assert [layout.rows(size, 1, 0) for size in (255, 256, 70_000)] == [0, 1, 256]
    assert layout.rows(70_000, 1, 1) == 17
    assert layout.rows(70_000, 2, 0) == 1
