"""The rules and clauses described for people, in both languages, made from the policies themselves.

``python -m guardian.baseline.reference --write`` renews ``docs/reference/rules*.md`` and ``clauses*.md``; a test fails
when that was forgotten.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from guardian.baseline import wording
from guardian.baseline.clauses import COVERAGES, Entry, Level, areas, entries, served
from guardian.baseline.formats.said import SEVERITIES, STANDARD
from guardian.baseline.policy import Library, library
from guardian.baseline.rule import Family, Rule, RuleSet
from guardian.i18n import N_, _, speaking
from guardian.model.finding import LEVELS

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
_SUFFIX: Final = {"en": "", "zh": ".zh-CN"}
_COVERED: Final = {
    "automatic": N_("rules"),
    "partial": N_("rules in part, a person the rest"),
    "evidence": N_("a person, from evidence here"),
    "manual": N_("a person"),
}


def pages() -> dict[str, str]:
    """Every page by its file name."""
    known = library()
    made = {}
    for lang, suffix in _SUFFIX.items():
        with speaking(lang):
            made[f"rules{suffix}.md"] = "\n".join(_rules(known, lang)) + "\n"
            made[f"clauses{suffix}.md"] = "\n".join(_clauses(lang)) + "\n"
    return made


def _head(title: str, name: str, lang: str) -> Iterator[str]:
    other = f"[中文]({name}.zh-CN.md)" if lang == "en" else f"[English]({name}.md)"
    yield from (f"# {title}", "", other, "")
    yield _("Made by `python -m guardian.baseline.reference --write`; do not edit.")


def _rules(known: Library, lang: str) -> Iterator[str]:
    serves = served(areas())
    yield from _head(_("Rules of the security baselines"), "rules", lang)
    counted = ", ".join(
        f"{_(SEVERITIES[level])} {sum(rule.severity == level for rule, _family in known.rules.values())}"
        for level in reversed(LEVELS)
    )
    yield ""
    yield _("{count} rules in {families} families: {counted}.").format(
        count=len(known.rules), families=len(known.families), counted=counted
    )
    yield _("'guardian scan --explain RULE' shows one with what it asks, its parameters and its tests.")
    yield from _sets(known.sets.values())
    for family in known.families.values():
        yield from _family(family, serves)


def _sets(sets: Iterable[RuleSet]) -> Iterator[str]:
    yield from ("", "## " + _("Baselines put together of these"), "")
    yield from _headings(_("baseline"), _("title"), _("takes in"))
    for one in sets:
        yield f"| `{one.baseline}` | {_cell(one.title.spoken)} | {', '.join(one.include)} |"


def _family(family: Family, serves: Mapping[str, tuple[Entry, ...]]) -> Iterator[str]:
    yield from ("", f"## {family.title.spoken} (`{family.family}`, `{family.target}`)")
    for rule in family.rules:
        yield from _rule(rule, serves.get(rule.id, ()))


def _rule(rule: Rule, clauses: tuple[Entry, ...]) -> Iterator[str]:
    yield from ("", f"### {rule.id} {_text(rule.title.spoken)}", "")
    yield f"{_(SEVERITIES[rule.severity])} · {_text(rule.why.spoken)}"
    yield ""
    if rule.manual:
        yield "- " + _text(_("a person looks: {text}").format(text=rule.manual.spoken))
    for need in rule.needs:
        said = _("reads: {fact}, by {by}, as {who}").format(fact=f"`{'/'.join(need.fact)}`", by=need.by, who=need.as_)
        yield "- " + said
    for name, parameter in rule.params.items():
        said = f"`{name}` = `{wording.value(parameter)}` ({wording.bound(parameter)})"
        yield "- " + _("parameter: {said}").format(said=said)
    yield "- " + _text(_("to put it right: {text}").format(text=rule.fix.spoken))
    if rule.fix.risk:
        yield "- " + _text(_("beware: {text}").format(text=rule.fix.risk.spoken))
    if clauses:
        numbers = ", ".join(entry.number for entry in clauses)
        yield "- " + _("clauses: {numbers}").format(numbers=f"{STANDARD} {numbers}")


def _clauses(lang: str) -> Iterator[str]:
    yield from _head(_("Clauses of GB/T 22239-2019, and who answers them"), "clauses", lang)
    yield ""
    yield _(
        "In our own words, never the standard's. Numbers and letters follow from a published table of the requirements"
        " by level; counts by area agree with the figures commonly given. Compare with the printed standard before a"
        " claim."
    )
    yield ""
    yield from _headings(_("level"), _("clauses"), *(_(_COVERED[kind]) for kind in COVERAGES))
    levels: tuple[Level, ...] = ("2", "3")
    for level in levels:
        found = entries(areas(), level)
        counts = [str(sum(one.coverage == kind for one in found)) for kind in COVERAGES]
        yield f"| {level} | {len(found)} | {' | '.join(counts)} |"
    second = {id(entry.clause): entry.number for entry in entries(areas(), "2")}
    third = {id(entry.clause): entry for entry in entries(areas(), "3")}
    for area in areas():
        yield from ("", f"## {area.title.spoken} ({area.l3})", "", area.why.spoken, "")
        numbers = (_("level") + " 2", _("level") + " 3")
        yield from _headings(*numbers, _("what it asks (in our words)"), _("who answers"), _("by"))
        for entry in (*third.values(), *(e for e in entries(areas(), "2") if id(e.clause) not in third)):
            if entry.area is area:
                shown = entry.number if id(entry.clause) in third else ""
                yield _row(entry, second.get(id(entry.clause), ""), shown)


def _row(entry: Entry, second: str, third: str) -> str:
    by = ", ".join(entry.rules)
    log = _("the log ({entry})").format(entry=entry.clause.log) if entry.clause.log else ""
    left = entry.clause.evidence or entry.clause.why or entry.point.why  # the area's stands above the table
    said = "<br>".join(part for part in (by, log, left.spoken if left else "") if part)
    unit = f"<br>{entry.unit}" if entry.unit else ""
    asks = f"**{entry.point.title.spoken}**: {entry.clause.asks.spoken}"
    return f"| {second} | {third}{unit} | {_cell(asks)} | {_(_COVERED[entry.coverage])} | {_cell(said)} |"


def _headings(*names: str) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _text(text: str) -> str:
    """What a person wrote, kept from being taken for markup."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the pages with ``--write``, otherwise their names and sizes to standard output."""
    for name, text in pages().items():
        if arguments == ["--write"]:
            (FOLDER / name).write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(f"{name}: {len(text)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
