"""The command line as people meet it: wrong configurations, wrong words, and streams that lead nowhere."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guardian.cli.main import EXIT_CODES, VERBS
from guardian.errors import ExitCode

GOOD = """\
tenant:
  id: agency
host: host-1
repositories:
  main:
    url: /srv/repository
systems:
  app:
    objectives:
      rpo: 6h
    sources:
      docs:
        kind: files
        paths: [/srv/docs]
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def guardian(folder: Path, *arguments: str, **streams: Any) -> Said:
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "guardian", *arguments],
        **{"capture_output": not streams, **streams},
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=env,
        timeout=60,
        check=False,
    )
    said = Said(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())
    assert "Traceback" not in said.out + said.err
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guardian.yaml").write_text(GOOD)
    return tmp_path


def change(folder: Path, *replacements: tuple[str, str]) -> None:
    text = GOOD
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (folder / "guardian.yaml").write_text(text)


def bomb() -> str:
    """Nine levels of nine aliases each: 9**9 words if anybody follows them."""
    lines, last = ["a: &a [" + ", ".join(["x"] * 9) + "]"], "a"
    for name in "bcdefghi":
        lines.append(f"{name}: &{name} [" + ", ".join([f"*{last}"] * 9) + "]")
        last = name
    return "\n".join(lines)


FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "typo": (GOOD.replace("rpo:", "rop:"), ("guardian.yaml:10: systems.app.objectives.rop: ",)),
    "duplicate": (GOOD.replace("host: host-1", "host: host-1\nhost: host-2"), ("guardian.yaml:4: host: ",)),
    "two": (
        GOOD.replace("rpo: 6h", "rpo: [1]").replace("kind: files", "kind: file"),
        ("guardian.yaml:10: systems.app.objectives.rpo: ", "guardian.yaml:13: systems.app.sources.docs.kind: "),
    ),
    "bomb": (bomb(), ("guardian.yaml:1: ",)),
    "deep": ("a: " + "[" * 100_000 + "]" * 100_000, ("guardian.yaml:1: ",)),
    "cycle": ("include: [more.yaml]\n" + GOOD, ("more.yaml:1: include: ",)),
    "controls": (GOOD.replace("host-1", '"\\e]0;x\\a"'), ("guardian.yaml:3: ",)),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_problem_is_one_line_that_names_its_place(tmp_path: Path, fault: str, language: str) -> None:
    text, places = FAULTS[fault]
    (tmp_path / "guardian.yaml").write_text(text)
    (tmp_path / "more.yaml").write_text("include: [guardian.yaml]\n")
    said = guardian(tmp_path, "--lang", language, "config", "check")
    assert (said.code, said.out) == (2, "")
    *problems, last = said.err.splitlines()
    problems += [last] if len(places) > len(problems) else []
    start = {"en": "guardian: error: ", "zh": "guardian：错误："}[language]
    assert len(problems) == len(places), said.err
    for line, place in zip(problems, places, strict=True):
        assert line.startswith(start + place), line
        assert line.isprintable()
        assert len(line) < 300


def test_programs_get_every_problem_in_one_document(folder: Path) -> None:
    (folder / "guardian.yaml").write_text(FAULTS["two"][0])
    for verb in (["config", "check"], ["backup"], ["verify"], ["ledger", "show"]):
        said = guardian(folder, *verb, "--json")
        document = json.loads(said.out)
        assert (said.code, document["exit_code"], said.err) == (2, 2, "")
        assert (document["schema"], document["error"]["code"]) == ("guardian.error/v1", "configuration")
        assert [p.split(": ")[0] for p in document["error"]["problems"]] == ["guardian.yaml:10", "guardian.yaml:13"]


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    said = guardian(tmp_path, "--config", "nowhere.yaml", "backup")
    assert (said.code, said.out) == (2, "")
    error, hint = said.err.splitlines()
    assert "nowhere.yaml" in error
    assert "guardian init" in hint
    assert not list(tmp_path.iterdir())


