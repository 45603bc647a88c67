"""Signed tree heads: C2SP checkpoints (https://c2sp.org/tlog-checkpoint) in signed notes (https://c2sp.org/signed-note).

::

    example.org/log
    42
    qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=

    — example.org/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""

import base64
import binascii
import re
from dataclasses import dataclass

from guardian.errors import EvidenceInvalid
from guardian.i18n import _
from guardian.keys.signing import SigningKey, VerifyKey, is_note_name
from guardian.model.evidence import Checkpoint

MAX_NOTE = 65_536
MAX_SIGNATURES = 64
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: under which name, by which key (four bytes of a hash), and the signature's bytes."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint as received. ``body`` is what the signatures are over; cosignatures of others are kept."""

    checkpoint: Checkpoint
    body: bytes
    signatures: tuple[NoteSignature, ...]

    def signed_by(self, key: VerifyKey) -> bool:
        """Whether the log itself signed it: a line under the origin's name that ``key`` verifies."""
        name = self.checkpoint.origin
        key_hash = key.note_hash(name)
        return any(
            line.name == name and line.key_hash == key_hash and key.verify(line.signature, self.body)
            for line in self.signatures
        )


def sign(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed note of ``checkpoint``. Raises ValueError when the origin cannot name a log."""
    if not is_note_name(checkpoint.origin):
        raise ValueError(f"not an origin: {checkpoint.origin!r}")
    root = base64.b64encode(checkpoint.root).decode()
    body = f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n".encode()
    signature = key.verify_key.note_hash(checkpoint.origin) + key.sign(body)
    return body + f"\n{_DASH}{checkpoint.origin} {base64.b64encode(signature).decode()}\n".encode()


def parse(data: bytes) -> SignedCheckpoint:
    """Read a signed checkpoint. Raises EvidenceInvalid when it is none; verifies no signature."""
    try:
        return _parse(data)
    except ValueError as error:
        raise EvidenceInvalid(_("a checkpoint cannot be read")) from error


def _parse(data: bytes) -> SignedCheckpoint:
    if len(data) > MAX_NOTE:
        raise ValueError("too large")
    text = data.decode("utf-8")
    # The last blank line divides: extension lines of the body may be anything but blank.
    split = text.rfind("\n\n")
    body, tail = text[: split + 1], text[split + 2 :]
    if split < 0 or not tail.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise ValueError("not a signed note")
    lines = body.split("\n")[:-1]
    if len(lines) < 3 or not all(lines) or not is_note_name(lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise ValueError("not a checkpoint")
    root = _base64(lines[2])
    if len(root) != 32:
        raise ValueError("not a root")
    signatures = tail.split("\n")[:-1]
    if len(signatures) > MAX_SIGNATURES:
        raise ValueError("too many signatures")
    checkpoint = Checkpoint(lines[0], int(lines[1]), root)
    return SignedCheckpoint(checkpoint, body.encode(), tuple(_signature(line) for line in signatures))


def _signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = _base64(encoded)
    if not line.startswith(_DASH) or not space or not is_note_name(name) or len(data) < 5:
        raise ValueError("not a signature line")
    return NoteSignature(name, data[:4], data[4:])


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
