"""The S3 reader on a real server, behind faults, and against a server that answers with the wrong bytes."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from guardian.decoder.repository import open_repository
from guardian.errors import StorageRefused, StorageUnreachable
from guardian.model import address
from guardian.model.reader import PIECE, ObjectMissing, ObjectUnreadable
from guardian.model.secret import Secret
from guardian.objectstore.s3reader import S3Reader

KEYS = {"AWS_ACCESS_KEY_ID": Secret(b"AKIDEXAMPLE"), "AWS_SECRET_ACCESS_KEY": Secret(b"not-a-real-secret")}


def client_of(place: Any) -> Any:
    credentials = place.environment()
    return boto3.client(
        "s3",
        endpoint_url=place.address.endpoint,
        region_name="us-east-1",
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
    )


def put(place: Any, key: str, body: bytes) -> None:
    with closing(client_of(place)) as client:
        client.put_object(Bucket=place.address.bucket, Key=key, Body=body)


@contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def filled(s3_place: Any) -> Any:
    client = client_of(s3_place)
    for key, body in (
        ("repository/config", b"0123456789"),
        ("repository/data/ab/abcd", b"pack"),
        ("repository/data/cd/cdef", b"packs"),
        ("repository-of-another/data/ab/abcd", b"not ours"),
    ):
        client.put_object(Bucket=s3_place.address.bucket, Key=key, Body=body)
    client.close()
    return s3_place


def reader_at(place: Any, endpoint: str = "") -> S3Reader:
    return S3Reader(address.parse(place.at(endpoint or place.address.endpoint)), place.server.credentials)


def test_ranges_sizes_and_lists(filled: Any) -> None:
    with reader_at(filled) as reader:
        assert reader.size("config") == 10
        assert reader.read("config", 3, 4) == b"3456"
        assert reader.read("config", 0, 0) == b""
        assert sorted(reader.list("data/")) == [("data/ab/abcd", 4), ("data/cd/cdef", 5)]
        assert list(reader.list("snapshots/")) == []
        for offset, length in ((8, 5), (10, 1), (100, 1)):
            with pytest.raises(ObjectUnreadable):
                reader.read("config", offset, length)
        with pytest.raises(ObjectMissing):
            reader.read("keys/none", 0, 1)
        with pytest.raises(ObjectMissing):
            reader.size("keys/none")


def test_a_stream_is_the_object_in_pieces(filled: Any) -> None:
    body = os.urandom(2 * PIECE + 5)
    put(filled, "repository/data/ef/efgh", body)
    with reader_at(filled) as reader:
        assert [len(piece) for piece in reader.stream("data/ef/efgh", len(body))] == [PIECE, PIECE, 5]
        assert b"".join(reader.stream("data/ef/efgh", len(body))) == body
        assert b"".join(reader.stream("data/ef/efgh", PIECE)) == body[:PIECE]
        assert list(reader.stream("config", 0)) == []
        with closing(reader.stream("data/ef/efgh", len(body))) as pieces:
            assert next(pieces) == body[:PIECE], "and what is broken off here"
        assert reader.read("config", 3, 4) == b"3456", "does not disturb what comes after"
        with pytest.raises(ObjectUnreadable):
            list(reader.stream("config", 11))
        with pytest.raises(ObjectMissing):
            list(reader.stream("data/none", 1))


def test_faults_on_the_way_are_typed(filled: Any, fault_proxy: Callable[[str], Any]) -> None:
    proxy = fault_proxy(filled.address.endpoint)
    with reader_at(filled, proxy.endpoint) as reader:
        for action, options, expected in (
            ("truncate", {}, (ObjectUnreadable, StorageUnreachable)),
            ("reset", {}, StorageUnreachable),
            ("portal", {}, StorageRefused),
            ("status", {"status": 403, "code": "AccessDenied"}, StorageRefused),
            ("status", {"status": 500, "code": "InternalError"}, StorageUnreachable),
        ):
            proxy.clear()
            proxy.add(action, method="GET", path="config", **options)
            with pytest.raises(expected):
                reader.read("config", 0, 10)
        proxy.clear()
        proxy.add("status", method="GET", path="list-type", status=403, code="AccessDenied")
        with pytest.raises(StorageRefused):
            list(reader.list("data/"))
        assert reader.read("config", 0, 10) == b"0123456789"  # may read, may not list


def test_a_passing_trouble_passes(filled: Any, fault_proxy: Callable[[str], Any]) -> None:
    proxy = fault_proxy(filled.address.endpoint)
    with reader_at(filled, proxy.endpoint) as reader:
        assert reader.size("config") == 10
        for action, options in (("status", {"status": 503, "code": "SlowDown"}), ("reset", {}), ("drop-reply", {})):
            proxy.clear()
            proxy.add(action, path="repository", times=2, **options)
            assert reader.read("config", 3, 4) == b"3456", action
            assert len(list(reader.list("data/"))) == 2


def test_a_repository_is_read_without_boto3(filled: Any) -> None:
    # It would take a third of what a backup may take of memory, and of the time beside restic's.
    code = """if True:
        import os, sys
        sys.modules["boto3"] = sys.modules["botocore"] = None
        from guardian.model import address
        from guardian.model.secret import Secret
        from guardian.objectstore.s3reader import S3Reader
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        keys = {name: Secret(os.environ[name].encode()) for name in names}
        with S3Reader(address.parse(sys.argv[1]), keys) as reader:
            print(reader.read("config", 0, 10), *reader.list("data/ab/"), reader.size("data/cd/cdef"))
    """
    command = [sys.executable, "-c", code, filled.at(filled.address.endpoint)]
    said = subprocess.run(command, env=filled.environment(), check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "b'0123456789' ('data/ab/abcd', 4) 5"


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """A service that wants to be asked as of its own region, and says which in one of two ways."""

    in_header = True
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        ours = "/cn-north-1/s3/" in self.headers["Authorization"]
        body = b"0123" if ours else b"<Error><Code>AuthorizationHeaderMalformed</Code>%s</Error>"
        body = body.replace(b"%s", b"" if self.in_header else b"<Region>cn-north-1</Region>")
        self.send_response(206 if ours else 400)
        self.send_header("Content-Range", "bytes 0-3/10")
        self.send_header("Content-Length", str(len(body)))
        if self.in_header:
            self.send_header("x-amz-bucket-region", "cn-north-1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.mark.parametrize("in_header", [True, False])
def test_a_bucket_of_another_region_is_asked_there(in_header: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Elsewhere, "in_header", in_header)
    with served(_Elsewhere) as endpoint, S3Reader(address.parse(f"s3:{endpoint}/bucket"), KEYS) as reader:
        assert reader.read("config", 0, 4) == b"0123"
    keys = {**KEYS, "AWS_DEFAULT_REGION": Secret(b"eu-west-1")}
    with served(_Elsewhere) as endpoint, S3Reader(address.parse(f"s3:{endpoint}/bucket"), keys) as reader:
        assert reader.read("config", 0, 4) == b"0123"


class _Counted(http.server.BaseHTTPRequestHandler):
    """A service that keeps connections open, and counts them."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        _Counted.connections += 1
        super().setup()

    def do_HEAD(self) -> None:
        self._answer(200, 10, b"")

    def do_GET(self) -> None:
        if "list-type" in self.path:
            body = b"<ListBucketResult><Contents><Key>data/ab/abcd</Key><Size>1</Size></Contents></ListBucketResult>"
            self._answer(200, len(body), body)
        elif "none" in self.path:
            self._answer(404, 0, b"")
        else:
            self._answer(206, 4, b"0123")

    def _answer(self, status: int, length: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Range", "bytes 0-3/10")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def test_one_connection_serves_many_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Counted, "connections", 0)
    with served(_Counted) as endpoint, S3Reader(address.parse(f"s3:{endpoint}/bucket"), KEYS) as reader:
        for _n in range(3):
            assert reader.size("config") == 10
            assert reader.read("config", 0, 4) == b"0123"
            assert list(reader.list("data/")) == [("data/ab/abcd", 1)]
            with pytest.raises(ObjectMissing):
                reader.read("none", 0, 4)
    assert _Counted.connections == 1


class _Liar(http.server.BaseHTTPRequestHandler):
    """Answers a ranged GET as ``lie`` says: (status, Content-Range, body)."""

    lie: tuple[int, str, bytes] = (206, "", b"")
    pages = 0

    def do_GET(self) -> None:
        if "list-type" in self.path:
            _Liar.pages += 1
            body = (
                b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
                b"<Contents><Key>data/ab/abcd</Key><Size>1</Size></Contents></ListBucketResult>"
            )
            self._send(200, "", body)
        else:
            self._send(*self.lie)

    def _send(self, status: int, content_range: str, body: bytes) -> None:
        self.send_response(status)
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[S3Reader]:
    with served(_Liar) as endpoint, S3Reader(address.parse(f"s3:{endpoint}/bucket"), KEYS) as reader:
        yield reader


@pytest.mark.parametrize(
    "lie",
    [
        (200, "", b"0123456789"),  # the whole object: the range was ignored
        (206, "bytes 0-3/10", b"0123"),  # another range
        (206, "bytes 2-9/10", b"23456789"),  # more than was asked for
        (206, "bytes 2-5/10", b"2345678"),  # more than it says
        (206, "bytes 2-5/10", b"23"),  # less than it says
        (206, "bytes 2-4/5", b"234"),  # less than was asked for, and it says so
        (206, "nonsense", b"2345"),
    ],
)
def test_an_answer_of_another_range_is_no_answer(liar: S3Reader, lie: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Liar, "lie", lie)
    with pytest.raises(ObjectUnreadable):
        liar.read("config", 2, 4)
    monkeypatch.setattr(_Liar, "lie", (206, "bytes 2-5/10", b"2345"))
    assert liar.read("config", 2, 4) == b"2345"


@pytest.mark.parametrize(
    "lie",
    [
        (200, "", b"0123"),
        (206, "bytes 2-5/10", b"2345"),
        (206, "bytes 0-3/10", b"0123456"),
        (206, "bytes 0-3/10", b"01"),
        (206, "bytes 0-2/10", b"012"),
    ],
)
def test_a_stream_of_another_range_is_no_answer(liar: S3Reader, lie: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Liar, "lie", lie)
    with pytest.raises(ObjectUnreadable):
        list(liar.stream("config", 4))
    monkeypatch.setattr(_Liar, "lie", (206, "bytes 0-3/10", b"0123"))
    assert list(liar.stream("config", 4)) == [b"0123"]


def test_a_list_that_turns_in_circles_ends(liar: S3Reader) -> None:
    with pytest.raises(StorageRefused):
        list(liar.list("data/"))
    assert _Liar.pages < 5


def test_a_restic_repository_in_a_bucket_is_read_and_verified(restics: Path, s3_place: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content " * 300_000)
    environment = {"RESTIC_PASSWORD": "pw", "PATH": "/usr/bin:/bin", **s3_place.environment()}
    for argv in (["init"], ["backup", str(source)]):
        command = [str(restics), "-q", "--no-cache", "-r", s3_place.url, *argv]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    with reader_at(s3_place) as reader, ThreadPoolExecutor(2) as pool:
        loaded = open_repository(reader, Secret(b"pw")).load()
        node = loaded.find(loaded.snapshots[0], str(source / "file").encode())
        assert node is not None
        assert b"".join(loaded.file(node).read(7, 100)) == (b"content " * 20)[7:107]
        assert loaded.check_structure(pool).findings.kept == ()
        assert all(not report.findings for report in loaded.verify_packs(loaded.packs(), pool))
