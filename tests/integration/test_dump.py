"""A stored stream as a file: the same bytes wherever one reads, and an error where a chunk is lost."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.decoder.repository import open_repository
from guardian.drill.dump import RepositoryDump
from guardian.errors import Interrupted, RepositoryDamaged
from guardian.model.secret import Secret
from guardian.objectstore.local import LocalReader

CONTENT = random.Random(7).randbytes(9 << 20)


@pytest.fixture
def stored(site: Any) -> Iterator[tuple[Any, Any]]:
    (site.root / "content").write_bytes(CONTENT)
    site.source("stream", kind="command", argv=["cat", str(site.root / "content")])
    site.write()
    assert site.guardian("backup", "app/stream").code == 0
    password = next((site.state / "keys").glob("*.password")).read_bytes().strip()
    with LocalReader(site.repository) as reader:
        loaded = open_repository(reader, Secret(password)).load()
        snapshot = next(s for s in loaded.snapshots if "source=stream" in s.tags)
        node = loaded.find(snapshot, b"/stream")
        assert node is not None
        yield site, loaded.file(node)


def test_it_reads_as_the_producer_wrote_and_what_is_lost_is_an_error(stored: Any) -> None:
    site, file = stored
    dump = RepositoryDump("/stream", file, lambda: None)
    draw = random.Random(11)
    with dump.open() as opened:
        assert opened.read() == CONTENT
        for _turn in range(200):
            at, length = draw.randrange(len(CONTENT) + 10), draw.choice((1, 100, 3 << 20))
            opened.seek(at)
            assert opened.read(length) == CONTENT[at : at + length]
        opened.seek(-5, 2)
        assert opened.read() == CONTENT[-5:]
    with RepositoryDump("/stream", file, _stop).open() as opened, pytest.raises(Interrupted):
        opened.read(10)
    lost = file.chunk_at(len(CONTENT) // 2)
    pack: Path = site.repository / "data" / lost.pack.hex()[:2] / lost.pack.hex()
    pack.unlink()
    with dump.open() as opened:
        opened.seek(lost.start)
        with pytest.raises(RepositoryDamaged):
            opened.read(10)


def _stop() -> None:
    raise Interrupted("interrupted")
