"""What is published about the configuration is what is accepted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from guardian.config.load import load
from guardian.config.reference import FOLDER, reference_text, schema, schema_text
from guardian.config.starter import Starter, starter_text

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "text"), [("guardian.schema.json", schema_text), ("configuration.md", reference_text)]
)
def test_the_checked_in_reference_is_the_generated_one(name: str, text: Callable[[], str]) -> None:
    wanted = "run python -m guardian.config.reference --write"
    assert (FOLDER / name).read_text(encoding="utf-8") == text(), wanted


def test_the_schema_says_what_an_editor_needs() -> None:
    described = json.loads(schema_text())
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert described["additionalProperties"] is False
    assert described["required"] == ["tenant", "repositories", "systems"]
    assert "include" in described["properties"]
    assert described["$defs"]["RepositorySpec"]["properties"]["url"]["maxLength"] == 2048
    assert described["$defs"]["ResticSettings"]["properties"]["stall_timeout"]["default"] == "120s"


def test_every_key_stands_on_the_page() -> None:
    page = reference_text()
    for noun in [schema(), *schema()["$defs"].values()]:
        for key in noun["properties"]:
            assert f"| `{key}` |" in page


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "addresses", [(), ("s3:http://127.0.0.1:9000/guardian/{system}",), ("/mnt/a", "s3:https://h/bucket", "sftp:u@h:/x")]
)
def test_a_starter_loads_as_it_stands(write: Write, tmp_path: Path, language: str, addresses: tuple[str, ...]) -> None:
    starter = Starter(tmp_path / '数据 "1"\\', addresses, "zh" if language == "zh" else "en", tmp_path)
    loaded = load(write(starter_text(starter)))
    (target,) = loaded.targets()
    assert len(loaded.copies(target)) == max(len(addresses) - 1, 0)
    assert ("备份" in starter_text(starter)) is (language == "zh")


def test_a_starter_beside_the_data_leaves_guardian_itself_out(write: Write, tmp_path: Path) -> None:
    loaded = load(write(starter_text(Starter(tmp_path, base=tmp_path))))
    (target,) = loaded.targets()
    assert loaded.excludes(target) == (str(tmp_path / "repositories"), str(tmp_path / "state"))


def test_a_starter_names_credentials_only_where_they_are_used(write: Write) -> None:
    loaded = load(
        write(starter_text(Starter(Path("/srv"), ("s3:https://h/bucket", "s3:https://h/other", "rest:https://h/"))))
    )
    references = {name: spec.credentials for name, spec in loaded.config.repositories.items()}
    assert references == {"main": "file:secrets/s3.env", "offsite": "file:secrets/s3-offsite.env", "offsite-2": None}


def test_both_starters_say_the_same_to_the_machine() -> None:
    texts = [starter_text(Starter(Path("/srv"), language=language)) for language in ("zh", "en")]  # type: ignore[arg-type]
    assert yaml.safe_load(texts[0]) == yaml.safe_load(texts[1])
