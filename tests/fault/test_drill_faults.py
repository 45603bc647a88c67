"""Drills under faults: storage that lies or hangs, scratch without room, and a drill that is cut off at any level."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guardian.objectstore.s3 import S3Store

# storage


@pytest.fixture(scope="module")
def stored(original: Any, s3_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host whose repository lies on S3, with one backup of its documents."""
    root = tmp_path_factory.mktemp("drilled")
    address = s3_server.address(f"drill-{secrets.token_hex(6)}", "repository")
    with S3Store(address, s3_server.credentials) as store:
        store.ensure_bucket()
    sites = sys.modules[type(original.site).__module__]
    site = sites.make(root, address.location, s3_server.credentials_file(root / "s3-credentials"))
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    for verb in ("init", "backup"):
        said = site.guardian(verb)
        assert said.code == 0, said
    site.config["restic"] = {"stall_timeout": "4s", "stop_grace": "5s"}
    site.write()
    return site


@pytest.fixture
def place(stored: Any, s3_server: Any, fault_proxy: Callable[[str], Any]) -> Iterator[tuple[Any, Any]]:
    """The host, and a proxy before its storage; without it afterwards, and no harm done."""
    proxy = fault_proxy(s3_server.endpoint)
    main = stored.config["repositories"]["main"]
    before = dict(main)
    main["url"] = main["url"].replace(s3_server.endpoint, proxy.endpoint)
    stored.write()
    yield stored, proxy
    main.clear()
    main.update(before)
    stored.write()


DOUBT, DAMAGE = 4, 3


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"action": "truncate", "path": "/data/"}, DOUBT),
        ({"action": "whole", "path": "/data/"}, DOUBT),
        ({"action": "flip", "path": "/data/"}, DAMAGE),  # always the same wrong bytes: nobody can tell it from damage
        ({"action": "slow", "path": "/data/", "rate": 20}, DOUBT),
        ({"action": "hang", "path": "/data/"}, DOUBT),
        ({"action": "reset", "path": "/data/"}, DOUBT),
        ({"action": "status", "path": "/data/", "status": 403, "code": "AccessDenied"}, DOUBT),
        ({"action": "status", "path": "/data/", "status": 403, "code": "AccessDenied", "after": 4}, DOUBT),
        ({"action": "portal", "path": "/data/"}, DOUBT),
        ({"action": "status", "path": "list-type", "status": 403, "code": "AccessDenied"}, DOUBT),
        ({"action": "cut-list", "path": "data%2F"}, DAMAGE),
        ({"action": "slow", "path": "list-type", "rate": 20}, DOUBT),
    ],
    ids=lambda rule: "-".join(str(value).strip("/") for value in rule.values()) if isinstance(rule, dict) else "",
)
def test_storage_that_lies_refuses_or_hangs(place: tuple[Any, Any], rule: dict[str, Any], code: int) -> None:
    site, proxy = place
    proxy.add(method="GET", **rule)
    began = time.monotonic()
    said = site.guardian("verify", "--level", "D3")
    assert said.code == code, said.out
    assert said.json["outcome"] == {DOUBT: "COULD_NOT_VERIFY", DAMAGE: "FAIL"}[code]
    assert proxy.seen("GET", rule["path"], rule["action"])
    assert time.monotonic() - began < 150
    (drill,) = said.json["drills"]
    entry = site.guardian("ledger", "show", "--entry", str(drill["entry"])).json["entries"][0]
    assert entry["predicate"]["outcome"] == said.json["outcome"]
    proxy.clear()
    proxy.release()
    good = site.guardian("verify", "--level", "D3")
    assert (good.code, good.json["outcome"]) == (0, "PASS"), good.out


def test_a_list_of_snapshots_from_yesterday(place: tuple[Any, Any], s3_server: Any) -> None:
    site, proxy = place
    proxy.add("stale", method="GET", path="snapshots%2F")
    assert site.guardian("verify", "--level", "D0").code == 0
    site.config["repositories"]["main"]["url"] = site.url
    site.write()
    assert site.guardian("backup").code == 0
    site.config["repositories"]["main"]["url"] = site.url.replace(s3_server.endpoint, proxy.endpoint)
    site.write()
    said = site.guardian("verify", "--level", "D0")
    assert (said.code, said.json["outcome"]) == (3, "FAIL"), said.out
