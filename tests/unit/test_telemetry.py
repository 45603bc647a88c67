"""Logs carry their run, stay on one line, and hold no secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from guardian import telemetry
from guardian.model.secret import Secret


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    logger = logging.getLogger("guardian")
    before = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_json_lines_carry_the_run() -> None:
    stream = io.StringIO()
    telemetry.configure(verbose=1, as_json=True, stream=stream)
    with telemetry.bound("run-1"):
        telemetry.log("backup").info("started %s", "now")
    telemetry.log("backup").warning("after")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["run_id"] == "run-1"
    assert first["message"] == "started now"
    assert first["room"] == "guardian.backup"
    assert "run_id" not in second


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_and_no_forged_line_leaves(as_json: bool) -> None:
    telemetry.hide(Secret(b"hunter2hunter2"), Secret("密码/密码".encode()))
    stream = io.StringIO()
    telemetry.configure(as_json=as_json, stream=stream)
    try:
        raise ValueError("the password is hunter2hunter2")
    except ValueError:
        telemetry.log().error(
            "file a\nb: hunter2hunter2 密码/密码 %E5%AF%86%E7%A0%81%2F%E5%AF%86%E7%A0%81", exc_info=True
        )
    said = stream.getvalue()
    assert "hunter2" not in said
    assert "密码" not in said
    assert "%E5" not in said
    assert "file a\\nb" in said
    assert telemetry.redact("hunter2hunter2") == "***"


def test_quiet_by_default() -> None:
    stream = io.StringIO()
    telemetry.configure(stream=stream)
    telemetry.log().info("detail")
    telemetry.log().warning("trouble")
    assert "detail" not in stream.getvalue()
    assert "warning trouble" in stream.getvalue()


def test_short_values_do_not_eat_words() -> None:
    telemetry.hide(Secret(b"ab"))
    assert telemetry.redact("about") == "about"


def test_shapes_of_secrets_nobody_registered() -> None:
    text = telemetry.redact(
        "AWS_SECRET_ACCESS_KEY=abc/def+ghi password: 'x y' rest:https://me:pass@host/x?X-Amz-Signature=00ff"
    )
    assert "abc/def" not in text
    assert ":pass@" not in text
    assert "00ff" not in text
