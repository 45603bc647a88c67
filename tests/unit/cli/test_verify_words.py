"""What ``guardian verify`` says of a bound promises no more than what was proven."""

import click
import pytest
from click.testing import CliRunner

from guardian.cli.verify import _bound, verify
from guardian.model.drill import Assurance


@pytest.mark.parametrize(
    ("confidence", "upper", "words"),
    [
        (0.95, 0.045031, ("95%", "4.51%")),
        (0.999, 0.01, ("99.9%", "1.00%")),
        (0.999999, 0.000001, ("99.9999%", "0.01%")),
    ],
)
def test_a_bound_is_never_rounded_to_the_better(confidence: float, upper: float, words: tuple[str, str]) -> None:
    said = _bound(
        Assurance(
            unit="files", frame=9999, drawn=64, bad=0, confidence=confidence, upper=upper, method="hypergeometric"
        )
    )
    assert f"with {words[0]} confidence, fewer than {words[1]} " in said


@pytest.mark.parametrize("option", ["--confidence", "--max-loss"])
def test_what_is_not_a_number_is_wrong_usage(option: str) -> None:
    said = CliRunner().invoke(verify, [option, "nan"])
    assert said.exit_code == click.UsageError.exit_code
