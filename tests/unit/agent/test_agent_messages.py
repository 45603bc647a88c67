"""What a job's process says, and what the agent makes of it."""

import io
import json

import pytest

from guardian.agent.messages import Teller, understand
from guardian.model.events import Event, Notice, Phase, Progress, Remark
from guardian.model.job import JobResult
from guardian.model.reason import reason
from guardian.model.redaction import hide
from guardian.model.secret import Secret


@pytest.mark.parametrize(
    "event",
    [
        Phase("backup", "app/docs"),
        Phase("backup", "app/\udcff\n"),
        Progress(5, 10, "files"),
        Progress(5, unit="entries", at="/etc/\udcff\n"),
        Notice("two\nlines"),
        Remark(reason("retries", "warning", count=3)),
    ],
)
def test_events_arrive_as_they_were_said(event: Event, clock: object) -> None:
    out = io.BytesIO()
    Teller(out, clock)(event)  # type: ignore[arg-type]
    assert out.getvalue().count(b"\n") == 1
    assert understand(out.getvalue()) == event


def test_the_result_arrives(clock: object) -> None:
    out = io.BytesIO()
    result = JobResult(outcome="partial", exit_code=3, reasons=(reason("retries", count=1),), figures={"bytes": 1.5})
    Teller(out, clock).result(result)  # type: ignore[arg-type]
    assert understand(out.getvalue()) == result


def test_progress_is_said_at_most_twice_a_second(clock: object) -> None:
    out = io.BytesIO()
    teller = Teller(out, clock)  # type: ignore[arg-type]
    for done in range(1000):
        teller(Progress(done))
        clock.sleep(0.01)  # type: ignore[attr-defined]
    assert 19 <= out.getvalue().count(b"\n") <= 21


def test_secrets_are_masked(clock: object) -> None:
    hide(Secret(b"very-secret-word"))
    out = io.BytesIO()
    Teller(out, clock)(Notice("it is very-secret-word"))  # type: ignore[arg-type]
    assert b"very-secret-word" not in out.getvalue()


def test_an_agent_that_is_gone_is_no_error(clock: object) -> None:
    class Gone(io.BytesIO):
        def write(self, _data: object) -> int:
            raise BrokenPipeError

    Teller(Gone(), clock).result(JobResult(outcome="complete", exit_code=0))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"noise",
        b"[]",
        b"{}",
        b"null",
        b'{"result": 5}',
        b'{"result": {"outcome": "great", "exit_code": 0}}',
        b'{"remark": {"code": "NOT A CODE"}}',
        b"[" * 100_000,
        b'{"result":',
        b"\xff\xfe",
        b'{"done": ' + b"9" * 5000 + b"}",
    ],
)
def test_nonsense_says_nothing(line: bytes) -> None:
    assert understand(line) is None


def test_what_is_said_is_bounded() -> None:
    long = understand(json.dumps({"phase": "x" * 10_000, "subject": 7}).encode())
    assert long == Phase("x" * 2000, "")
    assert understand(b'{"done": -5, "total": "many"}') == Progress(0, 0, "")
