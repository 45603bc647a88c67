"""From a path to a configuration one can work with, or to everything that is wrong with it."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from guardian.config.consistency import Surroundings, check, default_repositories
from guardian.config.document import MAX_BYTES, Table, locate, plain
from guardian.config.explain import explain
from guardian.config.host import HostConfig
from guardian.config.includes import read_tree
from guardian.config.loaded import Loaded, ResolvedRepository
from guardian.config.problem import Fault, InvalidConfigError, Problem, dotted
from guardian.errors import ConfigError
from guardian.i18n import _

__all__ = ["Loaded", "ResolvedRepository", "find", "host_id", "load"]

SYSTEM_WIDE: Final = Path("/etc/guardian")
FILE_NAME: Final = "guardian.yaml"
SYSTEM_STATE: Final = Path("/var/lib/guardian")
DEFAULT: Final = "default"
"""Provenance of a value that no file sets."""
_STATE_LINE: Final = re.compile(
    r"""^state_dir:[ \t]*(?P<quote>["']?)(?P<text>[^"'#\r\n]*[^"'#\s])(?P=quote)""", re.MULTILINE
)


def _candidates(path: Path | None) -> tuple[Path, ...]:
    return (path,) if path is not None else (Path(FILE_NAME), SYSTEM_WIDE / FILE_NAME)


def find(path: Path | None) -> Path:
    """The configuration file to use: ``path``, else ``./guardian.yaml``, else ``/etc/guardian/guardian.yaml``.

    Raises ConfigError when there is none.
    """
    for candidate in _candidates(path):
        if candidate.exists():
            return candidate
    names = ", ".join(str(candidate) for candidate in _candidates(path))
    raise ConfigError(
        _("there is no configuration at {paths}").format(paths=names),
        _("Run 'guardian init' to write a starter one, or name yours with --config."),
    )


def load(path: Path) -> Loaded:
    """Read, merge, check. Raises InvalidConfigError with every problem found; changes nothing."""
    tree = read_tree(path)
    absolute = Path(os.path.normpath(path.absolute()))
    written = plain(tree)
    around = _surroundings(written, absolute)
    config, faults = _validate(tree, written, around.base)
    faults += check(written, around)
    if faults or config is None:
        raise InvalidConfigError(_problems(faults, tree))
    config = config.model_copy(update={"host": around.host})
    effective = config.model_dump(mode="json")
    canonical = json.dumps(effective, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Loaded(
        config=config,
        path=absolute,
        base=absolute.parent,
        host=around.host,
        sha256=hashlib.sha256(canonical.encode()).hexdigest(),
        provenance=MappingProxyType(dict(_provenance(effective, tree))),
        state_dir=around.state_dir,
        defaults=MappingProxyType(_decided(default_repositories(effective["systems"], effective["repositories"]))),
    )


def states_of(path: Path | None) -> tuple[Path, ...]:
    """Where state may lie, however wrong the configuration that :func:`find` would use is: its agent may be at work.

    Of a file that is no YAML, a line that names the state directory is believed. Where no file is left, it is the
    place beside each that could have been.
    """
    there = [candidate for candidate in _candidates(path) if candidate.exists()]
    return tuple(dict.fromkeys(_state_of(candidate) for candidate in there[:1] or _candidates(path)))


def _state_of(path: Path) -> Path:
    try:
        written = plain(read_tree(path))
    except ConfigError:
        written = _glimpsed(path)
    return _surroundings(written, Path(os.path.normpath(path.absolute()))).state_dir


def _glimpsed(path: Path) -> dict[str, str]:
    with suppress(OSError), path.open("rb") as file:
        if found := _STATE_LINE.search(file.read(MAX_BYTES).decode(errors="backslashreplace")):
            return {"state_dir": found["text"]}
    return {}


def _decided(defaults: Mapping[str, str | None]) -> dict[str, str]:
    # check() has made sure that there is one for every system.
    return {system: repository for system, repository in defaults.items() if repository is not None}


def host_id(name: str) -> str:
    """``name`` (a machine's host name) as an id: what does not fit becomes a hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-") or "host"


def _surroundings(written: Any, path: Path) -> Surroundings:
    host, state = written.get("host"), written.get("state_dir")
    system_wide = Path(os.path.realpath(path)).is_relative_to(SYSTEM_WIDE) or path.is_relative_to(SYSTEM_WIDE)
    default = str(SYSTEM_STATE) if system_wide else "state"
    return Surroundings(
        base=path.parent,
        host=host if isinstance(host, str) else host_id(os.uname().nodename),
        state_dir=Path(os.path.normpath(path.parent / (state if isinstance(state, str) and state else default))),
    )


def _validate(tree: Table, written: Any, base: Path) -> tuple[HostConfig | None, list[Fault]]:
    try:
        # By way of JSON, where strict mode takes a list for a tuple.
        return HostConfig.model_validate_json(json.dumps(written), context={"base": str(base)}), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, explain(details, tree, HostConfig.model_json_schema())


def _problems(faults: list[Fault], tree: Table) -> list[Problem]:
    """``faults`` with their places, the main file's first, in the order they stand there."""
    problems = [
        Problem(locate(tree, fault.loc), dotted(fault.loc), fault.message, fault.hint)
        for fault in dict.fromkeys(faults)
    ]

    def order(problem: Problem) -> tuple[bool, str, int, int]:
        place = problem.place or tree.place
        return place.file != tree.place.file, place.file, place.line, place.column

    return sorted(problems, key=order)


def _provenance(value: Mapping[str, Any], tree: Table, at: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, ``file:line`` or ``default``) for every value; a list is one value."""
    for key, inner in value.items():
        name = f"{at}.{key}" if at else key
        entry = tree.entries.get(key)
        below = entry.node if entry and isinstance(entry.node, Table) else Table(tree.place, {})
        if isinstance(inner, dict) and inner:
            yield from _provenance(inner, below, name)
        else:
            yield name, str(entry.place) if entry else DEFAULT
