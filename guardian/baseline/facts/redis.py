"""Facts of a Redis server: asked where it answers, read from its files where it does not, in the same shape.

A user with ``+ping +info +config|get +acl|list`` is all it needs; ``-@all`` gives honest unknowns. Nothing is written.
"""

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any, Final

from guardian.baseline.fact import unreadable
from guardian.baseline.facts import reach, redis_users
from guardian.baseline.facts import redis_config as meaning
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.reading import NOT_LIVE, Host, Tree, Unread, attempt, is_err, octal
from guardian.baseline.facts.redis_protocol import BrokenOffError, Connection, ServerError
from guardian.clock import Clock, SystemClock
from guardian.model.secret import Secret

NAME: Final = "redis"
VERSION: Final = 1
_FILES: Final = 50
_INFO: Final = ("redis_version", "redis_mode", "os", "role", "connected_slaves", "config_file", "uptime_in_seconds")
_STATE: Final = ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status", "loading",
                 "rdb_changes_since_last_save", "aof_enabled", "master_link_status", "used_memory")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """A server, or its configuration file below ``host``, or both. ``seconds`` bound the whole look."""

    address: str | None = None
    socket: str | None = None
    user: str | None = None
    password: Secret | None = None
    tls: bool = False
    cacert: str | None = None
    config: str | None = None
    host: Host = field(default_factory=lambda: Host(LocalRoot()))
    seconds: float = 60.0
    clock: Clock = field(default_factory=SystemClock)


def collect(options: Options) -> Tree:
    """The facts below ``redis``. What could not be read says so."""
    written = attempt(lambda: _written(options)) if options.config else None
    answers = bool(options.address or options.socket) and options.host.root.live
    try:
        tree = _asked(options) if answers else _from_file(options, written)
    except Unread as error:
        return {"redis": unreadable(error.reason)}
    return {"redis": tree | _beside(options, written)}


def _beside(options: Options, written: Any) -> Tree:
    """What only files tell: renamed commands, where options stand, who may read the passwords in them."""
    if options.config is None:
        reason = unreadable("not read: no configuration file is named")
        return {"renamed": reason, "origins": reason, "file": reason}
    if is_err(written):
        return {"renamed": written, "origins": written, "file": written}
    return {
        "renamed": written.renamed,
        "origins": written.origins,
        "file": attempt(lambda: _file(options.host, str(options.config))),
    }


def _file(host: Host, path: str) -> Tree:
    at = host.stat(path)
    if at is None:
        raise Unread(f"no such file: {path}")
    return {"path": path, "mode": octal(at.mode), "uid": at.uid}


# from files


def _written(options: Options) -> meaning.Written:
    found = meaning.Written()
    _read(options.host, str(options.config), found)
    return found


def _read(host: Host, path: str, found: meaning.Written) -> None:
    if len(found.includes) >= _FILES:
        raise Unread(f"too large: more than {_FILES} files")
    found.includes.append(path)
    text = host.text(path)
    if text is None:
        raise Unread(f"no such file: {path}")
    for number, line in enumerate(text.split("\n"), 1):
        try:
            included = found.take(line, path, number)
        except (ValueError, IndexError) as error:
            raise Unread(f"cannot be understood: {path} line {number}") from error
        if included:
            for each in _matches(host, included, path):
                _read(host, each, found)


def _matches(host: Host, pattern: str, by: str) -> list[str]:
    """Redis 7 takes wild cards; a name without one must exist."""
    import fnmatch  # noqa: PLC0415  only for includes

    folder, _slash, name = pattern.rpartition("/")
    folder = folder if pattern.startswith("/") else f"{by.rpartition('/')[0]}/{folder}".rstrip("/")
    if not any(letter in name for letter in "*?["):
        return [f"{folder}/{name}"]
    if any(letter in folder for letter in "*?["):
        raise Unread("an include has wild cards in a folder's name")
    return [f"{folder}/{each}" for each in host.list(folder) if fnmatch.fnmatchcase(each, name)]


def _from_file(options: Options, written: Any) -> Tree:
    if written is None:
        raise Unread(NOT_LIVE)
    if is_err(written):
        raise Unread(str(written["$err"]))
    config = meaning.options(written.options.items())
    gone = unreadable(NOT_LIVE)
    users = attempt(lambda: _users_written(options, written, config))
    return {
        "config": config,
        "listening": meaning.listening(config),
        "users": users,
        "administrators": users if is_err(users) else redis_users.administrators(users),
        "server": gone,
        "state": gone,
        "connection": gone,
    }


