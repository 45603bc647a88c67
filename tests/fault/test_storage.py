"""A real S3 server through a proxy that misbehaves: bounded time, one clear line, and the next run good."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.objectstore.s3 import S3Store

SLOW_RETRIES = "restic 0.14 tries a refused object again for three quarters of a minute"


@pytest.fixture(scope="module")
def stored(original: Any, s3_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A host whose repository lies on S3, with one backup."""
    root = tmp_path_factory.mktemp("storage")
    address = s3_server.address(f"fault-{secrets.token_hex(6)}", "repository")
    with S3Store(address, s3_server.credentials) as store:
        store.ensure_bucket()
    sites = sys.modules[type(original.site).__module__]
    site = sites.make(root, address.location, s3_server.credentials_file(root / "s3-credentials"))
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    for verb in ("init", "backup"):
        said = site.guardian(verb)
        assert said.code == 0, said
    # Impatient only from now on: a loaded machine may well be silent for seconds while it makes a repository.
    site.config["restic"] = {"stall_timeout": "8s", "stop_grace": "5s"}
    site.write()
    return site


@pytest.fixture
def place(stored: Any, s3_server: Any, fault_proxy: Callable[[str], Any]) -> Iterator[tuple[Any, Any]]:
    """The host, with new data to save and a proxy before its storage; without it afterwards."""
    proxy = fault_proxy(s3_server.endpoint)
    main = stored.config["repositories"]["main"]
    before, config = dict(main), dict(stored.config["restic"])
    main["url"] = main["url"].replace(s3_server.endpoint, proxy.endpoint)
    stored.write()
    (stored.docs / "fresh").write_bytes(os.urandom(300_000))
    yield stored, proxy
    main.clear()
    main.update(before)
    stored.config["restic"] = config
    stored.write()


def refused(site: Any, error: str | tuple[str, ...], *words: str) -> float:
    """A backup that could not be made: exit code 4, no receipt, the reason in the log. The seconds it took."""
    began = time.monotonic()
    said = site.guardian("backup")
    seconds = time.monotonic() - began
    assert said.code == 4, said
    (run,) = said.json["runs"]
    assert run["outcome"] == "failed"
    assert run["error"]["code"] in ((error,) if isinstance(error, str) else error), said
    line = run["error"]["message"]
    assert all(word in line for word in words), line
    assert line.isprintable()
    assert run["error"]["hint"]
    log = site.guardian("ledger", "show", "-n", "1").json
    assert "/no-backup/" in log["entries"][0]["type"]
    said_there = log["entries"][0]["predicate"]
    assert (said_there["run_id"], {reason["code"] for reason in said_there["reasons"]}) == (
        run["run_id"],
        {run["error"]["code"]},
    )
    return seconds


def healed(site: Any) -> None:
    """With the storage back, the next run is good and needs nobody's help."""
    said = site.guardian("backup")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert site.restic("list", "locks", "--no-lock").stdout == b""
    said = site.guardian("verify", "--level", "D0")
    assert said.code == 0, said


def test_stopped_before_the_start(place: tuple[Any, Any]) -> None:
    site, proxy = place
    proxy.close()
    assert refused(site, "storage-unreachable", proxy.endpoint, "refused") < 15
    assert site.guardian("verify").code == 4


def test_never_answers_from_the_start(place: tuple[Any, Any]) -> None:
    site, proxy = place
    proxy.add("hang")
    assert refused(site, "storage-unreachable", proxy.endpoint, "no answer") < 30


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang", "reset"])
def test_gone_in_the_middle(place: tuple[Any, Any], fault: str) -> None:
    site, proxy = place
    proxy.add(fault, method="PUT", path="/data/")
    proxy.add(fault, method="DELETE")
    # Cut connections move bytes with every try: restic itself gives up in the end, if the watchdog does not. By one
    # connection its pauses soon are longer than the watchdog waits; by five, one or another moves a byte for minutes.
    site.config["repositories"]["main"]["connections"] = 1
    site.write()
    either = ("stalled",) if fault == "hang" else ("stalled", "storage-unreachable")
    assert refused(site, either) < 150
    assert proxy.seen("PUT", "/data/", fault)
    assert not proxy.seen("PUT", "/snapshots/")
    proxy.clear()
    proxy.release()
    healed(site)


def test_a_web_page_in_its_place(place: tuple[Any, Any]) -> None:
    site, proxy = place
    proxy.add("portal")
    refused(site, "storage-refused", "web page")


def test_busy_for_a_moment(place: tuple[Any, Any]) -> None:
    site, proxy = place
    site.config["restic"]["stall_timeout"] = "30s"
    site.write()
    proxy.add("status", method="PUT", path="/data/", times=3, status=503)
    said = site.guardian("backup")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert len(proxy.seen("PUT", "/data/", "status")) == 3


def test_wrong_key(place: tuple[Any, Any]) -> None:
    site, _proxy = place
    good = site.credentials.read_text()
    for wrong in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        lines = [f"{wrong}=wrong" if line.startswith(wrong) else line for line in good.splitlines()]
        site.credentials.write_text("\n".join(lines))
        try:
            refused(site, "storage-refused", "refused")
        finally:
            site.credentials.write_text(good)


def test_clocks_differ(place: tuple[Any, Any]) -> None:
    site, proxy = place
    proxy.add("status", path="/repository/", status=403, code="RequestTimeTooSkewed")
    proxy.add("status", path="prefix=", status=403, code="RequestTimeTooSkewed")
    refused(site, "storage-refused", "refused")


def test_no_such_bucket(place: tuple[Any, Any]) -> None:
    site, proxy = place
    site.config["repositories"]["main"]["url"] = f"s3:{proxy.endpoint}/no-such-bucket/repository"
    site.write()
    said = site.guardian("backup")
    assert (said.code, said.json["runs"][0]["error"]["code"]) == (10, "repository-missing"), said


@pytest.mark.slow
def test_data_may_not_be_written(place: tuple[Any, Any]) -> None:
    site, proxy = place
    newer = sorted(Path("/opt/restic").glob("*/restic"))
    if not newer:
        pytest.skip(SLOW_RETRIES)
    site.config["restic"] = {"program": str(newer[-1]), "stop_grace": "5s"}
    site.write()
    proxy.add("status", method="PUT", path="/data/", status=403, code="AccessDenied")
    refused(site, "storage-refused", "refused")
    proxy.clear()
    healed(site)
