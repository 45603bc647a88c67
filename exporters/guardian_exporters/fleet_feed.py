"""What fills a fleet's page: a file that a hub writes, or whatever gives a fleet's status."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from guardian.errors import GuardianError
from guardian.model.fleet import FleetStatus
from guardian.model.fleet_file import FleetLines
from guardian_exporters.fleet import Whole
from guardian_exporters.fleet_page import FleetPage


def fill(page: FleetPage, status: FleetStatus) -> None:
    """Tell of all hosts of ``status``, and of no other. Raises what reading its hosts raises."""
    told: set[str] = set()
    unread = 0
    for host in status.hosts():
        if host.id in told or not page.put(host):
            unread += 1
        else:
            told.add(host.id)
    page.keep(told)
    page.whole = Whole(status.head, complete=True, unread=unread)


@dataclass(slots=True)
class FleetFile:
    """Fills ``page`` from the file at ``path``, which is read again when it has changed; of it only lines that did.

    A file that is cut off leaves hosts it does not get to as they were: that they are gone nobody has said. Until one
    was read to its end, ``guardian_fleet_complete`` is 0, and the time of the state tells how old it is.
    """

    path: Path
    page: FleetPage
    problem: str = ""
    """Why the newest reading came to nothing, or not to its end."""
    _stamp: object = None
    _marks: dict[bytes, str] = field(default_factory=dict)

    def refresh(self) -> bool:
        """Read what is new; whether the page is up to date with the file afterwards. Never raises for what is in it."""
        try:
            with self.path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                if stamp == self._stamp:
                    return not self.problem
                lines = FleetLines(file)
                self._read(lines)
        except GuardianError as error:
            return self._failed(error.message)
        except OSError as error:
            return self._failed(error.strerror or str(error))
        self._stamp = stamp
        self.problem = "" if lines.complete else "cut off"
        return lines.complete

    def refreshed(self) -> str:
        """The same; says why not, or nothing."""
        return "" if self.refresh() else self.problem or "unreadable"

    def _read(self, lines: FleetLines) -> None:
        told: dict[bytes, str] = {}
        hosts: set[str] = set()
        for line in lines:
            mark = hashlib.blake2b(line, digest_size=16).digest()
            if (host := self._marks.get(mark)) is None or host not in self.page:
                if (read := lines.host(line)) is None:
                    continue
                host = read.id
                if host in hosts or not self.page.put(read):
                    lines.unread += 1
                    continue
            elif host in hosts:
                lines.unread += 1
                continue
            hosts.add(host)
            told[mark] = host
        if lines.complete:
            self.page.keep(hosts)
            self._marks = told
        else:
            self._marks.update(told)
        self.page.whole = Whole(lines.head, complete=lines.complete, unread=lines.unread)

    def _failed(self, why: str) -> bool:
        self._stamp, self.problem = None, why
        self.page.whole.complete = False
        return False


def _stamp(found: os.stat_result) -> object:
    return found.st_mtime_ns, found.st_size, found.st_ino
