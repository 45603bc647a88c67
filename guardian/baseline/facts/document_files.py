"""The documents in files and folders that an operator names: each with its tree, or with why there is none."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guardian.baseline.facts import documents
from guardian.durable import TooLarge, read_capped
from guardian.errors import GuardianError

MOST_FILES: Final = 20_000
SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its tree, or the ``problem`` in a few words. ``file`` is relative to what was named."""

    file: str
    tree: Any = None
    problem: str = ""


def read_paths(paths: Iterable[Path], heed: Callable[[], None] = lambda: None) -> Iterator[Document]:
    """Every document in ``paths``; of a folder, those in all its files that are YAML or JSON by their name.

    What cannot be read is a document with a problem: nothing is left out in silence. ``heed`` may end it by raising.
    """
    for path in paths:
        for file, shown in _files(path):
            heed()
            if file is None:
                yield Document(shown, problem="the folder cannot be read")
            else:
                yield from _read(file, shown)


def _files(path: Path) -> Iterator[tuple[Path | None, str]]:
    if not path.is_dir():
        yield path, path.name
        return
    root = path.resolve()
    waiting, count = [path], 0
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            yield None, _shown(folder, path)
            continue
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                waiting.append(entry)
            elif entry.suffix.lower() in SUFFIXES and entry.resolve().is_relative_to(root):
                count += 1
                if count > MOST_FILES:
                    yield None, _shown(path, path)
                    return
                yield entry, _shown(entry, path)


def _shown(entry: Path, base: Path) -> str:
    name = str(entry.relative_to(base)) if entry != base else base.name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")[:200]


def _read(file: Path, shown: str) -> Iterator[Document]:
    try:
        found = documents.read_documents(read_capped(file, documents.MAX_BYTES))
    except TooLarge:
        yield Document(shown, problem=f"too large: over {documents.MAX_BYTES} bytes")
    except FileNotFoundError:
        yield Document(shown, problem="there is no such file")
    except GuardianError:
        yield Document(shown, problem="denied, or no regular file")
    except documents.UnreadableDocument as error:
        yield Document(shown, problem=str(error))
    else:
        for tree in found:
            yield Document(shown, tree)
