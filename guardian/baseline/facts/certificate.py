"""What a certificate says, as facts. Pure."""

import ipaddress
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from guardian.baseline.facts.reading import Tree, Unread

_NAMES: Final = 200


def describe(der: bytes) -> Tree:
    """Subject, issuer, validity (RFC 3339), key, hash of its signature, names. Raises Unread for what is none."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return {
            "subject": _shown(certificate.subject),
            "issuer": _shown(certificate.issuer),
            "serial": f"{certificate.serial_number:x}",
            "not_before": _time(certificate.not_valid_before_utc),
            "not_after": _time(certificate.not_valid_after_utc),
            "days": (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days,
            "key": _key(certificate),
            "signature_hash": _hash(certificate),
            "self_signed": _self_signed(certificate),
            "authority": _authority(certificate),
            "names": names(certificate)[:_NAMES],
        }
    except (ValueError, TypeError) as error:  # what was made to confuse parsers
        raise Unread("the certificate cannot be understood") from error


def _shown(name: x509.Name) -> str:
    return name.rfc4514_string()[:300]


def _time(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _key(certificate: x509.Certificate) -> Tree:
    """Kind and size in bits; ``strength`` is what the size is worth in bits of a symmetric key (NIST SP 800-57)."""
    try:
        key = certificate.public_key()
    except Exception as error:  # noqa: BLE001  an algorithm that the library does not know, SM2 for example
        return {"kind": "other", "bits": None, "strength": None, "note": type(error).__name__}
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        kind = "rsa" if isinstance(key, rsa.RSAPublicKey) else "dsa"
        return {"kind": kind, "bits": key.key_size, "strength": _factoring(key.key_size)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"kind": "ec", "bits": key.curve.key_size, "strength": key.curve.key_size // 2}
    kind, bits, strength = "other", None, None
    if isinstance(key, ed25519.Ed25519PublicKey):
        kind, bits, strength = "ed25519", 256, 128
    elif isinstance(key, ed448.Ed448PublicKey):
        kind, bits, strength = "ed448", 456, 224
    return {"kind": kind, "bits": bits, "strength": strength}


def _factoring(bits: int) -> int:
    steps = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))
    return next((strength for least, strength in steps if bits >= least), 0)


def _hash(certificate: x509.Certificate) -> str:
    """The hash of its signature; ``none`` for one that has none of its own (Ed25519)."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except Exception:  # noqa: BLE001  one that the library does not know
        return str(certificate.signature_algorithm_oid.dotted_string)
    return algorithm.name if algorithm else "none"


def _self_signed(certificate: x509.Certificate) -> bool:
    if certificate.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except Exception:  # noqa: BLE001  another key of the same name, or an algorithm that is not known
        return False
    return True


def _authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def names(certificate: x509.Certificate) -> list[str]:
    """DNS names and addresses it is for, in lower case."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    dns = [name.lower() for name in found.get_values_for_type(x509.DNSName)]
    return [*dns, *(str(address) for address in found.get_values_for_type(x509.IPAddress))]


def fits(name: str, told: list[str]) -> bool:
    """Whether a certificate for ``told`` is one for ``name`` (RFC 6125: a star is one whole first label)."""
    wanted = name.lower().rstrip(".")
    try:
        address = str(ipaddress.ip_address(wanted))
    except ValueError:
        address = ""
    if address:
        return address in told
    label, _dot, rest = wanted.partition(".")
    return wanted in told or (bool(label and rest) and f"*.{rest}" in told)
