"""What ``guardian verify`` says of a bound promises no more than what was proven."""

import click
import pytest
from click.testing import CliRunner

from guardian.cli.drills import bound
from guardian.cli.verify import verify
from guardian.model.drill import Assurance


def said(**figures: object) -> str:
    usual = {"unit": "bytes", "frame": 1 << 40, "drawn": 299, "bad": 0, "confidence": 0.95, "upper": 0.00997}
    return bound(Assurance.model_validate({"method": "clopper-pearson", **usual, **figures}), files=412_806)


@pytest.mark.parametrize(
    ("confidence", "upper", "words"),
    [
        (0.95, 0.045031, ("95 %", "4.51 %")),
        (0.999, 0.01, ("99.9 %", "1.00 %")),
        (0.999999, 0.000001, ("99.9999 %", "0.01 %")),
    ],
)
def test_a_bound_is_never_rounded_to_the_better(confidence: float, upper: float, words: tuple[str, str]) -> None:
    told = said(unit="files", frame=9999, drawn=64, confidence=confidence, upper=upper, method="hypergeometric")
    assert f"with {words[0]} confidence less than {words[1]} of them are bad" in told


def test_the_headline_names_frame_draws_bad_ones_and_bound() -> None:
    assert said() == (
        "299 byte-units drawn from 412,806 files of 1.0 TiB, 0 bad: "
        "with 95 % confidence less than 1.00 % of bytes are bad"
    )


def test_what_was_read_whole_needs_no_confidence() -> None:
    told = said(method="census", frame=1 << 20, drawn=1 << 20, upper=0)
    assert told == "all 1.0 MiB of 412,806 files read, 0 bytes bad"


def test_a_sample_that_rules_nothing_out_says_so() -> None:
    assert said(bad=299, upper=1.0).endswith("299 bad: that rules nothing out")


@pytest.mark.parametrize("option", ["--confidence", "--max-loss"])
def test_what_is_not_a_number_is_wrong_usage(option: str) -> None:
    assert CliRunner().invoke(verify, [option, "nan"]).exit_code == click.UsageError.exit_code


def test_a_report_says_by_its_ending_what_it_is() -> None:
    from guardian.errors import UsageError

    found = CliRunner().invoke(verify, ["--report", "report.txt"]).exception
    assert isinstance(found, UsageError)
