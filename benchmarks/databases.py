"""D4 of a PostgreSQL database: ``python benchmarks/databases.py --scratch DIR [--mib 1024] [--jobs 2] [--pairs 3]``.

A is all that a drill does to prove the dump: open the repository, make and start a scratch server, take the dump out by
the decoder, load it, count every row, check every table and index with pg_amcheck, ask two assertions, tidy up. B is
``pg_restore`` alone, of the same dump lying ready in a file, into a server of the same kind that already runs. By
turns, with the same number of jobs.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guardian.clock import SystemClock
from guardian.decoder.repository import open_repository
from guardian.drill.dump import RepositoryDump
from guardian.model.protection import PostgresqlSource
from guardian.model.secret import Secret
from guardian.objectstore.local import LocalReader
from guardian.proc import Stop
from guardian.scratch import scratch_folder
from guardian.sources.job import SourceContext
from guardian.sources.postgresql.dump import PostgresqlJob
from guardian.sources.postgresql.programs import server as find_server
from guardian.sources.postgresql.prove import prove
from guardian.sources.postgresql.scratch import HOME, ScratchServer, scratch_server
from guardian.sources.proof import ProofContext

SHARE, SECONDS = 1.10, 5.0
"""The budget: A at most SHARE times B, and so many seconds more."""

PASSWORD = "benchmark"  # of a repository that is thrown away
ROW_BYTES = 330  # of the dump, about
ASSERTIONS = ("select count(*) > 0 from payments_1", "select max(at) > '2020-01-01' from payments_0")


def spec(jobs: int) -> PostgresqlSource:
    written = {"kind": "postgresql", "dsn": "file:none", "databases": ["app"], "jobs": jobs, "assertions": ASSERTIONS}
    return PostgresqlSource.model_validate_json(json.dumps(written))


@contextmanager
def running(root: Path) -> Iterator[tuple[ScratchServer, ProofContext]]:
    with scratch_folder(root, passable=True) as folder:
        context = ProofContext(folder, SystemClock(), Stop(), 600.0, lambda _phase: None)
        with scratch_server(find_server({}, 0), context) as server:
            yield server, context


def fill(server: ScratchServer, mib: int) -> None:
    """Four tables with keys, indexes and text that neither repeats nor is random."""
    rows = mib * 2**20 // ROW_BYTES // 4
    with server.session(HOME, 3600) as session:
        session.do("create database app")
    with server.session("app", 3600) as session:
        for number in range(4):
            table = f"payments_{number}"
            session.do(f"create table {table} (id bigint, at timestamptz, account text, note text)")
            text = "(select string_agg(md5((i * 8 + k)::text), ' ') from generate_series(0, 7) k)"
            session.do(
                f"insert into {table} select i, '2026-01-01'::timestamptz + i * interval '1 second', "
                f"md5((i % 5000)::text), {text} from generate_series(1, {rows}) i"
            )
            session.do(f"alter table {table} add primary key (id)")
            session.do(f"create index on {table} (account)")


def make(folder: Path, root: Path, mib: int, jobs: int) -> None:
    """The source, its backup in a repository, and its dump in a file, unless they are there from the run before."""
    if (folder / "facts.json").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with running(root) as (server, _context):
        fill(server, mib)
        dsn = f"host={server.sockets} user={server.superuser}"
        source = SourceContext("core", folder, SystemClock(), Stop(), 600.0, {"dsn": Secret(dsn.encode())})
        job = PostgresqlJob(spec(jobs), source)
        with (folder / "core.zip").open("wb") as archive:
            job.feed(archive.write)  # type: ignore[arg-type]
    restic(folder, "init")
    restic(folder, "backup", "--stdin", "--stdin-filename", "core.zip", stdin=folder / "core.zip")
    with (
        zipfile.ZipFile(folder / "core.zip") as archive,
        archive.open("databases/app.dump") as dump,
        (folder / "app.dump").open("wb") as file,
    ):
        shutil.copyfileobj(dump, file, 1 << 20)
    (folder / "core.zip").unlink()
    (folder / "facts.json").write_text(json.dumps(job.facts()))


def restic(folder: Path, *words: str, stdin: Path | None = None) -> None:
    environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": str(folder / "repository")}
    with (stdin or Path(os.devnull)).open("rb") as given:
        subprocess.run(["restic", "--no-cache", "-q", *words], env=environment, stdin=given, check=True)


def drill(folder: Path, root: Path, jobs: int) -> tuple[float, dict[str, float]]:
    """A: from the closed repository to the verdict, and everything gone again."""
    started = time.monotonic()
    marks: dict[str, float] = {}

    def mark(phase: str) -> None:
        marks.setdefault(phase, time.monotonic() - started)

    facts = json.loads((folder / "facts.json").read_text())
    with LocalReader(folder / "repository") as reader, scratch_folder(root, passable=True) as scratch:
        loaded = open_repository(reader, Secret(PASSWORD.encode())).load()
        [name] = (folder / "repository" / "snapshots").iterdir()
        node = loaded.find(loaded.snapshot(name.name), b"/core.zip")
        dump = RepositoryDump("/core.zip", loaded.file(node), lambda: None)
        proof = prove(spec(jobs), dump, facts, ProofContext(scratch, SystemClock(), Stop(), 600.0, mark))
    if proof.reasons or proof.measured["tables_compared"] != 4:
        raise SystemExit(f"the drill did not prove the dump: {proof}")
    return time.monotonic() - started, marks


def restore(folder: Path, root: Path, jobs: int) -> float:
    """B: pg_restore alone."""
    with running(root) as (server, context):
        dump = context.folder / "app.dump"
        os.link(folder / "app.dump", dump) if same_disk(folder, root) else shutil.copy(folder / "app.dump", dump)
        dump.chmod(0o644)
        words = ("--exit-on-error", "--create", "--no-tablespaces", "--no-owner", "--no-privileges", f"--jobs={jobs}")
        started = time.monotonic()
        done = server.run((server.programs.pg_restore, *words, f"--dbname={server.conninfo(HOME)}", str(dump)), 3600)
        seconds = time.monotonic() - started
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        return seconds


def same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    folder, root = arguments.scratch / f"postgresql-{arguments.mib}", arguments.scratch / "servers"
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o711)
    make(folder, root, arguments.mib, arguments.jobs)
    size = (folder / "app.dump").stat().st_size / 2**20
    print(f"dump of {size:.0f} MiB, {arguments.jobs} jobs")
    drills, restores = [], []
    for _pair in range(arguments.pairs):
        seconds, marks = drill(folder, root, arguments.jobs)
        drills.append(seconds)
        restores.append(restore(folder, root, arguments.jobs))
        said = ", ".join(f"{phase} {at:.2f}" for phase, at in marks.items())
        print(f"  A {seconds:.2f} s ({said}), B {restores[-1]:.2f} s")
    a, b = statistics.median(drills), statistics.median(restores)
    verdict = "within" if a <= SHARE * b + SECONDS else "OVER"
    print(f"A {a:.2f} s, B {b:.2f} s, A/B {a / b:.3f}, A − B {a - b:.2f} s: {verdict} {SHARE} × B + {SECONDS:g} s")


if __name__ == "__main__":
    main()
