"""What an endpoint serves. Who serves knows nothing of metrics, and who answers next to nothing of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head, as far as it matters; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    version: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a request. ``packed``: the body is compressed with gzip; who does not take that gets it plain."""

    kind: str
    body: bytes
    packed: bool = False


class BadRequest(Exception):
    """The request asks for something that cannot be."""


class Site(Protocol):
    """Something that answers. ``refused`` counts clients that were turned away, by whoever serves the site."""

    refused: int
    scrapes: int
    index: bytes
    """What stands at ``/``."""
    seconds: float
    """How long an answer may take to be made,"""
    deadline: float
    """and how long a client may take from its connection to the last byte."""

    def answer(self, request: Request) -> Answer | None:
        """The answer; None for a page that there is not. Called in a thread of its own, one request after another.

        Raises BadRequest.
        """
        ...


def query_of(text: str) -> dict[str, str]:
    """The part of an address after ``?``; of what is said twice the last."""
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20))
