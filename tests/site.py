"""A configured host for tests: real directories, a real database, a real repository, and the real command line."""

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ODD_NAMES = (
    b"new\nline",
    b"esc\x1b[31m",
    b"not-utf8-\xff\xfe",
    "中文 文件.txt".encode(),
    b"-rf",
    b"star*[x]?.txt",
    b"back\\slash",
)


@dataclass(frozen=True, slots=True)
class Said:
    """What one call of ``guardian`` ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def reasons(self) -> set[str]:
        """Every reason code in the document, and the code of an error."""
        found: set[str] = set()

        def walk(node: Any) -> None:
            if isinstance(node, dict):
                if isinstance(node.get("code"), str):
                    found.add(node["code"])
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(self.json)
        return found


@dataclass(slots=True)
class Site:
    """One host in a temporary directory. ``config`` is written to ``guardian.yaml`` by :meth:`write`."""

    root: Path
    url: str
    credentials: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    @property
    def database(self) -> Path:
        return self.root / "app.db"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def yaml(self) -> Path:
        return self.root / "guardian.yaml"

    @property
    def repository(self) -> Path:
        """The repository's directory, for local ones."""
        return Path(self.url)

    def fill(self) -> None:
        """Documents with ordinary and odd names, and a database in WAL mode."""
        (self.docs / "deep" / "er").mkdir(parents=True)
        for number in range(20):
            (self.docs / f"{number}.txt").write_bytes(os.urandom(100 + number * 1000))
        (self.docs / "deep" / "er" / "empty").touch()
        (self.docs / "link").symlink_to("0.txt")
        for name in ODD_NAMES:
            Path(os.fsdecode(os.fsencode(self.docs) + b"/" + name)).write_bytes(b"odd " + name)
        with closing(sqlite3.connect(self.database)) as database:
            database.execute("pragma journal_mode = wal")
            database.execute("create table payments (id integer primary key, note text)")
            database.executemany("insert into payments (note) values (?)", [("x" * 200,) for _ in range(2000)])
            database.commit()

    def source(self, name: str, **spec: Any) -> None:
        """Add or replace a source of the system ``app``."""
        self.config["systems"]["app"]["sources"][name] = spec

    def write(self) -> None:
        """Write ``guardian.yaml`` anew."""
        self.yaml.write_text(yaml.safe_dump(self.config, allow_unicode=True), "utf-8")

    def guardian(self, *arguments: str | Path, timeout: float = 300, **environment: str) -> Said:
        """Run the program as a user would, in English, with ``--json`` unless that is not wanted (``env PLAIN=1``)."""
        plain = environment.pop("PLAIN", "")
        argv, env = self.argv(*arguments, *(() if plain else ("--json",))), self.env(environment)
        if forks().can(argv, env):
            done = forks().client.run(argv[3:], env, self.root, timeout)
        else:
            done = subprocess.run(argv, capture_output=True, env=env, cwd=self.root, timeout=timeout, check=False)
        return Said(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def argv(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "guardian", "--config", str(self.yaml), *map(str, arguments)]

    def env(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.root),
            **self.environment,
            **(more or {}),
        }

    def restic(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run plain restic on the repository with Guardian's password, as an administrator without Guardian would."""
        password = next((self.state / "keys").glob("*.password"))
        env = {**self.env(), "RESTIC_PASSWORD_FILE": str(password), "RESTIC_REPOSITORY": self.url}
        if self.credentials:
            lines = self.credentials.read_text().split()
            env |= dict(line.split("=", 1) for line in lines)
        command = ["restic", "--cache-dir", str(self.root / "plain-cache"), *arguments]
        return subprocess.run(command, env=env, capture_output=True, check=check, timeout=300)


def forks() -> ModuleType:
    """The module tests/forkserver.py, with the ``client`` of this process."""
    name = "guardian_tests_forkserver"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("forkserver.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.client = module.Client()
        sys.modules[name] = module
    return sys.modules[name]


def make(root: Path, url: str = "", credentials: Path | None = None) -> Site:
    """A site with documents and a database in ``root``; local repository unless ``url`` says otherwise."""
    site = Site(root, url or str(root / "repository"), credentials)
    main: dict[str, Any] = {"url": site.url}
    if credentials:
        main["credentials"] = f"file:{credentials}"
    site.config = {
        "tenant": {"id": "agency"},
        "host": "host-1",
        "repositories": {"main": main},
        "systems": {
            "app": {
                "sources": {
                    "docs": {"kind": "files", "paths": [str(site.docs)]},
                    "db": {"kind": "sqlite", "path": str(site.database)},
                }
            }
        },
    }
    site.fill()
    site.write()
    return site


def copy(original: Site, root: Path) -> Site:
    """A copy in ``root``, which is made, of a site with a local repository, with all that was done there so far."""
    subprocess.run(["cp", "-a", str(original.root), str(root)], check=True)
    config = json.loads(json.dumps(original.config).replace(str(original.root), str(root)))
    site = Site(root, str(root / "repository"), None, config)
    site.write()
    return site