def _users_written(options: Options, written: meaning.Written, config: Tree) -> list[Tree]:
    lines = list(written.users)
    if path := str(config.get("aclfile") or ""):
        text = options.host.text(path)
        if text is None:
            raise Unread(f"no such file: {path}")
        lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    users = [redis_users.user(line) for line in lines]
    if not any(user["name"] == "default" for user in users):
        users.append(redis_users.default_user(config))
    return users


# from the server


def _asked(options: Options) -> Tree:
    deadline = options.clock.monotonic() + options.seconds
    open_to_all = attempt(lambda: _anonymous(options, deadline))
    connection = _connect(options, deadline)
    try:
        _log_in(connection, options)
        config = attempt(lambda: _pairs(_ask(connection, "config", "get", "*")))
        info = attempt(lambda: _info(str(_ask(connection, "info", "everything"))))
        users = attempt(lambda: [redis_users.user(str(line)) for line in _ask(connection, "acl", "list")])
    finally:
        connection.close()
    return {
        "config": config,
        "listening": config if is_err(config) else meaning.listening(config),
        "users": users,
        "administrators": users if is_err(users) else redis_users.administrators(users),
        "server": info if is_err(info) else {name.removeprefix("redis_"): info.get(name) for name in _INFO},
        "state": info if is_err(info) else {name: info.get(name) for name in _STATE},
        "connection": {"tls": options.tls, "open_to_all": open_to_all, "network": options.socket is None},
    }


def _anonymous(options: Options, deadline: float) -> bool:
    """Whether somebody who shows no password is answered."""
    connection = _connect(options, deadline)
    try:
        connection.ask("ping")
    except ServerError as error:
        if error.code in ("NOAUTH", "NOPERM", "DENIED"):
            return False
        raise Unread(f"refused: {error}") from error
    except BrokenOffError as error:
        raise Unread(str(error)) from error
    finally:
        connection.close()
    return True


def _log_in(connection: Connection, options: Options) -> None:
    if options.password is None:
        return
    name = [options.user] if options.user else []
    try:
        connection.ask("auth", *name, options.password.reveal())
    except ServerError as error:
        if "without any password" in str(error):
            return  # it has none, and that is a fact of its own
        raise Unread(f"refused: {error.code}: the password was not accepted") from error
    except BrokenOffError as error:
        raise Unread(_late(options, error)) from error


def _ask(connection: Connection, *words: str) -> Any:
    try:
        return connection.ask(*words)
    except ServerError as error:
        denied = error.code in ("NOAUTH", "NOPERM")
        raise Unread(f"{'denied' if denied else 'refused'}: {error}"[:200]) from error
    except BrokenOffError as error:
        raise Unread(f"no answer: {error}") from error


def _late(options: Options, error: BrokenOffError) -> str:
    return f"timeout after {options.seconds:g} s" if str(error) == "timeout" else f"no answer: {error}"


def _connect(options: Options, deadline: float) -> Connection:
    left = max(0.1, min(10.0, deadline - options.clock.monotonic()))
    if options.socket:
        plain: socket.socket = socket.socket(socket.AF_UNIX)
        try:
            plain.settimeout(left)
            plain.connect(options.socket)
        except OSError as error:
            plain.close()
            raise Unread(f"no connection to its socket: {(error.strerror or 'refused').lower()}") from error
        return Connection(plain, options.clock, deadline)
    address = reach.resolve(str(options.address))
    plain = reach.connect(address, left)
    return Connection(_secured(plain, options, address.host) if options.tls else plain, options.clock, deadline)


def _secured(plain: socket.socket, options: Options, name: str) -> socket.socket:
    """TLS to a certificate that was checked: a password is about to be sent."""
    try:
        return ssl.create_default_context(cafile=options.cacert).wrap_socket(plain, server_hostname=name)
    except (OSError, ValueError) as error:
        plain.close()
        why = getattr(error, "verify_message", None) or getattr(error, "reason", None) or "handshake failed"
        raise Unread(f"no TLS: {why}") from error


def _pairs(answer: Any) -> Tree:
    if not isinstance(answer, list) or len(answer) % 2:
        raise Unread("the answer makes no sense")
    words = [str(word) for word in answer]
    return meaning.options(zip(words[::2], words[1::2], strict=True))


def _info(text: str) -> Tree:
    found: Tree = {}
    for line in text.split("\n"):
        name, colon, value = line.rstrip("\r").partition(":")
        if colon and not line.startswith("#"):
            found[name] = int(value) if value.isdigit() and len(value) < 19 else value
    return found
