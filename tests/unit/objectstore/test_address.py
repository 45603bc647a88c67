import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.errors import ConfigError
from guardian.model.address import S3Address, is_s3, parse


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3:http://127.0.0.1:8333/bucket/a/b", S3Address("http", "127.0.0.1", 8333, "bucket", "a/b")),
        ("s3:https://storage.example/bucket", S3Address("https", "storage.example", 443, "bucket", "")),
        ("s3:https://storage.example:443/bucket/", S3Address("https", "storage.example", 443, "bucket", "")),
        ("s3:storage.example/bucket", S3Address("https", "storage.example", 443, "bucket", "")),
        ("s3://storage.example:9000/bucket/p", S3Address("https", "storage.example", 9000, "bucket", "p")),
        ("s3:http://Storage.Example/bucket/Ab", S3Address("http", "storage.example", 80, "bucket", "Ab")),
        ("s3:http://[::1]:8333/bucket/p", S3Address("http", "::1", 8333, "bucket", "p")),
        ("s3:http://h/a.b-c/贵阳/社保", S3Address("http", "h", 80, "a.b-c", "贵阳/社保")),
        ("s3:http://h/bucket/{tenant}", S3Address("http", "h", 80, "bucket", "{tenant}")),
    ],
)
def test_what_restic_reads_is_taken_apart(location: str, expected: S3Address) -> None:
    assert is_s3(location)
    assert parse(location) == expected


def test_rebuilt_form_names_scheme_and_leaves_default_port_out() -> None:
    assert parse("s3:h.example/bucket/p/").location == "s3:https://h.example/bucket/p"
    assert parse("s3:http://[::1]:81/bucket").location == "s3:http://[::1]:81/bucket"
    assert parse("s3:http://h:80/bucket").endpoint == "http://h"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/srv/repo",
        "sftp:host:/repo",
        "s3:",
        "s3:http://",
        "s3:http:///bucket",
        "s3:ftp://host/bucket",
        "s3:http://host",
        "s3:http://host/",
        "s3:http://host//bucket",
        "s3:http://host/bucket//x",
        "s3:http://host/bucket/x//",
        "s3:http://host/bucket/../x",
        "s3:http://host/bucket/./x",
        "s3:http://host/ab",
        "s3:http://host/" + "b" * 64,
        "s3:http://host/Bucket",
        "s3:http://host/-bucket",
        "s3:http://host/bu..cket",
        "s3:http://host/192.168.0.1",
        "s3:http://host/buc%6bet",
        "s3:http://host/bucket?x=1",
        "s3:http://host/bucket#f",
        "s3:http://host/bucket/a\nb",
        "s3:http://host/bucket/a b",
        "s3:http://host/bucket/a\x7fb",
        "s3:http://host/bucket/a\u202eb",
        "s3:http://host/bucket/a\udc80",
        "s3:http://host\\evil/bucket",
        "s3:http://host:0/bucket",
        "s3:http://host:65536/bucket",
        "s3:http://host:/bucket",
        "s3:http://host:٣٣/bucket",
        "s3:http://ho st/bucket",
        "s3:http://-host/bucket",
        "s3:http://a..b/bucket",
        "s3:http://[::1/bucket",
        "s3:http://[::1]x/bucket",
        "s3:http://[fe80::1%25eth0]/bucket",
        "s3:http://[127.0.0.1]/bucket",
        "s3:http://host/bucket/" + "p" * 2048,
    ],
)
def test_what_is_not_plainly_an_address_is_refused(location: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(location)
    assert caught.value.hint
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "location",
    [
        "s3:http://AKIAKEY:hunter2secret@host/bucket",
        "s3:http://AKIAKEY:hunter2/secret@host/bucket",
        "s3:AKIAKEY:hunter2secret@host/bucket",
        "s3:http://AKIAKEY:hunter2secret/bucket",
        "s3:http://host/bucket?secret=hunter2secret",
    ],
)
def test_credentials_are_refused_and_never_repeated(location: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(location)
    assert "hunter2" not in caught.value.message + caught.value.hint


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(
    st.sampled_from(["http", "https"]),
    st.lists(LABEL, min_size=1, max_size=3).map(".".join),
    st.integers(1, 65535),
    st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True),
    st.lists(st.from_regex(r"[A-Za-z0-9_=+-][A-Za-z0-9._-]{0,8}", fullmatch=True), max_size=3).map("/".join),
)
def test_every_address_survives_being_written_and_read(
    scheme: str, host: str, port: int, bucket: str, prefix: str
) -> None:
    address = S3Address(scheme, host, port, bucket, prefix)  # type: ignore[arg-type]
    assert parse(address.location) == address


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        address = parse("s3:" + text)
    except ConfigError:
        return
    assert parse(address.location) == address
