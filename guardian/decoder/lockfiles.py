"""Lock files: since when somebody says that they work on the repository."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from guardian.decoder import document, limits
from guardian.decoder.damage import Damage
from guardian.decoder.document import NotUnderstood
from guardian.decoder.seal import Opener
from guardian.decoder.unpacked import document as read_document
from guardian.decoder.unpacked import is_id
from guardian.model.reader import ObjectMissing, ObjectUnreadable, Reader

FOLDER: Final = "locks/"
MOST: Final = 100


def times(reader: Reader, opener: Opener) -> Iterator[str | None]:
    """When each lock was made or renewed, as it is written there; None for one that cannot be read. At most 100.

    One that goes away meanwhile is left out. Raises what the reader raises when the storage does not answer.
    """
    names = (name for name, _size in reader.list(FOLDER) if is_id(name.removeprefix(FOLDER)))
    for name in islice(names, MOST):
        try:
            yield document.text(document.parse(read_document(reader, opener, name, limits.CONFIG)).get("time"))
        except ObjectMissing:
            continue
        except (Damage, NotUnderstood, ObjectUnreadable):
            yield None
