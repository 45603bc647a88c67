"""Lists and refusals out of a stranger's XML."""

import pytest

from guardian.objectstore.listing import NoList, Page, page, refusal

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'


def test_a_page_with_and_without_a_namespace() -> None:
    inner = b"<Contents><Key>a/b%20c+d</Key><Size>7</Size><Owner><Key>no</Key></Owner></Contents>"
    escaped = b"<EncodingType>url</EncodingType>"
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>on</NextContinuationToken>"
    plain = page(b"<ListBucketResult>" + inner + b"</ListBucketResult>")
    assert plain == Page((("a/b%20c+d", 7),), False, None)
    named = HEAD + b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    assert page(named + escaped + inner + more + b"</ListBucketResult>") == Page((("a/b c d", 7),), True, "on")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"<ListBucketResult>",
        b"\xff<ListBucketResult/>",
        b"<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>k</Key><Size>" + b"9" * 5000 + b"</Size></Contents></ListBucketResult>",
        b'<!DOCTYPE x [<!ENTITY a "k">]><ListBucketResult><Prefix>&a;</Prefix></ListBucketResult>',
        b"<a>" * 100_000,
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(NoList):
        page(body)


def test_a_refusal_has_the_best_reason_there_is() -> None:
    said = HEAD + b"<Error><Code>AccessDenied</Code><Message>no</Message><Region>eu-west-1</Region></Error>"
    found = refusal(403, said, None)
    assert (found.status, found.code, found.message, found.region) == (403, "AccessDenied", "no", "eu-west-1")
    assert refusal(301, said, "cn-north-1").region == "cn-north-1"
    for body in (b"", b"<html/>", b"\x00", b"<Error></Error>"):
        assert refusal(404, body, None).code == "404"
