"""MySQL sources against a real MariaDB server: dumps of one instant, and proofs in scratch servers."""

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from guardian.clock import SystemClock
from guardian.errors import Interrupted, RepositoryDamaged, ToolFailed
from guardian.model.protection import MysqlSource
from guardian.model.secret import Secret
from guardian.proc import Stop
from guardian.sources import SourceContext, SourceFailed, prepare
from guardian.sources.mysql import instant
from guardian.sources.mysql.load import load
from guardian.sources.mysql.prove import examine, prove
from guardian.sources.mysql.server import ScratchServer
from guardian.sources.proof import Proof, ProofContext


def _module(name: str) -> Any:
    path = Path(__file__).parents[1] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mariadb = _module("mariadb")
pytestmark = pytest.mark.skipif(bool(mariadb.MISSING), reason=mariadb.MISSING)

ODD = "o`dd '中文\" $x; -- y"
ODD_SQL = "`o``dd '中文\" $x; -- y`"
PASSWORD = "p#'\"\\ ä;=%中$x`"
RIGHTS = "select, lock tables, show view, event, trigger, execute"  # execute: a view calls a function
SETUP = f"""
create database {ODD_SQL} character set utf8mb4;
use {ODD_SQL};
create table `t ``1 '表` (id int primary key, b blob, s text, at timestamp) character set utf8mb4;
insert into `t ``1 '表` values (1, 0x00010a0d5c2700ff1a, '😀 \\\\ \\t ''中文''\\r\\n', from_unixtime(1790841600));
create database app character set utf8mb4;
use app;
create user 'gone'@'%'; grant all on *.* to 'gone'@'%';
create table payments (id int primary key auto_increment, note text, parent int references payments (id));
insert into payments (note) select repeat('x', 500) from seq_1_to_4000;
create table old (x int) engine = myisam;
insert into old values (1);
delimiter ;;
create definer = `gone`@`%` function five() returns int deterministic return 5;;
create trigger log before insert on payments for each row begin set new.note = concat(new.note, ''); end;;
create event nightly on schedule every 1 day do delete from old;;
delimiter ;
create definer = `gone`@`%` view seen as select five() as five, count(*) as n from payments;
create user 'least'@'localhost' identified by '{PASSWORD.replace(chr(92), chr(92) * 2).replace("'", "''")}';
grant {RIGHTS} on *.* to 'least'@'localhost';
grant select on mysql.proc to 'least'@'localhost';
"""


