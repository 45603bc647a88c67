"""In-toto v1 statements (https://in-toto.io/Statement/v1): what an entry of the log says, to bytes and back."""

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from guardian.errors import EvidenceInvalid
from guardian.i18n import _
from guardian.ledger import strictjson
from guardian.ledger.envelope import unseal
from guardian.ledger.tree import leaf_hash
from guardian.model.evidence import PAYLOAD_TYPE, PREDICATES, STATEMENT_TYPE, Entry, Predicate, predicate_type

Subjects = Sequence[tuple[str, str]]
"""(name, SHA-256 in hexadecimal) of what a statement is about."""

MAX_STATEMENT = 48_000
"""A statement of at most so many bytes fits an entry, with up to three Ed25519 signatures."""


def encode(predicate: Predicate, subjects: Subjects) -> bytes:
    """The canonical bytes of the statement that ``predicate`` holds of ``subjects``.

    In-toto wants at least one subject: a statement about nothing but itself names the digest of its predicate.
    Raises ValueError when a figure is NaN or infinite.
    """
    said = predicate.model_dump(mode="json")
    named = subjects or [(predicate.name, hashlib.sha256(strictjson.dumps(said)).hexdigest())]
    return strictjson.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in named],
            "predicateType": predicate_type(predicate.name),
            "predicate": said,
        }
    )


def decode_entry(index: int, data: bytes) -> Entry:
    """The entry ``data`` at ``index``. Verifies no signature.

    A predicate we do not know, or that does not read as we know it, is None: newer versions write them. An envelope
    or statement that is none raises EvidenceInvalid.
    """
    envelope = unseal(data)
    try:
        if envelope.payload_type != PAYLOAD_TYPE:
            raise ValueError("not an in-toto payload")
        kind, subjects, predicate = decode(envelope.payload)
    except ValueError as error:
        raise EvidenceInvalid(_("entry {index} holds no in-toto statement").format(index=index)) from error
    return Entry(index, leaf_hash(data), data, kind, predicate, subjects)


def decode(payload: bytes) -> tuple[str, tuple[tuple[str, str], ...], Predicate | None]:
    """Predicate type, subjects and predicate of a statement. Raises ValueError when it is none."""
    kind, subjects, predicate = dissect(payload)
    return kind, subjects, _predicate(kind, predicate)


def dissect(payload: bytes) -> tuple[str, tuple[tuple[str, str], ...], Any]:
    """Like :func:`decode`, the predicate as plain JSON."""
    value = strictjson.loads(payload)
    if not isinstance(value, dict) or value.get("_type") != STATEMENT_TYPE:
        raise ValueError("not a statement")
    kind = value.get("predicateType")
    if not isinstance(kind, str):
        raise ValueError("no predicate type")  # noqa: TRY004  one kind of error: not a statement
    return kind, _subjects(value.get("subject")), value.get("predicate")


def _subjects(value: Any) -> tuple[tuple[str, str], ...]:
    try:
        found = tuple((subject["name"], subject["digest"]["sha256"]) for subject in value)
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("subjects without name or digest") from error
    if not all(isinstance(name, str) and isinstance(digest, str) for name, digest in found):
        raise ValueError("subjects without name or digest")
    return found


def _predicate(kind: str, value: Any) -> Predicate | None:
    noun = PREDICATES.get(kind)
    if noun is None:
        return None
    try:
        return noun.model_validate(value)
    except ValidationError:
        return None
