"""Signatures of requests: Amazon's own examples, and botocore as the oracle for names that it does not show."""

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from guardian.model.secret import Secret
from guardian.objectstore.sigv4 import Keys, Request, sign

EXAMPLE = Keys("AKIAIOSFODNN7EXAMPLE", Secret(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
DAY = datetime(2013, 5, 24, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ({"lifecycle": ""}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ({"prefix": "J", "max-keys": "2"}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_the_examples_of_the_s3_reference(query: dict[str, str], signature: str) -> None:
    headers = sign(Request("GET", "examplebucket.s3.amazonaws.com", "/", query), EXAMPLE, "us-east-1", DAY)
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )
    assert headers["x-amz-date"] == "20130524T000000Z"


@given(key=TEXT, value=TEXT, token=st.none() | st.just("to+ken/="))
def test_any_name_is_signed_as_botocore_signs_it(key: str, value: str, token: str | None) -> None:
    request = Request("GET", "host:8333", f"/bucket/{key}", {"prefix": value, "versionId": key})
    ours = sign(request, Keys("ID", Secret(b"secret"), token), "cn-north-1", DAY)
    theirs = AWSRequest("GET", f"http://host:8333{request.target}")
    for name in ("host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"):
        if name in ours:
            theirs.headers[name] = ours[name]
    theirs.context["timestamp"] = ours["x-amz-date"]
    auth = S3SigV4Auth(Credentials("ID", "secret", token), "s3", "cn-north-1")
    signature = auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)
    assert ours["authorization"].endswith(f"Signature={signature}")
