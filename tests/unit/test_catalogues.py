"""Both languages are complete, and say the same."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "guardian" / "locale"
HAN = re.compile(r"[\u3400-\u9fff]")
# What str.format and % fill in: a translation that drops or misspells one fails when it is shown.
PLACEHOLDER = re.compile(r"\{[^{}]*\}|%\(\w+\)[a-z]|%[sd]")
HOW = "run: python3 dev.py messages"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def extracted() -> dict[str, Message]:
    return by_id(load(ROOT / "dev.py").extracted_messages())


@cache
def catalogue(locale: str) -> Catalog:
    with (LOCALE / locale / "LC_MESSAGES" / "guardian.po").open("rb") as text:
        return read_po(text, locale=locale, abort_invalid=True)


def by_id(messages: Catalog) -> dict[str, Message]:
    return {first(message.id): message for message in messages if message.id}


def first(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_catalogue_holds_exactly_the_messages_of_the_source(locale: str) -> None:
    source, translated = set(extracted()), set(by_id(catalogue(locale)))
    assert len(source) > 100, "extraction found almost nothing"
    assert source - translated == set(), f"missing in {locale}; {HOW}"
    assert translated - source == set(), f"obsolete in {locale}; {HOW}"
    assert not catalogue(locale).obsolete, HOW


def test_every_message_is_translated_into_chinese() -> None:
    empty = [key for key, message in by_id(catalogue("zh_CN")).items() if not all(forms(message.string))]
    fuzzy = [key for key, message in by_id(catalogue("zh_CN")).items() if message.fuzzy]
    assert empty == []
    assert fuzzy == []


def test_the_english_catalogue_says_what_the_source_says() -> None:
    different = [key for key, message in by_id(catalogue("en")).items() if forms(message.string) != forms(message.id)]
    assert different == [], HOW


def test_a_translation_fills_in_what_the_message_fills_in() -> None:
    wrong = []
    for key, message in by_id(catalogue("zh_CN")).items():
        # With several forms, Chinese has one: it stands for the form that names all there is to name.
        expected = set().union(*map(placeholders, forms(message.id)[-1:]))
        wrong += [key for form in forms(message.string) if form and placeholders(form) != expected]
    assert wrong == []


def test_a_translation_keeps_the_outer_form() -> None:
    """No stray blanks or line ends; a message (no full stop) stays one, so that lines can be put together."""
    wrong = []
    for key, message in by_id(catalogue("zh_CN")).items():
        for form in forms(message.string):
            if not form:
                continue  # another test says so
            blanks = form != form.strip() and key == key.strip()
            stop = form.endswith("。") and not first(message.id).endswith((".", ")"))
            wrong += [key] if blanks or stop or key.count("\n") != form.count("\n") else []
    assert wrong == []


def test_message_ids_are_english() -> None:
    assert [key for key in extracted() if HAN.search(key)] == []


def test_clicks_own_words_are_those_of_the_installed_click() -> None:
    says = {
        first(message)
        for _file, _line, message, _comments, _context in extract_from_dir(
            Path(click.__file__).parent, keywords={"_": None, "ngettext": (1, 2)}
        )
    }
    listed = load(LOCALE / "click_texts.py")
    assert set(listed.TEXTS + listed.COUNTED) - says == set(), "click now says it in other words"
