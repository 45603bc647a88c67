"""The fault proxy itself: honest without rules, and each fault really is one. Against a real S3 server."""

import http.client
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from guardian.errors import StorageRefused, StorageUnreachable
from guardian.model.address import S3Address, parse
from guardian.objectstore.reach import reach
from guardian.objectstore.s3 import S3Store
from guardian.proc.command import Captured, Command
from guardian.proc.run import capture

CONTENT = os.urandom(300_000)


@pytest.fixture
def proxy(s3_place: Any, fault_proxy: Callable[[str], Any]) -> Any:
    return fault_proxy(s3_place.server.endpoint)


@pytest.fixture
def address(proxy: Any, s3_place: Any) -> S3Address:
    return parse(s3_place.at(proxy.endpoint))


@pytest.fixture
def client(address: S3Address, s3_place: Any) -> Any:
    with S3Store(address, s3_place.server.credentials) as store:
        client = store._client
        # One attempt a call: a retry would hide the fault under test.
        client.meta.events.register("needs-retry.s3", lambda **_named: None)
        client.meta.events.unregister("needs-retry.s3", unique_id="retry-config-s3")
        yield client


def test_without_rules_everything_passes_as_it_is(client: Any, proxy: Any, s3_place: Any) -> None:
    bucket = s3_place.address.bucket
    client.put_object(Bucket=bucket, Key="a", Body=CONTENT)
    assert client.head_object(Bucket=bucket, Key="a")["ContentLength"] == len(CONTENT)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == CONTENT
    assert client.get_object(Bucket=bucket, Key="a", Range="bytes=5-9")["Body"].read() == CONTENT[5:10]
    assert [o["Key"] for o in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]
    client.delete_object(Bucket=bucket, Key="a")
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket=bucket, Key="a")
    assert {seen.met for seen in proxy.seen()} == {"forward"}
    assert [seen.method for seen in proxy.seen("PUT", "/a")] == ["PUT"]


def test_status_counts_after_and_times(client: Any, proxy: Any, s3_place: Any) -> None:
    proxy.add("status", method="GET", path="location", after=1, times=2, status=403, code="AccessDenied")
    outcomes = []
    for _n in range(4):
        try:
            client.get_bucket_location(Bucket=s3_place.address.bucket)
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == ["ok", "AccessDenied", "AccessDenied", "ok"]
    proxy.clear()
    client.get_bucket_location(Bucket=s3_place.address.bucket)


