"""What is asked of a MySQL or MariaDB server, one question for each of its tables, and what the answers mean. Pure.

Every answer is one JSON text a row, made by the server and sent in hexadecimal digits: no name, however odd, can pass
for two. Hashes of passwords never leave the server: they are replaced there by what kind they are.
https://mariadb.com/kb/en/mysqlglobal_priv-table/ https://dev.mysql.com/doc/refman/8.4/en/grant-tables.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from guardian.baseline.facts.reading import Tree

_GLOBAL: Final = (
    "Select Insert Update Delete Create Drop Reload Shutdown Process File Grant References Index Alter Show_db Super "
    "Create_tmp_table Lock_tables Execute Repl_slave Repl_client Create_view Show_view Create_routine Alter_routine "
    "Create_user Event Trigger Create_tablespace"
)
_LOCAL: Final = (
    "Select Insert Update Delete Create Drop Grant References Index Alter Create_tmp_table Lock_tables Create_view "
    "Show_view Create_routine Alter_routine Execute Event Trigger"
)
PRIVILEGES: Final = tuple(_GLOBAL.split())
"""Global privileges that both engines keep in columns of ``mysql.user``."""
DATABASE_PRIVILEGES: Final = tuple(_LOCAL.split())
"""Privileges on one database that both keep in columns of ``mysql.db``."""
ADMINISTRATION: Final = frozenset(
    {"SUPER", "FILE", "PROCESS", "SHUTDOWN", "RELOAD", "CREATE_USER", "GRANT", "CREATE_TABLESPACE"}
)
"""Privileges that reach beyond data."""
_BITS: Final = {30: "SET_USER", 31: "FEDERATED_ADMIN", 32: "CONNECTION_ADMIN", 33: "READ_ONLY_ADMIN",
                34: "REPL_SLAVE_ADMIN", 35: "REPL_MASTER_ADMIN", 36: "BINLOG_ADMIN"}  # fmt: skip
"""What MariaDB took out of SUPER: it is in ``access`` of ``mysql.global_priv`` alone, by number of its bit."""


def _held(privileges: Iterable[str], table: str) -> str:
    words = (f"if({table}.{name}_priv = 'Y', '{name.upper()}', null)" for name in privileges)
    return f"concat_ws(',', {', '.join(words)})"


READER: Final = """'version', version(), 'comment', @@version_comment, 'user', current_user(),
  'host', (select HOST from information_schema.PROCESSLIST where ID = connection_id())"""

PLUGINS: Final = """'name', PLUGIN_NAME, 'status', PLUGIN_STATUS, 'type', PLUGIN_TYPE, 'library', PLUGIN_LIBRARY
from information_schema.PLUGINS order by PLUGIN_NAME"""

SCHEMAS: Final = "'name', SCHEMA_NAME\nfrom information_schema.SCHEMATA order by SCHEMA_NAME"

DATABASE_GRANTS: Final = f"""'user', d.User, 'host', d.Host, 'database', d.Db,
  'privileges', {_held(DATABASE_PRIVILEGES, "d")}
from mysql.db d order by d.User, d.Host, d.Db"""

# What is neither empty nor MariaDB's word for "none fits" becomes "set", in the server.
_KINDS = r"""regexp_replace(convert(g.Priv using utf8mb4),
  '("(?:authentication_string|auth_string|password)"[[:space:]]*:[[:space:]]*")(?!invalid")(?:[^"\\\\]|\\\\.)+"',
  '\\1set"')"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where an engine keeps the same things."""

    variables: str
    status: str
    users: str
    roles: str
    dynamic: str = ""
    """Privileges that are in no column of ``mysql.user``."""


