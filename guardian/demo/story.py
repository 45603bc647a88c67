"""The main job, told as it happens: the commands a user would type, on a real server, with real data.

Back up a directory and a live database to S3, lose the originals, bring them back, compare them with digests
that Guardian never saw, drill, and hand an auditor the evidence. Every command is the installed program, run as
another process.
"""

import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guardian import i18n
from guardian.clock import Clock
from guardian.demo import live
from guardian.demo.server import SeaweedFS
from guardian.errors import ExitCode, ToolFailed
from guardian.i18n import _
from guardian.proc import Command, capture

Say = Callable[[str], None]

_LIMIT = 4 << 20
_CONFIGURATION = """\
tenant: {{id: demo-agency, name: {{zh: 演示单位, en: Demonstration agency}}, region: "520000"}}
host: demo-host
repositories:
  main: {{url: "{url}/{{system}}", credentials: file:s3.env}}
systems:
  social-insurance:
    mlps_level: 3
    objectives: {{rpo: 1h, rto: 4h}}
    sources:
      documents: {{kind: files, paths: [{documents}]}}
      payments:
        kind: sqlite
        path: {database}
        assertions: ["select count(*) >= 20000 from payments", "select min(cents) >= 0 from payments"]
        newest: select max(paid_at) from payments
    plan: {{schedule: every 1h, retention: {{hourly: 24, daily: 14}}, drills: {{D2: daily, D3: weekly, D4: monthly}}}}
"""


@dataclass(slots=True)
class Story:
    """One telling. ``timings`` are (step, seconds); ``good`` says whether everything came out as it must."""

    folder: Path
    clock: Clock
    say: Say
    timings: list[tuple[str, float]] = field(default_factory=list)
    good: bool = True

    @property
    def documents(self) -> Path:
        """The live directory."""
        return self.folder / "live" / "documents"

    @property
    def database(self) -> Path:
        """The live database."""
        return self.folder / "live" / "payments.db"

    def tell(self) -> None:
        """Play the whole job."""
        with self._step(_("a real S3 server (SeaweedFS) on loopback")):
            server = SeaweedFS.start(self.folder / "s3")
        with server:
            self.say(_("  it answers at {endpoint}").format(endpoint=server.endpoint))
            before = self._prepare(server)
            self._protect()
            rows = self._lose()
            self._recover(before, rows)
            self._prove()

    def _prepare(self, server: SeaweedFS) -> dict[str, str]:
        with self._step(_("real data: a directory and a live database")):
            live.make_documents(self.documents)
            live.make_database(self.database)
            server.credentials_file(self.folder / "s3.env")
            configuration = _CONFIGURATION.format(
                url=f"s3:{server.endpoint}/guardian",
                documents=json.dumps(str(self.documents)),
                database=json.dumps(str(self.database)),
            )
            (self.folder / "guardian.yaml").write_text(configuration, "utf-8")
            before = live.fingerprint(self.documents)
        self.say(_("  {count} files, and a database that goes on being written").format(count=len(before)))
        with self._step(_("keys, log and an encrypted repository")):
            self._guardian("init")
        return before

    def _protect(self) -> None:
        with self._step(_("backup, while the database is written")), live.Writer(self.database):
            self._guardian("backup")

    def _lose(self) -> int:
        rows = live.rows_in(self.database)
        with self._step(_("disaster: the originals are deleted")):
            shutil.rmtree(self.folder / "live")
        return rows

    def _recover(self, before: dict[str, str], rows: int) -> None:
        back = self.folder / "restored"
        with self._step(_("restore into an empty directory")):
            self._guardian("restore", "social-insurance/documents", "--target", str(back / "documents"))
            self._guardian("restore", "social-insurance/payments", "--target", str(back / "payments"))
        with self._step(_("comparison with digests Guardian never saw")):
            after = live.fingerprint(back / "documents" / str(self.documents).lstrip("/"))
            came = live.rows_in(back / "payments" / "payments.db")
        self._expect(
            after == before,
            _("{count} of {total} files are identical").format(
                count=sum(before.get(name) == digest for name, digest in after.items()), total=len(before)
            ),
        )
        self._expect(0 < came <= rows, _("the database is whole: {rows} payments, as of the backup").format(rows=came))

    def _prove(self) -> None:
        with self._step(_("restore drill, up to a database that answers its owner's questions")):
            self._guardian("verify", "--level", "D4")
        with self._step(_("the signed log")):
            self._guardian("ledger", "verify")
        with self._step(_("what an auditor takes away, checked without Guardian")):
            self._guardian("audit", "pack", "social-insurance", "--output", "evidence.zip")
            self._check_pack()

    def _check_pack(self) -> None:
        """Check the pack with the verifier inside it, by a Python that cannot see Guardian."""
        with zipfile.ZipFile(self.folder / "evidence.zip") as pack:
            (self.folder / "verify.py").write_bytes(pack.read("verify.py"))
        self.say("  $ python3 verify.py evidence.zip")
        self._run((sys.executable, "-I", "verify.py", "evidence.zip"), "verify.py")

    def _guardian(self, *arguments: str) -> None:
        """Run the program as a user would, and show what it says."""
        self.say(f"  $ guardian {' '.join(arguments)}")
        self._run((sys.executable, "-m", "guardian", "--lang", i18n.language(), *arguments), f"guardian {arguments[0]}")

    def _run(self, argv: tuple[str, ...], name: str) -> None:
        said = capture(Command(argv, environment={"PYTHONUTF8": "1"}, cwd=self.folder), limit_bytes=_LIMIT, seconds=600)
        for line in said.stdout.decode("utf-8", "replace").splitlines():
            self.say(f"    {line}")
        if said.returncode != ExitCode.OK:
            self.good = False
            for line in said.stderr:
                self.say(f"    {line}")
            raise ToolFailed(_("'{verb}' ended with exit code {code}").format(verb=name, code=said.returncode))

    def _expect(self, truth: bool, text: str) -> None:
        self.good = self.good and truth
        self.say(f"  {'✓' if truth else '✗'} {text}")

    @contextmanager
    def _step(self, text: str) -> Iterator[None]:
        self.say("")
        self.say(f"{len(self.timings) + 1}. {text}")
        started = self.clock.monotonic()
        yield
        seconds = self.clock.monotonic() - started
        self.timings.append((text, seconds))


def new_folder() -> Path:
    """A fresh private directory for a demonstration."""
    return Path(tempfile.mkdtemp(prefix="guardian-demo-"))


def summary(story: Story) -> dict[str, Any]:
    """The telling as data."""
    return {
        "folder": str(story.folder),
        "good": story.good,
        "steps": [{"step": text, "seconds": round(seconds, 2)} for text, seconds in story.timings],
    }