def test_provenance_names_file_and_line_of_each_value(folder: Path) -> None:
    change(folder, ("repositories:\n  main:\n    url: /srv/repository\n", "include: [storage.yaml]\n"))
    (folder / "storage.yaml").write_text("repositories:\n  main:\n    url: /srv/repository\n")
    lines = guardian(folder, "config", "show", "--provenance").out.splitlines()
    found = {line.split()[0]: line.split()[-1] for line in lines[1:]}
    assert found["systems.app.objectives.rpo"] == "guardian.yaml:8"
    assert found["repositories.main.url"] == "storage.yaml:3"
    assert found["restic.stall_timeout"] == "default"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("frobnicate",), "frobnicate"),
        (("--frob",), "--frob"),
        (("backup", "--frob"), "--frob"),
        (("verify", "--level", "D9"), "D9"),
        (("--config",), "--config"),
        (("--lang", "fr", "backup"), "fr"),
        (("backup", "no-such-system"), "no-such-system"),
        (("restore", "app"), "--target"),
        (("ledger", "show", "-n", "0"), "0"),
    ],
)
def test_what_nobody_knows_is_named_and_is_usage(folder: Path, arguments: tuple[str, ...], named: str) -> None:
    said = guardian(folder, *arguments)
    assert (said.code, said.out) == (2, "")
    error, hint = said.err.splitlines()
    assert error.startswith("guardian: error: ")
    assert named in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("words", [(), ("ledger",), ("config",), ("keys",)])
def test_without_a_verb_the_help_is_shown(folder: Path, words: tuple[str, ...]) -> None:
    said = guardian(folder, *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(" ".join(["Usage: guardian", *words]))
    assert "\n  --json " in said.err


def test_version_and_help_are_quick_and_whole(tmp_path: Path) -> None:
    assert re.fullmatch(r"guardian \d+\.\d+\S*\n", guardian(tmp_path, "--version").out)
    text = guardian(tmp_path, "--help").out
    assert set(re.findall(r"^  ([a-z]+) {2,}\S", text, re.MULTILINE)) == set(VERBS)
    assert {int(n) for n in re.findall(r"^  (\d+) {2,}\S", text, re.MULTILINE)} == {int(code) for code in ExitCode}
    assert {code for code, _text in EXIT_CODES} == set(ExitCode)
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "guardian", "--help"], capture_output=True, text=True, check=True
    ).stderr
    heavy = {"pydantic", "yaml", "rich", "boto3", "botocore", "cryptography", "asyncio", "sqlite3"}
    assert not heavy & {line.rpartition("|")[2].strip().split(".")[0] for line in loaded.splitlines()}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verb_has_help(tmp_path: Path, language: str) -> None:
    for verb in VERBS:
        said = guardian(tmp_path, "--lang", language, verb, "--help")
        assert (said.code, said.err) == (0, ""), said
        assert said.out.isascii() == (language == "en"), verb


def test_a_reader_that_goes_away_is_no_fault(folder: Path) -> None:
    for arguments in (["config", "show"], ["config", "schema"], ["--help"], ["config", "show", "--json"]):
        end, out = os.pipe()
        os.close(end)
        try:
            said = guardian(folder, *arguments, stdout=out, stderr=subprocess.PIPE)
        finally:
            os.close(out)
        assert (said.code, said.err) == (141, ""), arguments


def test_a_full_disk_under_standard_output_is_said(folder: Path) -> None:
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        with Path("/dev/full").open("wb") as full:
            said = guardian(folder, *arguments, stdout=full, stderr=subprocess.PIPE)
        assert said.code == 4
        assert said.err.startswith("guardian: error: cannot write to standard output: No space left")


def test_closed_streams_never_become_somebody_elses_file(folder: Path) -> None:
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        line = f'"$0" -m guardian config show {closed}'
        done = subprocess.run(
            ["sh", "-c", line, sys.executable], cwd=folder, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, closed
        assert b"Traceback" not in done.stderr
        assert bool(done.stdout) == (closed == "2>&-")
    # Unbuffered, nothing would be left in standard error for the interpreter to stumble over at its end.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    line = '"$0" -m guardian nope 2>/dev/full'
    done = subprocess.run(["sh", "-c", line, sys.executable], cwd=folder, env=buffered, check=False)
    assert done.returncode == 2
