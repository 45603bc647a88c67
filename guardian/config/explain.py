"""pydantic's errors → faults people can act on, in their language, without any value that may be a secret."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from pydantic_core import ErrorDetails

from guardian.config.document import Leaf, Many, Node, Table
from guardian.config.problem import Fault, Loc, did_you_mean
from guardian.i18n import N_, _
from guardian.model.border import Id
from guardian.model.estate import RegionCode
from guardian.model.protection import SecretRef
from guardian.model.scan_target import Endpoint, ServiceUrl

_QUOTES: Final = N_("Put the value in quotes.")
_LIST: Final = N_("Write [a, b], or one item a line with a dash in front.")
_MAPPING: Final = N_("a mapping of keys to values is expected")

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "missing": (N_("this key is missing"), ""),
    "string_type": (N_("text is expected"), _QUOTES),
    "int_type": (N_("a whole number is expected"), ""),
    "int_from_float": (N_("a whole number is expected"), ""),
    "float_type": (N_("a number is expected"), ""),
    "bool_type": (N_("true or false is expected"), N_("Write true or false, in lower case and without quotes.")),
    "list_type": (N_("a list is expected"), _LIST),
    "tuple_type": (N_("a list is expected"), _LIST),
    "dict_type": (_MAPPING, ""),
    "model_type": (_MAPPING, ""),
    "model_attributes_type": (_MAPPING, ""),
    "string_too_short": (N_("too short: at least {min_length} characters"), ""),
    "string_too_long": (N_("too long: at most {max_length} characters"), ""),
    "too_short": (N_("at least {min_length} is needed"), ""),
    "greater_than": (N_("must be more than {gt}"), ""),
    "greater_than_equal": (N_("must be at least {ge}"), ""),
    "less_than": (N_("must be less than {lt}"), ""),
    "less_than_equal": (N_("must be at most {le}"), ""),
}


def _pattern(of: Any) -> str:
    return str(get_args(of)[1].pattern)


_PATTERNS: Final[dict[str, tuple[str, str]]] = {
    _pattern(Id): (
        N_("not an id"),
        N_("Use small letters a-z, digits and hyphens: at most 63, a letter or digit first."),
    ),
    _pattern(SecretRef): (
        N_("not a reference to a secret"),
        N_("Secrets never stand here: write file:PATH, env:NAME, systemd:CREDENTIAL or command:PROGRAM."),
    ),
    _pattern(Endpoint): (
        N_("not a place where a service answers"),
        N_("Write HOST:PORT, such as db.example.org:443 or [2001:db8::1]:443."),
    ),
    _pattern(ServiceUrl): (
        N_("not the address of a service"),
        N_("Write https://HOST or https://HOST:PORT, without a path and without credentials."),
    ),
    _pattern(RegionCode): (
        N_("not a region code"),
        N_('Write the six digits of GB/T 2260 in quotes, such as "520000".'),
    ),
}

# What the nouns say when they refuse a value: listed here so that it gets into the catalogues.
_SAID: Final = (
    N_("not a duration: write a whole number and a unit, such as 90s, 10m, 6h, 2d or 1w"),
    N_("not a path without .."),
)


def explain(errors: Iterable[ErrorDetails], tree: Table, schema: Mapping[str, Any]) -> list[Fault]:
    """One fault for each of ``errors``; ``schema`` is the JSON Schema, asked for the keys that may stand somewhere."""
    faults: list[Fault] = []
    for error in errors:
        loc = _own_steps(error, tree, schema)
        # A list whose items were all refused is not also "too short".
        if error["type"] == "too_short" and any(fault.loc[: len(loc)] == loc for fault in faults):
            continue
        faults.append(_fault(error, loc, tree, schema))
    return faults


def _own_steps(error: ErrorDetails, tree: Table, schema: Mapping[str, Any]) -> Loc:
    """The error's way without what pydantic adds to it: the name of a union's arm, and ``[key]``."""
    steps: list[str | int] = []
    node: Node | None = tree
    at: object = schema
    loc = error["loc"]
    if loc[-1:] == ("[key]",) and error["type"] != "extra_forbidden":
        loc = loc[:-1]
    for step in loc:
        # After the key of a source, and only there, stands the arm that its kind chose; then comes a key of the arm.
        if isinstance(at, Mapping) and "discriminator" in at:
            at = _arm(at, node, schema)
            continue
        steps.append(step)
        at = _below(at, node, step, schema)
        node = _child(node, step)
    return tuple(steps)


def _child(node: Node | None, step: str | int) -> Node | None:
    if isinstance(node, Table) and isinstance(step, str) and step in node.entries:
        return node.entries[step].node
    if isinstance(node, Many) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def _kind(table: Table) -> object:
    entry = table.entries.get("kind")
    return entry.node.value if entry and isinstance(entry.node, Leaf) else None


def _fault(  # noqa: PLR0911  a table, one line a kind of error
    error: ErrorDetails, loc: Loc, tree: Table, schema: Mapping[str, Any]
) -> Fault:
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(loc, tree, schema)
        case "union_tag_invalid":
            known = _quoted(context["expected_tags"])
            message = _("unknown kind; one of {known}").format(known=", ".join(known))
            return Fault((*loc, "kind"), message + did_you_mean(str(context["tag"]), known))
        case "union_tag_not_found":
            return Fault(
                (*loc, "kind"), _("this key is missing"), _("Say what kind of source it is, such as kind: files.")
            )
        case "literal_error":
            return Fault(loc, _("must be one of {known}").format(known=", ".join(_quoted(context["expected"]))))
        case "string_pattern_mismatch":
            message, hint = _PATTERNS.get(context["pattern"], (N_("not in the form this key asks for"), ""))
            return Fault(loc, _(message), _(hint) if hint else "")
        case "value_error":
            return Fault(loc, _(str(context["error"])))
    return _plain(error, loc, tree)


def _plain(error: ErrorDetails, loc: Loc, tree: Table) -> Fault:
    message, hint = _TEXTS.get(error["type"], (error["msg"], ""))
    node: Node | None = tree
    for step in loc:
        node = _child(node, step)
    if error["type"].endswith("_type") and isinstance(node, Leaf) and node.value is None:
        return Fault(loc, _("this key has no value"))
    return Fault(
        loc, _(message).format(**error.get("ctx", {})) if error["type"] in _TEXTS else message, _(hint) if hint else ""
    )


def _quoted(text: object) -> list[str]:
    """The words pydantic lists as ``'a', 'b' or 'c'``."""
    return re.findall(r"'([^']*)'", str(text))


def _unknown_key(loc: Loc, tree: Table, schema: Mapping[str, Any]) -> Fault:
    known = _known_keys(loc[:-1], tree, schema)
    hint = _("Known here: {keys}.").format(keys=", ".join(known)) if known else ""
    return Fault(loc, _("unknown key") + did_you_mean(str(loc[-1]), known), hint)


def _known_keys(loc: Loc, tree: Table, schema: Mapping[str, Any]) -> list[str]:
    """The keys the mapping at ``loc`` may have, by the schema."""
    at: object = schema
    node: Node | None = tree
    for step in loc:
        at, node = _below(at, node, step, schema), _child(node, step)
    return list(_arm(at, node, schema).get("properties", {})) if isinstance(at, Mapping) else []


def _below(at: object, node: Node | None, step: str | int, schema: Mapping[str, Any]) -> object:
    """The schema of what stands at ``step`` in ``node``, which ``at`` describes; None when it says nothing of it."""
    if not isinstance(at, Mapping):
        return None
    arm = _arm(at, node, schema)
    return arm["properties"].get(step) if "properties" in arm else _free(arm)


def _free(at: Mapping[str, Any]) -> object:
    """What a list holds, or a mapping whose keys the writer chooses."""
    return next(iter(at.get("patternProperties", {}).values()), at.get("additionalProperties", at.get("items")))


def _arm(at: Mapping[str, Any], node: Node | None, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """``at`` after references and unions: the arm that ``kind`` names, or the one that is not null."""
    kind = _kind(node) if isinstance(node, Table) else None
    if "discriminator" in at:
        at = {"$ref": at["discriminator"]["mapping"].get(kind, "")}
    at = next((arm for arm in at.get("anyOf", ()) if arm.get("type") != "null"), at)
    reference = str(at.get("$ref", ""))
    return schema["$defs"].get(reference.rpartition("/")[2], {}) if reference else at
