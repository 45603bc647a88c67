"""Every reason code the rooms can give has a sentence, and every sentence a code that is given."""

import ast
from pathlib import Path

import guardian
from guardian import errors
from guardian.cli.sentences import SENTENCES, sentence
from guardian.errors import GuardianError
from guardian.model.reason import reason

ROOMS = Path(guardian.__file__).parent


def given_codes() -> set[str]:
    """First arguments of every call of reason(…) in the package, constants and both arms of a choice alike."""
    codes = set()
    for path in ROOMS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("reason", "_named"):
                codes |= {
                    constant.value
                    for constant in ast.walk(node.args[0])
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
                }
    return codes


def error_codes(family: type[GuardianError] = GuardianError) -> set[str]:
    return {family.code, *(code for child in family.__subclasses__() for code in error_codes(child))}


def test_every_code_has_a_sentence() -> None:
    assert {code for code in given_codes() if code[0].isalpha()} - set(SENTENCES) == set()


def test_every_error_has_one_too() -> None:
    """Log and journal keep the bare code of what went wrong."""
    families = {
        kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GuardianError)
    }
    assert families - {"skipped"} - set(SENTENCES) == set()


def test_no_escape_reaches_the_terminal() -> None:
    said = sentence(reason("file-missing", path="/srv/\x1b[31mred\nline\udcff"))
    assert said == "/srv/\\x1b[31mred\\x0aline\\xff did not come back"


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert sentence(reason("from-the-future", path="/x")) == "from-the-future path=/x"


def test_a_missing_argument_does_not_hide_the_rest() -> None:
    assert sentence(reason("snapshot-missing", snapshot="abc")) == "snapshot abc of ? is gone from the repository"