def test_ok_without_store_loses_the_object(client: Any, proxy: Any, s3_place: Any) -> None:
    bucket = s3_place.address.bucket
    proxy.add("ok-without-store", method="PUT", path="/lost")
    assert client.put_object(Bucket=bucket, Key="lost", Body=CONTENT)["ETag"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        client.get_object(Bucket=bucket, Key="lost")


def test_dropped_reply_happens_after_the_deed(client: Any, proxy: Any, s3_place: Any) -> None:
    bucket = s3_place.address.bucket
    proxy.add("drop-reply", method="PUT", times=1)
    with pytest.raises(BotoCoreError):
        client.put_object(Bucket=bucket, Key="done", Body=CONTENT)
    assert client.get_object(Bucket=bucket, Key="done")["Body"].read() == CONTENT


@pytest.mark.parametrize("at", [-1, 0, 200_000])
def test_flip_spoils_one_bit(client: Any, proxy: Any, s3_place: Any, at: int) -> None:
    bucket = s3_place.address.bucket
    client.put_object(Bucket=bucket, Key="a", Body=CONTENT)
    proxy.add("flip", method="GET", path="/a", at=at)
    got = client.get_object(Bucket=bucket, Key="a")["Body"].read()
    wrong = [n for n, (x, y) in enumerate(zip(got, CONTENT, strict=True)) if x != y]
    assert wrong == [len(CONTENT) // 2 if at < 0 else at]


def test_truncate_promises_more_than_it_gives(client: Any, proxy: Any, s3_place: Any) -> None:
    bucket = s3_place.address.bucket
    client.put_object(Bucket=bucket, Key="a", Body=CONTENT)
    proxy.add("truncate", method="GET", path="/a")
    answer = client.get_object(Bucket=bucket, Key="a")
    assert answer["ContentLength"] == len(CONTENT)
    with pytest.raises(BotoCoreError):
        answer["Body"].read()
    answer["Body"].close()


def test_slow_is_slow_and_whole(client: Any, proxy: Any, s3_place: Any) -> None:
    bucket = s3_place.address.bucket
    proxy.add("slow", rate=2_000_000)
    client.put_object(Bucket=bucket, Key="a", Body=CONTENT)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == CONTENT
    assert {seen.met for seen in proxy.seen()} == {"slow"}


def test_hang_takes_the_request_and_never_answers(address: S3Address, proxy: Any) -> None:
    proxy.add("hang")
    with pytest.raises(StorageUnreachable, match="no answer within"):
        reach(address, timeout=0.3)


def test_reset_is_a_reset(address: S3Address, proxy: Any) -> None:
    proxy.add("reset")
    with pytest.raises(StorageUnreachable) as caught:
        reach(address)
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_portal_and_skew(address: S3Address, proxy: Any) -> None:
    proxy.add("portal", times=1)
    proxy.add("skew", seconds=-7200)
    with pytest.raises(StorageRefused, match="web page"):
        reach(address)
    honest = reach(parse(f"s3:http://127.0.0.1:{proxy.upstream[1]}/some-bucket")).server_time
    skewed = reach(address).server_time
    assert honest is not None
    assert skewed is not None
    assert 7190 < (honest - skewed).total_seconds() < 7210


def test_expect_continue_chunks_and_keep_alive(proxy: Any) -> None:
    """What Go's clients do, byte by byte: unsigned here, so that the honest answer is a refusal."""
    host, port = proxy.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw, raw.makefile("rb") as answers:
        head = f"PUT /some-bucket/k HTTP/1.1\r\nHost: {host}:{port}\r\n"
        for _round in range(2):
            raw.sendall(f"{head}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            assert answers.readline().startswith(b"HTTP/1.1 100")
            assert answers.readline() == b"\r\n"
            raw.sendall(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n")
            assert answers.readline().startswith(b"HTTP/1.1 403")
            headers = http.client.parse_headers(answers)
            assert b"AccessDenied" in answers.read(int(headers["Content-Length"]))


def test_close_leaves_no_thread_behind(s3_place: Any, fault_proxy: Callable[[str], Any]) -> None:
    before = threading.active_count()
    proxy = fault_proxy(s3_place.server.endpoint)
    proxy.add("hang", path="hanging")
    host, port = proxy.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle, socket.create_connection((host, int(port))) as hanging:
        hanging.sendall(b"GET /hanging HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.sendall(b"GET /no-bucket HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(12) == b"HTTP/1.1 403"
        proxy.close()
        assert hanging.recv(1) == b""
    assert threading.active_count() == before


def restic(program: Path, place: Any, repository: str, *arguments: str) -> Captured:
    environment = {**place.environment(), "RESTIC_PASSWORD": "test", "RESTIC_REPOSITORY": repository, "HOME": "/"}
    command = Command(argv=(str(program), "--no-cache", *arguments), environment=environment)
    return capture(command, seconds=120)


def stored_packs(place: Any) -> set[str]:
    with S3Store(place.address, place.server.credentials) as store:
        found = store._client.list_objects_v2(Bucket=place.address.bucket, Prefix=f"{place.address.prefix}/data/")
    return {item["Key"] for item in found.get("Contents", ())}


def test_real_restic_through_the_proxy(restics: Path, s3_place: Any, proxy: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(CONTENT)
    url = s3_place.at(proxy.endpoint)
    assert restic(restics, s3_place, url, "init").returncode == 0

    # A storage that is busy for a moment: restic tries again and all is well.
    proxy.add("status", method="PUT", path="/data/", times=3, status=503)
    assert restic(restics, s3_place, url, "backup", str(source)).returncode == 0
    assert len(proxy.seen("PUT", "/data/", "status")) == 3
    assert restic(restics, s3_place, s3_place.url, "check", "--read-data").returncode == 0

    # A storage that lies: restic believes it, and the data are not there.
    before = stored_packs(s3_place)
    assert before
    proxy.clear()
    proxy.add("ok-without-store", method="PUT", path="/data/")
    (source / "more").write_bytes(os.urandom(100_000))
    assert restic(restics, s3_place, url, "backup", str(source)).returncode == 0
    assert proxy.seen("PUT", "/data/", "ok-without-store")
    assert stored_packs(s3_place) == before
