"""Facts of an nginx: its files read as it reads them, includes and all, below any root; and what it says of itself.

On a running host ``nginx -T`` tests the configuration and shows the files it read; where they are not the very ones
that were read here, nothing is claimed about them. Both ways give the same tree.
"""

import fnmatch
import re
from dataclasses import dataclass, field, replace
from typing import Final

from guardian.baseline.fact import unreadable
from guardian.baseline.facts import nginx_servers as meaning
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.nginx_syntax import Directive, SyntaxProblem, parse
from guardian.baseline.facts.reading import NOT_LIVE, Host, Tree, Unread, attempt, is_err, shown
from guardian.errors import GuardianError, Interrupted, Stalled, ToolMissing
from guardian.proc import Captured, Command, capture

NAME: Final = "nginx"
VERSION: Final = 1
_FILES: Final = 2_000
_BYTES: Final = 16 << 20
_DEPTH: Final = 20
_PROGRAMS: Final = ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx")


@dataclass(frozen=True, slots=True)
class Options:
    """The main file of an nginx below ``host``; ``program`` where it is not in PATH."""

    config: str = "/etc/nginx/nginx.conf"
    program: str | None = None
    host: Host = field(default_factory=lambda: Host(LocalRoot()))
    seconds: float = 20.0


def collect(options: Options) -> Tree:
    """The facts below ``nginx``; ``null`` where there is none. Raises Interrupted."""
    try:
        reading = _Reading(options.host, options.config)
        if options.host.stat(options.config) is None:
            return {"nginx": None}
        about = attempt(lambda: _about(options))
        version = about if is_err(about) else about["version"]
        tree = reading.read()
        test = attempt(lambda: _test(options, reading))
        if not is_err(test) and test["agrees"] is False:
            raise Unread("nginx reads other files than are there, or they changed meanwhile")
        facts = meaning.facts(tree, None if is_err(version) else str(version))
    except Unread as error:
        return {"nginx": unreadable(error.reason)}
    except SyntaxProblem as error:
        return {"nginx": unreadable(f"cannot be understood: {error}")}
    else:
        return {"nginx": {"version": version, "about": about, "test": test, "files": list(reading.files), **facts}}


# its files


class _Reading:
    """Reads one configuration; ``files`` holds what was read, in nginx's own order."""

    def __init__(self, host: Host, main: str) -> None:
        self._host, self._main = host, main
        self._folder = main.rpartition("/")[0]
        self._bytes = 0
        self.files: dict[str, bytes] = {}

    def read(self) -> tuple[Directive, ...]:
        """All directives, with those of included files in the place of the include. Raises Unread, SyntaxProblem."""
        return self._file(self._main, 0)

    def _file(self, path: str, depth: int) -> tuple[Directive, ...]:
        if depth > _DEPTH or len(self.files) >= _FILES:
            raise Unread(
                "too large: includes without end" if depth > _DEPTH else f"too large: more than {_FILES} files"
            )
        data = self.files.get(path) or self._host.bytes(path)
        if data is None:
            raise Unread(f"no such file: {shown(path)}")
        self._bytes += len(data)
        if self._bytes > _BYTES:
            raise Unread(f"too large: more than {_BYTES >> 20} MiB")
        self.files.setdefault(path, data)
        return self._expanded(parse(data.decode("utf-8", "backslashreplace"), shown(path)), depth)

    def _expanded(self, directives: tuple[Directive, ...], depth: int) -> tuple[Directive, ...]:
        found: list[Directive] = []
        for each in directives:
            if each.name == "include" and len(each.args) == 1:
                for path in self._matches(each.args[0]):
                    found += self._file(path, depth + 1)
            else:
                found.append(each if each.block is None else replace(each, block=self._expanded(each.block, depth)))
        return tuple(found)

    def _matches(self, pattern: str) -> list[str]:
        whole = pattern if pattern.startswith("/") else f"{self._folder}/{pattern}"
        if not any(letter in whole for letter in "*?["):
            return [whole]
        places = [""]
        for part in whole.strip("/").split("/"):
            places = [f"{place}/{name}" for place in places for name in self._names(place, part)]
        return sorted(place for place in places if self._is_file(place))

    def _names(self, folder: str, part: str) -> list[str]:
        if not any(letter in part for letter in "*?["):
            return [part]
        names = self._host.list(folder or "/")
        return [n for n in names if fnmatch.fnmatchcase(n, part) and (not n.startswith(".") or part.startswith("."))]

    def _is_file(self, path: str) -> bool:
        return self._host.stat(path) is not None


# what it says of itself


def _about(options: Options) -> Tree:
    said = _said(options, "-V")
    text = "\n".join(said.stderr)
    name = re.search(r"nginx version: (\S{1,40})/(\d{1,4}(?:\.\d{1,9}){1,4})", text)
    if name is None:
        raise Unread("it does not tell its version")
    tls = re.search(r"built with (\S+ [\w.]+)", text)
    modules = sorted(set(re.findall(r"--with-([\w-]+_module)\b", text)))
    return {"product": name[1], "version": name[2], "tls_library": tls[1] if tls else None, "modules": modules}


def _test(options: Options, reading: _Reading) -> Tree:
    """Whether nginx takes the configuration, and whether it read exactly what was read here."""
    said = _said(options, "-T", "-c", options.config)
    complaints = [line for line in said.stderr if "[emerg]" in line or "[crit]" in line]
    if said.returncode == 0:
        agrees = _dump(reading.files) == said.stdout
        warnings = sum("[warn]" in line for line in said.stderr)
        return {"ok": True, "error": None, "agrees": agrees, "warnings": warnings}
    if any("13: Permission denied" in line for line in complaints):
        raise Unread("denied: needs root")
    return {"ok": False, "error": (complaints or [""])[-1][:200], "agrees": None, "warnings": 0}


def _dump(files: dict[str, bytes]) -> bytes:
    """What ``nginx -T`` prints of ``files``."""
    return b"".join(b"# configuration file %s:\n%s\n" % (path.encode(), data) for path, data in files.items())


def _said(options: Options, *words: str) -> Captured:
    if not options.host.root.live:
        raise Unread(NOT_LIVE)
    there = (path for path in _PROGRAMS if options.host.exists(path))
    program = options.program or next(there, "nginx")
    try:
        said = capture(Command((program, *words)), limit_bytes=_BYTES * 2, seconds=options.seconds)
    except ToolMissing as error:
        raise Unread("no such program: nginx") from error
    except Stalled as error:
        raise Unread(f"timeout after {options.seconds:g} s: nginx") from error
    except Interrupted:
        raise
    except GuardianError as error:
        raise Unread("could not run nginx") from error
    return said
