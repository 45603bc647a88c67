"""A page for every alert, in both languages, of four sections, whose commands exist and whose links lead somewhere."""

import functools
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from guardian.cli.main import build

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "exporters" / "prometheus" / "rules"
RUNBOOKS = ROOT / "runbooks"
SECTIONS = {"": ["Meaning", "Impact", "Diagnosis", "Mitigation"], ".zh-CN": ["含义", "影响", "诊断", "处置"]}
SCREEN_AND_A_HALF = 90
"""Lines of a page, of which a terminal shows some sixty."""
CHINESE = re.compile(r"[\u4e00-\u9fff]")
OPERATORS = {"|", ">", "<", "&&", ";", "2>", ">>"}


@functools.cache
def alerts() -> list[str]:
    """Every alert of the rules, in the order of files and rules."""
    groups = [
        group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]


PAGES = sorted(RUNBOOKS.glob("Guardian*.md"))


def language_of(path: Path) -> str:
    return ".zh-CN" if path.name.endswith(".zh-CN.md") else ""


def commands(text: str, program: str) -> list[list[str]]:
    """What is typed into ``program``: lines after ``$ `` in fenced blocks, and code within sentences."""
    typed = re.findall(rf"^\$ (?:sudo (?:-u \S+ )?)?{program} (.+)$", text, re.MULTILINE) + re.findall(
        rf"`{program} ([^`]+)`", text
    )
    found = []
    for line in typed:
        words = shlex.split(line, comments=True)
        cut = next((at for at, word in enumerate(words) if word in OPERATORS), len(words))
        found.append(words[:cut])
    return found


def misfit(words: list[str], command: click.Command) -> str:
    """Why the command line would not take ``words``; nothing where it would."""
    options = {
        text: one
        for one in command.params
        if isinstance(one, click.Option)
        for text in (*one.opts, *one.secondary_opts)
    }
    taken = 0
    left = iter(words)
    for word in left:
        name, given, _value = word.partition("=")
        if word.startswith("-") and word != "-":
            if name not in options and name not in ("--help", "--version"):
                return f"{command.name} has no option {name}"
            if name in options and not given and not (options[name].is_flag or options[name].count):
                next(left, None)
        elif isinstance(command, click.Group):
            below = command.get_command(click.Context(command), word)
            return misfit(list(left), below) if below is not None else f"{command.name} has no command {word}"
        else:
            taken += 1
    if isinstance(command, click.Group):
        return f"{command.name} needs a command" if "--help" not in words else ""
    room = [one.nargs for one in command.params if isinstance(one, click.Argument)]
    return "" if -1 in room or taken <= sum(room) else f"{command.name} does not take {taken} arguments"


def test_a_command_that_does_not_exist_is_seen() -> None:
    for wrong in ("bakup", "agent stats", "maintain --dry", "ledger verify now", "posture extent", "keys"):
        assert misfit(wrong.split(), build()), wrong
    for right in (
        "agent status --watch",
        "restore a/b --target /x --at 2026-01-01",
        "--lang zh doctor",
        "posture extend",
    ):
        assert not misfit(right.split(), build()), right


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_whole(path: Path) -> None:
    text = path.read_text("utf-8")
    language = language_of(path)
    name = path.name.split(".")[0]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", prose, re.MULTILINE) == SECTIONS[language]
    assert all(part.strip() for part in re.split(r"^## .+$", prose, flags=re.MULTILINE)[1:])
    assert len(text.splitlines()) <= SCREEN_AND_A_HALF
    assert bool(CHINESE.search(prose.replace("[中文]", ""))) is bool(language)
    assert any(commands(text, program) for program in ("guardian", "restic", "curl", "promtool", "amtool"))
    if language:
        paragraphs = [part for part in re.split(r"\n\s*\n", prose) if not part.startswith("#")]
        assert not [part for part in paragraphs if len(part) > 120 and not CHINESE.search(part)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_a_page_has_typed_exists(path: Path) -> None:
    tree = build()
    said = [(words, misfit(words, tree)) for words in commands(path.read_text("utf-8"), "guardian")]
    assert not [(words, why) for words, why in said if why]


def test_the_verbs_of_restic_exist() -> None:
    shown = subprocess.run(["restic", "help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  ([a-z-]+) ", shown, re.MULTILINE))
    assert "unlock" in known
    typed = {path.name: commands(path.read_text("utf-8"), "restic") for path in PAGES}
    verbs = {
        (name, next(word for word in words if not word.startswith("-")))
        for name, found in typed.items()
        for words in found
    }
    assert not [(name, verb) for name, verb in verbs if verb not in known]


def test_links_lead_somewhere_and_no_path_is_of_one_machine() -> None:
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            there = target.startswith("https://") or (path.parent / target).is_file()
            assert there, f"{path.name}: {target}"
        assert not re.search(r"/(?:tmp|work|home|root)/", text), path.name


def test_the_index_lists_every_page_and_nothing_else() -> None:
    for language in SECTIONS:
        text = (RUNBOOKS / f"README{language}.md").read_text("utf-8")
        assert re.findall(rf"\((Guardian\w+){re.escape(language)}\.md\)", text) == alerts()


def test_every_alert_has_its_pages_and_every_page_its_alert() -> None:
    wanted = [f"{name}{language}.md" for name in alerts() for language in SECTIONS]
    assert sorted(path.name for path in PAGES) == sorted(wanted)
