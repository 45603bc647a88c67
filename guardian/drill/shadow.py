"""A repository as it would look with one fault in it. The real one is never touched: the fault is in the reading."""

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field

from guardian.decoder.index import ABSENT, pack_name
from guardian.decoder.repository import Loaded
from guardian.i18n import _
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader, in_pieces


@dataclass(frozen=True, slots=True)
class Fault:
    """What is different in the shadow. Objects go by their names.

    ``flipped``: one bit of each byte at these offsets. ``cut``: only so many bytes are left. ``hidden``: not there,
    neither in listings nor to be read. ``added``: what a forger put there.
    """

    flipped: Mapping[str, Collection[int]] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)
    hidden: Collection[str] = ()
    added: Mapping[str, bytes] = field(default_factory=dict)


class ShadowReader:
    """``reader`` with ``fault`` in what it shows: a :class:`guardian.model.reader.Reader` like any other."""

    def __init__(self, reader: Reader, fault: Fault) -> None:
        self._reader, self._fault = reader, fault

    def size(self, name: str) -> int:
        """As the reader behind it, with the fault. Raises ObjectMissing, and what that reader raises."""
        if name in self._fault.added:
            return len(self._fault.added[name])
        if name in self._fault.hidden:
            raise ObjectMissing(name)
        return min(self._reader.size(name), self._fault.cut.get(name, 1 << 62))

    def read(self, name: str, offset: int, length: int) -> bytes:
        """As the reader behind it, with the fault. Raises ObjectMissing, ObjectUnreadable, as that reader does."""
        if name in self._fault.hidden and name not in self._fault.added:
            raise ObjectMissing(name)
        end = offset + length
        forged = self._fault.added.get(name)
        if end > (self._fault.cut.get(name, end) if forged is None else len(forged)):
            raise ObjectUnreadable(name, _("it ends before byte {byte}").format(byte=end))
        data = self._reader.read(name, offset, length) if forged is None else forged[offset:end]
        spots = [at for at in self._fault.flipped.get(name, ()) if offset <= at < end]
        if not spots:
            return data
        changed = bytearray(data)
        for at in spots:
            changed[at - offset] ^= 1 << at % 8
        return bytes(changed)

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        """As the reader behind it, with the fault. Raises as :meth:`read`."""
        fault = self._fault
        if name in fault.hidden or name in fault.added or name in fault.cut or name in fault.flipped:
            return in_pieces(self.read, name, length)
        return self._reader.stream(name, length)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """As the reader behind it, with the fault."""
        for name, size in self._reader.list(prefix):
            if name not in self._fault.hidden and name not in self._fault.added:
                yield name, min(size, self._fault.cut.get(name, size))
        for name, forged in self._fault.added.items():
            if name.startswith(prefix):
                yield name, len(forged)


def seen(loaded: Loaded, reader: Reader, fault: Fault) -> Loaded:
    """``loaded`` as it is seen through a shadow of ``reader``: the lengths of its packs as the shadow lists them."""
    shadow = ShadowReader(reader, fault)
    lengths = {}
    for name in {*fault.cut, *fault.hidden}:
        if name.startswith("data/"):
            pack_id = bytes.fromhex(name.rpartition("/")[2])
            folder = pack_name(pack_id)[: len("data/ab/")]
            lengths[pack_id] = dict(shadow.list(folder)).get(name, ABSENT)
    return loaded.through(shadow, lengths)
