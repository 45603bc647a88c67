"""What is asked of a program, the limits it runs under, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guardian.model.secret import Secret

FD = "/dev/fd/"
"""Where a program finds an inherited descriptor."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run.

    ``argv[0]`` is a path or a name looked up in PATH. ``environment`` is added to the allow-list and holds nothing
    secret. ``secrets`` maps the name of a variable to a secret: the variable holds ``/dev/fd/N``, a file in memory
    that the program may open as often as it likes. ``files`` does the same for arguments: one that is exactly
    ``/dev/fd/NAME``, or ends with ``=/dev/fd/NAME``, gets the descriptor of ``files[NAME]``. ``lease_fds`` are
    inherited by the guard and the program, so that a lease is held until both are gone.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    files: Mapping[str, bytes | Secret] = field(default_factory=dict)
    cwd: Path | None = None
    lease_fds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that bound a run; ``None`` is no bound.

    ``stall_seconds``: no progress for so long starts the ladder, with ``stall_grace_seconds`` before SIGKILL;
    ``grace_seconds`` is the wait after any other SIGINT (restic may need it to remove its lock from slow storage).
    ``total_seconds`` bounds the whole run. ``linger_seconds``: after the program's own end, how long left-over
    children may keep its pipes open.
    ``output_is_progress``: bytes on standard output count as progress; for programs whose output is the work.
    """

    stall_seconds: float | None = 120.0
    stall_grace_seconds: float = 30.0
    grace_seconds: float = 120.0
    total_seconds: float | None = None
    linger_seconds: float = 5.0
    output_is_progress: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    ``returncode`` is negative for death by a signal. ``stderr`` is the redacted tail of its standard error: at most
    200 lines and 64 KiB. ``interrupted``: we were asked to stop; ``stalled``: it made no progress; ``overran``: it
    passed its total limit; ``killed``: SIGINT was not enough. ``fed``: all input was delivered and its end shown.
    """

    returncode: int
    stderr: tuple[str, ...] = ()
    seconds: float = 0.0
    stalled: bool = False
    interrupted: bool = False
    overran: bool = False
    killed: bool = False
    fed: bool = False

    @property
    def ok(self) -> bool:
        """Exit status 0, and nobody had to stop it. No proof that it did its work."""
        return self.returncode == 0 and not (self.stalled or self.interrupted or self.overran)


@dataclass(frozen=True, slots=True)
class Captured:
    """What a short program said. ``stdout`` is cut at the caller's limit, and ``truncated`` says so."""

    returncode: int
    stdout: bytes
    stderr: tuple[str, ...]
    truncated: bool = False
