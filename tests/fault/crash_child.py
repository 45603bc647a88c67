"""The program that the crash sweep kills: imports once, then forks a fresh writer for every order it gets.

An order is one line: scenario, work folder, file for acknowledgements. The answer is the writer's pid. The writer
waits for a second line ("go"), so that strace can take hold of it first; its end is answered with its wait status.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from guardian.agent.journal import Journal
from guardian.backup import intent
from guardian.cli.init import _write_starter as write_starter
from guardian.cli.options import Session
from guardian.clock import SystemClock
from guardian.config import load as _load
from guardian.config import starter as _starter
from guardian.durable import write_atomic, write_new
from guardian.keys.signing import SigningKey
from guardian.keys.store import KeyStore, RepositoryRecord
from guardian.ledger.heads import Heads
from guardian.ledger.store import Log
from guardian.ledger.verify import verify_log
from guardian.model.evidence import KeyEvent
from guardian.model.job import JobResult, SlotEnd

ORIGIN = "example.org/crash"
RECORD = RepositoryRecord(repository_id="ab" * 32, created="2026-01-01T00:00:00Z")
INTENT = intent.Intent(run_id="cd" * 16, system="s", source="a", repository="main", started="2026-01-01T00:00:00Z")
BACKUP = "backup:s/a"
SLOTS = tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(3))
Ack = Callable[[str], None]


def event(number: int) -> KeyEvent:
    return KeyEvent(event="repository-created", tenant="t", host="h", key_id="k", at=str(number))


def create(work: Path, ack: Ack) -> None:
    """Everything a first start makes; can be repeated after being cut off anywhere."""
    store = KeyStore(work)
    key = store.ensure_signing_key(ORIGIN)
    ack(f"key {key.key_id}")
    ack(f"password {store.ensure_password('main').reveal().decode()}")
    store.save_record("main", RECORD)
    ack("record")
    folder = work / "log"
    log = Log.open_for_append(folder, key) if Log.exists(folder) else Log.create(folder, ORIGIN, key)
    ack("log")
    append_to(log, ack, 1)


def append(work: Path, ack: Ack) -> None:
    append_to(Log.open_for_append(work / "log", KeyStore(work).signing_key()), ack, 3)


def append_to(log: Log, ack: Ack, count: int) -> None:
    for _ in range(count):
        entry = log.append(event(log.size))
        ack(f"entry {entry.index}")


def replace(work: Path, ack: Ack) -> None:
    write_atomic(work / "old", b"new" * 1000)
    ack("replaced")
    write_new(work / "fresh", b"fresh" * 1000)
    ack("made")


def intend(work: Path, ack: Ack) -> None:
    """One run's intent from its declaration on: over and recorded, then looked after by the next run."""
    folder = work / "runs"
    intent.declare(folder, INTENT)
    ack("declared")
    intent.leave(folder, INTENT, recorded=True)
    ack("left")
    intent.settle(folder, INTENT)
    ack("settled")


def project(work: Path, ack: Ack) -> None:
    with Log.open_for_append(work / "log", KeyStore(work).signing_key()) as log:
        heads = Heads(log, work / "heads.json")
        assert heads.attempts("s", "a", "main").count == 1
    ack("projected")


def start(work: Path, ack: Ack) -> None:
    """What ``guardian init`` writes where there is no configuration."""
    write_starter(Session(quiet=True), work / "guardian.yaml", ())
    ack("started")


def journal(work: Path, ack: Ack) -> None:
    """An agent's books: made or opened, a run begun and ended for a slot, slots left out, one of them told of."""
    with Journal.open(work / "agent", SystemClock()) as books:
        ack("opened")
        attempt = books.begin(BACKUP, SLOTS[0])
        ack(f"begun {attempt}")
        books.end(attempt, JobResult(outcome="complete", exit_code=0))
        ack("ended")
        books.account([SlotEnd(BACKUP, slot, "missed") for slot in SLOTS[1:]])
        ack("accounted")
        books.stated(BACKUP, SLOTS[1], 7)
        ack("stated")
    ack("closed")


SCENARIOS = {
    "create": create, "append": append, "mend": append, "replace": replace,
    "intend": intend, "project": project, "start": start, "journal": journal,
}  # fmt: skip


def writer(order: str, go: int) -> None:
    scenario, work, acks = order.split("\t")
    out = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.read(go, 1)
    SCENARIOS[scenario](Path(work), lambda line: os.write(out, f"{line}\n".encode()) and None)


def answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    # What a writer would import late is imported before it is forked: the sweep then meets our own calls only.
    key = SigningKey.load(SigningKey.generate().to_pem())
    key.verify_key.verify(key.sign(b""), b"")
    assert None not in (verify_log, _load, _starter)
    for order in sys.stdin:
        wait, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                # Where Yama is in force, a tracer that is no parent needs leave (PR_SET_PTRACER, any process).
                ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
                writer(order.rstrip("\n"), wait)
            except BaseException as error:  # noqa: BLE001  the sweep must see it, whatever it is
                sys.stderr.write(f"{order!r}: {error!r}\n")
                os._exit(1)
            os._exit(0)
        answer(pid)
        sys.stdin.readline()
        os.write(go, b"g")
        answer(os.waitpid(pid, 0)[1])
        os.close(wait)
        os.close(go)


if __name__ == "__main__":
    main()
