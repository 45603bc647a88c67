"""Who has an account: passwd, group, shadow and gshadow without their hashes, and the homes."""

from collections import Counter
from typing import Any

from guardian.baseline.facts.lastlog import last_logins
from guardian.baseline.facts.reading import Host, Tree, Unread, attempt, is_err, octal
from guardian.baseline.facts.text import number

_NO_LOGIN = ("nologin", "false", "sync", "shutdown", "halt", "true")
_HASHES = {
    "1": "md5crypt", "2a": "bcrypt", "2b": "bcrypt", "2y": "bcrypt", "5": "sha256crypt", "6": "sha512crypt",
    "7": "scrypt", "y": "yescrypt", "gy": "gost-yescrypt", "sha1": "sha1crypt", "sm3": "sm3crypt",
}  # fmt: skip
_USERS = 20_000


def collect(host: Host) -> Tree:
    """``accounts``: users, groups, and what is twice there."""
    passwd = attempt(lambda: parse_passwd(host.text("/etc/passwd", 8 << 20) or ""))
    groups = attempt(lambda: parse_group(host.text("/etc/group", 8 << 20) or ""))
    return {"accounts": {**_users(host, passwd), **_groups(host, groups, passwd)}}


def parse_passwd(text: str) -> list[Tree]:
    """The lines of passwd(5); one that is no account has only ``line`` and ``malformed``. Raises Unread for too
    many."""
    found: list[Tree] = []
    for at, line in _records(text):
        fields = line.split(":")
        uid, gid = (number(part) for part in fields[2:4]) if len(fields) == 7 else (None, None)
        if uid is None or gid is None or not fields[0] or fields[0][0] in "+-":
            found.append({"line": at, "malformed": True, "name": fields[0][:64]})
            continue
        shell = fields[6] or "/bin/sh"
        found.append(
            {
                "line": at, "malformed": False, "name": fields[0], "uid": uid, "gid": gid, "home": fields[5],
                "shell": shell,
                "login": shell.rsplit("/", 1)[-1] not in _NO_LOGIN,
                "passwd": _kind(fields[1])[0] if fields[1] != "x" else "shadow",
            }
        )  # fmt: skip
    return found


def parse_shadow(text: str) -> dict[str, Tree]:
    """The lines of shadow(5): what kind of password, and its ageing in days; a number that is not set is None."""
    found: dict[str, Tree] = {}
    for _at, line in _records(text):
        name, secret, *ages = [*line.split(":"), *[""] * 8][:8]
        kind, hashed = _kind(secret)
        last, least, most, warn, inactive, expires = (number(part) for part in ages)
        found[name] = {
            "password": kind, "hash": hashed, "last_change": last, "min_days": least, "max_days": most,
            "warn_days": warn,
            "inactive_days": inactive, "expires": expires,
        }  # fmt: skip
    return found


def parse_group(text: str) -> list[Tree]:
    """The lines of group(5)."""
    found: list[Tree] = []
    for at, line in _records(text):
        fields = line.split(":")
        gid = number(fields[2]) if len(fields) >= 4 else None
        if gid is not None and fields[0]:
            members = [name for name in fields[3].split(",") if name]
            found.append({"line": at, "name": fields[0], "gid": gid, "members": members})
    return found


def _records(text: str) -> list[tuple[int, str]]:
    records = [(at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip() and not line.startswith("#")]
    if len(records) > _USERS:
        raise Unread(f"too large: {len(records)} lines")
    return records


def _kind(secret: str) -> tuple[str, str | None]:
    """What kind of password a field holds, and by which method; never the field itself."""
    if secret == "":
        return "empty", None
    bare = secret.lstrip("!")
    locked = bare != secret or not bare or bare[0] == "*"
    if not bare or bare[0] in "*!":
        return "locked", None
    if bare[0] == "$":
        method = _HASHES.get(bare.split("$")[1], "unknown")
    else:
        method = "des" if len(bare) in (13, 20) else "none"
    return ("locked" if locked or method == "none" else "set"), method


_AGEING = ("password", "hash", "last_change", "min_days", "max_days", "warn_days", "inactive_days", "expires")


def _users(host: Host, passwd: Any) -> Tree:
    if is_err(passwd):
        return dict.fromkeys(("users", "malformed", "duplicate_uids", "duplicate_names", "root_names"), passwd)
    shadow = attempt(_shadow, host)
    logins = attempt(last_logins, host)
    users = [user for user in passwd if not user["malformed"]]
    for user in users:
        user.update(_ageing(user, shadow, host.today))
        user["home_entry"] = attempt(_home, host, user) if user["login"] else None
        user["idle_days"] = logins if is_err(logins) else _idle(logins, user, host.today)
    return {
        "users": users,
        "malformed": [user for user in passwd if user["malformed"]],
        "duplicate_uids": _twice([user["uid"] for user in users]),
        "duplicate_names": _twice([user["name"] for user in users]),
        "root_names": [user["name"] for user in users if user["uid"] == 0],
    }


def _shadow(host: Host) -> dict[str, Tree]:
    text = host.text("/etc/shadow", 8 << 20)
    return parse_shadow(text) if text is not None else {}


def _ageing(user: Tree, shadow: Any, today: int) -> Tree:
    if is_err(shadow):
        return {**dict.fromkeys(_AGEING, shadow), "password_age_days": shadow}
    if user["passwd"] != "shadow":  # noqa: S105  a place, not a password
        return {**dict.fromkeys(_AGEING), "password": user["passwd"], "password_age_days": None}
    entry = shadow.get(user["name"])
    if entry is None:  # passwd points to a line that is not there: nobody gets in by password
        return {**dict.fromkeys(_AGEING), "password": "locked", "password_age_days": None}
    last = entry["last_change"]
    return {**entry, "password_age_days": None if last is None else max(0, today - last)}


def _home(host: Host, user: Tree) -> Tree | None:
    entry = host.stat(user["home"]) if user["home"].startswith("/") else None
    if entry is None:
        return None
    return {"mode": octal(entry.mode), "uid": entry.uid, "kind": entry.kind, "owned": entry.uid == user["uid"]}


def _idle(logins: dict[int | str, int], user: Tree, today: int) -> int | None:
    """Days since the last login; None for never."""
    days = [logins[key] for key in (user["uid"], user["name"]) if key in logins]
    return max(0, today - max(days)) if days else None


def _groups(host: Host, groups: Any, passwd: Any) -> Tree:
    if is_err(groups):
        return dict.fromkeys(("groups", "duplicate_gids", "missing_groups", "group_passwords"), groups)
    gids = {group["gid"] for group in groups}
    missing = passwd if is_err(passwd) else [u["name"] for u in passwd if not u["malformed"] and u["gid"] not in gids]
    return {
        "groups": groups,
        "duplicate_gids": _twice([group["gid"] for group in groups]),
        "missing_groups": missing,
        "group_passwords": attempt(_group_passwords, host),
    }


def _group_passwords(host: Host) -> list[str]:
    """Groups that anybody with their password may join."""
    text = host.text("/etc/gshadow", 8 << 20) or ""
    return [line.split(":")[0] for _at, line in _records(text) if _kind([*line.split(":"), "!"][1])[0] == "set"]


def _twice(values: list[Any]) -> list[Any]:
    return sorted(value for value, count in Counter(values).items() if count > 1)
