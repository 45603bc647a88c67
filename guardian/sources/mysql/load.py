"""Loading a dump into a scratch server, straight out of the repository."""

import re
from collections.abc import Callable

from guardian.errors import Interrupted
from guardian.i18n import _
from guardian.model.events import Progress
from guardian.model.reason import Reason, reason
from guardian.proc import Limits, Streams, run
from guardian.sources.mysql.dump import TRAILER
from guardian.sources.mysql.server import ScratchServer
from guardian.sources.mysql.session import Session, discreet, refusal
from guardian.sources.proof import Dump, ProofContext

_CHUNK = 1 << 20
_TAIL = 4096
_GRACE = 2.0
_SHORT = 60.0
_DEFINER = re.compile(rb"DEFINER=(`(?:[^`\n]|``){1,400}`@`(?:[^`\n]|``){0,300}`)")
_LONGEST = 2048  # bytes of the longest definer
_ACCOUNTS = 1000


def trailer(dump: Dump) -> Reason | None:
    """Whether the dump ends as a whole one does: a client loads a dump that was cut short without a word."""
    with dump.open() as stream:
        stream.seek(max(0, dump.size - _TAIL))
        found = TRAILER in stream.read(_TAIL)
    return None if found else reason("dump-truncated", path=dump.path, bytes=dump.size)


def load(dump: Dump, server: ScratchServer, context: ProofContext, seconds: float) -> Reason | None:
    """Feed the dump to the client, which stops at the first error: that is the reason. None when all was taken.

    Raises what reading the dump raises, ToolFailed when the server died of it, Interrupted.
    """
    sent = 0

    def feed(write: Callable[[bytes], None]) -> None:
        nonlocal sent
        with dump.open() as stream, Session(server.login, context.stop, context.clock, tolerant=True) as session:
            admission = Admission(session)
            while chunk := stream.read(_CHUNK):
                admission(chunk)
                write(chunk)
                sent += len(chunk)
                context.report(Progress(sent, dump.size))

    limits = Limits(
        # The server works while the client waits: an index over a large table takes its time.
        stall_seconds=None,
        total_seconds=seconds,
        grace_seconds=_GRACE,
        linger_seconds=1.0,
    )
    command = server.login.batch("--max-allowed-packet=1G")
    finished = run(command, Streams(feed=feed), limits=limits, stop=context.stop, clock=context.clock)
    if finished.interrupted:
        raise Interrupted(_("interrupted"))
    server.look()
    if finished.overran:
        return reason("restore-failed", database=dump.path, error=f"not done after {seconds:g} seconds")
    if finished.returncode != 0:
        return reason("restore-failed", database=dump.path, error=discreet(str(refusal(finished))))
    if not finished.fed or sent != dump.size:
        return reason("stream-length-differs", expected=dump.size, found=sent)
    return None


class Admission:
    """Makes the accounts in whose name views, routines, triggers and events act, before the client meets them.

    They are not part of a dump, and a server refuses to make a view of somebody it does not know. Text that only looks
    like one makes an account that nobody uses, in a server that nobody else can reach.
    """

    def __init__(self, session: Session) -> None:
        """``session`` belongs to the scratch server's root."""
        self._session = session
        self._known: set[bytes] = set()
        self._tail = b""

    def __call__(self, chunk: bytes) -> None:
        """Look at the next bytes of the dump. Raises Refused when the server does not answer."""
        window = self._tail + chunk
        if b"DEFINER=" in window:
            for match in _DEFINER.finditer(window):
                if match[1] not in self._known and len(self._known) < _ACCOUNTS:
                    self._known.add(match[1])
                    account = match[1].decode("utf-8", "surrogateescape")
                    self._session.ask(f"create user if not exists {account}", _SHORT)
                    self._session.ask(f"grant all on *.* to {account}", _SHORT)
        self._tail = window[-_LONGEST:]
