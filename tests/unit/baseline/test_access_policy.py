"""Policies of identities and buckets: what follows from them, and no trouble with any text."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.baseline.facts import access_policy, s3_settings

ALL = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return s3_settings.policy({"Policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}, "b")


@pytest.mark.parametrize(
    ("change", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, False),
        ({"Effect": "Deny"}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}}, True),
        ({"Condition": {"StringEquals": {"AWS:PrincipalOrgId": "o-1"}}}, False),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}}, True),
        # Whoever asks writes these himself.
        ({"Condition": {"StringLike": {"aws:Referer": "https://example.org/*"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ],
)
def test_what_makes_a_statement_public(change: dict[str, Any], public: bool) -> None:
    statement = {key: value for key, value in {**ALL, **change}.items() if value is not None}
    assert bool(policy(statement)["public"]) is public


TLS = {
    "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "only"),
    [
        ({}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": False}}}, True),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:s3:::b/*"}, False),
        ({"Resource": ["arn:aws:s3:::c", "arn:aws:s3:::c/*"]}, False),
        ({"Action": "s3:GetObject"}, False),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
        # Another condition beside it lets some requests through.
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:username": "x"}}}, False),
    ],
)
def test_when_a_policy_refuses_plain_http(change: dict[str, Any], only: bool) -> None:
    assert policy({**TLS, **change})["tls_only"] is only


def test_a_policy_of_two_halves_refuses_plain_http() -> None:
    halves = [{**TLS, "Resource": "arn:aws:s3:::b"}, {**TLS, "Resource": "arn:aws:s3:::b/*"}]
    assert policy(*halves)["tls_only"]


@pytest.mark.parametrize(
    ("statement", "everything"),
    [
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": ["s3:GetObject", "*"], "Resource": ["*"]}, True),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b"}, False),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
    ],
)
def test_what_allows_everything(statement: dict[str, Any], everything: bool) -> None:
    assert access_policy.parse({"Statement": statement})[0]["everything"] is everything


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("s3:*", "s3:getobject", True), ("*", "", True), ("s3:Get?bject", "s3:GetObject", True),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/x", False), ("a.c", "abc", False), ("a*b*c", "axxbyyc", True),
        ("*" * 500 + "x", "a" * 5000, False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    assert access_policy.matches(pattern, text) is fits


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["*", "Allow", "Deny"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["Statement", "Effect", "Principal", "Action", "Resource", "Condition", "AWS", "Sid", "x"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_whatever_stands_there_is_a_policy_or_is_refused(tree: Any) -> None:
    for document in (
        tree,
        json.dumps(tree),
        {"Statement": tree},
        {"Statement": {"Effect": "Allow", "Principal": tree}},
    ):
        try:
            for statement in access_policy.parse(document):
                assert statement["effect"] in ("allow", "deny")
        except ValueError:
            pass


def test_a_huge_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="larger"):
        access_policy.parse(" " * 300_000)
    with pytest.raises(ValueError, match="deeply"):
        access_policy.parse("[" * 100_000)
    with pytest.raises(ValueError, match="more statements"):
        access_policy.parse({"Statement": [ALL] * 3000})
