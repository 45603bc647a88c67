"""What database servers answer, made into facts: typed, without secrets, and honest about what is hidden."""

import json
from typing import Any

import pytest

from guardian.baseline.facts import mysql, postgresql
from guardian.baseline.facts import mysql_questions as my
from guardian.baseline.facts import postgresql_questions as pg
from guardian.model.secret import Secret


def setting(name: str, value: str, vartype: str = "string", source: str = "default") -> dict[str, Any]:
    return {"name": name, "setting": value, "vartype": vartype, "source": source, "file": "/f", "line": 7,
            "pending_restart": False}  # fmt: skip


def test_settings_are_typed_and_hold_no_secret() -> None:
    rows = [
        setting("fsync", "on", "bool"), setting("port", "5432", "integer"), setting("cost", "1.5", "real"),
        setting("log_file_mode", "0600", "integer"), setting("listen_addresses", "a, b"),
        setting("primary_conninfo", "password=s3cret"), setting("app.key", "s3cret", source="configuration file"),
        setting("pgaudit.log", "ddl"), setting("archive_command", "curl -u me:s3cret"),
        setting("statement_timeout", "10000", "integer", "client"), setting("ssl", "on", "bool", "user"),
    ]  # fmt: skip
    values, origins = pg.settings(rows, complete=True)
    assert "s3cret" not in json.dumps([values, origins])
    assert (values["fsync"], values["port"], values["cost"], values["log_file_mode"]) == (True, 5432, 1.5, "0600")
    assert (values["listen_addresses"], values["pgaudit.log"], values["app.key"]) == (["a", "b"], "ddl", "set")
    assert "session" in values["ssl"]["$err"]
    assert "$err" in values["statement_timeout"]
    assert origins == {"app.key": {"source": "configuration file", "file": "/f", "line": 7, "pending_restart": False}}


def test_settings_that_are_hidden_from_a_role_are_unreadable_and_not_absent() -> None:
    values, _ = pg.settings([setting("fsync", "on", "bool")], complete=False)
    assert "pg_read_all_settings" in values["shared_preload_libraries"]["$err"]
    values, _ = pg.settings([setting("fsync", "on", "bool")], complete=True)
    assert "shared_preload_libraries" not in values


FULL = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"


def line(**more: Any) -> dict[str, Any]:
    return {"line_number": 1, "type": "host", "database": ["all"], "user_name": ["all"], "address": None,
            "netmask": None, "auth_method": "ldap", "options": None, "error": None, **more}  # fmt: skip


def test_lines_of_hba_say_whom_they_let_in() -> None:
    secret = line(options=["ldapserver=x", "ldapbindpasswd=s3cret", "radiussecrets=s3cret", "clientcert"])
    found = pg.hba(
        [secret, line(address="all"), line(address="0.0.0.0", netmask="0.0.0.0"), line(address="::1", netmask=FULL),
         line(type="local"), line(type=None, database=None, user_name=None, auth_method=None, error="bad " * 100)]
    )  # fmt: skip
    assert "s3cret" not in json.dumps(found)
    assert found[0]["options"] == ["ldapserver=x", "ldapbindpasswd=set", "radiussecrets=set", "clientcert"]
    assert [each["everywhere"] for each in found] == [False, True, True, False, False, False]
    assert [each["network"] for each in found] == [True, True, True, True, False, False]
    assert (found[3]["loopback"], len(found[5]["error"])) == (True, 200)


@pytest.mark.parametrize(
    ("address", "netmask", "loopback", "everywhere"),
    [
        ("127.0.0.1", "255.255.255.255", True, False),
        ("127.0.0.0", "255.0.0.0", True, False),
        ("127.0.0.1", "0.0.0.0", False, True),
        ("128.0.0.0", "128.0.0.0", False, True),
        ("10.0.0.0", "255.0.0.0", False, False),
        ("::", "::", False, True),
        ("samehost", None, True, False),
        ("samenet", None, False, False),
    ],
)
def test_how_far_a_line_reaches(address: str, netmask: str | None, loopback: bool, everywhere: bool) -> None:
    (found,) = pg.hba([line(address=address, netmask=netmask)])
    assert (found["loopback"], found["everywhere"]) == (loopback, everywhere)


