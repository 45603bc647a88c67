"""What a configuration of nginx comes to: for each server and location what holds there, inherited or written. Pure.

A directive that is not written somewhere holds as written around it; lists such as ``add_header`` are inherited only
where none is written (https://nginx.org/en/docs/http/ngx_http_headers_module.html).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from guardian.baseline.fact import unreadable
from guardian.baseline.facts.nginx_syntax import Directive
from guardian.baseline.facts.reading import Tree, Unread

_SERVERS: Final = 5_000
_LOCATIONS: Final = 20_000
_LOCAL: Final = ("127.", "[::1]", "localhost", "unix:")
_WIDE: Final = frozenset(
    {"/", "/etc", "/root", "/home", "/var", "/usr", "/proc", "/sys", "/opt", "/srv", "/mnt", "/boot", "/run"}
)
_SIZES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_TIMES: Final = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_UNTIL_1_23_4: Final = ["TLSv1", "TLSv1.1", "TLSv1.2"]
_SINCE_1_23_4: Final = ["TLSv1.2", "TLSv1.3"]

Scope = Sequence[Directive]
"""The blocks around a place, outermost first."""


def facts(tree: tuple[Directive, ...], version: str | None) -> Tree:
    """The whole configuration as facts: what holds for the program, and every server of HTTP with its locations.

    Raises Unread where there is more of it than is taken.
    """
    main = Directive("main", (), "", 0, tree)
    https = list(main.find("http"))
    upstreams = {each.args[0]: each for http in https for each in http.find("upstream") if each.args}
    scopes = [(main, http, server) for http in https for server in http.find("server")]
    if len(scopes) > _SERVERS:
        raise Unread(f"too large: more than {_SERVERS} servers")
    servers = [_server(scope, upstreams, version) for scope in scopes]
    if sum(len(server["locations"]) for server in servers) > _LOCATIONS:
        raise Unread(f"too large: more than {_LOCATIONS} locations")
    return {
        "main": {
            "user": next((each.args[0] for each in main.find("user") if each.args), None),
            "error_log": _error_log((main,)),
            "modules": [each.args[0] for each in main.find("load_module") if each.args],
        },
        "http": bool(https),
        "servers": servers,
        "refuses_unknown_names": any(server["default"] and server["refuses"] for server in servers),
        "redirects_by_path": [_at(each) for each in _all(tree) if _splits_answers(each)],
        "streams": [_stream(each) for stream in main.find("stream") for each in stream.find("server")],
    }


def _server(scope: Scope, upstreams: dict[str, Directive], version: str | None) -> Tree:
    server = scope[-1]
    names = [name for each in server.find("server_name") for name in each.args]
    listens = [_listen(each.args) for each in server.find("listen")] or [_listen(("80",))]
    # "ssl on;" was another way to say so until 1.25.1.
    old = _switch(scope, "ssl", default=False)
    tls = old or any(listen["tls"] for listen in listens)
    locations = list(_locations(scope, upstreams))
    return {
        "name": f"{(names or ['_'])[0]} ({server.file}:{server.line})",
        **_at(server),
        "names": names,
        "listens": listens,
        "public": any(not listen["local"] for listen in listens),
        "default": any(listen["default"] for listen in listens),
        "tls": tls,
        "plain": not old and any(not listen["tls"] and not listen["local"] for listen in listens),
        "refuses": _refuses(server) or _switch(scope, "ssl_reject_handshake", default=False),
        "redirects": _redirects(server),
        "protocols": _protocols(scope, version),
        "ciphers": _value(scope, "ssl_ciphers") or "HIGH:!aNULL:!MD5",
        "prefer_server_ciphers": _switch(scope, "ssl_prefer_server_ciphers", default=False),
        "session_tickets": _switch(scope, "ssl_session_tickets", default=True),
        "stapling": _switch(scope, "ssl_stapling", default=False),
        "certificates": [each.args[0] for each in _inherited(scope, "ssl_certificate") if each.args],
        "keys": [each.args[0] for each in _inherited(scope, "ssl_certificate_key") if each.args],
        "verify_client": _value(scope, "ssl_verify_client") or "off",
        "version_shown": _value(scope, "server_tokens") or "on",
        "hsts_seconds": _hsts(scope),
        "headers": _headers(scope),
        "body_limit": _size(_value(scope, "client_max_body_size") or "1m"),
        "header_timeout": _seconds(_value(scope, "client_header_timeout") or "60"),
        "body_timeout": _seconds(_value(scope, "client_body_timeout") or "60"),
        "send_timeout": _seconds(_value(scope, "send_timeout") or "60"),
        "keepalive_timeout": _seconds(_value(scope, "keepalive_timeout") or "75"),
        "limits_requests": bool(_inherited(scope, "limit_req")) or _everywhere(locations, "limits_requests"),
        "limits_connections": bool(_inherited(scope, "limit_conn")) or _everywhere(locations, "limits_connections"),
        "access_log": _logs(scope),
        "error_log": _error_log(scope),
        "autoindex": _switch(scope, "autoindex", default=False),
        "root": _value(scope, "root"),
        "wide_root": _wide(_value(scope, "root")),
        "hides_dotfiles": any(location["dotfiles"] and location["denies"] for location in locations),
        "locations": locations,
    }


def _locations(scope: Scope, upstreams: dict[str, Directive]) -> Iterator[Tree]:
    within = ("location", "if", "limit_except") if scope[-1].name != "server" else ("location",)
    for each in scope[-1].block or ():
        if each.name in within and each.args:
            inner = (*scope, each)
            yield _location(inner, upstreams)
            yield from _locations(inner, upstreams)


def _location(scope: Scope, upstreams: dict[str, Directive]) -> Tree:
    here = scope[-1]
    modifier, path = (here.args[0], here.args[1]) if len(here.args) > 1 else ("", here.args[0])
    if here.name != "location":
        modifier, path = here.name, " ".join(here.args)
    alias = next((each.args[0] for each in here.find("alias") if each.args), None)
    root = _value(scope, "root")
    return {
        "name": f"{modifier} {path} ({here.file}:{here.line})".strip(),
        **_at(here),
        "path": path,
        "modifier": modifier,
        "autoindex": _switch(scope, "autoindex", default=False),
        "root": root,
        "wide_root": _wide(root) or _wide(alias),
        "alias": alias,
        "alias_escapes": modifier in ("", "^~")
        and alias is not None
        and alias.endswith("/")
        and not path.endswith("/"),
        "dotfiles": modifier in ("~", "~*") and "/\\." in path,
        "denies": _refuses(here),
        "restricted": _restricted(scope),
        "status_page": any(True for _ in here.find("stub_status")),
        "proxy": _proxy(here, upstreams),
        "proxy_verifies": _switch(scope, "proxy_ssl_verify", default=False),
        "drops_headers": bool(_headers(scope[:-1]).keys() - _headers(scope).keys()),
        "headers": _headers(scope),
        "limits_requests": bool(_inherited(scope, "limit_req")),
        "limits_connections": bool(_inherited(scope, "limit_conn")),
        "access_log": _logs(scope),
        "body_limit": _size(_value(scope, "client_max_body_size") or "1m"),
    }


# single directives


def _at(directive: Directive) -> Tree:
    return {"file": directive.file, "line": directive.line}


def _all(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    for each in directives:
        yield each
        yield from _all(each.block or ())


def _inherited(scope: Scope, name: str) -> list[Directive]:
    """The directives called ``name`` of the innermost block that has any."""
    for block in reversed(scope):
        if found := list(block.find(name)):
            return found
    return []


def _value(scope: Scope, name: str) -> str | None:
    found = _inherited(scope, name)
    return found[-1].args[0] if found and found[-1].args else None


def _switch(scope: Scope, name: str, *, default: bool) -> bool:
    value = _value(scope, name)
    return default if value is None else value.lower() == "on"


def _listen(args: Sequence[str]) -> Tree:
    where, options = args[0] if args else "80", set(args[1:])
    address, _colon, port = where.rpartition(":") if not where.endswith("]") else (where, "", "80")
    if where.startswith("unix:"):
        address, port = where, ""
    elif not port.isdigit():
        address, port = where, "80"
    quic = "quic" in options
    return {
        "address": address or "*",
        "port": int(port) if port.isdigit() else None,
        "tls": "ssl" in options or quic,
        "quic": quic,
        "default": bool(options & {"default_server", "default"}),
        "local": address.lower().startswith(_LOCAL),
    }


def _protocols(scope: Scope, version: str | None) -> Any:
    if found := _inherited(scope, "ssl_protocols"):
        return list(found[-1].args)
    if version is None:
        return unreadable("not written, and the version whose default holds is not known")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return _SINCE_1_23_4 if numbers >= (1, 23, 4) else _UNTIL_1_23_4


def _headers(scope: Scope) -> Tree:
    found: Tree = {}
    merged = _value(scope, "add_header_inherit") == "merge"  # from 1.29.3 on
    written = [each for block in scope for each in block.find("add_header")] if merged else []
    for each in written or _inherited(scope, "add_header"):
        if len(each.args) > 1:
            found[each.args[0].lower()] = {"value": each.args[1], "always": "always" in each.args[2:]}
    return found


def _hsts(scope: Scope) -> int:
    header = _headers(scope).get("strict-transport-security")
    age = re.search(r"max-age\s*=\s*\"?(\d{1,12})", header["value"], re.IGNORECASE) if header else None
    return int(age[1]) if age else 0


def _logs(scope: Scope) -> bool:
    found = _inherited(scope, "access_log")
    return not found or any(each.args[:1] != ("off",) for each in found)


def _error_log(scope: Scope) -> Tree:
    found = _inherited(scope, "error_log")
    words = found[-1].args if found else ()
    return {"to": words[0] if words else "default", "level": words[1] if len(words) > 1 else "error"}


def _size(text: str) -> Any:
    match = re.fullmatch(r"(\d{1,12})([kmg]?)", text.lower())
    return int(match[1]) * _SIZES[match[2]] if match else unreadable(f"not a size: {text[:40]}")


def _seconds(text: str) -> Any:
    parts = re.findall(r"(\d{1,9})(ms|[smhdwMy]?)", text)
    if not parts or "".join(a + b for a, b in parts) != text:
        return unreadable(f"not a time: {text[:40]}")
    total = sum(int(number) * _TIMES[unit] for number, unit in parts)
    return int(total) if total == int(total) else total


def _refuses(block: Directive) -> bool:
    """Whether everybody is turned away here, whatever he asks for."""
    returns = [each.args[0] for each in block.find("return") if each.args]
    denies = [each.args[0] for each in block.find("deny") if each.args]
    allows = any(True for _ in block.find("allow"))
    return returns[:1] in (["444"], ["403"], ["404"], ["400"], ["410"], ["421"]) or ("all" in denies and not allows)


def _redirects(server: Directive) -> bool:
    """Whether all it does is to send people to https."""
    places = [server, *(each for each in server.find("location") if each.args[-1:] == ("/",))]
    for place in places:
        for each in place.find("return"):
            if len(each.args) > 1 and each.args[0] in ("301", "302", "307", "308"):
                return each.args[1].startswith("https://")
        for each in place.find("rewrite"):
            if len(each.args) > 1 and each.args[1].startswith("https://"):
                return True
    return False


def _restricted(scope: Scope) -> bool:
    """Whether some are kept out: by address, by password, by a client's certificate."""
    denied = any(each.args[:1] == ("all",) for each in _inherited(scope, "deny"))
    basic = (_value(scope, "auth_basic") or "off") != "off"
    asked = (_value(scope, "auth_request") or "off") != "off" or bool(_inherited(scope, "auth_jwt"))
    certificate = _value(scope, "ssl_verify_client") == "on"
    return denied or basic or asked or certificate or any(True for _ in scope[-1].find("internal"))


