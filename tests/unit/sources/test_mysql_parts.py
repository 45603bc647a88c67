"""The quiet parts of the MySQL source: connections, names, signs in a stream."""

import pytest

from guardian.errors import ConfigError
from guardian.model.secret import Secret
from guardian.proc import Finished
from guardian.sources.mysql.dsn import option_file
from guardian.sources.mysql.instant import Marker
from guardian.sources.mysql.session import Refused, TimedOut, discreet, refusal
from guardian.sources.mysql.survey import failure
from guardian.sources.mysql.tables import Table, engines, quoted, schemas, tables


def options(text: str | bytes) -> list[str]:
    return option_file(Secret(text if isinstance(text, bytes) else text.encode())).reveal().decode().splitlines()


def test_a_uri() -> None:
    said = options("mysql://us%40er:p%23%22%5C%20w@db.example:3307/?ssl-ca=/ca.pem&ssl_verify_server_cert=1\n")
    assert said == [
        "[client]",
        'user="us@er"',
        'password="p#\\"\\\\ w"',
        'host="db.example"',
        'protocol="tcp"',
        'port="3307"',
        'ssl-ca="/ca.pem"',
        'ssl-verify-server-cert="1"',
    ]


def test_localhost_in_a_uri_is_no_socket() -> None:
    assert 'protocol="tcp"' in options("mariadb://u@localhost")
    assert options("mysql://u@/?socket=/run/x.sock") == ["[client]", 'user="u"', 'socket="/run/x.sock"']


def test_an_option_file_stays_as_it_is() -> None:
    assert options("# mine\n[client]\nuser=a\n[mysqldump]\nquick") == [
        "# mine",
        "[client]",
        "user=a",
        "[mysqldump]",
        "quick",
    ]
    assert options("socket=/run/x\nuser=a") == ["[client]", "socket=/run/x", "user=a"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only this",
        "postgresql://u:hunter2@h/",
        "mysql://u:hunter2@h/database",
        "mysql://u:hun/ter2@h:3306/",
        "mysql://u:hunter2@h:port/",
        "mysql://u:hunter2@h/?init-command=hunter2",
        "just hunter2 words",
        "user=a\0hunter2",
        b"user=\xff\xfehunter2",
        "=hunter2",
    ],
)
def test_what_leads_nowhere_is_refused_without_repeating_it(text: str | bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        options(text)
    assert "ter2" not in caught.value.message + caught.value.hint


def digits(name: str) -> str:
    return name.encode().hex().upper()


def test_names_travel_whole() -> None:
    rows = [
        (digits("中 文`\t"), digits("a\nb"), "InnoDB", "00"),
        (digits("other"), digits("x"), "Aria", "00"),
        ("odd",),
    ]
    (table,) = tables(rows, ["中 文`\t"])
    assert table == Table("中 文`\t", "a\nb", "InnoDB", "00")
    assert table.quoted == "`中 文``\t`.`a\nb`"
    assert quoted("a`b") == "`a``b`"
    assert engines([table, Table("a", "b")]) == {"?": 1, "InnoDB": 1}


def test_the_engines_own_schemas_are_not_dumped() -> None:
    names = ("app", "MYSQL", "sys", "information_schema", "#mysql50#lost+found", "performance_schema")
    assert schemas([(digits(name),) for name in names]) == ("app",)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_sign_of_a_snapshot_is_seen_however_it_is_cut(size: int) -> None:
    stream = b"-- MariaDB dump\n-- Current Host\n\n--\n-- Current Database: `app`\n--\n-- Current Database: `b`\n"
    marker = Marker()
    seen = [marker(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert seen.count(True) == 1
    assert marker.seen
    assert not Marker()(b"insert into x values ('-- Current Database: ')")


def test_errors_by_their_numbers() -> None:
    said = refusal(
        Finished(1, ("Warning: x", "ERROR 2002 (HY000): Can't connect to local server through socket", "bye"))
    )
    assert said.number == 2002
    assert failure(said).reason.code == "database-unreachable"
    dumped = refusal(Finished(2, ('mariadb-dump: Got error: 1045: "Access denied for user" when trying to connect',)))
    assert (dumped.number, failure(dumped).reason.code) == (1045, "database-refused")
    assert failure(TimedOut("x")).reason.code == "database-slow"
    assert failure(Refused("x")).reason.code == "database-refused"
    assert str(refusal(Finished(3))) == "ended with 3"


def test_data_in_an_error_stays_out_of_evidence() -> None:
    said = discreet("ERROR 1062 (23000) at line 3: Duplicate entry 'O'Brien\\n' for key 'id'")
    assert said == "ERROR 1062 (23000) at line 3: Duplicate entry '…'"
