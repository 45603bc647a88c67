"""Facts of a TLS endpoint, as anybody on the network sees it: certificate, trust, versions and ciphers really offered.

Each version and group of suites is tried with a ClientHello of our own; only an answer decides. A connection that
closes without a word is tried once more and is then unreadable: something in between may have cut it. Nothing is sent
beyond handshakes.
"""

import os
import socket
import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from guardian.baseline.fact import unreadable
from guardian.baseline.facts import certificate, reach
from guardian.baseline.facts.reading import Tree, Unread, attempt, is_err
from guardian.baseline.facts.tls_hello import EVERY, GROUPS, VERSIONS, Answer, Hello, NotTlsError, client_hello
from guardian.clock import Clock, SystemClock

NAME: Final = "tls"
VERSION: Final = 1
_HANDSHAKE_SECONDS: Final = 5.0
_POSTGRESQL: Final = bytes.fromhex("0000000804d2162f")  # SSLRequest
_REFUSALS: Final = frozenset({40, 47, 70, 71, 86, 109, 110})
"""Alerts with which a server says that it will not have what was offered (RFC 8446, 6.2)."""
_TWICE: Final = 80
"""internal_error: what OpenSSL 3 says where its own policy forbids a version; believed when it is said again."""


@dataclass(frozen=True, slots=True)
class Options:
    """One endpoint, ``HOST:PORT``. ``seconds`` bound the whole look."""

    address: str
    server_name: str | None = None
    starttls: str | None = None
    cacert: str | None = None
    seconds: float = 60.0
    clock: Clock = field(default_factory=SystemClock)


def collect(options: Options) -> Tree:
    """The facts below ``tls``. What could not be read says so."""
    try:
        return {"tls": _Endpoint(options).look()}
    except Unread as error:
        return {"tls": unreadable(error.reason)}


