"""What the owner's questions were answered, and what that means."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from guardian.sources.answers import capped, compare_rows, expected_rows, is_true, moment, names_that_fit, short

SHANGHAI = timezone(timedelta(hours=8))


@pytest.mark.parametrize("answer", [1, "1", "t", "true", "TRUE", " True ", True])
def test_what_is_true(answer: object) -> None:
    assert is_true(answer)


@pytest.mark.parametrize("answer", [0, "0", None, "f", "false", "", 2, 5, "yes", b"1", 1.5, "None", False])
def test_what_is_not(answer: object) -> None:
    """A count that should have been compared is no assertion either."""
    assert not is_true(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("2026-10-01T08:00:00Z", (2026, 10, 1, 8)),
        ("2026-10-01 08:00:00+08", (2026, 10, 1, 0)),
        ("2026-10-01 08:00:00.000000 UTC", (2026, 10, 1, 8)),
        ("2026-10-01 08:00:00", (2026, 10, 1, 0)),
        ("2026-10-01", (2026, 9, 30, 16)),
        ("20261001", (2026, 9, 30, 16)),
        (20261001080000, (2026, 10, 1, 0)),
        (1790841600, (2026, 10, 1, 8)),
        ("1790841600.0", (2026, 10, 1, 8)),
        (1790841600000, (2026, 10, 1, 8)),
        (0, (1970, 1, 1, 0)),
    ],
)
def test_times(answer: object, expected: tuple[int, ...]) -> None:
    """A time without a zone is one of the host's zone."""
    assert moment(answer, SHANGHAI) == datetime(*expected, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    "answer", ["", "yesterday", "9" * 20, "9" * 1000, "-99999999999", "20261301", "0001-01-01", b"x"]
)
def test_no_times(answer: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment(answer, SHANGHAI)


def test_null_is_no_time() -> None:
    assert moment(None, UTC) is None


def test_rows() -> None:
    found = dict(compare := [(r.code, r.args) for r in compare_rows({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5})])
    assert compare == [("rows-differ", {"table": "b", "expected": 2, "found": 5}), ("table-missing", {"table": "c"})]
    assert set(found) == {"rows-differ", "table-missing"}


def test_many_differences_fit_an_entry() -> None:
    reasons = list(compare_rows({str(n): n for n in range(100)}, {}))
    assert len(reasons) == 21
    assert reasons[-1].code == "tables-differ-more"
    assert (reasons[-1].severity, reasons[-1].args) == ("critical", {"count": 80})
    assert list(capped([], "x")) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({}, None), ({"rows": 5}, None), ({"rows": {"a": 1, "b": "x", "c": True}}, {"a": 1})],
)
def test_facts_are_read_with_care(facts: dict[str, Any], expected: dict[str, int] | None) -> None:
    assert expected_rows(facts) == expected


def test_short() -> None:
    assert short("a\n  b") == "a b"
    assert len(short("x" * 999)) == 200


def test_names_that_fit() -> None:
    assert len(list(names_that_fit(str(n) for n in range(5000)))) < 1001
    assert list(names_that_fit(["x" * 9000, "y"])) == []
