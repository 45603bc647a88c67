"""DSSE v1 envelopes (https://github.com/secure-systems-lab/dsse): a payload, its type, and who signed both.

Signatures are made over the pre-authentication encoding of type and payload bytes, and verified over the bytes as
they were received, before anything in them is read. A key id in an envelope is a hint, never a decision.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guardian.errors import EvidenceInvalid, GuardianError
from guardian.i18n import _
from guardian.keys.signing import SigningKey, VerifyKey
from guardian.ledger import strictjson

MAX_ENTRY = 65_535
"""Bytes of the largest entry: entry bundles give its length in 16 bits."""
MAX_SIGNATURES = 16


class EntryTooLarge(GuardianError):
    """A statement does not fit an entry of the log."""

    code = "entry-too-large"


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read; nothing in it is proven until :func:`signers` says who signed it."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]
    """(key id hint, signature)."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, keys: Sequence[SigningKey]) -> bytes:
    """The canonical envelope of ``payload``, signed by every key.

    Raises EntryTooLarge when it has more than MAX_ENTRY bytes.
    """
    message = pae(payload_type, payload)
    signatures = [{"keyid": key.key_id, "sig": base64.b64encode(key.sign(message)).decode()} for key in keys]
    data = strictjson.dumps(
        {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": signatures}
    )
    if len(data) > MAX_ENTRY:
        text = _(
            "a statement of {size} bytes does not fit the log: its entry would have {entry} of at most {limit} bytes"
        )
        raise EntryTooLarge(text.format(size=len(payload), entry=len(data), limit=MAX_ENTRY))
    return data


def unseal(data: bytes) -> Envelope:
    """Read an envelope of at most MAX_ENTRY bytes. Raises EvidenceInvalid for anything else; verifies nothing."""
    if len(data) > MAX_ENTRY:
        raise EvidenceInvalid(_("an entry is larger than {limit} bytes").format(limit=MAX_ENTRY))
    try:
        return _envelope(strictjson.loads(data))
    except (ValueError, TypeError, KeyError) as error:
        raise EvidenceInvalid(_("an entry is not a DSSE envelope")) from error


def _envelope(value: object) -> Envelope:
    """Raises ValueError, TypeError or KeyError for anything that is not one."""
    if not isinstance(value, dict) or not isinstance(value["payloadType"], str):
        raise TypeError("no envelope")
    listed = value["signatures"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SIGNATURES:
        raise ValueError("no signature, or too many")
    signatures = []
    for one in listed:
        if not isinstance(one, dict):
            raise TypeError("no signature")
        hint = one.get("keyid", "")
        signatures.append((hint if isinstance(hint, str) else "", _base64(one["sig"])))
    return Envelope(value["payloadType"], _base64(value["payload"]), tuple(signatures))


def _base64(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("no base64 text")
    if "-" in text or "_" in text:  # the specification allows both alphabets
        text = text.translate({ord("-"): "+", ord("_"): "/"})
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def signers(envelope: Envelope, keys: Iterable[VerifyKey]) -> frozenset[VerifyKey]:
    """Those of ``keys`` that signed the envelope: distinct keys, however often each did."""
    try:
        message = pae(envelope.payload_type, envelope.payload)
    except UnicodeEncodeError:  # a type with half a surrogate pair: nobody can have signed that
        return frozenset()
    return frozenset(key for key in keys if any(key.verify(sig, message) for _hint, sig in envelope.signatures))
