"""What a list of verbs says is whole sentences, in both languages."""

import click
import pytest

from guardian import i18n
from guardian.cli import main


def lists(command: click.Command, context: click.Context) -> list[str]:
    """Every list of verbs below ``command``."""
    if not isinstance(command, click.Group):
        return []
    formatter = click.HelpFormatter(width=78)
    command.format_commands(context, formatter)
    names = command.list_commands(context)
    below = [(name, verb) for name in names if (verb := command.get_command(context, name))]
    return [
        formatter.getvalue(),
        *(one for name, verb in below for one in lists(verb, click.Context(verb, parent=context, info_name=name))),
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_verb_is_told_by_half_a_sentence(language: str) -> None:
    i18n.use(language)
    try:
        program = main.build()
        said = lists(program, click.Context(program))
    finally:
        i18n.use("en")
    assert len(said) > 6
    assert [line for one in said for line in one.splitlines() if line.rstrip().endswith("...")] == []
