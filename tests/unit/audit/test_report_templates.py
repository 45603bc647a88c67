"""Templates speak through the catalogue only, and the catalogue knows what they say."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "guardian" / "audit" / "templates").glob("*.html"))
CODE = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
# What is no language: names of objectives and of programs, and what stands in a code block.
NEUTRAL = {"RPO", "RTO", "python3", "verify.py", "pack.zip", "--key"}


def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_no_text_stands_in_a_template_outside_of_the_catalogue(path: Path) -> None:
    text = CODE.sub(" ", path.read_text("utf-8"))
    attributes = re.findall(r'(?:title|alt|aria-label|content)="([^"]*)"', text)
    bare = [word for word in re.sub(r"<[^>]*>", " ", text).split() if re.search(r"[^\W\d_]", word)]
    assert [word for word in bare if word not in NEUTRAL] == []
    allowed = re.compile(r"^\s*$|width=device-width|default-src 'none'|^no-referrer$")
    assert [words for words in attributes if not allowed.search(words)] == []


def test_the_texts_of_templates_are_extracted() -> None:
    assert len(TEMPLATES) >= 4
    said = {message.id for message in dev().extracted_messages()}
    calls = [match for path in TEMPLATES for match in re.findall(r'_\("([^"]+)"\)', path.read_text("utf-8"))]
    assert len(calls) > 100
    assert set(calls) - said == set()
