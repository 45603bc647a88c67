"""The configuration described for editors and for people, made from the nouns themselves.

``python -m guardian.config.reference --write`` renews ``docs/reference/``; a test fails when that was forgotten.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from guardian.config.host import HostConfig

SCHEMA_ID: Final = "https://guardian-dr.org/schema/guardian/v1"
"""The schema's name; nobody needs to fetch it."""
FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"


def schema() -> dict[str, Any]:
    """The configuration as a JSON Schema (draft 2020-12)."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    described: dict[str, Any] = _without_titles(HostConfig.model_json_schema())
    return head | described


def schema_text() -> str:
    """:func:`schema` as text, the same every time."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def reference_text() -> str:
    """The reference page in Markdown: one table for each mapping."""
    described = schema()
    lines = [*_PREFACE.splitlines(), "", "## The file", "", *_table(described)]
    for name in _in_reading_order(described):
        noun = described["$defs"][name]
        lines += ["", f"## {name}", "", _cell(str(noun.get("description", ""))), "", *_table(noun)]
    return "\n".join(lines) + "\n"


def _without_titles(node: Any) -> Any:
    """pydantic's titles repeat the names of keys: noise in an editor."""
    if isinstance(node, dict):
        return {k: _without_titles(v) for k, v in node.items() if k != "title" or not isinstance(v, str)}
    return [_without_titles(item) for item in node] if isinstance(node, list) else node


def _in_reading_order(described: Mapping[str, Any]) -> list[str]:
    """The nouns, each after the one that first names it."""
    order: list[str] = []
    waiting: list[Any] = [described["properties"]]
    while waiting:
        for name in _references(waiting.pop(0)):
            if name not in order:
                order.append(name)
                waiting.append(described["$defs"][name].get("properties", {}))
    return order


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for key, inner in node.items():
            # The discriminator names the same nouns once more, in an order of its own.
            if key != "discriminator":
                yield from _references(inner)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _table(noun: Mapping[str, Any]) -> list[str]:
    required = noun.get("required", [])
    rows = ["| Key | Takes | Default | Meaning |", "|---|---|---|---|"]
    for key, value in noun.get("properties", {}).items():
        default = "required" if key in required else _default(value.get("default"))
        rows.append(f"| `{key}` | {_takes(value)} | {default} | {_cell(str(value.get('description', '')))} |")
    return rows


def _default(value: Any) -> str:
    return (
        ""
        if value is None or isinstance(value, (dict, list))
        else f"`{_cell(json.dumps(value, ensure_ascii=False).strip(chr(34)))}`"
    )


def _takes(value: Mapping[str, Any]) -> str:
    """What may stand there, in a few words."""
    arms = [arm for arm in value.get("anyOf", value.get("oneOf", ())) if arm.get("type") != "null"]
    if arms:
        return " or ".join(_takes(arm) for arm in arms)
    if reference := value.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if words := value.get("enum") or ([value["const"]] if "const" in value else None):
        return ", ".join(f"`{word}`" for word in words)
    kind = value.get("type")
    if kind == "array":
        return f"list of {_takes(value['items'])}"
    if kind == "object":
        return f"mapping of {_keys(value)} to {_takes(_inner(value))}"
    return {"string": _text, "boolean": _truth}.get(str(kind), _number)(value)


def _inner(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the values of a mapping with free keys are."""
    arms: list[Mapping[str, Any]] = list(value.get("patternProperties", {}).values())
    return arms[0] if arms else value.get("additionalProperties", {})


def _keys(value: Mapping[str, Any]) -> str:
    if words := value.get("propertyNames", {}).get("enum"):
        return ", ".join(f"`{word}`" for word in words)
    return "ids" if "patternProperties" in value else "names"


def _truth(_value: Mapping[str, Any]) -> str:
    return "`true` or `false`"


def _text(value: Mapping[str, Any]) -> str:
    pattern = str(value.get("pattern", ""))
    return _KNOWN_PATTERNS.get(pattern) or ("text" if not pattern else f"text matching `{_cell(pattern)}`")


def _number(value: Mapping[str, Any]) -> str:
    words = "whole number" if value.get("type") == "integer" else "number"
    bounds = [(w, value[k]) for k, w in _BOUNDS if k in value]
    return " ".join([words, *(f"{word} {bound}" for word, bound in bounds)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("``", "`")


_BOUNDS: Final = (("minimum", "from"), ("maximum", "to"), ("exclusiveMinimum", "above"), ("exclusiveMaximum", "below"))
_KNOWN_PATTERNS: Final = {
    "^[a-z0-9][a-z0-9-]{0,62}$": "id",
    "^[0-9]{1,8}[smhdw]$": "duration",
    "^(file|env|systemd|command):.+$": "secret reference",
}
_PREFACE: Final = """\
# The configuration of a host

Made by `python -m guardian.config.reference --write`; do not edit. The same as a JSON Schema for editors:
[guardian.schema.json](guardian.schema.json), or `guardian config schema`.

One YAML file, `./guardian.yaml` or `/etc/guardian/guardian.yaml`: UTF-8, at most 256 KiB, without anchors, aliases,
merge keys or tags. Only `true`, `false`, `null`, decimal numbers and what stands for them mean anything but text: `no`,
`012`, `1:30` and `2026-01-31` are text. A key that stands twice is an error.

- **id**: small letters a-z, digits and hyphens, at most 63 characters, a letter or digit first.
- **duration**: a whole number and a unit: `90s`, `10m`, `6h`, `2d`, `1w`.
- **secret reference**: where a secret is, never the secret. `file:PATH` (only its owner may read it), `env:NAME`,
  `systemd:CREDENTIAL` (from `LoadCredential=`), `command:PROGRAM ARGUMENTS` (no shell, 30 seconds).
- **schedule** (`plan.schedule`, the values of `plan.drills`, `maintain` and `posture` of repositories): `every 6h`,
  `hourly`, `hourly at :15`, `daily`, `daily at 02:30, 14:30`, `weekly on sun at 03:00`, `monthly on 1 at 02:00`,
  `monthly on last`, `quarterly`, `yearly`, or `cron 30 2 * * mon-fri`. Times are local (`agent.time_zone`).
- **window** (`blackout`, `window`): `22:00-06:00`, `mon-fri 08:00-18:00`, `sat,sun 00:00-24:00`, in local time.
- **address** of a repository: as restic takes it: a directory, `s3:`, `rest:`, `sftp:`, `rclone:`, `b2:`, `azure:`,
  `gs:` or `swift:`. `{tenant}`, `{system}` and `{host}` are filled in. It never holds a password.
- **relative paths** are relative to the folder of the configuration file (of the first one, not of an included one).
- **include**: files merged underneath. Mappings merge; the including file may set a key again; two included files that
  set the same key are an error. At most 5 deep.

A repository may not lie in a source unless it is excluded there, and a source may not lie in a repository. When the
state directory lies in a `files` source, it is left out of the backup by itself."""


def main(arguments: list[str]) -> int:
    """Write the two files with ``--write``, otherwise the schema to standard output."""
    if arguments == ["--write"]:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "guardian.schema.json").write_text(schema_text(), encoding="utf-8")
        (FOLDER / "configuration.md").write_text(reference_text(), encoding="utf-8")
    else:
        sys.stdout.write(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