@dataclass
class Bytes:
    """A dump of known bytes; ``trouble`` is called before each reading."""

    data: bytes
    path: str = "/db.sql"
    trouble: Callable[[], None] = lambda: None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.data)

    def open(self) -> BinaryIO:
        outer = self

        class Reading(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                outer.trouble()
                return super().read(size)

        return Reading(self.data)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with mariadb.MariadbServer() as started:
        started.sql(SETUP)
        yield started


def spec(**more: Any) -> MysqlSource:
    return MysqlSource.model_validate_json(json.dumps({"kind": "mysql", "dsn": "env:DSN", **more}))


@dataclass
class Taken:
    data: bytes
    facts: dict[str, Any]


@pytest.fixture
def stop() -> Iterator[Stop]:
    flag = Stop()
    yield flag
    flag.close()


class Dumper:
    def __init__(self, server: Any, stop: Stop, scratch: Path) -> None:
        self.server, self.stop, self.scratch = server, stop, scratch
        self.stall = 20.0

    def __call__(self, dsn: bytes = b"", write: Callable[[bytes], None] | None = None, **more: Any) -> Taken:
        secrets = {"dsn": Secret(dsn or self.server.dsn)}
        context = SourceContext("db", self.scratch, SystemClock(), self.stop, self.stall, secrets)
        job: Any = prepare(spec(**more), context)
        assert job.filename == "/db.sql"
        sent = bytearray()

        def take(chunk: bytes) -> None:
            sent.extend(chunk)
            if write:
                write(chunk)

        job.feed(take)
        assert job.digest().bytes == len(sent)
        return Taken(bytes(sent), job.facts())

    def refused(self, *arguments: Any, **more: Any) -> Any:
        with pytest.raises(SourceFailed) as caught:
            self(*arguments, **more)
        assert self.others() == [], "a session was left behind"
        return caught.value.reason

    def others(self) -> list[str]:
        """The sessions on the server that are not the one that asks."""
        return self.server.sql(  # type: ignore[no-any-return]
            "select user, info from information_schema.processlist"
            " where id <> connection_id() and user <> 'event_scheduler'"
        ).splitlines()

    def as_least(self, password: str = PASSWORD) -> bytes:
        escaped = password.replace("\\", "\\\\").replace('"', '\\"')
        return f'socket={self.server.socket}\nuser=least\npassword="{escaped}"\n'.encode()


@pytest.fixture
def dump(server: Any, stop: Stop, tmp_path: Path) -> Dumper:
    return Dumper(server, stop, tmp_path)


@pytest.fixture(scope="module")
def whole(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """Everything, dumped while somebody writes."""
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            server.sql("insert into app.payments (note) values ('y');" * 20)

    writer = threading.Thread(target=write)
    writer.start()
    flag = Stop()
    try:
        return Dumper(server, flag, tmp_path_factory.mktemp("dump"))(
            newest="select max(id) + 1790000000 from app.payments"
        )
    finally:
        over.set()
        writer.join()
        flag.close()


class Prover:
    def __init__(self, folder: Path, stop: Stop) -> None:
        self.folder, self.stop, self.marks = folder, stop, list[str]()
        self.context = ProofContext(folder, SystemClock(), stop, 20.0, self.marks.append)

    def __call__(self, data: bytes, facts: dict[str, Any], **more: Any) -> Proof:
        try:
            return prove(spec(**more), Bytes(data), facts, self.context)
        finally:
            self.assert_gone()

    def codes(self, data: bytes, facts: dict[str, Any], **more: Any) -> set[str]:
        return {found.code for found in self(data, facts, **more).reasons}

    def processes(self) -> list[str]:
        """Programs that have to do with the scratch directory."""
        mine = os.fsencode(self.folder)
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and mine in (entry / "cmdline").read_bytes():
                    found.append((entry / "cmdline").read_text("utf-8", "replace"))
            except OSError:
                continue
        return found

    def assert_gone(self) -> None:
        assert self.processes() == []


@pytest.fixture
def room() -> Iterator[Path]:
    """As drills give it to a proof: the servant can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="guardian-proof-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def proving(room: Path, stop: Stop) -> Prover:
    return Prover(room, stop)


def test_what_was_dumped_while_others_wrote_is_proven_row_for_row(whole: Taken, proving: Prover) -> None:
    """The counts of the receipt are those of the dump, exactly, though rows came in all the time."""
    assert whole.facts["consistent"] is True
    assert whole.facts["rows"].keys() == {"`app`.`payments`", f"{ODD_SQL}.`t ``1 '表`"}
    assert whole.facts["inexact"] == 1
    assert "MariaDB" in whole.facts["server"]
    proof = proving(
        whole.data,
        whole.facts,
        newest="select max(id) + 1790000000 from app.payments",
        assertions=[
            "select five = 5 and n > 3999 from seen",
            {"sql": "select hex(b) = '00010A0D5C2700FF1A' from `t ``1 '表`", "database": ODD},
            {"sql": "select s = '😀 \\\\ \\t ''中文''\\r\\n' from `t ``1 '表`; -- fin", "database": ODD},
            {"sql": "select unix_timestamp(at) = 1790841600 from `t ``1 '表`", "database": ODD},
            "select count(*) = 1 from information_schema.triggers where trigger_schema = 'app'",
            "select count(*) = 1 from information_schema.events where event_schema = 'app'",
        ],
    )
    assert [(r.code, r.severity) for r in proof.reasons] == [("tables-without-snapshot", "warning")]
    assert proof.newest is not None
    assert proof.newest.isoformat()[:19] == whole.facts["newest"][:19]
    assert proving.marks == ["target_ready", "fetch_start", "bytes_done", "app_started", "assertions_ok"]


@pytest.fixture(scope="module")
def loaded(whole: Taken, scratch: tuple[ScratchServer, ProofContext]) -> Callable[..., Proof]:
    """A scratch server with everything in it, to be looked at with one or another receipt."""
    server, context = scratch
    assert load(Bytes(whole.data), server, context, 600.0) is None
    return lambda facts, **more: examine(server, spec(**more), facts, context)


def test_rows_and_answers_that_are_wrong(whole: Taken, loaded: Callable[..., Proof]) -> None:
    rows = {**whole.facts["rows"], "`app`.`payments`": whole.facts["rows"]["`app`.`payments`"] + 1}
    proof = loaded(
        {**whole.facts, "rows": rows, "newest": "2099-01-01T00:00:00Z"},
        newest="select max(id) + 1790000000 from app.payments",
        assertions=[
            "select 0",
            "select null",
            "select 1 from payments where id = 0",
            "select 'not closed",
            "delete from payments",
            "create table app.x (y int)",
            "select load_file('/etc/passwd') is not null",
            "\\! touch /tmp/guardian-assertion",
        ],
    )
    codes = [r.code for r in proof.reasons if r.severity == "critical"]
    assert codes == ["rows-differ", "newest-older", *["assertion-failed"] * 8]
    assert not Path("/tmp/guardian-assertion").exists()


def test_counts_of_another_instant_prove_nothing(whole: Taken, loaded: Callable[..., Proof]) -> None:
    rows = {**whole.facts["rows"], "`app`.`payments`": 1, "`app`.`gone`": 1}
    proof = loaded({**whole.facts, "consistent": False, "rows": rows}, newest="select 'never'")
    found = {r.code: r.severity for r in proof.reasons}
    assert found["rows-not-exact"] == found["rows-differ"] == "info"
    assert found["table-missing"] == found["newest-unknown"] == "critical"


def test_what_was_loaded_is_another_database(whole: Taken, loaded: Callable[..., Proof]) -> None:
    facts = {**whole.facts, "databases": ["payroll"], "rows": {"`payroll`.`salaries`": 7}, "tables": 1}
    assert {r.code for r in loaded(facts).reasons} >= {"database-not-in-dump", "table-missing"}


@pytest.mark.parametrize("facts", [{}, {"rows": 5, "databases": 7, "tables": "x", "inexact": "y", "newest": 3}])
def test_a_receipt_that_says_nothing(facts: dict[str, Any], loaded: Callable[..., Proof]) -> None:
    assert [(r.code, r.severity) for r in loaded(facts).reasons] == [("rows-unknown", "warning")]


def test_a_dump_that_is_cut_short(whole: Taken, proving: Prover) -> None:
    for size in (0, 1, 1000, len(whole.data) // 2, len(whole.data) - 60):
        assert proving.codes(whole.data[:size], whole.facts) == {"dump-truncated"}
    trailer = whole.data[whole.data.rindex(b"\n-- Dump completed") :]
    # Somebody put the end back: now it is the rows that tell.
    middle = whole.data.rindex(b"INSERT INTO `payments`")
    sewn = whole.data[:middle] + trailer
    assert proving.codes(sewn, whole.facts) & {"table-missing", "rows-differ"}


def test_a_repository_that_cannot_give_it(scratch: tuple[ScratchServer, ProofContext]) -> None:
    def tear() -> None:
        raise RepositoryDamaged("a pack is gone")

    with pytest.raises(RepositoryDamaged):
        load(Bytes(b"select 1;\n", trouble=tear), *scratch, 60.0)


def test_a_proof_that_is_interrupted_leaves_nothing(whole: Taken, proving: Prover, stop: Stop) -> None:
    def interrupt() -> None:
        if "fetch_start" in proving.marks:
            stop.set()

    with pytest.raises(Interrupted):
        prove(spec(), Bytes(whole.data, trouble=interrupt), whole.facts, proving.context)
    proving.assert_gone()


CHILD = """
import sys, time
from pathlib import Path
from guardian.clock import SystemClock
from guardian.model.protection import MysqlSource
from guardian.proc import Stop
from guardian.sources.mysql.server import ScratchServer
from guardian.sources.proof import ProofContext
context = ProofContext(Path(sys.argv[1]), SystemClock(), Stop(), 20.0, print)
with ScratchServer(MysqlSource(kind="mysql", dsn="env:DSN", time_limit="1h"), context):
    print("running", flush=True)
    time.sleep(60)
"""


def test_a_drill_that_is_killed_takes_its_server_along(proving: Prover) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(proving.folder)], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"running\n"
        assert any("--skip-networking" in line for line in proving.processes())
        child.kill()
    deadline = time.monotonic() + 20
    while proving.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    proving.assert_gone()


@pytest.mark.parametrize("when", ["install", "start"])
def test_a_scratch_server_that_will_not_start(when: str, whole: Taken, proving: Prover) -> None:
    fake = proving.folder / "mariadbd"
    fake.write_text('#!/bin/sh\ncase "$*" in *--version*) echo MariaDB;; *) echo no licence >&2; exit 7;; esac\n')
    fake.chmod(0o755)
    programs = {("mariadbd" if when == "start" else "mariadb-install-db"): str(fake)}
    with pytest.raises(ToolFailed, match="no licence"):
        proving(whole.data, whole.facts, programs=programs)


@pytest.fixture(scope="module")
def scratch() -> Iterator[tuple[ScratchServer, ProofContext]]:
    folder = Path(tempfile.mkdtemp(prefix="guardian-proof-"))
    folder.chmod(0o711)
    flag = Stop()
    context = ProofContext(folder, SystemClock(), flag, 20.0, lambda _phase: None)
    with ScratchServer(spec(), context) as started:
        yield started, context
    shutil.rmtree(folder)
    flag.close()


@pytest.mark.parametrize(
    "poison",
    [
        b"\\! touch %s\n",
        b"system touch %s\n",
        b"select 1;\n\\! touch %s\n",
        b"\\T %s\nselect 1;\n",
        b"tee %s\nselect 1;\n",
        b"source %s\n",
        b"select 1 into outfile '%s';\n",
        b"select 1 into dumpfile '%s';\n",
        b"create database if not exists x; create table x.t (a text); load data infile '/etc/passwd' into table x.t;\n",
        b"create table if not exists x.u (a text); load data local infile '/etc/passwd' into table x.u;\n",
        b"set global local_infile = 1; load data local infile '/etc/passwd' into table x.t;\n",
        b"create function run_it returns string soname 'udf.so';\n",
        b"install soname 'ha_connect';\n",
        b"\xff\xfe\x00 not sql;\n",
    ],
)
def test_a_poisoned_dump_runs_nothing(
    poison: bytes, scratch: tuple[ScratchServer, ProofContext], tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    mark = tmp_path / "mark"
    data = poison.replace(b"%s", os.fsencode(mark)).replace(b"%%", b"%") + b"-- Dump completed\n"
    failed = load(Bytes(data), scratch[0], scratch[1], 60.0)
    assert failed is not None
    assert failed.code == "restore-failed"
    assert not mark.exists()


def test_a_scratch_server_runs_as_nobody_and_listens_nowhere(scratch: tuple[ScratchServer, ProofContext]) -> None:
    pid = scratch[0]._service.pid  # type: ignore[union-attr]
    status = Path(f"/proc/{pid}/status").read_text()
    uid = int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1])
    assert uid != 0 or os.geteuid() != 0
    listening = {
        line.split()[9] for name in ("tcp", "tcp6") for line in _lines(f"/proc/{pid}/net/{name}") if " 0A " in line
    }
    held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    assert not {f"socket:[{inode}]" for inode in listening} & held
    assert (scratch[1].folder / "mysql").stat().st_mode & 0o777 == 0o700


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()[1:]


def test_the_least_rights_and_an_odd_password_are_enough(dump: Dumper) -> None:
    """Without the right to lock, the facts say that they are not exact; with it, they are."""
    taken = dump(dump.as_least())
    assert taken.facts["consistent"] is False
    assert taken.facts["rows"]["`app`.`payments`"] > 0
    for made in (b"FUNCTION `five`", b"EVENT `nightly`", b"trigger log", b"VIEW `seen`"):
        assert made in taken.data
    dump.server.sql("grant reload on *.* to 'least'@'localhost'")
    assert dump(dump.as_least()).facts["consistent"] is True
    assert dump.others() == []


def test_a_wrong_password(dump: Dumper) -> None:
    assert dump.refused(dump.as_least("wrong")).code == "database-refused"


def test_a_server_that_is_not_there(dump: Dumper) -> None:
    gone = f"socket={dump.scratch}/none\nuser=root\n".encode()
    with pytest.raises(SourceFailed) as caught:
        dump(gone)
    assert caught.value.reason.code == "database-unreachable"


def test_a_database_that_is_not_there(dump: Dumper) -> None:
    assert dump.refused(databases=["app", "nope"]).code == "database-missing"


def test_a_locked_table_stalls_the_dump_and_not_the_server(
    dump: Dumper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The lock is given up at once, so that writers elsewhere go on; nothing secret is on a command line meanwhile."""
    monkeypatch.setattr(instant, "LOCK_SECONDS", 1)
    held, seen = threading.Event(), list[bytes]()
    holder = dump.server.session()
    try:
        holder.stdin.write(b"lock tables app.payments write;\nselect 'locked';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"locked\n"
        watcher = threading.Thread(target=_command_lines, args=(held, seen))
        watcher.start()
        dump.stall = 2.0
        with pytest.raises(SourceFailed) as caught:
            dump(dump.as_least())
        assert caught.value.reason.code == "producer-stalled"
        dump.server.sql("create table if not exists app.elsewhere (x int); drop table app.elsewhere")
    finally:
        held.set()
        watcher.join()
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
    assert any(b"mariadb-dump" in line for line in seen)
    assert not any(PASSWORD[-4:].encode() in line or b"p#'" in line for line in seen)


def _command_lines(over: threading.Event, seen: list[bytes]) -> None:
    while not over.wait(0.2):
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal():
                    seen.append((entry / "cmdline").read_bytes() + (entry / "environ").read_bytes())
            except OSError:
                continue


def test_an_interrupted_dump_leaves_no_session(dump: Dumper, stop: Stop) -> None:
    with pytest.raises(Interrupted):
        dump(write=lambda _chunk: stop.set())
    assert dump.others() == []


def test_restic_that_ends_early_ends_the_dump(dump: Dumper) -> None:
    def full(_chunk: bytes) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        dump(write=full)
    assert dump.others() == []


def test_a_server_that_dies_in_the_middle_leaves_no_dump(dump: Dumper) -> None:
    """Last of those that use the server: it comes back as after a power cut."""
    dump.server.sql(
        "use app; create table app.big (b longblob); insert into app.big select repeat('x', 4000000) from seq_1_to_4"
    )
    try:
        with pytest.raises(SourceFailed) as caught:
            dump(write=lambda _chunk: dump.server.kill())
        assert caught.value.reason.code == "dump-failed"
    finally:
        dump.server.start()
        dump.server.sql("drop table app.big")
