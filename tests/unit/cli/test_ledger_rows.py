"""What ``guardian ledger show`` says of an entry in one line."""

from datetime import UTC, datetime

from guardian.cli.ledger import _row
from guardian.model.evidence import PREDICATES, Entry
from tests.packfacts import planned


def test_a_plan_has_a_time_so_that_one_without_a_result_stands_out() -> None:
    said = planned(7, "core", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)).said
    kind = next(name for name, noun in PREDICATES.items() if isinstance(said, noun))
    row = _row(Entry(7, bytes(32), b"", kind, said, ()))
    assert row[:3] == ("7", "2026-11-23 09:30:00", "drill-plan")
    assert row[3].startswith("social/core")