class _Endpoint:
    """One endpoint while it is looked at. Its address is resolved once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._deadline = options.clock.monotonic() + options.seconds
        self._address = reach.resolve(options.address)
        self._name = options.server_name or self._address.host

    def look(self) -> Tree:
        hellos = {version: attempt(partial(self._try, version, EVERY)) for version in VERSIONS}
        said = [hello for hello in hellos.values() if isinstance(hello, Hello)]
        if not said:
            raise Unread(next(str(hello["$err"]) for hello in hellos.values()))
        protocols = {v: hello.version == v if isinstance(hello, Hello) else hello for v, hello in hellos.items()}
        old = [h for h in said if h.version and h.version != "TLSv1.3"]
        chain = attempt(partial(self._chain, old))
        # What only older versions have is absent where none of them is offered, and unknown where that is.
        none = next((hello for version, hello in hellos.items() if version != "TLSv1.3" and is_err(hello)), None)
        return {
            "address": self._options.address,
            "name": self._name,
            "protocols": protocols,
            "ciphers": {group: attempt(partial(self._has, group, protocols)) for group in GROUPS},
            "compression": any(hello.compression for hello in old) if old else none,
            "safe_renegotiation": all(hello.renegotiates_safely for hello in old) if old else none,
            "stapled": any(h.stapled for h in old) if old else unreadable("only told before TLS 1.3"),
            "chain": chain,
            "certificate": chain
            if is_err(chain)
            else chain[0] | {"name_fits": certificate.fits(self._name, chain[0]["names"])},
            "trust": attempt(self._trust),
        }

    def _own(self, first: Tree) -> Tree:
        return first | {"name_fits": certificate.fits(self._name, first["names"])}

    def _has(self, group: str, protocols: Tree) -> bool:
        """Whether the server would take a suite of ``group``: in the newest version before 1.3 that it has."""
        unread = None
        for version in ("TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3"):
            offered = protocols[version]
            if is_err(offered):
                unread = offered
            elif offered:
                return self._try(version, GROUPS[group]).suite in GROUPS[group]
        if unread is not None:
            raise Unread(str(unread["$err"]))
        return group == "forward-secrecy"  # TLS 1.3 has no other suites

    # talking

    def _open(self) -> socket.socket:
        left = self._deadline - self._options.clock.monotonic()
        if left <= 0:
            raise Unread(f"timeout after {self._options.seconds:g} s")
        plain = reach.connect(self._address, min(left, _HANDSHAKE_SECONDS))
        if self._options.starttls == "postgresql":
            try:
                plain.sendall(_POSTGRESQL)
                agreed = plain.recv(1)
            except OSError as error:
                plain.close()
                raise Unread("no answer to the request for TLS") from error
            if agreed != b"S":
                plain.close()
                raise Unread("the server has no TLS")
        return plain

    def _try(self, version: str, suites: tuple[int, ...], *, again: bool = True) -> Hello:
        """The server's answer to one offer; a refusal is one. Raises Unread when there is none."""
        answer = Answer()
        with self._open() as sock:
            try:
                name = None if _is_address(self._name) else self._name
                sock.sendall(client_hello(name, version, suites, os.urandom(64)))
                while not answer.done and (data := sock.recv(16 << 10)):
                    answer.take(data)
            except NotTlsError as error:
                raise Unread("it does not speak TLS") from error
            except TimeoutError as error:
                raise Unread(f"timeout after {_HANDSHAKE_SECONDS:g} s: no answer to a {version} hello") from error
            except UnicodeError as error:
                raise Unread("the name asked for is no host name") from error
            except OSError:
                pass  # reset: what came before may have been an answer
        said = answer.result()
        if said is not None and (said.version or said.alert in _REFUSALS):
            return said
        if said is not None and not again and said.alert == _TWICE:
            return said
        if again and (said is None or said.alert == _TWICE):
            return self._try(version, suites, again=False)
        if said is not None:
            raise Unread(f"alert {said.alert} for a {version} hello")
        raise Unread(f"connection closed without an answer to a {version} hello")

    def _chain(self, old: list[Hello]) -> list[Tree]:
        """The certificates as sent, the server's own first."""
        ders = next((hello.certificates for hello in old if hello.certificates), ())
        if not ders:
            ders = self._by_library()
        return [certificate.describe(der) for der in ders[:20]]

    def _by_library(self) -> tuple[bytes, ...]:
        """From a whole handshake, unchecked: all of the chain where Python tells it (3.13), else the first."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self._handshake(context) as secured:
            if hasattr(secured, "get_unverified_chain"):
                return tuple(secured.get_unverified_chain())
            der = secured.getpeercert(binary_form=True)
        if der is None:
            raise Unread("the server showed no certificate")
        return (der,)

    def _trust(self) -> Tree:
        """Whether the chain leads to an authority that is trusted; the name is not looked at here."""
        try:
            return self._verified("")
        except Unread:
            return self._verified("ALL:@SECLEVEL=0")  # too old for this machine's policy, and to be judged all the same

    def _verified(self, ciphers: str) -> Tree:
        try:
            context = ssl.create_default_context(cafile=self._options.cacert)
        except OSError as error:
            raise Unread("cannot read the file of authorities") from error
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        if ciphers:
            context.set_ciphers(ciphers)
        try:
            self._handshake(context).close()
        except ssl.SSLCertVerificationError as error:
            return {"ok": False, "code": error.verify_code, "why": str(error.verify_message)[:200]}
        return {"ok": True, "code": 0, "why": None}

    def _handshake(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain = self._open()
        try:
            return context.wrap_socket(plain, server_hostname=self._name)
        except ssl.SSLCertVerificationError:
            plain.close()
            raise
        except (OSError, ValueError) as error:
            plain.close()
            reason = getattr(error, "reason", None) or type(error).__name__
            raise Unread(f"handshake failed: {reason}") from error


def _is_address(name: str) -> bool:
    try:
        reach.check(name)
    except Unread as error:
        return error.reason != "not an address"
    return True
