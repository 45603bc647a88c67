"""Where metrics are served, and the rule that nobody exposes them by accident."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardian.config.problem import Fault, Loc
from guardian.i18n import _

_LISTEN: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<four>[0-9A-Za-z.]{0,45})):(?P<port>[0-9]{1,5})", re.ASCII
)
_AT: Final[Loc] = ("agent", "metrics")


def listen_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:9787``, ``[::1]:9787``, ``localhost:9787`` or ``0.0.0.0:9787`` as address and port.

    ``localhost`` is 127.0.0.1; nothing before the colon means every address. Raises ValueError, with the reason in
    the reader's language, for anything else: names of hosts are not looked up.
    """
    match = _LISTEN.fullmatch(text)
    port = int(match["port"]) if match else 0
    if match is None or not 0 < port < 65536:
        raise ValueError(_("not an address and a port: write 127.0.0.1:9787 or [::1]:9787"))
    host = match["six"] or match["four"]
    if host in {"", "localhost"}:
        return ("127.0.0.1" if host else "::"), port
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        raise ValueError(_("{address} is no IP address: names are not looked up").format(address=host)) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address ``host``."""
    return ipaddress.ip_address(host).is_loopback


def metrics_faults(settings: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with ``agent.metrics``, a plain mapping."""
    listen, textfile = settings.get("listen"), settings.get("textfile")
    if isinstance(listen, str):
        yield from _listen_faults(listen, settings)
    if isinstance(textfile, str) and not textfile.endswith(".prom"):
        hint = _("node_exporter reads files whose names end in .prom, and no others.")
        yield Fault((*_AT, "textfile"), _("the name must end in .prom"), hint)


def _listen_faults(listen: str, settings: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        host, _port = listen_address(listen)
    except ValueError as error:
        yield Fault((*_AT, "listen"), str(error))
        return
    protected = settings.get("web_config") or settings.get("insecure") is True
    if not is_loopback(host) and not protected:
        hint = _("Name a web_config with TLS, or write insecure: true if the network is protected by other means.")
        yield Fault((*_AT, "listen"), _("metrics would be open to the network without TLS"), hint)