@pytest.mark.parametrize(
    ("text", "comment", "vendor", "number"),
    [
        ("10.11.6-MariaDB-0+deb12u1", "Debian", "mariadb", "10.11.6"),
        ("5.5.5-10.6.7-MariaDB", "", "mariadb", "10.6.7"),
        ("8.4.3", "MySQL Community Server - GPL", "mysql", "8.4.3"),
        ("11.4.2", "MariaDB Server", "mariadb", "11.4.2"),
        ("nonsense", "", "mysql", None),
    ],
)
def test_versions_of_two_engines(text: str, comment: str, vendor: str, number: str | None) -> None:
    told = my.version(text, comment)
    assert (told["vendor"], told["number"]) == (vendor, number)


def test_variables_are_typed_and_hold_no_secret() -> None:
    rows = [("LOCAL_INFILE", "OFF"), ("PORT", "3306"), ("SQL_MODE", "A,B"), ("HAVE_SSL", "YES"), ("X", "1.5"),
            ("WSREP_SST_AUTH", "me:s3cret"), ("INIT_CONNECT", "")]  # fmt: skip
    found = my.variables({"name": name, "value": value} for name, value in rows)
    assert found == {"local_infile": False, "port": 3306, "sql_mode": ["A", "B"], "have_ssl": "YES", "x": 1.5,
                     "wsrep_sst_auth": "set", "init_connect": "empty"}  # fmt: skip


NATIVE = "mysql_native_password"


def account(**more: Any) -> Any:
    row = {"user": "a", "host": "%", "role": 0, "tls": 0, "privileges": "", "expired": 0}
    return my.user({**row, **more})


@pytest.mark.parametrize(
    ("raw", "proof"),
    [
        ({"plugin": NATIVE, "authentication_string": ""}, "empty"),
        ({"plugin": NATIVE, "authentication_string": "set"}, "set"),
        ({"plugin": NATIVE, "authentication_string": "invalid", "auth_or": [{}, {"plugin": "unix_socket"}]}, "socket"),
        ({"plugin": "unix_socket", "auth_or": [{}, {"plugin": NATIVE, "authentication_string": ""}]}, "empty"),
        ({"plugin": "ed25519", "authentication_string": "set", "account_locked": True}, "locked"),
        ({"plugin": "pam"}, "elsewhere"),
        ({"access": 0}, "empty"),
    ],
)  # fmt: skip
def test_the_weakest_way_to_log_in_counts(raw: dict[str, Any], proof: str) -> None:
    assert account(raw=raw)["proof"] == proof


def test_accounts_of_mysql_itself() -> None:
    found = account(plugin="caching_sha2_password", password="set", locked=0, lifetime=None, privileges="SELECT,SUPER")
    assert (found["proof"], found["administers"], found["plugins"]) == ("set", True, ["caching_sha2_password"])
    assert account(plugin="x", password="", locked=1)["proof"] == "locked"
    assert account(plugin="auth_socket", password="", host="localhost")["local"] is True
    assert account(role=1, host="", raw={})["anywhere"] is False


def test_privileges_come_by_roles_too_and_by_what_is_no_column() -> None:
    users = [account(user="u", host="h"), account(user="inner", host="", role=1, raw={"access": 1 << 30}),
             account(user="outer", host="", role=1, raw={}), account(user="none", host="h")]  # fmt: skip
    roles = [
        {"user": "u", "host": "h", "role": "outer", "role_host": ""},
        {"user": "outer", "host": "", "role": "inner", "role_host": ""},
        {"user": "inner", "host": "", "role": "outer", "role_host": ""},  # round and round
    ]
    my.with_grants(users, [{"user": "none", "host": "h", "privilege": "BACKUP"}], roles)
    assert [(user["administers"], user["roles"]) for user in users] == [
        (True, ["inner", "outer"]), (True, ["outer"]), (True, ["inner"]), (False, []),
    ]  # fmt: skip
    my.with_grants(users, [{"user": "none", "host": "h", "privilege": "BINLOG_ADMIN"}], roles)
    assert users[3]["administers"] is True


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]"])
def test_no_database_leads_to_metadata(host: str) -> None:
    plain = host.strip("[]")
    for dsn in (f"host={plain} user=x", f"postgresql://x@{host}/x", f"hostaddr={plain}"):
        assert "refused" in postgresql.collect(postgresql.Options(Secret(dsn.encode())))["pg"]["$err"]
    for dsn in (f"mysql://x:y@{host}/", f"user=x\nhost = {plain}\n"):
        assert "refused" in mysql.collect(mysql.Options(Secret(dsn.encode())))["my"]["$err"]