MARIADB: Final = Dialect(
    variables="'name', VARIABLE_NAME, 'value', VARIABLE_VALUE\nfrom information_schema.GLOBAL_VARIABLES",
    status="'name', VARIABLE_NAME, 'value', VARIABLE_VALUE\nfrom information_schema.SESSION_STATUS"
    " where VARIABLE_NAME in ('SSL_CIPHER', 'SSL_VERSION')",
    users=f"""'user', u.User, 'host', u.Host, 'role', u.is_role = 'Y', 'tls', u.ssl_type <> '',
  'privileges', {_held(PRIVILEGES, "u")}, 'expired', u.password_expired = 'Y', 'raw', {_KINDS}
from mysql.user u join mysql.global_priv g on g.User = u.User and g.Host = u.Host order by u.User, u.Host""",
    roles="""'user', r.User, 'host', r.Host, 'role', r.Role, 'role_host', ''
from mysql.roles_mapping r""",
)
MYSQL: Final = Dialect(
    variables="'name', VARIABLE_NAME, 'value', VARIABLE_VALUE\nfrom performance_schema.global_variables",
    status="'name', VARIABLE_NAME, 'value', VARIABLE_VALUE\nfrom performance_schema.session_status"
    " where VARIABLE_NAME in ('Ssl_cipher', 'Ssl_version')",
    users=f"""'user', u.User, 'host', u.Host, 'role', 0, 'tls', u.ssl_type <> '',
  'privileges', {_held(PRIVILEGES, "u")}, 'expired', u.password_expired = 'Y', 'locked', u.account_locked = 'Y',
  'plugin', u.plugin, 'password', case when coalesce(u.authentication_string, '') = '' then ''
    when u.authentication_string like '%THISISNOTAVALIDPASSWORD%' then 'invalid' else 'set' end,
  'lifetime', u.password_lifetime
from mysql.user u order by u.User, u.Host""",
    roles="""'user', r.TO_USER, 'host', r.TO_HOST, 'role', r.FROM_USER, 'role_host', r.FROM_HOST
from mysql.role_edges r""",
    dynamic="""'user', g.USER, 'host', g.HOST, 'privilege', g.PRIV
from mysql.global_grants g""",
)

_TELLING: Final = ("wsrep_sst_auth", "wsrep_provider_options", "init_connect", "init_file", "init_slave")
"""Variables that may hold a password: only whether they are set is told."""
_LISTS: Final = ("sql_mode", "tls_version", "bind_address", "plugin_load", "plugin_load_add")
_SOCKET: Final = ("unix_socket", "auth_socket")
_DIRECTORIES: Final = "pam auth_pam authentication_pam gssapi auth_gssapi named_pipe authentication_windows"
_ELSEWHERE: Final = (*_DIRECTORIES.split(), "authentication_ldap_simple", "authentication_ldap_sasl",
                     "authentication_kerberos")  # fmt: skip


def version(text: str, comment: str) -> Tree:
    """``10.11.6-MariaDB-log`` taken apart: vendor, and the number."""
    mariadb = "mariadb" in f"{text} {comment}".lower()
    number = re.search(r"(\d+)\.(\d+)\.(\d+)", text.removeprefix("5.5.5-") if mariadb else text)
    return {
        "vendor": "mariadb" if mariadb else "mysql",
        "number": number[0] if number else None,
        "series": f"{number[1]}.{number[2]}" if number else None,
        "text": text[:100],
    }


def variables(rows: Iterable[Mapping[str, Any]]) -> Tree:
    """The global variables by their names in lower case: switches as booleans, numbers as numbers, lists split."""
    return {name: _typed(name, str(row["value"] or "")) for row in rows if (name := str(row["name"]).lower())}


def _typed(name: str, text: str) -> Any:
    if name in _TELLING:
        return "set" if text else "empty"
    if name in _LISTS:
        return [word.strip() for word in text.split(",") if word.strip()]
    if text in ("ON", "OFF"):
        return text == "ON"
    if re.fullmatch(r"-?\d{1,20}", text):
        return int(text)
    if re.fullmatch(r"-?\d{1,15}\.\d{1,15}", text):
        return float(text)
    return text


