"""A share on paper: the sheet each holder gets, in Chinese and English, and reading it back in whatever form it comes.

Between the two marker lines stands what a program reads: lines ``Name: value``, an empty line, the numbered words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guardian.i18n import _, speaking
from guardian.keys.shares import Share, ShareInvalid, parse
from guardian.model.visible import visible

BEGIN, END = "-----BEGIN GUARDIAN SHARE-----", "-----END GUARDIAN SHARE-----"
_BLOCK = re.compile(rf"{BEGIN}(.*?){END}", re.DOTALL)
_FIELD = re.compile(r"\s*([A-Za-z][A-Za-z-]*)\s*:\s*(.*?)\s*")
_COLUMNS = 3
_LEAST_WORDS = 20
"""No share has fewer words: the standard's smallest secret has 128 bits."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One holder's sheet. ``made`` is a date, ``repository`` the configured key, ``tenant`` whose data it opens."""

    share: Share
    count: int
    repository: str
    repository_id: str
    tenant: str
    made: str
    holder: str = ""
    raw: bool = True
    """Whether the shares give 32 bytes that stand for the password (see :mod:`guardian.keys.shares`)."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A share that somebody brought; ``repository_id`` when it came with its sheet."""

    share: Share
    repository_id: str = ""


def title(sheet: Sheet) -> str:
    """What a sheet is, in the language in use."""
    return _("share {number} of {count} of the password of repository {repository}").format(
        number=sheet.share.number, count=sheet.count, repository=sheet.repository
    )


def facts(sheet: Sheet) -> list[tuple[str, str]]:
    """What a person must know of a share to use it, without its words, in the language in use."""
    return [
        (_("held by"), visible(sheet.holder) or "_" * 32),
        (_("belongs to"), visible(sheet.tenant)),
        (_("repository"), f"{sheet.repository} ({sheet.repository_id[:16]}…)"),
        (_("share"), f"{sheet.share.number} / {sheet.count}"),
        (_("opens with"), _("any {threshold} of the {count} shares").format(**_numbers(sheet))),
        (_("set"), sheet.share.set_id),
        (_("check"), sheet.share.fingerprint),
        (_("date of issue"), sheet.made),
    ]


def advice(sheet: Sheet) -> list[str]:
    """How to keep a share and how to use it, in the language in use."""
    by_hand = (
        _("Without Guardian: any program for SLIP-0039 (no passphrase) joins the words to 32 bytes; their base64url "
          "without padding is the password for restic.")
        if sheet.raw
        else _("Without Guardian: any program for SLIP-0039 (no passphrase) joins the words to bytes; the first two "
               "say how many of those that follow are the password for restic.")
    )  # fmt: skip
    return [
        _("Any {threshold} of these {count} sheets together open the backups; fewer tell nothing.").format(
            **_numbers(sheet)
        ),
        _("Keep this sheet where nobody but you can reach it. Do not copy or photograph it, tell nobody its words, and "
          "type them nowhere but into Guardian."),
        _("If it is lost, or somebody else may have seen it, say so at once: the password is then changed with "
          "'guardian keys rotate' and new sheets are made."),
        _("To recover: run 'guardian keys recover {repository}' on a host with Guardian and its configuration, and "
          "type the words, one holder after the other.").format(repository=sheet.repository),
        by_hand,
    ]  # fmt: skip


def _numbers(sheet: Sheet) -> dict[str, int]:
    return {"threshold": sheet.share.threshold, "count": sheet.count}


def grid(words: list[str]) -> list[str]:
    """Numbered words in columns, read along the line."""
    width = max(map(len, words)) + 6
    cells = [f"{number:>3} {word}".ljust(width) for number, word in enumerate(words, 1)]
    return ["".join(cells[at : at + _COLUMNS]).rstrip() for at in range(0, len(cells), _COLUMNS)]


def text(sheet: Sheet) -> str:
    """The sheet as plain text, which :func:`read` takes."""
    lines = []
    for language in ("zh", "en"):
        with speaking(language):
            lines += [f"Guardian: {title(sheet)}", "", *(f"  {name}: {value}" for name, value in facts(sheet)), ""]
            lines += [*(f"- {line}" for line in advice(sheet)), ""]
    fields = {
        "Repository": sheet.repository,
        "Repository-Id": sheet.repository_id,
        "Share": f"{sheet.share.number} / {sheet.count}",
        "Threshold": str(sheet.share.threshold),
        "Set": sheet.share.set_id,
        "Check": sheet.share.fingerprint,
    }
    lines += [BEGIN, *(f"{name}: {value}" for name, value in fields.items()), "", *grid(sheet.share.listed), END]
    return "\n".join(lines) + "\n"


def html(sheet: Sheet) -> str:
    """The sheet for printing: one page, nothing in it is fetched from anywhere."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  only those who print need it

    halves: list[dict[str, Any]] = []
    for language, code in (("zh", "zh-CN"), ("en", "en")):
        with speaking(language):
            halves.append({"code": code, "title": title(sheet), "facts": facts(sheet), "advice": advice(sheet)})
    template = Path(__file__).with_name("sheet.html.jinja").read_text("utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(template).render(halves=halves, words=sheet.share.listed, check=sheet.share.fingerprint)


def read(content: bytes) -> tuple[Presented, ...]:
    """Every share in ``content``: sheets as text, or words alone, numbered or not, in any case and over any lines.

    Words alone are one share, unless every one of several paragraphs is long enough for one. Raises ShareInvalid.
    """
    plain = unicodedata.normalize("NFKC", content.decode("utf-8", "replace")).replace("\ufeff", "")
    if "<html" in plain[:2000].lower():
        raise ShareInvalid(
            _("this is the sheet for printing, which is not read back"),
            _("Give the .txt beside it, or type the words."),
        )
    if BEGIN in plain:
        return tuple(_block(found.group(1)) for found in _BLOCK.finditer(plain)) or (_block(plain.partition(BEGIN)[2]),)
    paragraphs = [words for part in re.split(r"\n\s*\n", plain) if (words := words_of(part))]
    if len(paragraphs) > 1 and all(len(words) >= _LEAST_WORDS for words in paragraphs):
        return tuple(Presented(parse(words)) for words in paragraphs)
    words = [word for paragraph in paragraphs for word in paragraph]
    if not words:
        raise ShareInvalid(_("there are no words of a share in it"))
    return (Presented(parse(words)),)


def words_of(typed: str) -> list[str]:
    """The words in what somebody typed: lower case, without numbers, commas and full stops."""
    return list(_words(unicodedata.normalize("NFKC", typed)))


def _words(plain: str) -> Iterator[str]:
    for token in re.split(r"[\s,;、。|]+", plain):
        word = re.sub(r"^\d{1,3}[.):]?|[.:]$", "", token).lower()
        if word:
            yield word


def _block(body: str) -> Presented:
    fields, lines = {}, []
    for line in body.splitlines():
        if match := _FIELD.fullmatch(line):
            fields[match[1].lower()] = match[2]
        else:
            lines.append(line)
    share = parse(words_of("\n".join(lines)))
    check = fields.get("check", share.fingerprint).lower()
    if check != share.fingerprint:
        raise ShareInvalid(
            _("the words are not those the sheet was made with: its check is {printed}, theirs {found}").format(
                printed=visible(check[:16]), found=share.fingerprint
            ),
            _("Compare with the printed sheet."),
        )
    return Presented(share, fields.get("repository-id", "").lower())
