"""Policies of identities and buckets (the JSON that AWS began and most object stores took over) as plain facts. Pure.

What a statement says is kept; what follows from it is told carefully: a condition that we do not know may be met, so
it takes nothing away from an Allow and gives nothing to a Deny.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

MAX_BYTES: Final = 256 * 1024
MAX_STATEMENTS: Final = 2_000

_NARROW: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:username",
        "aws:vpcsourceip",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
"""Condition keys that a caller cannot choose: where it is, or who. A referer or a header can be sent by anybody."""
_FIXED: Final = re.compile(
    r"(foranyvalue:|forallvalues:)?(string(equals|like|equalsignorecase)|arn(equals|like)|ipaddress)"
)
_ANYWHERE: Final = frozenset({"0.0.0.0/0", "::/0", "*"})


def parse(document: object) -> list[dict[str, Any]]:
    """The statements of a policy: text, bytes or already a mapping. Raises ValueError for what is no policy."""
    if isinstance(document, (str, bytes)):
        if len(document) > MAX_BYTES:
            raise ValueError("larger than a policy can be")
        try:
            document = json.loads(document)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if not isinstance(document, Mapping):
        raise ValueError("a policy is a mapping")  # noqa: TRY004  one error for whatever is no policy
    statements = _many(document.get("Statement"))
    if len(statements) > MAX_STATEMENTS:
        raise ValueError("more statements than a policy can have")
    return [_statement(one, number) for number, one in enumerate(statements)]


def _statement(one: object, number: int) -> dict[str, Any]:
    if not isinstance(one, Mapping) or one.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("a statement has an effect")
    conditions = _conditions(one.get("Condition"))
    principals = _principals(one["Principal"]) if "Principal" in one else None
    everybody = "NotPrincipal" in one or (principals is not None and "*" in principals)
    narrowed = any(_narrows(condition) for condition in conditions)
    return {
        "sid": str(one.get("Sid") or number)[:128],
        "effect": one["Effect"].lower(),
        "principals": principals,
        "not_principals": _principals(one["NotPrincipal"]) if "NotPrincipal" in one else None,
        "actions": _texts(one.get("Action"), lower=True),
        "not_actions": _texts(one.get("NotAction"), lower=True),
        "resources": _texts(one.get("Resource")),
        "not_resources": _texts(one.get("NotResource")),
        "conditions": conditions,
        "public": one["Effect"] == "Allow" and everybody and not narrowed,
        "everything": one["Effect"] == "Allow" and _is_everything(one),
    }


def _is_everything(one: Mapping[str, Any]) -> bool:
    """Whether it allows every action on every resource. NotAction leaves out a few of thousands: that is everything."""
    actions = "*" in _texts(one.get("Action")) or "*:*" in _texts(one.get("Action")) or bool(one.get("NotAction"))
    resources = "*" in _texts(one.get("Resource")) or bool(one.get("NotResource"))
    return actions and resources


def _conditions(found: object) -> list[dict[str, Any]]:
    if found is None:
        return []
    if not isinstance(found, Mapping):
        raise ValueError("conditions are a mapping")  # noqa: TRY004
    told = []
    for operator, keys in found.items():
        if not isinstance(keys, Mapping):
            raise ValueError("a condition names its keys")  # noqa: TRY004
        for key, values in keys.items():
            told.append({"operator": str(operator).lower(), "key": str(key).lower(), "values": _texts(values)})
    return told


def _narrows(condition: Mapping[str, Any]) -> bool:
    """Whether it keeps strangers out: a fixed value, other than anything at all, of a key that they cannot choose."""
    values = condition["values"]
    return (
        condition["key"] in _NARROW
        and _FIXED.fullmatch(condition["operator"]) is not None
        and bool(values)
        and not _ANYWHERE.intersection(values)
    )


def _principals(found: object) -> list[str]:
    """Every principal in one list: ARNs, account numbers, ``*``; services and the like with their kind before them."""
    if found == "*":
        return ["*"]
    if not isinstance(found, Mapping):
        raise ValueError("a principal is * or a mapping")  # noqa: TRY004
    named: list[str] = []
    for kind, values in found.items():
        prefix = "" if str(kind) == "AWS" else f"{str(kind).lower()}:"
        named += [value if value == "*" and kind == "AWS" else prefix + value for value in _texts(values)]
    return sorted(set(named))


def _texts(found: object, *, lower: bool = False) -> list[str]:
    texts = [_text(one) for one in _many(found)]
    return [text.lower() for text in texts] if lower else texts


def _text(one: object) -> str:
    if isinstance(one, bool):
        return str(one).lower()
    if not isinstance(one, (str, int)):
        raise ValueError("text is expected")  # noqa: TRY004
    return str(one)[:2048]


def _many(found: object) -> list[Any]:
    if found is None:
        return []
    return list(found) if isinstance(found, (list, tuple)) else [found]


def forbids_plain_http(statements: list[dict[str, Any]], bucket: str) -> bool:
    """Whether a bucket's policy refuses everybody's requests that come without TLS, for the bucket and all in it."""
    covered: set[bool] = set()
    for one in statements:
        insecure = [
            {"operator": "bool", "key": "aws:securetransport", "values": ["false"]},
        ]
        if one["effect"] != "deny" or one["conditions"] != insecure or one["principals"] is None:
            continue
        if "*" in one["principals"] and {"*", "s3:*"}.intersection(one["actions"]) and not one["not_resources"]:
            covered |= _reach(one["resources"], bucket)
    return covered == {True, False}


def _reach(resources: list[str], bucket: str) -> set[bool]:
    """True: the bucket itself is among the resources; False: every object in it is."""
    found = set()
    for resource in resources:
        name = resource.rpartition(":")[2] if resource.startswith("arn:") else resource
        if name in ("*", bucket, f"{bucket}*"):
            found.add(True)
        if name in ("*", f"{bucket}/*", f"{bucket}*"):
            found.add(False)
    return found


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` is meant by a pattern of a policy, in which * is anything and ? one character."""
    parts = re.split(r"([*?])", pattern)
    plain = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(re.sub(r"(\.\*)+", ".*", plain), text, re.DOTALL) is not None