def user(row: Mapping[str, Any]) -> Tree:
    """One account: where from, how it proves itself, what it may.

    ``proof`` is the weakest of the ways to log in: ``empty``, ``set``, ``elsewhere`` (PAM, directories), ``socket``
    (only the system's own user), ``locked`` (nobody can).
    """
    host = str(row["host"])
    ways = _ways(row)
    locked = bool(row["role"]) or bool(row.get("locked")) or bool(_raw(row).get("account_locked"))
    kinds = [kind for _plugin, kind in ways]
    order = ("empty", "set", "elsewhere", "socket", "locked")
    bits = int(_raw(row).get("access") or 0)
    privileges = [word for word in str(row["privileges"]).split(",") if word]
    privileges += [name for bit, name in _BITS.items() if bits >> bit & 1]
    return {
        "name": f"{row['user']}@{host}",
        "user": row["user"],
        "host": host,
        "role": bool(row["role"]),
        "anonymous": row["user"] == "",
        "local": host.lower() in ("localhost", "127.0.0.1", "::1"),
        "anywhere": not row["role"] and host in ("%", "", "%.%.%.%", "0.0.0.0/0.0.0.0"),
        "wildcard": "%" in host or "_" in host or "/" in host,
        "plugins": sorted({plugin for plugin, _kind in ways}),
        "proof": "locked" if locked else min(kinds, key=order.index),
        "expired": bool(row["expired"]),
        "tls": bool(row["tls"]),
        "lifetime": row.get("lifetime", _raw(row).get("password_lifetime")),
        "roles": [],
        "privileges": privileges,
        "administers": _administers(privileges),
    }


def _administers(privileges: Iterable[str]) -> bool:
    return any(word in ADMINISTRATION or word.endswith("_ADMIN") or word.startswith("SET_") for word in privileges)


Account = tuple[str, str]


def with_grants(users: list[Tree], dynamic: Iterable[Mapping[str, Any]], roles: Iterable[Mapping[str, Any]]) -> None:
    """Add to each of ``users`` what is kept elsewhere, and what comes by roles, however many lie in between."""
    by_account: dict[Account, Tree] = {(user["user"], user["host"]): user for user in users}
    for row in dynamic:
        if holder := by_account.get((str(row["user"]), str(row["host"]))):
            holder["privileges"].append(str(row["privilege"]))
            holder["administers"] = _administers(holder["privileges"])
    steps: dict[Account, list[Account]] = {}
    for row in roles:
        steps.setdefault((str(row["user"]), str(row["host"])), []).append((str(row["role"]), str(row["role_host"])))
    own = {account: bool(user["administers"]) for account, user in by_account.items()}
    for account, user in by_account.items():
        reached: dict[Account, None] = {}
        waiting = [account, ("PUBLIC", "")]  # everybody is in PUBLIC, where there is one
        while waiting:
            at = waiting.pop()
            if at not in reached:
                reached[at] = None
                waiting += steps.get(at, [])
        user["roles"] = sorted(name for name, host in reached if (name, host) in by_account and (name, host) != account)
        user["administers"] = any(own.get(each, False) for each in reached)


def administrators(users: Iterable[Tree]) -> Any:
    """Who can log in and do what reaches beyond data; unreadable where that is of one of them."""
    acting = [user for user in users if not user["role"] and user["proof"] != "locked"]
    unread = next((user["administers"] for user in acting if isinstance(user["administers"], dict)), None)
    return unread or [str(user["name"]) for user in acting if user["administers"]]


def _raw(row: Mapping[str, Any]) -> Mapping[str, Any]:
    raw = row.get("raw")
    return raw if isinstance(raw, Mapping) else {}


def _ways(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each way to log in: plugin, and the kind of its password. MariaDB can have several."""
    raw = _raw(row)
    if not raw:
        return [_way(row.get("plugin"), row.get("password"))]
    alternatives = raw.get("auth_or") or [{}]
    # An empty alternative stands for the account's first way.
    return [_way(way.get("plugin", raw.get("plugin")), way.get("authentication_string", raw.get("authentication_string")
            if "plugin" not in way else "")) for way in alternatives]  # fmt: skip


def _way(plugin: object, password: object) -> tuple[str, str]:
    name = str(plugin or "mysql_native_password")
    if name in _SOCKET:
        return name, "socket"
    if name in _ELSEWHERE:
        return name, "elsewhere"
    return name, {"": "empty", "invalid": "locked"}.get(str(password or ""), "set")


def grants(rows: Iterable[Mapping[str, Any]]) -> list[Tree]:
    """Privileges on single databases; ``pattern`` tells those whose name is one."""
    return [
        {
            "name": f"{row['user']}@{row['host']} on {row['database']}",
            "user": row["user"],
            "host": row["host"],
            "database": row["database"],
            "system": str(row["database"]).lower() in ("mysql", "sys", "performance_schema"),
            "privileges": [word for word in str(row["privileges"]).split(",") if word],
        }
        for row in rows
    ]
