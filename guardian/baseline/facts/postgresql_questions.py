"""What is asked of a PostgreSQL server, one question for each of its views, and what the answers mean. Pure.

Every answer is one JSON text a row, made by the server: no name, however odd, can pass for two. Hashes of passwords
never leave the server; it is asked for their kind.
https://www.postgresql.org/docs/current/views.html
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

from guardian.baseline.fact import unreadable
from guardian.baseline.facts.reading import Tree

READER: Final = """
select current_setting('server_version_num')::int as number, current_setting('server_version') as text,
  current_user as role, pg_is_in_recovery() as recovering,
  (select rolsuper from pg_roles where rolname = current_user) as superuser,
  pg_has_role('pg_read_all_settings', 'USAGE') as reads_settings,
  pg_has_role('pg_read_all_stats', 'USAGE') as reads_statistics,
  has_table_privilege('pg_authid', 'SELECT') as reads_passwords,
  inet_client_addr() is not null as network"""

CONNECTION: Final = "select ssl, version, cipher, bits from pg_stat_ssl where pid = pg_backend_pid()"

SETTINGS: Final = """
select name, setting, vartype, source, sourcefile as file, sourceline as line, pending_restart from pg_settings"""

HBA: Final = "select * from pg_hba_file_rules order by line_number"

_ROLE: Final = """
select r.rolname as name, r.rolsuper as superuser, r.rolcreaterole as createrole, r.rolcreatedb as createdb,
  r.rolcanlogin as login, r.rolreplication as replication, r.rolbypassrls as bypassrls,
  r.rolconnlimit as connection_limit, r.rolname like 'pg\\_%' as predefined,
  case when isfinite(r.rolvaliduntil) then to_char(r.rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end
    as valid_until,
  array(select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid order by 1)
    as member_of"""
ROLES: Final = f"{_ROLE} from pg_roles r order by 1"
SUPERUSERS: Final = "select rolname as name from pg_roles where rolsuper and rolcanlogin order by 1"
LOGINS: Final = f"""{_ROLE},
  case when r.rolpassword is null then 'none' when r.rolpassword like 'SCRAM-SHA-256$%' then 'scram-sha-256'
    when r.rolpassword ~ '^md5[0-9a-f]{{32}}$' then 'md5' else 'other' end as kept_as
from pg_authid r order by 1"""

DATABASES: Final = """
select d.datname as name, pg_get_userbyid(d.datdba) as owner, d.datallowconn as connectable,
  d.datistemplate as template, d.datconnlimit as connection_limit, pg_encoding_to_char(d.encoding) as encoding,
  array(select a.privilege_type from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        where a.grantee = 0 order by 1) as public,
  has_database_privilege(d.oid, 'CONNECT') as readable
from pg_database d order by 1"""

ARCHIVER: Final = """
select archived_count as archived, failed_count as failed,
  to_char(last_archived_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last_archived,
  to_char(last_failed_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as last_failed,
  coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing
from pg_stat_archiver"""
STANDBYS: Final = """
select application_name as name, client_addr is not null as network, state, sync_state,
  (select ssl from pg_stat_ssl s where s.pid = r.pid) as ssl from pg_stat_replication r order by 1"""
SLOTS: Final = "select slot_name as name, slot_type as type, active, wal_status from pg_replication_slots order by 1"

OVERRIDES: Final = """
select coalesce(d.datname, 'all') as database, coalesce(pg_get_userbyid(nullif(s.setrole, 0)), 'all') as role,
  split_part(unnest(s.setconfig), '=', 1) as setting
from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase order by 1, 2, 3"""

_OURS: Final = "n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'"
_BROUGHT: Final = """exists (select 1 from pg_depend e where e.objid = {0}.oid and e.deptype = 'e'
  and e.classid = '{1}'::regclass)"""

SCHEMAS: Final = f"""
select n.nspname as name, pg_get_userbyid(n.nspowner) as owner,
  array(select a.privilege_type from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        where a.grantee = 0 order by 1) as public
from pg_namespace n where {_OURS} order by 1"""  # noqa: S608
EXTENSIONS: Final = "select extname as name, extversion as version from pg_extension order by 1"
LANGUAGES: Final = "select lanname as name, lanpltrusted as trusted from pg_language where lanispl order by 1"
DEFINERS: Final = f"""
select count(*) as count, count(*) filter (where not pinned) as without_search_path,
  (array_agg(name order by name) filter (where not pinned))[1:20] as examples
from (select format('%I.%I', n.nspname, p.proname) as name,
        exists (select 1 from unnest(p.proconfig) c where c like 'search\\_path=%') as pinned
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.prosecdef and {_OURS} and not {_BROUGHT.format("p", "pg_proc")}) f"""  # noqa: S608
PUBLIC_TABLES: Final = f"""
select count(*) as count, (array_agg(name order by name))[1:20] as examples
from (select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and {_OURS} and not {_BROUGHT.format("c", "pg_class")}
        and exists (select 1 from aclexplode(c.relacl) a where a.grantee = 0)) t"""  # noqa: S608

INSIDE: Final[dict[str, tuple[str, str]]] = {
    "schemas": (SCHEMAS, "many"),
    "extensions": (EXTENSIONS, "many"),
    "languages": (LANGUAGES, "many"),
    "definer_functions": (DEFINERS, "one"),
    "public_tables": (PUBLIC_TABLES, "one"),
}
"""What is asked inside every database, and whether the answer is a list or one mapping."""

_HIDDEN: Final = frozenset(
    {
        *("config_file", "data_directory", "dynamic_library_path", "external_pid_file", "hba_file", "ident_file"),
        *("krb_server_keyfile", "log_directory", "log_filename", "primary_conninfo", "session_preload_libraries"),
        *("shared_preload_libraries", "unix_socket_directories"),
    }
)
"""Settings that only ``pg_read_all_settings`` is shown; to everybody else their rows are simply not there."""

_LISTS: Final = frozenset(
    {
        *("listen_addresses", "log_destination", "session_preload_libraries", "shared_preload_libraries"),
        *("unix_socket_directories", "local_preload_libraries"),
    }
)
_MODES: Final = frozenset({"data_directory_mode", "log_file_mode", "unix_socket_permissions"})
_TELLING: Final = frozenset({"primary_conninfo", "ssl_passphrase_command", "archive_command", "restore_command"})
"""Settings that may hold a password: only whether they are set is told."""

_KNOWN_FAMILIES: Final = ("auth_delay.", "credcheck.", "passwordcheck.", "pgaudit.", "pg_stat_statements.", "set_user.")
_OWN: Final = frozenset({"client", "session", "user", "database", "database user", "interactive"})
"""Sources of a value that holds for the session that asks, and says nothing of the server."""

_HBA_SECRETS: Final = ("ldapbindpasswd", "radiussecrets")


def settings(rows: Iterable[Mapping[str, Any]], *, complete: bool) -> tuple[Tree, Tree]:
    """The settings by name, typed, and where each that is not a default is set.

    Numbers are in the unit of ``pg_settings``. A value that holds for the asking session alone is unreadable: what the
    server has is not known. Without ``complete`` so are the settings that are hidden from the role.
    """
    values: Tree = {}
    origins: Tree = {}
    for row in rows:
        name, source = str(row["name"]), str(row["source"])
        if source in _OWN:
            values[name] = unreadable(f"not the server's: set for this session ({source})")
            continue
        values[name] = _typed(name, str(row["setting"] or ""), str(row["vartype"]))
        if source != "default":
            origins[name] = {key: row[key] for key in ("source", "file", "line", "pending_restart")}
    if not complete:
        values |= {name: unreadable("denied: needs pg_read_all_settings") for name in _HIDDEN - values.keys()}
    return values, origins


def _typed(name: str, text: str, vartype: str) -> Any:
    if name in _TELLING or ("." in name and not name.startswith(_KNOWN_FAMILIES)):
        return "set" if text else "empty"
    if name in _MODES:
        return f"{int(text, 8):04o}"
    if name in _LISTS:
        return [word.strip().strip('"') for word in text.split(",") if word.strip()]
    if vartype == "bool":
        return text == "on"
    if vartype in ("integer", "real"):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text


def hba(rows: Iterable[Mapping[str, Any]]) -> list[Tree]:
    """The lines of ``pg_hba.conf``, those with an error included; ``databases`` and ``users`` are lists, ``network``
    tells lines for connections over a network. Passwords of directories are left out."""
    found = []
    for row in rows:
        kind = row["type"]
        found.append(
            {
                "line": row["line_number"],
                "file": row.get("file_name"),
                "type": kind,
                "network": kind is not None and kind != "local",
                "databases": row["database"] or [],
                "users": row["user_name"] or [],
                "address": row["address"],
                "netmask": row["netmask"],
                **_reach(row["address"], row["netmask"]),
                "method": row["auth_method"],
                "options": [_discreet(option) for option in row["options"] or []],
                "error": str(row["error"])[:200] if row["error"] else None,
            }
        )
    return found


def _reach(address: str | None, netmask: str | None) -> Tree:
    """Whether only the server itself is meant, or so much of the Internet that it may as well be all of it."""
    if netmask is None:
        return {"loopback": address in ("samehost", "localhost"), "everywhere": address == "all"}
    mask = ipaddress.ip_address(netmask)
    bits = int(mask).bit_count()
    own = ipaddress.ip_network(f"{address}/{bits}", strict=False)
    return {"loopback": own.is_loopback, "everywhere": bits < (8 if mask.version == 4 else 16)}


def _discreet(option: str) -> str:
    name, equals, _value = option.partition("=")
    return f"{name}={'set' if name in _HBA_SECRETS else _value}" if equals else name


def logins(rows: Iterable[Mapping[str, Any]]) -> list[Tree]:
    """For each role of people and programs what its password is kept as; never the password, nor its hash."""
    keys = ("name", "login", "kept_as", "valid_until")
    return [{key: row[key] for key in keys} for row in rows if not row["predefined"]]


def version(number: int, text: str) -> Tree:
    """``server_version_num`` taken apart: from 10 on, major times 10000 plus minor."""
    return {"number": number, "major": number // 10000, "text": text}
