"""What is in a server: questions about its tables and how the answers are read. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SYSTEM = frozenset({"information_schema", "performance_schema", "mysql", "sys", "ndbinfo"})
"""Schemas of the engine's own."""

_ODD = "#mysql50#"
"""Begins the name of a directory that is no schema, such as lost+found."""

LIST_SCHEMAS = "select hex(schema_name) from information_schema.schemata order by schema_name"
LIST_TABLES = (
    "select hex(table_schema), hex(table_name), coalesce(engine, ''), hex(coalesce(create_time, ''))"
    " from information_schema.tables where table_type in ('BASE TABLE', 'SYSTEM VERSIONED')"
    " and table_schema not in ('information_schema', 'performance_schema', 'mysql', 'sys', 'ndbinfo')"
    " order by table_schema, table_name"
)
LIST_TRANSACTIONAL = "select engine from information_schema.engines where transactions = 'YES'"
"""Engines that can show a table as it was when a transaction began."""

Rows = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that holds rows. ``made`` changes whenever it is altered, emptied or made anew."""

    schema: str
    name: str
    engine: str = ""
    made: str = ""

    @property
    def quoted(self) -> str:
        """As SQL, receipts and reasons name it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def count(self) -> str:
        """The question for the number of its rows."""
        return f"select count(*) from {self.quoted}"  # noqa: S608  quoted as an identifier


def quoted(name: str) -> str:
    """``name`` as an identifier."""
    return f"`{name.replace('`', '``')}`"


def text(digits: str) -> str:
    """A name out of its hexadecimal digits."""
    return bytes.fromhex(digits).decode("utf-8", "surrogateescape")


def schemas(rows: Rows) -> tuple[str, ...]:
    """The schemas of owners, of LIST_SCHEMAS."""
    names = (text(row[0]) for row in rows)
    return tuple(name for name in names if name.lower() not in SYSTEM and not name.startswith(_ODD))


def tables(rows: Rows, wanted: Iterable[str]) -> tuple[Table, ...]:
    """The tables in the ``wanted`` schemas, of LIST_TABLES."""
    schemas_wanted = {name.casefold() for name in wanted}  # a server may fold its names' case
    found = (Table(text(row[0]), text(row[1]), row[2], row[3]) for row in rows if len(row) == 4)
    return tuple(table for table in found if table.schema.casefold() in schemas_wanted)


def engines(found: Iterable[Table]) -> Mapping[str, int]:
    """How many tables each storage engine holds."""
    counted: dict[str, int] = {}
    for table in found:
        counted[table.engine or "?"] = counted.get(table.engine or "?", 0) + 1
    return dict(sorted(counted.items()))
