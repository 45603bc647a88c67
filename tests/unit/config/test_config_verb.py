"""``guardian config`` as it is called."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from guardian.cli.main import main

Write = Callable[..., Path]
Answer = tuple[int, str, str]
Call = Callable[..., Answer]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("LANGUAGE", os.environ.get("LANGUAGE", ""))

    def called(*arguments: str | Path) -> Answer:
        with pytest.raises(SystemExit) as caught:
            main(["--lang", "en", *map(str, arguments)])
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return called


def test_check_of_a_good_one(call: Call, write: Write) -> None:
    path = write()
    code, out, err = call("config", "check", "--config", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path} is good: ")
    assert "main.social" in out


def test_check_for_programs(call: Call, write: Write) -> None:
    code, out, _err = call("--config", write(), "config", "check", "--json")
    answer = json.loads(out)
    assert code == answer["exit_code"] == 0
    assert (answer["schema"], answer["outcome"]) == ("guardian.config.check/v1", "ok")
    assert {"target": "portal/www", "repository": "offsite"} in answer["targets"]
    assert len(answer["sha256"]) == 64


def test_check_of_a_bad_one_says_everything(call: Call, write: Write) -> None:
    path = write(("host: web-1", "host: WEB"), ("rpo: 6h", "rpo: x"))
    code, out, err = call("config", "check", "--config", path)
    assert (code, out) == (2, "")
    assert "guardian.yaml:2: host: not an id" in err
    assert "guardian.yaml:8: systems.social.objectives.rpo: not a duration" in err
    assert "Traceback" not in err
    code, out, _err = call("config", "check", "--json", "--config", path)
    answer = json.loads(out)
    assert code == answer["exit_code"] == 2
    assert len(answer["error"]["problems"]) == 2


def test_check_of_none(call: Call, tmp_path: Path) -> None:
    code, out, err = call("config", "check", "--config", tmp_path / "gone.yaml")
    assert (code, out) == (2, "")
    assert "there is no configuration at" in err


def test_show_is_the_configuration_in_force(call: Call, write: Write) -> None:
    code, out, _err = call("config", "show", "--config", write())
    shown = yaml.safe_load(out)
    assert code == 0
    assert shown["systems"]["social"]["objectives"]["rpo"] == "6h"
    assert shown["restic"]["stall_timeout"] == "2m"


def test_show_says_where_each_value_comes_from(call: Call, write: Write) -> None:
    path = write()
    _code, out, _err = call("config", "show", "--provenance", "--config", path)
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["systems.social.objectives.rpo"] == ["6h", "guardian.yaml:8"]
    assert rows["restic.cache"] == ["true", "default"]
    _code, out, _err = call("config", "show", "--provenance", "--json", "--config", path)
    assert json.loads(out)["provenance"]["systems.social.objectives.rpo"] == "guardian.yaml:8"


def test_the_schema_is_printed_without_a_configuration(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _err = call("config", "schema")
    assert code == 0
    assert json.loads(out)["$schema"].endswith("2020-12/schema")
    assert call("config", "schema", "--json")[1] == out
