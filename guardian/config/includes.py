"""A configuration file and the files it includes, as one tree.

``include:`` names files, relative to the file that says it. They lie underneath: mappings merge, and the including
file may set a key again. Two included files that set the same key are a mistake nobody would see, so it is an error.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guardian.config.document import MAX_BYTES, Entry, Leaf, Many, Table, parse
from guardian.config.problem import InvalidConfigError, Loc, Place, Problem, dotted
from guardian.i18n import _

MAX_DEPTH: Final = 5
MAX_FILES: Final = 64


def read_tree(path: Path) -> Table:
    """The tree of the file at ``path`` with everything it includes; ``include`` itself is consumed.

    Places name files relative to the folder of ``path`` where they lie in it. Raises InvalidConfigError.
    """
    reader = _Reader(Path(os.path.normpath(path.absolute())).parent)
    tree = reader.file(path, None, ())
    if reader.problems:
        raise InvalidConfigError(reader.problems)
    return tree


def read_bytes(path: Path, shown: str, asked_at: Place | None = None) -> bytes:
    """The first 256 KiB and a byte of a regular file. Raises InvalidConfigError; never waits on a pipe or a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidConfigError.one(
                    asked_at, _("cannot read {path}: {why}").format(path=shown, why=_("not a regular file"))
                )
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidConfigError.one(asked_at, _("cannot read {path}: {why}").format(path=shown, why=why)) from None


@dataclass(slots=True)
class _Reader:
    base: Path
    problems: list[Problem] = field(default_factory=list)
    files: int = 0

    def file(self, path: Path, asked_at: Place | None, above: tuple[Path, ...]) -> Table:
        real = Path(os.path.realpath(path))
        shown = self._shown(path)
        self.files += 1
        if real in above:
            raise InvalidConfigError.one(asked_at, _("{path} includes itself").format(path=shown), key="include")
        if len(above) > MAX_DEPTH or self.files > MAX_FILES:
            text = _("too many included files: at most {depth} deep and {files} in all").format(
                depth=MAX_DEPTH, files=MAX_FILES
            )
            raise InvalidConfigError.one(asked_at, text, key="include")
        tree = parse(read_bytes(path, shown, asked_at), shown)
        included = tree.entries.pop("include", None)
        under = Table(tree.place, {})
        for place, name in self._names(included):
            lower = self.file(path.parent / name, place, (*above, real))
            under = self._merge(under, lower, (), overriding=False)
        return self._merge(tree, under, (), overriding=True)

    def _shown(self, path: Path) -> str:
        absolute = Path(os.path.normpath(path.absolute()))
        return str(absolute.relative_to(self.base)) if absolute.is_relative_to(self.base) else str(absolute)

    def _names(self, included: Entry | None) -> list[tuple[Place, str]]:
        """The files of ``include:``, each with the place that asks for it."""
        if included is None or (isinstance(included.node, Leaf) and included.node.value is None):
            return []
        hint = _("Write include: [common.yaml].")
        if not isinstance(included.node, Many):
            raise InvalidConfigError.one(included.place, _("a list of files is expected"), hint, "include")
        names = []
        for item in included.node.items:
            if not isinstance(item, Leaf) or not isinstance(item.value, str) or not item.value:
                raise InvalidConfigError.one(item.place, _("the name of a file is expected"), hint, "include")
            if item.value.startswith("/"):
                text = _("an included file is named relative to the file that includes it")
                raise InvalidConfigError.one(item.place, text, hint, "include")
            names.append((item.place, item.value))
        return names

    def _merge(self, upper: Table, lower: Table, loc: Loc, *, overriding: bool) -> Table:
        """Both in one. What stands in both: mappings merge, otherwise ``upper`` wins if it may."""
        entries = dict(upper.entries)
        for key, below in lower.entries.items():
            above = entries.get(key)
            if above is None:
                entries[key] = below
            elif isinstance(above.node, Table) and isinstance(below.node, Table):
                merged = self._merge(above.node, below.node, (*loc, key), overriding=overriding)
                entries[key] = Entry(above.place, merged)
            # One file reached by two ways sets a key in one place only: that is no contradiction.
            elif not overriding and above.place != below.place:
                text = _("the key is set twice, here and in {place}").format(place=above.place)
                hint = _("Remove one of the two, or set it in the file that includes both.")
                self.problems.append(Problem(below.place, dotted((*loc, key)), text, hint))
        return Table(upper.place, entries)
