"""Checks in CEL (the Common Expression Language), behind guard rails.

A name that is bound to something unreadable is left out, and CEL's own rule that ``&&`` and ``||`` absorb errors makes
that Kleene's logic: ``missing || true`` is true, ``missing && true`` is an error, which is unknown. The language has no
loops but its macros and no side effects; what it does not have is a limit of cost, so macros nest at most twice, only
known functions may be called, and how much data a macro may walk is limited here. Its regular expressions are linear.
"""

import re
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from guardian.baseline.check import Check
from guardian.baseline.fact import kind
from guardian.baseline.truth import Truth
from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.finding import Json

MAX_MACROS: Final = 2
MAX_STEPS: Final = 1_000_000
"""Items walked by nested macros, at the most: a second or so."""

_OPERATORS = re.compile(r"^(_.*_|!_|-_|_\[_\]|@in|@not_strictly_false|_\?_:_)$")
FUNCTIONS: Final = frozenset(
    {
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "timestamp",
        "duration",
        "int",
        "uint",
        "double",
        "string",
    }
)
_ALWAYS: Final = frozenset({"params", "now"})

Program = Callable[[Mapping[str, Json]], tuple[Truth, str]]
"""Bound names → whether it holds, and where that is unknown, why."""


def program(check: Check, parameters: frozenset[str]) -> Program:
    """The check ready to be asked. Raises ConfigError when it is not CEL, or asks for more than is allowed.

    On a processor that CEL was not built for every answer is unknown.
    """
    source = check.cel or ""
    if "//" in source:
        raise ConfigError(_("CEL may not hold comments"))  # brackets in one would upset how macros are counted
    nesting = macros(source)
    try:
        # The package loads a command line of its own, which takes longer than all else of it: nobody here needs that.
        sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
        import cel  # noqa: PLC0415  only rules that have a leaf in CEL need it
    except ImportError:
        return lambda _names: (None, "CEL is not available on this processor")
    try:
        compiled = cel.compile(source)
    except Exception as error:
        why = str(error).splitlines()[0][:120]
        raise ConfigError(_("not CEL: {why}").format(why=why)) from error
    _guard(source, compiled, frozenset(check.with_), parameters)
    return lambda names: _ask(compiled, names, max(1, len(nesting)))


def _guard(source: str, compiled: Any, bound: frozenset[str], parameters: frozenset[str]) -> None:
    """Refuse names that are bound to nothing, functions nobody vouched for, and macros in macros in macros."""
    nesting = macros(source)
    if len(nesting) > MAX_MACROS:
        raise ConfigError(_("macros stand in macros deeper than {limit}").format(limit=MAX_MACROS))
    inner = {name for level in nesting for name in level}
    if strange := sorted(set(compiled.variables()) - bound - inner - _ALWAYS):
        raise ConfigError(_("{name} is not bound by with").format(name=strange[0]))
    if unused := sorted(bound - set(compiled.variables())):
        raise ConfigError(_("{name} is bound and not used").format(name=unused[0]))
    for function in compiled.functions():
        if function not in FUNCTIONS and not _OPERATORS.match(function):
            raise ConfigError(_("{name} may not be called").format(name=function))
    for found in re.finditer(r"\bparams\.(\w+)", source):
        if found[1] not in parameters:
            raise ConfigError(_("there is no parameter {name}").format(name=found[1]))


def macros(source: str) -> list[set[str]]:
    """The names that macros bind, by how deep the macro stands in others. Strings are skipped."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', lambda text: " " * len(text[0]), source)
    starts = {
        found.end(1): found[2]
        for found in re.finditer(r"(\.\s*(?:all|exists|exists_one|filter|map)\s*\()\s*(\w+)\s*,", bare)
    }
    levels: list[set[str]] = []
    open_: list[bool] = []
    for position, character in enumerate(bare):
        if character == "(":
            name = starts.get(position + 1)
            open_.append(name is not None)
            if name is not None:
                depth = sum(open_)
                while len(levels) < depth:
                    levels.append(set())
                levels[depth - 1].add(name)
        elif character == ")" and open_:
            open_.pop()
    return levels


def _ask(compiled: Any, names: Mapping[str, Json], depth: int) -> tuple[Truth, str]:
    longest = max((_longest(value) for value in names.values()), default=0)
    if longest**depth > MAX_STEPS:
        return None, f"too large: {longest} items"
    try:
        result = compiled.execute(dict(names))
    except Exception as error:  # noqa: BLE001  every error of CEL means that it could not be decided
        return None, str(error).splitlines()[0][:120]
    return (result, "") if isinstance(result, bool) else (None, f"the answer is {kind(result)}")


def _longest(value: Json) -> int:
    """The length of the longest list or mapping in it."""
    if isinstance(value, dict):
        return max((len(value), *map(_longest, value.values())))
    return max((len(value), *map(_longest, value))) if isinstance(value, list) else 0
