"""The verifier's own Ed25519, for machines without a library: as strict as RFC 8032, of one mind with the library."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.audit.verify_pack import ORDER, P, ed25519_verify
from guardian.keys.signing import VerifyKey

# RFC 8032, section 7.1: public key, message, signature.
KNOWN = {
    "empty": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "one byte": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "two bytes": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
}


@pytest.mark.parametrize("case", KNOWN)
def test_known_answers(case: str) -> None:
    key, message, signature = map(bytes.fromhex, KNOWN[case])
    assert ed25519_verify(key, signature, message)
    assert not ed25519_verify(key, signature, message + b"\0")


@settings(max_examples=40, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), flip=st.integers(0, 96 * 8 - 1))
def test_agrees_with_the_library_on_good_and_flipped(seed: bytes, message: bytes, flip: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert ed25519_verify(key, signature, message)
    altered = bytearray(key + signature)
    altered[flip // 8] ^= 1 << flip % 8
    bad_key, bad_signature = bytes(altered[:32]), bytes(altered[32:])
    assert ed25519_verify(bad_key, bad_signature, message) is False
    assert VerifyKey(bad_key).verify(bad_signature, message) is False


@settings(max_examples=40, deadline=None)
@given(key=st.binary(max_size=40), signature=st.binary(max_size=70), message=st.binary(max_size=20))
def test_any_bytes_are_answered(key: bytes, signature: bytes, message: bytes) -> None:
    assert ed25519_verify(key, signature, message) is False


def test_a_second_way_to_write_a_signature_is_refused() -> None:
    """S + L is the same number modulo L: taken, anyone could make a second valid signature (RFC 8032, 8.4)."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key, signature = private.public_key().public_bytes_raw(), private.sign(b"x")
    grown = int.from_bytes(signature[32:], "little") + ORDER
    assert grown < 1 << 256
    assert not ed25519_verify(key, signature[:32] + grown.to_bytes(32, "little"), b"x")


@pytest.mark.parametrize("y", [P, P + 1, (1 << 255) - 1, 2], ids=["p", "p+1", "all ones", "no point"])
def test_keys_that_are_no_points_are_refused(y: int) -> None:
    signature = b"\x01" + bytes(63)  # R is the neutral element, S is 0: verifies for a key that is the neutral element
    assert not ed25519_verify(y.to_bytes(32, "little"), signature, b"x")


def test_the_sign_of_zero_is_refused() -> None:
    """x = 0 has no negative (RFC 8032, 5.1.3, step 4)."""
    assert not ed25519_verify((1 | 1 << 255).to_bytes(32, "little"), b"\x01" + bytes(63), b"x")
