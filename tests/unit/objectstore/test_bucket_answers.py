"""What a stranger sends for an answer about a bucket is that answer, or it is no answer."""

import pytest

from guardian.clock import SystemClock
from guardian.model.address import parse
from guardian.model.secret import Secret
from guardian.objectstore import bucket_answers
from guardian.objectstore.getting import Getter
from guardian.objectstore.sigv4 import Keys

ODD_RULE = b"<Rule><BucketKeyEnabled>yes</BucketKeyEnabled></Rule>"
SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("versioning", b""),
        ("versioning", b"\xff\xfe"),
        ("versioning", b"<html><body>log in</body></html>"),
        ("versioning", b"<Error><Code>AccessDenied</Code></Error>"),
        ("versioning", b"<AccessControlPolicy/>"),
        ("versioning", b'<!DOCTYPE a [<!ENTITY b "c">]><VersioningConfiguration/>'),
        ("encryption", b"<ServerSideEncryptionConfiguration>%s</ServerSideEncryptionConfiguration>" % ODD_RULE),
        ("lifecycle", b"<LifecycleConfiguration>" + b"<a>" * 40 + b"</a>" * 40 + b"</LifecycleConfiguration>"),
        ("acl", b"<AccessControlPolicy><Owner/></AccessControlPolicy>"),
        ("tagging", b"<Tagging/>"),
        ("policy", b"\xff"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(name: str, body: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        bucket_answers.setting(name, body)


def test_lists_are_lists_however_many_there_are() -> None:
    rule = "<Rule><Filter><And><Tag><Key>a</Key></Tag></And></Filter></Rule>"
    for top in ("LifecycleConfiguration", "GetBucketLifecycleConfigurationResponse"):
        body = f"<{top} {SPACE}>{rule}</{top}>".encode()
        assert bucket_answers.setting("lifecycle", body) == {"Rules": [{"Filter": {"And": {"Tags": [{"Key": "a"}]}}}]}
    none = b"<AccessControlPolicy><AccessControlList/></AccessControlPolicy>"
    assert bucket_answers.setting("acl", none) == {"Owner": {}, "Grants": []}


def test_a_list_of_buckets_goes_on_where_it_says_so() -> None:
    two = "<Bucket><Name>a</Name><BucketRegion>cn-north-1</BucketRegion></Bucket><Bucket><Name>b</Name></Bucket>"
    body = f"<ListAllMyBucketsResult {SPACE}><Buckets>{two}</Buckets>%s</ListAllMyBucketsResult>"
    found = [("a", "cn-north-1"), ("b", None)]
    assert bucket_answers.buckets((body % "").encode()) == (found, None)
    more = (body % "<ContinuationToken>next</ContinuationToken>").encode()
    assert bucket_answers.buckets(more) == (found, "next")
    assert bucket_answers.buckets(b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>") == ([], None)


@pytest.mark.parametrize(
    ("endpoint", "bucket", "host", "path"),
    [
        ("https://s3.cn-north-1.amazonaws.com.cn", "docs", "docs.s3.cn-north-1.amazonaws.com.cn", "/"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "", "s3.cn-north-1.amazonaws.com.cn", "/"),
        ("http://storage:9000", "docs", "storage:9000", "/docs"),
        ("http://storage:9000", "", "storage:9000", "/"),
    ],
)
def test_the_service_and_each_bucket_are_asked_where_they_are(endpoint: str, bucket: str, host: str, path: str) -> None:
    getter = Getter(parse(f"s3:{endpoint}/any"), Keys("a", Secret(b"b")), "r", clock=SystemClock())
    other = getter.of(bucket)
    asked = other._request("GET", "", {})
    assert (asked.host, asked.path) == (host, path)
    assert other.shares(getter) == endpoint.startswith("http:")
    other.close()
    getter.close()
