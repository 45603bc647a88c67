"""Chinese and English: every text a person reads passes through ``_`` here.

Message ids are the English texts. Statements in the log carry codes and figures, never prose, so that they
mean the same in every language.
"""

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

DOMAIN = "guardian"
LANGUAGES = {"zh": "zh_CN", "en": "en"}
_LOCALES = Path(__file__).resolve().parent / "locale"

_active: gettext.NullTranslations = gettext.NullTranslations()
_language = "en"
_bound: ContextVar[tuple[gettext.NullTranslations, str] | None] = ContextVar("guardian_language", default=None)


def use(language: str) -> None:
    """Speak ``language`` (``zh`` or ``en``) from now on, in this process."""
    global _active, _language  # noqa: PLW0603  one process speaks one language; speaking() binds another
    _language = language if language in LANGUAGES else "en"
    locale = LANGUAGES[_language]
    _active = _catalogue(_language)
    # click asks the standard library's gettext for its own few words ("Usage:", "Options:").
    gettext.bindtextdomain(DOMAIN, str(_LOCALES))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = locale


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak ``language`` within the block, in this thread or task alone: for what is made in several languages."""
    chosen = language if language in LANGUAGES else "en"
    before = _bound.set((_catalogue(chosen), chosen))
    try:
        yield
    finally:
        _bound.reset(before)


def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, _LOCALES, [LANGUAGES[language]], fallback=True)


def language() -> str:
    """The language in use: ``zh`` or ``en``."""
    bound = _bound.get()
    return bound[1] if bound else _language


def preferred(environ: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """The language that LC_ALL, LC_MESSAGES or LANG ask for; English when they ask for none of ours."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def _(text: str) -> str:
    """``text`` in the language in use."""
    bound = _bound.get()
    # A catalogue's entry for no text at all is its own header.
    return (bound[0] if bound else _active).gettext(text) if text else text


def ngettext(one: str, many: str, count: int) -> str:
    """``one`` or ``many``, whichever ``count`` asks for, in the language in use."""
    bound = _bound.get()
    return (bound[0] if bound else _active).ngettext(one, many, count)


def N_(text: str) -> str:  # noqa: N802  the field's name for "mark, translate later"
    """Mark ``text`` for the catalogue without translating it yet."""
    return text
