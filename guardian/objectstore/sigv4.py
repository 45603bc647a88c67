"""AWS Signature Version 4 for requests without a body, in headers. Pure.

The algorithm is Amazon's, "Create a signed AWS API request"; every S3 service that restic speaks to knows it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from guardian.model.secret import Secret

_UNRESERVED = "-_.~"
_EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs: a key id, its secret, and the token that goes with temporary ones."""

    key_id: str
    secret: Secret
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed: ``path`` is not escaped yet, ``host`` is the Host header."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]

    @property
    def target(self) -> str:
        """Path and query as they are sent, escaped the way they are signed."""
        query = self.canonical_query
        return self.canonical_path + (f"?{query}" if query else "")

    @property
    def canonical_path(self) -> str:
        """The path, every byte but unreserved ones and slashes escaped, once."""
        return quote(self.path, safe=_UNRESERVED + "/", errors="surrogateescape")

    @property
    def canonical_query(self) -> str:
        """The query, escaped, in the order of its escaped names."""
        escaped = sorted(
            (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in self.query.items()
        )
        return "&".join(f"{name}={value}" for name, value in escaped)


def sign(request: Request, keys: Keys, region: str, moment: datetime) -> dict[str, str]:
    """The headers that make ``request`` ours for a quarter of an hour from ``moment``."""
    stamp = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {"host": request.host, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    if keys.token is not None:
        signed["x-amz-security-token"] = keys.token
    names = ";".join(sorted(signed))
    lines = [f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)]
    canonical = [request.method, request.canonical_path, request.canonical_query, *lines, "", names, _EMPTY]
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = b"AWS4" + keys.secret.reveal()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
    given = f"{_ALGORITHM} Credential={keys.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**signed, "authorization": given}