_PASSES: Final = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass")
_ENCRYPTED: Final = ("https", "grpcs", "suwsgi")


def _proxy(here: Directive, upstreams: dict[str, Directive]) -> Tree | None:
    passed = next((each for name in _PASSES for each in here.find(name) if each.args), None)
    if passed is None:
        return None
    target = passed.args[0]
    scheme, separator, rest = target.partition("://") if "://" in target else ("", "", target)
    host = rest if rest.startswith("unix:") else rest.partition("/")[0]
    if "$" in scheme or (passed.name == "proxy_pass" and not separator):
        unclear = unreadable("named by a variable")
        return {"to": target[:200], "tls": unclear, "local": unclear}
    servers = [each.args[0] for each in upstreams[host].find("server") if each.args] if host in upstreams else [host]
    local: Any = all(server.lower().startswith(_LOCAL) for server in servers)
    if any("$" in server for server in servers):
        local = unreadable("named by a variable")
    return {"to": target[:200], "tls": scheme in _ENCRYPTED, "local": local}


def _wide(path: str | None) -> bool:
    return path is not None and (path.rstrip("/") or "/") in _WIDE


def _everywhere(locations: list[Tree], key: str) -> bool:
    """Whether every location has it, but for those that turn everybody away."""
    told = [location for location in locations if not location["denies"]]
    return bool(told) and all(location[key] for location in told)


def _splits_answers(each: Directive) -> bool:
    """``return 302 https://$host$uri``: $uri is decoded, so a line break in the request gets into the answer."""
    if each.name == "return" and len(each.args) > 1:
        return re.search(r"\$\{?(document_)?uri\b", each.args[1]) is not None
    return False


def _stream(server: Directive) -> Tree:
    listens = [each.args for each in server.find("listen") if each.args]
    return {**_at(server), "listens": [args[0] for args in listens], "tls": any("ssl" in args[1:] for args in listens)}
