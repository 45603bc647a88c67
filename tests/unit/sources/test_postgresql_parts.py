"""Connection strings, bounds of facts, and which program is taken: without a server."""

import json
from pathlib import Path
from typing import Any

import pytest

from guardian.errors import ConfigError, ToolMissing
from guardian.model.secret import Secret
from guardian.sources.postgresql import facts, programs
from guardian.sources.postgresql.dsn import Dsn, parse
from guardian.sources.postgresql.session import words


def read(text: str) -> Dsn:
    return parse(Secret(text.encode()))


@pytest.mark.parametrize(
    ("text", "settings", "password"),
    [
        ("host=db port=5433 user=g password=p", {"host": "db", "port": "5433", "user": "g"}, b"p"),
        (r"user = 'a \'b\\ c'  password='x y'", {"user": "a 'b\\ c"}, b"x y"),
        ("postgresql://g:p%40%3A%2F@db:5433/my%20db?sslmode=verify-full&sslrootcert=/ca.pem",
         {"user": "g", "host": "db", "port": "5433", "dbname": "my db", "sslmode": "verify-full",
          "sslrootcert": "/ca.pem"}, b"p@:/"),
        ("postgres://[::1]:5432,other/app", {"host": "::1,other", "port": "5432,5432", "dbname": "app"}, None),
        ("postgresql://g@%2Frun%2Fpg/app", {"user": "g", "host": "/run/pg", "dbname": "app"}, None),
        ("postgresql:///app?host=/run/pg&password=x", {"dbname": "app", "host": "/run/pg"}, b"x"),
        ("", {}, None),
    ],
)  # fmt: skip
def test_what_owners_write(text: str, settings: dict[str, str], password: bytes | None) -> None:
    found = read(text)
    assert found.settings == settings
    assert (found.password.reveal() if found.password else None) == password


@pytest.mark.parametrize(
    "text",
    ["host", "host=a pasword=hunter2", "passfile=/x", "service=prod", "postgresql://a:b@h:x/d", "postgresql://h/%zz",
     "host='a", "password='a\nb'", "postgresql://h/d?hunter2", "sslpassword=hunter2"],
)  # fmt: skip
def test_what_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_the_password_is_in_the_password_file_alone() -> None:
    found = read(r"host=db password='a:b\\c'").to("my 'db").with_options("-c x=y")
    assert found.conninfo() == r"host='db' dbname='my \'db' options='-c x=y'"
    assert found.secrets()["PGPASSFILE"].reveal() == b"*:*:*:*:a\\:b\\\\c\n"
    assert "a:b" not in repr(found)


def test_the_facts_of_a_thousand_databases_fit_a_receipt() -> None:
    databases = {f"database-{number:04d}": {"encoding": "UTF8", "rows": {}} for number in range(1000)}
    whole: dict[str, Any] = {"format": facts.FORMAT, "roles": ["x"] * 1000, "databases": databases}
    kept = facts.for_receipt(whole)
    assert kept["database_count"] == 1000
    assert 0 < len(kept["databases"]) < 1000
    assert len(json.dumps(kept)) < facts.RECEIPT_BYTES + 1000


def test_all_databases_share_the_room_for_counts() -> None:
    room = facts.Room()
    assert len(room.take(f"a.table_{number}" for number in range(600))) > 100
    room.take(f"b.table_{number}" for number in range(600))
    assert room.take(["c.last"]) == []


def test_where_a_question_is_asked_that_names_no_database() -> None:
    assert facts.default_database(("b",), ["a", "b"]) == "b"
    assert facts.default_database((), ["postgres", "app", "zoo"]) == "app"
    assert facts.default_database((), ["postgres"]) == "postgres"
    assert facts.default_database((), []) is None


def test_a_server_older_than_the_dump_is_none() -> None:
    with pytest.raises(ToolMissing) as caught:
        programs.server({}, 99)
    assert "postgresql-99" in caught.value.hint


def test_programs_of_a_derived_engine_are_taken_as_configured(tmp_path: Path) -> None:
    for name in ("sys_initdb", "kingbase", "ksql", "sys_restore"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'kingbase (KingbaseES) V008R006C008'\n")
        (tmp_path / name).chmod(0o755)
    own = {"initdb": "sys_initdb", "postgres": "kingbase", "psql": "ksql", "pg_restore": "sys_restore"}
    configured = {name: str(tmp_path / its) for name, its in own.items()}
    chosen = programs.server(configured, 12)
    assert (chosen.major, chosen.postgres, chosen.pg_amcheck) == (0, str(tmp_path / "kingbase"), None)
    assert programs.client("psql", configured) == str(tmp_path / "ksql")
    with pytest.raises(ToolMissing):
        programs.client("psql", {"psql": str(tmp_path / "gone")})


def test_the_line_that_says_what_was_wrong_is_quoted() -> None:
    said = ("pg_dump: last built-in OID is 16383", "pg_dump: error: query failed: ERROR:  no", "pg_dump: detail: x")
    assert words(said) == "pg_dump: error: query failed: ERROR:  no"
    assert words(()) == "it said nothing"


def test_values_are_not_quoted_and_names_are() -> None:
    said = 'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "Li Wei"'
    assert words((said,)).endswith('table "t": ERROR:  invalid input syntax for type integer: "…"')
    assert words(('ERROR:  role "x" does not exist',)) == 'ERROR:  role "x" does not exist'
