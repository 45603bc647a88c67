"""Certificates of servers on disk, with their ends. Bundles of authorities belong to the distribution and are left
out."""

import re
import warnings
from datetime import UTC

from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, shown
from guardian.clock import rfc3339

_FOLDERS = (
    "/etc/ssl/certs", "/etc/ssl/private", "/etc/ssl", "/etc/pki/tls/certs", "/etc/pki/nginx", "/etc/nginx",
    "/etc/nginx/ssl",
    "/etc/nginx/certs", "/etc/apache2/ssl", "/etc/httpd/ssl", "/etc/kubernetes/pki", "/etc/docker/certs.d",
    "/etc/guardian",
    "/etc/postgresql-common", "/etc/mysql/ssl", "/etc/haproxy/certs",
)  # fmt: skip
_LIVE = "/etc/letsencrypt/live"
_MOST, _SIZE = 300, 64 << 10
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def collect(host: Host) -> Tree:
    """``certificates``: a list; one that cannot be read stands in it as ``$err``."""
    return {"certificates": attempt(_all, host)}


def _all(host: Host) -> list[Tree]:
    folders = [*_FOLDERS, *(f"{_LIVE}/{name}" for name in host.list(_LIVE))]
    found: list[Tree] = []
    looked = 0
    for folder in folders:
        for name in host.list(folder):
            path = f"{folder}/{name}"
            if not name.endswith((".pem", ".crt", ".cer", ".cert")) or name == "ca-certificates.crt":
                continue
            about = attempt(_first, host, path)
            if about is None:
                continue
            looked += 1
            if looked > _MOST:
                raise Unread(f"too large: more than {_MOST} certificates")
            found.append(about)
    return found


def _first(host: Host, path: str) -> Tree | None:
    """The first certificate of a file; None for a link into the distribution's bundle and for a file without one."""
    entry = host.stat(path, follow=False)
    if entry is None or (entry.target and "ca-certificates" in entry.target) or "/ca-trust/" in (entry.target or ""):
        return None
    if (
        entry.kind == "link"
        and path.startswith("/etc/ssl/certs/")
        and re.search(r"[0-9a-f]{8}\.\d|share/", entry.target or "")
    ):
        return None
    if entry.size > _SIZE:
        return None
    return parse(host.bytes(path, _SIZE) or b"", path)


def parse(data: bytes, path: str) -> Tree | None:
    """What a PEM file's first certificate says; None where there is none. Raises Unread for a broken one."""
    match = _PEM.search(data)
    if match is None:
        return None
    from cryptography import x509  # noqa: PLC0415  heavy, and few hosts have certificates

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = x509.load_pem_x509_certificate(match[0])
            return {
                "path": shown(path), "subject": made.subject.rfc4514_string()[:200],
                "self_signed": made.issuer == made.subject,
                "not_before": rfc3339(made.not_valid_before_utc.astimezone(UTC)),
                "not_after": rfc3339(made.not_valid_after_utc.astimezone(UTC)),
                "authority": _is_authority(made, x509),
            }  # fmt: skip
    except (ValueError, TypeError) as error:
        raise Unread(f"not a certificate that is understood: {shown(path)}") from error


def _is_authority(made: object, x509: object) -> bool:
    try:
        return bool(made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)  # type: ignore[attr-defined]
    except (ValueError, x509.ExtensionNotFound):  # type: ignore[attr-defined]
        return False
