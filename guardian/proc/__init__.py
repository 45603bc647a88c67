"""The only door to other programs.

A program runs under a small guard process (:mod:`guardian.proc.guard`), gets an environment made from an allow-list and
its secrets by descriptor, is always drained, watched for stalls, and stopped by SIGINT first.
"""

from guardian.proc.command import Captured, Command, Finished, Limits
from guardian.proc.run import Streams, capture, produce, run
from guardian.proc.stop import Stop, handle_signals
from guardian.proc.which import which

__all__ = [
    "Captured",
    "Command",
    "Finished",
    "Limits",
    "Stop",
    "Streams",
    "capture",
    "handle_signals",
    "produce",
    "run",
    "which",
]
