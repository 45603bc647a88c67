"""What ``guardian ledger show`` says of an entry in one line."""

from datetime import UTC, datetime

from guardian.cli.ledger import _row
from guardian.model.evidence import PREDICATES, Entry
from tests.packfacts import no_backup, planned


def test_a_plan_has_a_time_so_that_one_without_a_result_stands_out() -> None:
    said = planned(7, "core", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)).said
    kind = next(name for name, noun in PREDICATES.items() if isinstance(said, noun))
    row = _row(Entry(7, bytes(32), b"", kind, said, ()))
    assert row[:3] == ("7", "2026-11-23 09:30:00", "drill-plan")
    assert row[3].startswith("social/core")


def test_a_statement_on_many_slots_says_how_many() -> None:
    said = no_backup(7, "core", datetime(2026, 11, 23, tzinfo=UTC), slots=2880).said
    kind = next(name for name, noun in PREDICATES.items() if isinstance(said, noun))
    assert _row(Entry(7, bytes(32), b"", kind, said, ()))[3] == "social/core failed 2880 slots"
