"""A fleet as lines of JSON: the head, a line for each host, and an end that says how many there were.

Without its end a file is cut off: what is missing from it is not known, and must not be taken for hosts that are gone.
A line that is no host is counted and passed over. Sizes are capped: the file may come from somebody else.
"""

import json
from collections.abc import Iterator
from typing import BinaryIO, Final

from pydantic import ValidationError

from guardian.errors import Unavailable
from guardian.i18n import _
from guardian.model.fleet import FLEET_SCHEMA, FleetHead, FleetHost, FleetStatus

MOST_HOSTS: Final = 200_000
MOST_HEAD: Final = 64 << 20
"""Bytes of the head: a province has a few thousand systems."""
MOST_LINE: Final = 4 << 20
"""Bytes of a host's line; twenty sources take 100 kB."""
_END: Final = b'{"end":'


def lines(fleet: FleetStatus) -> Iterator[bytes]:
    """The whole file, a line at a time, each with its end of line. Raises what reading the hosts raises."""
    yield fleet.head.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"
    count = 0
    for host in fleet.hosts():
        yield host.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"
        count += 1
    yield b'{"end":%d}\n' % count


class FleetLines:
    """Reads such a file once, from ``file``: the head at once, then :meth:`hosts` or the lines themselves.

    ``unread`` counts lines that were passed over; ``complete`` is whether the end was reached and the count was right.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Raises Unavailable for what is no fleet of a version that is known here, and OSError."""
        self._file = file
        self.head = _head(file.readline(MOST_HEAD + 1))
        self.unread = 0
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        """The lines of hosts as they stand there, the end of line left out. Raises OSError."""
        count = 0
        while count < MOST_HOSTS:
            line = self._file.readline(MOST_LINE + 1)
            if line.startswith(_END):
                self.complete = line.endswith(b"\n") and line.strip() == b'{"end":%d}' % count
                return
            if not line.endswith(b"\n"):
                if len(line) <= MOST_LINE:
                    return  # cut off here
                self.unread += 1
                self._skip()
            else:
                yield line[:-1]
            count += 1

    def hosts(self) -> Iterator[FleetHost]:
        """The hosts, those left out that cannot be read. Raises OSError."""
        for line in self:
            if (host := self.host(line)) is not None:
                yield host

    def host(self, line: bytes) -> FleetHost | None:
        """The host of one line; None, and one more :attr:`unread`, for what is none."""
        try:
            return FleetHost.model_validate_json(line)
        except (ValidationError, ValueError, RecursionError):
            self.unread += 1
            return None

    def _skip(self) -> None:
        """Pass over the rest of a line that is too long."""
        while (part := self._file.readline(MOST_LINE)) and not part.endswith(b"\n"):
            pass


def _head(line: bytes) -> FleetHead:
    if len(line) > MOST_HEAD:
        raise Unavailable(_("the head of the fleet's file is larger than {most} bytes").format(most=MOST_HEAD))
    try:
        said = json.loads(line)
        schema = said.get("schema") if isinstance(said, dict) else None
        if schema == FLEET_SCHEMA:
            return FleetHead.model_validate_json(line)
    except (ValidationError, ValueError, RecursionError) as error:
        raise Unavailable(_("this is no file of a fleet"), _("Its first line must be the head.")) from error
    if isinstance(schema, str) and schema.startswith("guardian.fleet/"):
        text = _("the fleet's file is of another version: {schema}").format(schema=schema[:80])
        raise Unavailable(text, _("Install the version of Guardian that wrote it, or a newer one."))
    raise Unavailable(_("this is no file of a fleet"), _("Its first line must be the head."))
