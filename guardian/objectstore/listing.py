"""What an S3 service answers in XML: a page of a list, and why it says no. Pure; the bytes are a stranger's."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from urllib.parse import unquote_plus

PAGE_LIMIT = 8 << 20
"""Bytes of a page that are read: a thousand of the longest names, every byte escaped, fit twice."""
ERROR_LIMIT = 1 << 16


class NoList(ValueError):
    """The answer is not the list that was asked for."""


@dataclass(frozen=True, slots=True)
class Page:
    """Key and length of some objects, and what to ask for the next ones by; None after the last page."""

    found: tuple[tuple[str, int], ...]
    truncated: bool
    following: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a service said no. ``code`` is the status where it gave no reason, ``region`` where it wants to be asked."""

    status: int
    code: str
    message: str = ""
    region: str | None = None


def page(body: bytes) -> Page:
    """A page of ListObjectsV2. Raises NoList."""
    root = parsed(body)
    if root is None or name_of(root) != "ListBucketResult":
        raise NoList
    escaped = _text(root, "EncodingType") == "url"
    found = []
    for item in root:
        if name_of(item) == "Contents":
            key, size = _text(item, "Key"), _text(item, "Size")
            if key is None or size is None or not size.isascii() or not size.isdigit() or len(size) > 19:
                raise NoList
            found.append((unquote_plus(key) if escaped else key, int(size)))
    truncated = _text(root, "IsTruncated") == "true"
    return Page(tuple(found), truncated, _text(root, "NextContinuationToken") if truncated else None)


def refusal(status: int, body: bytes, region: str | None) -> Refusal:
    """The reason in the ``body`` of an answer that is a no; ``region`` is what its head says of it. Never raises."""
    root = parsed(body)
    if root is None or name_of(root) != "Error":
        return Refusal(status, str(status), region=region)
    code, message = _text(root, "Code"), _text(root, "Message")
    return Refusal(status, code or str(status), message or "", region or _text(root, "Region"))


def parsed(body: bytes) -> ET.Element | None:
    """The answer's top element; None for what is no XML, or has a document type."""
    try:
        text = body.decode("utf-8")
        return None if "<!DOCTYPE" in text else ET.fromstring(text)  # noqa: S314  what could define an entity is refused
    except (ET.ParseError, UnicodeDecodeError, ValueError, RecursionError):
        return None


def name_of(element: ET.Element) -> str:
    """Its name without the name space."""
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element, name: str) -> str | None:
    return next((child.text or "" for child in element if name_of(child) == name), None)
