"""D2: stored bytes, read and verified pack by pack by their ids, so that tomorrow goes on where today ended."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future

from guardian.decoder import packs
from guardian.decoder.blobs import Blobs
from guardian.decoder.index import Pack
from guardian.decoder.packs import PackReport


def packs_after(blobs: Blobs, cursor: str = "") -> Iterator[Pack]:
    """Every pack of the repository whose id (in hexadecimal digits) comes after ``cursor``, by id."""
    return (pack for pack in blobs.index.packs() if pack.id.hex() > cursor)


def verify(blobs: Blobs, chosen: Iterable[Pack], executor: Executor, ahead: int = 8) -> Iterator[PackReport]:
    """Read each of ``chosen`` whole and verify it; reports come in the same order, each as soon as it can.

    At most ``ahead`` packs are given out at once; each that is being read takes a few MiB of memory. The id of the last
    report is the cursor to go on from. Raises what the reader raises when the storage does not answer.
    """
    under_way: deque[Future[PackReport]] = deque()
    try:
        for pack in chosen:
            under_way.append(executor.submit(verify_one, blobs, pack))
            if len(under_way) >= ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


def verify_one(blobs: Blobs, pack: Pack) -> PackReport:
    """Read ``pack`` whole and hold it against the index; see :func:`guardian.decoder.packs.verify`."""
    return packs.verify(blobs.reader, blobs.opener, pack, blobs.index.places(pack))
