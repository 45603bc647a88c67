"""The listing of a repository's objects: its text, and the file in which it travels with its proof.

The text has one line for each object that is named by the SHA-256 of its content, ``<name> <size>`` and a line end,
sorted by the bytes of the names: packs, index files, key files, snapshots. ``config`` and locks are not in it. Its
SHA-256 stands in an ``object-listing`` statement in the log of whoever holds the key.

The file is gzip: a line of JSON (:class:`Head`), then the text. Pure but for the file.
"""

import base64
import binascii
import gzip
import hashlib
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field, ValidationError

from guardian.durable import explained, sync_folder
from guardian.errors import EvidenceInvalid, UsageError
from guardian.i18n import _
from guardian.keys.signing import VerifyKey
from guardian.ledger import checkpoint as notes
from guardian.ledger.envelope import MAX_ENTRY, signers, unseal
from guardian.ledger.statement import decode
from guardian.ledger.tree import leaf_hash, verify_inclusion
from guardian.model.border import Stated
from guardian.model.evidence import PAYLOAD_TYPE, ObjectListing
from guardian.model.reader import Reader

MAX_HEAD, MAX_LINE, MAX_PROOF = 1 << 20, 128, 64
FOLDERS = (*(f"data/{number:02x}/" for number in range(256)), "index/", "keys/", "snapshots/")
"""Where such objects lie, in the order of the text: so listed, memory holds one folder's names at a time."""

_NAME = re.compile(r"(?:data/([0-9a-f]{2})/(?=\1)|index/|keys/|snapshots/)[0-9a-f]{64}", re.ASCII)
_LINE = re.compile(rb"([a-z0-9/]{1,80}) (0|[1-9][0-9]{0,15})\n")

Object = tuple[str, int]
"""Name and length in bytes."""


class Head(Stated):
    """What proves the text: the statement's envelope, and that it is in the log of ``key``. Bytes are in base64."""

    format: Literal["guardian.object-listing/v1"] = "guardian.object-listing/v1"
    key: str = Field(description="the signer's public key, as the file claims it")
    index: int
    envelope: str
    proof: tuple[str, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """A listing whose envelope and proof hold under ``key``. Whether ``key`` is to be trusted is another question."""

    listing: ObjectListing
    key: VerifyKey


def stored(reader: Reader) -> Iterator[Object]:
    """The objects that are named by their content, in the order of the text. Raises what the reader raises."""
    for folder in FOLDERS:
        yield from sorted((name, size) for name, size in reader.list(folder) if _NAME.fullmatch(name))


def line(found: Object) -> bytes:
    """One object's line."""
    return f"{found[0]} {found[1]}\n".encode("ascii")


# writing


def write(path: Path, head: Head, text: Iterable[bytes]) -> None:
    """Make the file ``path``, whole or not at all. Raises UsageError when it is there, StorageFull, Unavailable."""
    with explained(path, writing=True), tempfile.NamedTemporaryFile(dir=path.parent, prefix=".listing-") as raw:
        # No time and no name in it: the same listing is the same file.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as file:
            file.write(head.model_dump_json().encode() + b"\n")
            for part in text:
                file.write(part)
        raw.flush()
        os.fsync(raw.fileno())
        try:
            os.link(raw.name, path)
        except FileExistsError:
            raise UsageError(_("{path} exists already").format(path=path)) from None
        path.chmod(0o644)
        sync_folder(path.parent)


# reading: whoever made the file may be hostile


class ListingFile:
    """A file, open for reading. Everything it says is doubted until :meth:`check` and :meth:`prove` have returned."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def check(self) -> Vouched:
        """Envelope, signature, inclusion and checkpoint. Raises EvidenceInvalid."""
        with self._unpacked() as unpacked:
            return _vouched(_head(unpacked))

    def prove(self, vouched: Vouched) -> None:
        """That the text is the one the statement names. Raises EvidenceInvalid."""
        for _found in self.objects(vouched):
            pass

    def objects(self, vouched: Vouched) -> Iterator[Object]:
        """The objects, in order. Raises EvidenceInvalid, at the latest behind the last: act on nothing final before."""
        digest, last, total, count = hashlib.sha256(), "", 0, 0
        with self._unpacked() as unpacked:
            unpacked.readline(MAX_HEAD)
            while text := unpacked.readline(MAX_LINE):
                name, size = _object(text)
                digest.update(text)
                total, count = total + size, count + 1
                if name <= last or count > vouched.listing.objects:
                    raise _broken()
                last = name
                yield name, size
        if (digest.hexdigest(), count, total) != (
            vouched.listing.sha256,
            vouched.listing.objects,
            vouched.listing.bytes,
        ):
            raise EvidenceInvalid(
                _("the lines of the listing are not those its statement names"),
                _("Ask whoever holds the key for the file again."),
            )

    @contextmanager
    def _unpacked(self) -> Iterator[gzip.GzipFile]:
        self._file.seek(0)
        try:
            with gzip.GzipFile(fileobj=self._file, mode="rb") as unpacked:
                yield unpacked
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise _broken() from None


@contextmanager
def opened(path: Path) -> Iterator[ListingFile]:
    """The listing in ``path``. Raises Unavailable when it cannot be read."""
    with explained(path), path.open("rb") as file:
        yield ListingFile(file)


def _broken() -> EvidenceInvalid:
    return EvidenceInvalid(
        _("the file is not a listing of objects"), _("It is made by 'guardian ledger listing' where the key is.")
    )


def _object(text: bytes) -> Object:
    found = _LINE.fullmatch(text)
    if found is None or not _NAME.fullmatch(name := found[1].decode("ascii")):
        raise _broken()
    return name, int(found[2])


def _head(unpacked: gzip.GzipFile) -> Head:
    text = unpacked.readline(MAX_HEAD)
    try:
        return Head.model_validate_json(text)
    except ValidationError:
        raise _broken() from None


def _vouched(head: Head) -> Vouched:
    envelope, proof = _base64(head.envelope), [_base64(one) for one in head.proof[: MAX_PROOF + 1]]
    try:
        _name, key = VerifyKey.parse(head.key)
    except ValueError:
        raise _broken() from None
    signed = notes.parse(head.checkpoint.encode("utf-8", "surrogateescape"))
    if len(envelope) > MAX_ENTRY or len(proof) > MAX_PROOF:
        raise _broken()
    if not signed.signed_by(key):
        raise EvidenceInvalid(_("the checkpoint of the listing is not signed by the key in it"))
    tree = signed.checkpoint
    if not verify_inclusion(leaf_hash(envelope), head.index, tree.size, proof, tree.root):
        raise EvidenceInvalid(_("the listing is not in the log its checkpoint speaks of"))
    sealed = unseal(envelope)
    if sealed.payload_type != PAYLOAD_TYPE or not signers(sealed, (key,)):
        raise EvidenceInvalid(_("the statement of the listing is not signed by the key in it"))
    try:
        _kind, _subjects, predicate = decode(sealed.payload)
    except ValueError:
        predicate = None
    if not isinstance(predicate, ObjectListing):
        raise _broken()
    return Vouched(predicate, key)


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        raise _broken() from None


def packed(data: bytes) -> str:
    """``data`` as it stands in a head."""
    return base64.b64encode(data).decode("ascii")
