"""What must never be shown: secrets registered by value, and the shapes of secrets nobody registered.

It lies this low because both the door to programs and the logs need it.
"""

import re
import threading
from urllib.parse import quote

from guardian.model.secret import Secret

MASK = "***"
_SHORTEST = 4  # masking shorter values would eat ordinary words and protect nothing

_SHAPES = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^@\s/]+(@)", re.IGNORECASE), rf"\1{MASK}\2"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (
        re.compile(
            r"""((?:secret_?access_?key|session_?token|x-amz-(?:signature|security-token|credential)|password|passwd)["']?\s*[=:]\s*["']?)"""
            r"""[^\s"'&,;]+""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)

_lock = threading.Lock()
_hidden: set[str] = set()
_known: re.Pattern[str] | None = None


def hide(*secrets: Secret) -> None:
    """From now on :func:`redact` masks these values, as they are and as URLs quote them. Under 4 bytes is ignored."""
    global _known  # noqa: PLW0603  one process has one set of secrets to keep
    forms: set[str] = set()
    for secret in secrets:
        text = secret.reveal().decode("utf-8", "backslashreplace").strip()
        forms |= {form for form in (text, quote(text, safe="")) if len(form) >= _SHORTEST}
    with _lock:
        if forms <= _hidden:
            return
        _hidden.update(forms)
        _known = re.compile("|".join(re.escape(form) for form in sorted(_hidden, key=len, reverse=True)))


def redact(text: str) -> str:
    """``text`` with every registered secret, URL password and AWS key masked."""
    if _known is not None:
        text = _known.sub(MASK, text)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
