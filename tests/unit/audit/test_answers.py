"""Clauses, questions and levels: satisfied only where the log says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from guardian.audit.answers import answer
from guardian.audit.clauses import clause_answers, exit_code, four_questions
from guardian.audit.facts import Answer, PackFacts
from guardian.audit.grade import grade
from guardian.audit.pack import answered
from guardian.audit.standards import Ask, clause_standards, recovery_levels
from guardian.errors import ExitCode
from guardian.model.drill import DrillCheck

Offices = Callable[..., Any]


def state(facts: PackFacts, query: str, **more: Any) -> str:
    return answer(facts, Ask.model_validate({"query": query, **more})).state


def codes(said: Answer) -> set[str]:
    return {one.code for one in said.reasons}


def test_a_good_month_satisfies_what_a_log_can_say(good_month: Any) -> None:
    facts = good_month.facts()
    assert len(facts.receipts) == 30
    assert len(facts.drills) == len(facts.plans) == 5
    for query in ("sources-backed-up", "receipts-within-rpo", "drill-cadence-met", "log-verified", "config-known"):
        assert state(facts, query) == "satisfied", query
    for query in ("plan-declared", "objectives-declared"):
        assert state(facts, query) == "satisfied", query
    assert state(facts, "drill-passed", level="D3", days=7) == "satisfied"
    assert state(facts, "drill-passed", level="D5", days=366) == "not-satisfied"
    assert [one.answer.state for one in four_questions(facts)] == ["satisfied"] * 4


def test_answers_name_the_entries_they_rest_on(good_month: Any) -> None:
    facts = good_month.facts()
    said = answer(facts, Ask(query="drill-passed", level="D3", days=7))
    assert [proof.leaf_hash for proof in said.proofs] == [facts.drills[-1].leaf_hash]
    assert said.proofs[0].index == facts.drills[-1].index


def test_one_late_backup_breaks_the_objective_and_is_named(office: Offices) -> None:
    made = office()
    for day in (0, 1, 2, 3.5, 4.5, 5.5):
        made.back_up(day)
    said = answer(made.facts(end=6), Ask(query="receipts-within-rpo"))
    assert said.state == "not-satisfied"
    (why,) = said.reasons
    assert (why.code, why.args["count"], why.args["seconds"]) == ("rpo-exceeded", 1, round(1.5 * 86400 + 10))
    assert len(said.proofs) == 1


def test_silence_at_the_end_counts(office: Offices) -> None:
    made = office()
    for day in range(5):
        made.back_up(day)
    assert state(made.facts(end=5), "receipts-within-rpo") == "satisfied"
    assert state(made.facts(end=6), "receipts-within-rpo") == "not-satisfied"


def test_silence_before_the_first_backup_of_the_period_counts(office: Offices) -> None:
    made = office()
    for day in (0, 1, 4, 5, 6):
        made.back_up(day)
    assert state(made.facts(start=4.5, end=7), "receipts-within-rpo") == "satisfied"
    assert state(made.facts(start=3, end=7), "receipts-within-rpo") == "not-satisfied"


def test_without_an_objective_nothing_is_verified(office: Offices) -> None:
    made = office(system="mlps_level: 2")
    made.back_up(0)
    assert state(made.facts(end=1), "receipts-within-rpo") == "could-not-verify"


def test_partial_backups_are_none(office: Offices) -> None:
    made = office()
    made.back_up(0, outcome="partial")
    facts = made.facts(end=1)
    assert state(facts, "sources-backed-up") == "not-satisfied"
    assert "backups-failed" in codes(four_questions(facts)[0].answer)


def test_backups_of_another_system_say_nothing(office: Offices) -> None:
    made = office()
    made.back_up(0, system="other")
    assert state(made.facts(end=1), "sources-backed-up") == "not-satisfied"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["PASS"], "satisfied"),
        (["FAIL"], "not-satisfied"),
        (["PASS", "FAIL"], "not-satisfied"),
        (["FAIL", "PASS"], "satisfied"),
        (["PASS", "COULD_NOT_VERIFY"], "satisfied"),
        (["FAIL", "COULD_NOT_VERIFY"], "not-satisfied"),
        (["COULD_NOT_VERIFY"], "could-not-verify"),
        (["NOT_RUN"], "not-satisfied"),
        ([], "not-satisfied"),
    ],
)
def test_the_newest_drill_that_found_out_decides(office: Offices, outcomes: list[str], expected: str) -> None:
    made = office()
    made.back_up(0)
    for day, outcome in enumerate(outcomes, 1):
        made.drill(day, outcome)
    assert state(made.facts(end=5), "drill-passed", level="D3", days=30) == expected


def test_a_sample_that_says_next_to_nothing_proves_nothing(office: Offices) -> None:
    """What a drill asks of itself is for whoever runs it to choose: with --max-loss 0.9 one draw is enough to pass."""
    made = office()
    made.back_up(0)
    made.drill(1, upper=0.05, figures={"drawn": 60})
    facts = made.facts(end=2)
    said = answer(facts, Ask(query="drill-passed", level="D3", days=30))
    assert (said.state, codes(said)) == ("could-not-verify", {"drill-thin"})
    assert four_questions(facts)[3].answer.state == "could-not-verify"
    made.drill(2, upper=0.001, figures={"drawn": 1000, "confidence": 0.6})
    assert state(made.facts(end=3), "drill-passed", level="D3", days=30) == "could-not-verify"
    made.drill(3)
    made.drill(4, upper=0.05, figures={"drawn": 60})
    assert state(made.facts(end=5), "drill-passed", level="D3", days=30) == "satisfied"
    assert state(made.facts(end=5), "drill-run", level="D3", days=2) == "satisfied"
    made.drill(6, figures={"method": "census", "frame": 9, "drawn": 9}, upper=0.5)
    assert state(made.facts(end=7), "drill-passed", level="D3", days=2) == "satisfied"


def test_a_lower_level_never_stands_in_for_a_higher_one(office: Offices) -> None:
    made = office()
    made.back_up(0)
    made.drill(1, level="D2")
    facts = made.facts(end=2)
    assert state(facts, "drill-passed", level="D2", days=30) == "satisfied"
    assert state(facts, "drill-passed", level="D3", days=30) == "not-satisfied"


def test_a_drill_of_keys_is_of_keys_alone(office: Offices) -> None:
    made = office()
    made.back_up(0)
    made.drill(1, level="D4")
    assert state(made.facts(end=2), "drill-passed", level="K", days=30) == "not-satisfied"
    made.drill(3, level="K", checks=(DrillCheck(level="K", name="custody", outcome="PASS"),))
    facts = made.facts(end=4)
    assert state(facts, "drill-passed", level="K", days=30) == "satisfied"
    assert answer(facts, Ask(query="drill-passed", level="D0", days=30)).reasons[0].args["day"] == "2026-03-02"


def test_a_failure_further_down_takes_back_what_was_proven_above(office: Offices) -> None:
    made = office()
    made.back_up(0)
    made.drill(1)
    made.drill(2, "FAIL", level="D1")
    facts = made.facts(end=3)
    assert state(facts, "drill-passed", level="D3", days=30) == "not-satisfied"
    assert state(facts, "drill-run", level="D3", days=1) == "not-satisfied", "nobody climbed there again"


def test_an_old_drill_is_stale(office: Offices) -> None:
    made = office()
    made.back_up(0)
    made.drill(1)
    assert state(made.facts(end=9), "drill-passed", level="D3", days=8) == "satisfied"
    assert state(made.facts(end=10), "drill-passed", level="D3", days=8) == "not-satisfied"


def test_a_missed_drill_breaks_the_cadence(office: Offices) -> None:
    made = office()
    made.back_up(0)
    for day in (1, 8, 16, 23):
        made.drill(day)
    assert state(made.facts(end=30), "drill-cadence-met") == "not-satisfied"


def test_a_period_shorter_than_the_cadence_verifies_nothing(office: Offices) -> None:
    made = office()
    made.back_up(0)
    assert state(made.facts(end=3), "drill-cadence-met") == "could-not-verify"


def test_a_configuration_nobody_backed_up_under_is_not_on_record(office: Offices) -> None:
    made = office()
    assert state(made.facts(end=1), "config-known") == "not-satisfied"
    made.configured()
    assert state(made.facts(end=2), "config-known") == "satisfied"


def test_rotating_the_password_makes_old_shares_worthless(office: Offices) -> None:
    made = office()
    assert state(made.facts(end=1), "key-escrow") == "not-satisfied"
    made.escrow()
    assert state(made.facts(end=2), "key-escrow") == "satisfied"
    made.escrow("password-rotated")
    assert state(made.facts(end=3), "key-escrow") == "not-satisfied"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "not-satisfied"),
        ("s3:http://127.0.0.1:8333/bucket/x", "not-satisfied"),
        ("s3:http://localhost:8333/bucket/x", "not-satisfied"),
        ("s3:https://storage.example.org/bucket/x", "could-not-verify"),
    ],
)
def test_a_place_is_never_proven(office: Offices, url: str, expected: str) -> None:
    assert state(office(url=url).facts(end=1), "offsite-copy") == expected


def test_a_plan_without_a_result_is_told(office: Offices) -> None:
    made = office()
    made.back_up(0)
    made.plan(1)
    made.drill(2)
    (why,) = [one for one in four_questions(made.facts(end=3))[3].answer.reasons if one.code == "plans-without-result"]
    assert why.args["count"] == 1


def test_real_time_is_never_said_of_snapshots(good_month: Any) -> None:
    facts = answered(good_month.facts(), "3")
    (clause,) = [one for one in facts.clauses if one.clause == "8.1.4.9 b"]
    assert (clause.answer.state, clause.answer.by) == ("could-not-verify", "person")


def test_levels_have_their_own_clauses(good_month: Any) -> None:
    (standard,) = clause_standards()
    numbers = {
        level: {one.clause for one in clause_answers(good_month.facts(), standard, level)} for level in ("2", "3", "4")
    }
    assert "7.1.4.8 a" in numbers["2"]
    assert "8.1.4.9 c" in numbers["3"]
    assert "9.1.4.9 d" in numbers["4"]
    assert not numbers["2"] & numbers["3"]


def test_exit_codes() -> None:
    good, bad, unknown = (Answer(state) for state in ("satisfied", "not-satisfied", "could-not-verify"))
    person = Answer("could-not-verify", by="person")
    assert exit_code([good, person]) == ExitCode.OK
    assert exit_code([good, unknown]) == ExitCode.COULD_NOT_VERIFY
    assert exit_code([good, unknown, bad]) == ExitCode.BAD_ANSWER


# GB/T 20988

REMOTE = "s3:https://storage.example.org/bucket/x"


def graded(made: Any, **changes: Any) -> Any:
    return grade(replace(made.facts(), **changes), recovery_levels())


def fill(made: Any, every: float = 1, **drill: Any) -> Any:
    made.configured()
    day = 0.0
    while day < 30:
        made.back_up(day)
        day += every
    made.drill(29.9, **drill)
    return made


def test_never_above_four(office: Offices) -> None:
    made = fill(office(system="objectives: {dr_level: 6}", url=REMOTE), every=0.9, rto_seconds=60.0)
    said = graded(made)
    assert (said.level, said.declared, said.refused) == (4, 6, True)
    assert said.superseded
    assert said.edition == "2007 Table C.1"
    assert "snapshots" in said.limited_by


def test_an_unmeasured_recovery_stops_below_the_level_that_limits_it(office: Offices) -> None:
    said = graded(fill(office(url=REMOTE), every=0.9))
    assert said.level == 3
    assert said.limited_by == ("recovery-time",)
    assert next(one for one in said.criteria if one.code == "recovery-time").basis == "unknown"


def test_an_extrapolated_recovery_is_no_measurement(office: Offices) -> None:
    assert graded(fill(office(url=REMOTE), every=0.9, rto_seconds=60.0, extrapolated=True)).level == 3


def test_weekly_backups_support_level_two(office: Offices) -> None:
    said = graded(fill(office(url=REMOTE), every=6.9, rto_seconds=60.0))
    assert said.level == 2
    assert said.limited_by == ("backup-frequency",)


def test_nothing_read_back_nothing_supported(office: Offices) -> None:
    said = graded(fill(office(url=REMOTE), every=0.9, level="D1", rto_seconds=60.0))
    assert said.level == 0
    assert said.limited_by == ("validity-verified",)


def test_local_only_supports_nothing(office: Offices) -> None:
    said = graded(fill(office(), every=0.9, rto_seconds=60.0))
    assert said.level == 0
    assert said.limited_by == ("off-site",)


def test_other_elements_are_for_people(good_month: Any) -> None:
    said = graded(good_month)
    assert [one.level is None for one in said.elements] == [False, *[True] * 6]
