"""nginx's configuration language: text → directives, each with its file and line. Pure.

https://nginx.org/en/docs/beginners_guide.html#conf_structure; the details are those of ``ngx_conf_read_token``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 30

_TOKEN: Final = re.compile(
    r"""[ \t\r]+ | (?P<line>\n) | (?P<comment>\#[^\n]*)
    | (?P<double>"(?:[^"\\]|\\.)*")(?=[\s;{)]|\Z) | (?P<single>'(?:[^'\\]|\\.)*')(?=[\s;{)]|\Z)
    | (?P<mark>[;{}]) | (?P<word>(?:\\.|\$\{\w{1,128}\}|[^\s;{\\"'}])(?:\\.|\$\{\w{1,128}\}|[^\s;{\\])*)""",
    re.VERBOSE | re.DOTALL,
)
_LUA: Final = re.compile(
    r"""(?P<long>(?:--)?\[=*\[) | (?P<comment>--) | (?P<quote>["']) | (?P<brace>[{}])""", re.VERBOSE
)
"""Where comments, strings and blocks of Lua begin: a brace in a string ends no block."""


class SyntaxProblem(Exception):
    """The text is no configuration of nginx; ``str()`` says where and why."""


@dataclass(frozen=True, slots=True)
class Directive:
    """``name args;`` or ``name args { block }``. ``args`` are without quotes, variables as they stand."""

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    block: "tuple[Directive, ...] | None" = None

    def find(self, name: str) -> "Iterator[Directive]":
        """The directives called ``name`` right inside it."""
        return (each for each in self.block or () if each.name == name)


def parse(text: str, file: str) -> tuple[Directive, ...]:
    """The directives of one file, includes as they stand. Raises SyntaxProblem."""
    tokens = _Tokens(text, file)
    found = _block(tokens, 0)
    return tuple(found)


@dataclass(slots=True)
class _Tokens:
    """Words and marks one after another, with the line that each stands in."""

    text: str
    file: str
    at: int = 0
    line: int = 1

    def next(self) -> tuple[str, bool] | None:
        """The next word or mark, and whether it is a mark; None at the end. Raises SyntaxProblem."""
        while self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise self.problem("a quote does not close, or stands where none can")
            self.at = match.end()
            start = self.line
            self.line += match[0].count("\n")
            if (mark := match["mark"]) is not None:
                return mark, True
            for name in ("double", "single", "word"):
                if (word := match[name]) is not None:
                    plain = word[1:-1] if name != "word" else word
                    self._began = start
                    return re.sub(r"""\\(["'\\])""", r"\1", plain), False
        return None

    _began: int = 1

    def raw_block(self) -> None:
        """Skip what Lua wrote between braces, up to the brace that closes it. Raises SyntaxProblem."""
        depth, at = 1, self.at
        while depth and (match := _LUA.search(self.text, at)) is not None:
            at = match.end()
            if match["brace"]:
                depth += 1 if match["brace"] == "{" else -1
            elif match["comment"]:
                at = self._behind("\n", at)
            elif match["long"]:
                at = self._behind(match["long"].removeprefix("--").replace("[", "]"), at)
            else:
                at = self._behind_string(match["quote"], at)
        if depth:
            raise self.problem("a block does not close")
        self.line += self.text.count("\n", self.at, at)
        self.at = at

    def _behind(self, closing: str, at: int) -> int:
        end = self.text.find(closing, at)
        if end < 0:
            raise self.problem("a block does not close")
        return end + len(closing)

    def _behind_string(self, quote: str, at: int) -> int:
        while (end := self.text.find(quote, at)) >= 0:
            slashes = len(self.text[at:end]) - len(self.text[at:end].rstrip("\\"))
            at = end + 1
            if slashes % 2 == 0:
                return at
        raise self.problem("a quote does not close")

    @property
    def began(self) -> int:
        """The line in which the last word began."""
        return self._began

    def problem(self, why: str) -> SyntaxProblem:
        """What is wrong here."""
        return SyntaxProblem(f"{self.file} line {self.line}: {why}")


def _block(tokens: _Tokens, depth: int) -> list[Directive]:
    if depth > MAX_DEPTH:
        raise tokens.problem("blocks in blocks are too deep")
    found: list[Directive] = []
    words: list[str] = []
    line = 1
    while (token := tokens.next()) is not None:
        text, mark = token
        if not mark:
            line = tokens.began if not words else line
            words.append(text)
            continue
        if text == "}":
            if words or depth == 0:
                raise tokens.problem("a } stands where none is expected")
            return found
        if not words:
            raise tokens.problem(f"a {text} stands where none is expected")
        block: tuple[Directive, ...] | None = None
        if text == "{":
            if words[0].endswith("_by_lua_block"):
                tokens.raw_block()
                block = ()
            else:
                block = tuple(_block(tokens, depth + 1))
        found.append(Directive(words[0], tuple(words[1:]), tokens.file, line, block))
        words = []
    if words or depth:
        raise tokens.problem("it ends in the middle of a directive")
    return found
