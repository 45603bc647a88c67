"""A real host is attacked: the backup is kept, marked, and stays marked until a person has cleared it."""

import random
from pathlib import Path
from typing import Any

import pytest

RNG = random.Random(5)


def words(number: int) -> str:
    return " ".join(f"line {number} of {RNG.randrange(1000)}" for _line in range(60))


@pytest.fixture
def office(site: Any) -> Any:
    """Forty documents in four folders, backed up twice."""
    for number in range(40):
        folder = site.docs / f"office-{number % 4}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_text(words(number))
    assert site.guardian("backup", "app/docs").code == 0
    (site.docs / "office-0" / "0.txt").write_text(words(0))
    assert site.guardian("backup", "app/docs").code == 0
    return site


def churn(site: Any, said: Any) -> dict[str, Any]:
    (run,) = said.json["runs"]
    (entry,) = site.guardian("ledger", "show", "--entry", str(run["entry"])).json["entries"]
    found: dict[str, Any] = entry["predicate"]["churn"]
    return found


def encrypt(site: Any) -> dict[Path, bytes]:
    """Every second document; what they were."""
    before = {path: path.read_bytes() for path in sorted(site.docs.glob("office-*/*"))[::2]}
    for path, data in before.items():
        path.write_bytes(RNG.randbytes(len(data)))
    return before


def test_an_attack_from_first_sight_to_all_clear(office: Any) -> None:
    clean = office.guardian("suspicions", "list")
    assert (clean.code, clean.json["suspicions"]) == (0, [])
    before = encrypt(office)
    said = office.guardian("backup", "app/docs")
    (run,) = said.json["runs"]
    assert (said.code, run["outcome"]) == (3, "complete")
    assert {"suspicious", "content-scrambled"} <= said.reasons
    assert churn(office, said)["changed"] == 20

    listed = office.guardian("suspicions", "list")
    (suspicion,) = listed.json["suspicions"]
    assert (listed.code, suspicion["snapshot_id"]) == (3, run["snapshot_id"])
    good = suspicion["last_clean"]

    drilled = office.guardian("verify", "app/docs", "--level", "D2")
    assert drilled.code == 0
    assert "snapshot-suspicious" in drilled.reasons

    # The next backup is compared with the last clean one as well: what is done does not become usual.
    (office.docs / "office-1" / "1.txt").write_text(words(1))
    again = office.guardian("backup", "app/docs")
    assert again.code == 3
    assert churn(office, again)["against"] == good
    assert len(office.guardian("suspicions", "list").json["suspicions"]) == 2

    for path, data in before.items():
        path.write_bytes(data)
    cleared = office.guardian("suspicions", "clear", "app/docs", "--reason", "put right", "--attack")
    assert (cleared.code, cleared.json["by"], cleared.json["harmless"]) == (0, "root", False)
    assert len(cleared.json["snapshots"]) == 2
    assert office.guardian("suspicions", "list").code == 0
    restored = office.guardian("backup", "app/docs")
    assert restored.code == 0
    assert churn(office, restored)["against"] == good
    assert office.guardian("ledger", "verify").code == 0


def test_what_a_person_calls_harmless_is_the_new_clean_point(office: Any) -> None:
    encrypt(office)
    said = office.guardian("backup", "app/docs")
    assert said.code == 3
    assert office.guardian("suspicions", "clear", "app/docs", "--reason", "our own encryption").code == 0
    after = office.guardian("backup", "app/docs")
    assert after.code == 0
    assert churn(office, after)["against"] == said.json["runs"][0]["snapshot_id"]


def test_nothing_is_cleared_without_a_reason_or_without_a_suspicion(office: Any) -> None:
    assert office.guardian("suspicions", "clear", "app/docs", "--reason", " ").code == 2
    said = office.guardian("suspicions", "clear", "app/docs", "--reason", "why not")
    assert (said.code, said.json["error"]["code"]) == (2, "usage")


def test_a_lost_or_damaged_projection_changes_nothing(office: Any) -> None:
    encrypt(office)
    assert office.guardian("backup", "app/docs").code == 3
    (kept,) = (office.state / "churn").iterdir()
    kept.write_text("{}")
    assert office.guardian("suspicions", "list").code == 3
    kept.unlink()
    assert office.guardian("suspicions", "list").code == 3


def test_what_cannot_be_compared_is_said_and_costs_no_backup(office: Any) -> None:
    office.config["restic"] = {"cache": False}
    office.write()
    for pack in (office.repository / "data").glob("*/*"):
        pack.unlink()  # somebody destroyed what the last clean backup needs: drills name it, and backups go on
    (office.docs / "office-1" / "1.txt").write_text(words(1))
    said = office.guardian("backup", "app/docs")
    (run,) = said.json["runs"]
    assert run["outcome"] in ("complete", "partial")  # restic says that it missed its parent, or does not
    assert "churn-unknown" in said.reasons
    assert churn(office, said) is None
