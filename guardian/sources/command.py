"""What a program writes to its standard output, under supervision.

The producer's exit code and trailer are checked while restic still waits for more: only then may its input
end. A producer that fails therefore leaves no snapshot.
"""

from typing import Any

from guardian.errors import Interrupted
from guardian.i18n import _
from guardian.model.backup import StreamDigest
from guardian.model.protection import CommandSource
from guardian.model.reason import reason
from guardian.proc import Command, Finished, Limits, produce
from guardian.sources.job import Pump, SourceContext, SourceFailed, Write

GRACE_SECONDS = 10.0
"""From SIGINT to SIGKILL: what a stopped producer wrote is thrown away, and a shell waits for its children."""


class CommandJob:
    """One run of a producer."""

    estimated_bytes = 0

    def __init__(self, spec: CommandSource, context: SourceContext) -> None:
        self._spec = spec
        self._context = context
        self._digest: StreamDigest | None = None
        self.filename = f"/{spec.filename or context.source}"

    def feed(self, write: Write) -> None:
        """Run the producer to its end and pass on its output."""
        pump = Pump(write)
        secrets = {name: self._context.secrets[name].reveal().decode() for name in self._spec.environment}
        finished = produce(
            Command(self._spec.argv, environment=secrets),
            pump,
            limits=Limits(
                stall_seconds=self._context.stall_seconds,
                stall_grace_seconds=GRACE_SECONDS,
                grace_seconds=GRACE_SECONDS,
                total_seconds=self._spec.time_limit.total_seconds(),
            ),
            stop=self._context.stop,
            clock=self._context.clock,
        )
        self._judge(pump, finished)
        self._digest = pump.digest(self.filename)

    def _judge(self, pump: Pump, finished: Finished) -> None:
        program = self._spec.argv[0]
        # Asked first: a producer that tidies up after SIGINT may well end with 0, and what it wrote is cut short.
        if finished.interrupted:
            raise Interrupted(_("{program} was interrupted").format(program=program))
        if finished.overran:
            limit = int(self._spec.time_limit.total_seconds())
            raise SourceFailed(reason("producer-overran", program=program, seconds=limit))
        if finished.stalled:
            raise SourceFailed(reason("producer-stalled", program=program))
        if finished.returncode != 0:
            raise SourceFailed(reason("producer-failed", program=program, exit_code=finished.returncode))
        if pump.bytes < self._spec.min_bytes:
            raise SourceFailed(
                reason("producer-short", program=program, bytes=pump.bytes, expected=self._spec.min_bytes)
            )
        if self._spec.trailer and self._spec.trailer.encode() not in pump.tail:
            raise SourceFailed(reason("producer-trailer-missing", program=program, trailer=self._spec.trailer))

    def digest(self) -> StreamDigest:
        """Length and SHA-256 of what the producer said."""
        assert self._digest is not None, "feed() has not returned"  # noqa: S101
        return self._digest

    def facts(self) -> dict[str, Any]:
        """A stream of unknown meaning has no facts."""
        return {}
