"""What is true of a database at the moment of its dump, asked in the same snapshot. The questions, and their bounds."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from guardian.sources.answers import names_that_fit
from guardian.sources.postgresql.session import Session

FORMAT = "guardian.postgresql/v1"
"""Of ``facts.json`` in the archive."""

RECEIPT_BYTES = 20 << 10
"""Of the facts in a receipt, as JSON: it must fit an entry of the log. The archive holds them all."""

READ_ONLY = "-c default_transaction_read_only=on"
PLAIN = "-c client_encoding=UTF8 -c search_path=pg_catalog -c TimeZone=UTC -c DateStyle=ISO -c row_security=off"
"""Settings of a session that asks for facts: nothing in the database can change what its questions mean."""

OWNERS = f"{READ_ONLY} -c client_encoding=UTF8 -c TimeZone=UTC -c DateStyle=ISO -c statement_timeout=600000"
"""Settings of a session that asks what the owner wrote: ten minutes, nothing is written, times in UTC."""

TABLES = """
select pg_catalog.format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't' and c.oid >= 16384
  and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
  and not exists (select 1 from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
order by 1"""
"""Tables with rows of their own that a dump holds: no views, none of the system's, none that an extension brings."""

DATABASES = """
select d.datname, pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
  case when pg_catalog.has_database_privilege(d.oid, 'CONNECT') then pg_catalog.pg_database_size(d.oid) else 0 end
from pg_catalog.pg_database d where d.datallowconn and not d.datistemplate order by 1"""

ROLES = "select rolname from pg_catalog.pg_roles where oid >= 16384 or rolsuper order by 1"


def tables(session: Session) -> list[str]:
    """The quoted names of all tables with rows of their own."""
    return [str(name) for (name,) in session.ask(TABLES)]


def count(session: Session, table: str) -> int:
    """The exact number of rows of ``table``, a quoted name; those of tables that inherit from it are theirs."""
    return int(session.ask(f"select pg_catalog.count(*) from only {table}")[0][0] or 0)  # noqa: S608  quoted by the server


class Room:
    """How many tables may still be counted: the names of all databases together must fit a receipt."""

    def __init__(self) -> None:
        self._taken: list[str] = []

    def take(self, names: Iterable[str]) -> list[str]:
        """The first of ``names`` that still fit."""
        before = len(self._taken)
        self._taken = list(names_that_fit([*self._taken, *names]))
        return self._taken[before:]


def for_receipt(facts: Mapping[str, Any]) -> dict[str, Any]:
    """``facts`` with as many databases as fit, in order, and how many there are."""
    whole: Mapping[str, Any] = facts["databases"]
    kept: dict[str, Any] = {}
    size = 0
    for name, about in whole.items():
        size += len(json.dumps({name: about}))
        if size > RECEIPT_BYTES:
            break
        kept[name] = about
    return {**{k: v for k, v in facts.items() if k != "roles"}, "databases": kept, "database_count": len(whole)}


def default_database(asked: Iterable[str], there: Iterable[str]) -> str | None:
    """Where a question is asked that names no database: the first the owner listed, else the first that is no engine's.

    None when there is no database at all.
    """
    names = sorted(there)
    ours = [name for name in names if name not in {"postgres", "kingbase", "security", "test"}]
    return next(iter([*asked, *ours, *names]), None)
