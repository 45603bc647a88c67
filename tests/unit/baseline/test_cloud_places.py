"""What a configuration makes worth looking at: every target has a view, also where nothing could be read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from guardian.baseline.cloud import cloud_places, wanted_of
from guardian.baseline.facts import s3
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.config.problem import InvalidConfigError
from guardian.node import Node
from guardian.proc import Stop


def node(root: Path, **targets: Any) -> Node:
    config = {
        "tenant": {"id": "agency"},
        "repositories": {"main": {"url": str(root / "repository")}},
        "systems": {"app": {"sources": {"docs": {"kind": "files", "paths": [str(root / "docs")]}}}},
        "scan": {"targets": targets},
    }
    (root / "guardian.yaml").write_text(yaml.safe_dump(config))
    return Node(load(root / "guardian.yaml"), SystemClock(), lambda _event: None, Stop())


def looked(made: Node, name: str) -> dict[str, Any]:
    (place,) = (one for one in cloud_places(made) if one.name == name)
    return {f"{one.target.kind}:{one.target.id}": (one.facts, one.unreachable) for one in place.look(made.clock)}


def test_manifests_are_read_relative_to_the_configuration(tmp_path: Path) -> None:
    made = node(tmp_path, cluster={"kind": "kubernetes", "paths": ["manifests"], "labels": {"site": "a"}})
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "a.yaml").write_text("kind: Service\nmetadata: {name: web, namespace: prod}\nspec: {}")
    (tmp_path / "manifests" / "b.yaml").write_text("{{ .Values.name }}: x")
    found = looked(made, "cluster")
    assert set(found) == {"kubernetes:cluster/prod/Service/web", "kubernetes:cluster/b.yaml"}
    assert found["kubernetes:cluster/b.yaml"][0] == {"object": {"$err": "a key that is no text: line 1"}}


@pytest.mark.parametrize("content", [None, "kind: ConfigMap\nmetadata: {name: c}", ""])
def test_a_cluster_of_which_nothing_can_be_judged_is_unreachable_and_not_clean(
    tmp_path: Path, content: str | None
) -> None:
    made = node(tmp_path, cluster={"kind": "kubernetes", "paths": ["all.yaml"]})
    if content is not None:
        (tmp_path / "all.yaml").write_text(content)
    found = looked(made, "cluster")
    told = {name: facts for name, (facts, _why) in found.items()}
    assert all("$err" in str(facts) for facts in told.values())
    assert told


def test_an_export_is_one_target(tmp_path: Path) -> None:
    made = node(tmp_path, cloud={"kind": "document", "path": "export.json"})
    (tmp_path / "export.json").write_text('{"a": [1], "password": "x"}')
    assert looked(made, "cloud") == {"document:cloud": ({"document": {"a": [1], "password": "set"}}, "")}
    (tmp_path / "export.json").unlink()
    assert looked(made, "cloud")["document:cloud"][0] == {"document": {"$err": "there is no such file"}}


def test_protection_is_looked_at_without_being_asked(tmp_path: Path) -> None:
    found = looked(node(tmp_path), "protection")
    assert found["protection:app"][0]["plan"]["places"] == 1


@pytest.mark.parametrize(
    ("needed", "wanted"),
    [
        ({("bucket", "acl", "public"), ("bucket", "role")}, {"acl"}),
        ({("bucket",)}, s3.EVERY),
        ({("account", "users")}, set()),
        ({("bucket", "tags", "owner"), ("bucket", "region")}, {"tags", "region"}),
    ],
)  # fmt: skip
def test_only_what_rules_name_is_wanted(needed: set[tuple[str, ...]], wanted: set[str]) -> None:
    assert wanted_of(frozenset(needed)) == wanted


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "s3", "endpoint": "https://user:hunter2@storage.example.org", "credentials": "file:x"},
        {"kind": "s3", "endpoint": "https://storage.example.org/bucket", "credentials": "file:x"},
        {"kind": "s3", "endpoint": "storage.example.org", "credentials": "file:x"},
        {"kind": "s3", "endpoint": "https://storage.example.org", "credentials": "hunter2"},
        {"kind": "kubernetes", "paths": []},
        {"kind": "document"},
    ],
)
def test_a_target_that_is_wrong_is_refused_without_repeating_secrets(tmp_path: Path, target: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfigError) as told:
        node(tmp_path, storage=target)
    assert "hunter2" not in str(told.value)
