"""How collectors reach a service: an address that is resolved once, looked at, and then held to.

A configuration may come from somebody who does not own this host. So an address that leads to the host's own metadata
service, or to a link of its own, is refused, whatever name hid it; addresses of private networks and loopback are what
government clouds are made of, and are allowed.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

from guardian.baseline.facts.reading import Unread

METADATA: Final = frozenset({"169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"})
"""Where clouds keep credentials of a host: most of them, Alibaba, Oracle, Azure, and AWS over IPv6."""


@dataclass(frozen=True, slots=True)
class Address:
    """One place: an IP address that was looked at, with the name it was asked for by."""

    host: str
    port: int
    ip: str


def split(endpoint: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT`` taken apart. Raises Unread."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Unread("not an address: write HOST:PORT")
    return host.strip("[]"), int(port)


def resolve(endpoint: str) -> Address:
    """The address of ``endpoint``. Raises Unread: it has none, or one of them is of a kind that is refused."""
    host, port = split(endpoint)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unread(f"no such host: {host[:100]}") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        check(address)
    return Address(host, port, addresses[0])


def check(address: str) -> None:
    """Raises Unread for an address that no service of a tenant can have."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError as error:
        raise Unread("not an address") from error
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if str(inner) in METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        raise Unread(f"refused: {address} is an address of the host's own network, metadata or nobody")


def connect(address: Address, seconds: float) -> socket.socket:
    """A connection to exactly this address; ``seconds`` bound the wait for it and for each answer. Raises Unread."""
    try:
        return socket.create_connection((address.ip, address.port), timeout=seconds)
    except TimeoutError as error:
        raise Unread(f"timeout after {seconds:g} s: no connection to {address.host}:{address.port}") from error
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise Unread(f"no connection to {address.host}:{address.port}: {why}") from error
