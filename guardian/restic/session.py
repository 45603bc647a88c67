"""One repository and one restic program: commands are made, run and, where that is safe, tried again."""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from guardian.clock import Clock
from guardian.errors import (
    ConfigError,
    Interrupted,
    RepositoryDamaged,
    RepositoryLocked,
    Stalled,
    StorageRefused,
    StorageUnreachable,
)
from guardian.i18n import _
from guardian.model.redaction import hide
from guardian.model.secret import Secret
from guardian.proc import Command, Finished, Limits, Stop, Streams, run
from guardian.proc.lines import LineSplitter
from guardian.restic.access import Access
from guardian.restic.argv import Call, general
from guardian.restic.errors import LOCK_REFUSED, REFUSED, RETRY, classify
from guardian.restic.versions import Capability

T = TypeVar("T")

_WAITS = (1.0, 3.0)
_LONG = 20.0
_REFUSALS = 3
_AWS = {
    "AWS_ACCESS_KEY_ID": b"aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": b"aws_secret_access_key",
    "AWS_SESSION_TOKEN": b"aws_session_token",
}
_PLAIN = ("AWS_DEFAULT_REGION", "AWS_REGION")
MAX_ANSWER = 256 << 20
"""Bytes of one answer that is read whole, such as the list of snapshots."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A short answer: standard output whole, the end of standard error, and how it ended."""

    stdout: bytes
    stderr: tuple[bytes, ...]
    returncode: int


@dataclass(slots=True)
class Refusals:
    """Counts how often the storage refused something that restic will go on trying for a quarter of an hour.

    A lock that may not be removed is no reason to give up: the data are saved by then. One that may not be made is.
    """

    stop: Stop = field(default_factory=Stop)
    seen: list[bytes] = field(default_factory=list)

    def __call__(self, line: bytes) -> None:
        """A line of standard error."""
        text = line.decode("utf-8", "replace")
        refused = LOCK_REFUSED.search(text) or ("<lock/" not in text and REFUSED.search(text))
        if RETRY.search(text) and refused and len(self.seen) < _REFUSALS:
            self.seen.append(line)
            if len(self.seen) == _REFUSALS:
                self.stop.set()


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that stays the same from call to call."""

    access: Access
    capability: Capability
    clock: Clock
    stop: Stop | None
    limits: Limits

    def hide_secrets(self) -> None:
        """From now on neither logs nor errors show this repository's secrets."""
        hide(self.access.password, *(self.access.credentials[name] for name in _AWS if name in self.access.credentials))

    def run(self, call: Call, streams: Streams, *, cache: bool = True, output_is_progress: bool = False) -> Finished:
        """Run one call to its end, however it ends; raise StorageRefused when the storage says no again and again."""
        limits = replace(self.limits, output_is_progress=output_is_progress)
        refusals = Refusals()
        lines = LineSplitter(refusals, limit=8192)

        def on_stderr(chunk: bytes) -> None:
            lines(chunk)
            if streams.stderr is not None:
                streams.stderr(chunk)

        stops = (refusals.stop, self.stop) if self.stop else (refusals.stop,)
        command = self.command(call, cache=cache)
        try:
            finished = run(command, replace(streams, stderr=on_stderr), limits=limits, stop=stops, clock=self.clock)
        finally:
            refusals.stop.close()
        if refusals.stop.requested and finished.interrupted and not (self.stop and self.stop.requested):
            raise classify(tuple(refusals.seen), finished.returncode, self.capability)
        return finished

    def ask(self, call: Call, *, cache: bool = True) -> Answer:
        """Run a call whose answer is short. Raises Interrupted, Stalled; never for the exit code."""
        kept = bytearray()

        def keep(chunk: bytes) -> None:
            kept.extend(chunk[: MAX_ANSWER - len(kept)])

        said: deque[bytes] = deque(maxlen=200)
        lines = LineSplitter(said.append, limit=65536)
        finished = self.run(call, Streams(stdout=keep, stderr=lines), cache=cache)
        lines.close()
        self.refuse_stopped(finished)
        return Answer(bytes(kept), tuple(said), finished.returncode)

    def answer(self, call: Call, *, cache: bool = True) -> Answer:
        """As :meth:`ask`, and raise the typed error when restic failed."""
        said = self.ask(call, cache=cache)
        if said.returncode != 0:
            raise classify(said.stderr, said.returncode, self.capability)
        return said

    def refuse_stopped(self, finished: Finished) -> None:
        """Raise Interrupted or Stalled when that is how a run ended."""
        if finished.interrupted:
            raise Interrupted(_("restic was interrupted"))
        if finished.stalled or finished.overran:
            known = classify(finished.stderr, finished.returncode, self.capability)
            if isinstance(known, StorageUnreachable | StorageRefused):  # newer restics try for a quarter of an hour
                raise known
            raise Stalled(
                _("restic made no progress for {seconds:g} seconds and was stopped").format(
                    seconds=self.limits.stall_seconds or 0
                ),
                _("The storage accepts connections and does not answer; look at it, then try again."),
            )

    def retrying(self, act: Callable[[], T], may_retry: Callable[[], bool] = lambda: True) -> T:
        """``act()``, at most twice again while the storage cannot be reached, and until the lock's wait is over.

        A restic that tried for long by itself is not started again.
        """
        waits = iter(_WAITS)
        deadline = self.clock.monotonic() + self.access.lock_wait_seconds
        while True:
            begun = self.clock.monotonic()
            try:
                return act()
            except StorageUnreachable:
                wait = next(waits, None)
                if wait is None or not may_retry() or self.clock.monotonic() - begun > _LONG:
                    raise
            except RepositoryLocked:
                wait = min(2.0, deadline - self.clock.monotonic())
                # Newer restics wait by themselves.
                if self.capability.retry_lock or wait <= 0 or not may_retry():
                    raise
            self._rest(wait)

    def healing(self, act: Callable[[bool], T]) -> T:
        """``act(cache=True)``; where restic cannot see that its cache is damaged, once more without it."""
        try:
            return act(True)
        except RepositoryDamaged:
            if not self.cache_may_lie:
                raise
        return act(False)

    @property
    def cache_may_lie(self) -> bool:
        """Whether a damaged local cache looks like a damaged repository to this restic."""
        return self.access.cache_dir is not None and not self.capability.cache_heals

    def _rest(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            if self.stop is not None and self.stop.requested:
                raise Interrupted(_("restic was interrupted"))
            self.clock.sleep(min(0.2, left))

    def command(self, call: Call, *, cache: bool = True) -> Command:
        """The command of a call: secrets by descriptor, a bare environment."""
        access = self.access
        environment = {"RESTIC_PROGRESS_FPS": "2"}
        if access.cache_dir is not None:
            environment["RESTIC_CACHE_DIR"] = str(access.cache_dir)
        if access.tmp_dir is not None:
            environment["TMPDIR"] = str(access.tmp_dir)
        for name in _PLAIN:
            if name in access.credentials:
                environment["AWS_DEFAULT_REGION"] = access.credentials[name].reveal().decode("utf-8", "replace")
        if access.scheme == "rclone" and (home := os.environ.get("HOME")):
            environment["HOME"] = home  # where rclone's own configuration lies
        secrets = {
            "RESTIC_REPOSITORY_FILE": Secret(access.url.encode("utf-8", "surrogateescape")),
            "RESTIC_PASSWORD_FILE": access.password,
        }
        if access.credentials:
            secrets["AWS_SHARED_CREDENTIALS_FILE"] = _profile(access)
        return Command(
            (*general(self.capability, access, cache=cache), *call.arguments),
            environment=environment,
            secrets=secrets,
            files=call.files,
            lease_fds=() if access.lease_fd is None else (access.lease_fd,),
        )


def _profile(access: Access) -> Secret:
    """S3 credentials as the file of the AWS tools, so that they are in no environment."""
    lines = [b"[default]"]
    for name, secret in access.credentials.items():
        value = secret.reveal()
        if name in _AWS and not set(value) & set(b"\r\n\0"):
            lines.append(_AWS[name] + b" = " + value)
        elif name not in _PLAIN:
            raise ConfigError(
                _("the storage's credentials have an entry that cannot be used: {name}").format(name=name),
                _("Lines are AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, and if need be AWS_SESSION_TOKEN=…."),
            )
    return Secret(b"\n".join(lines) + b"\n")


def by_line(on_line: Callable[[bytes], None], on_block: Callable[[bytes], bool] | None = None) -> LineSplitter:
    """Take an output line by line, or by blocks of lines where ``on_block`` takes them; a line over 1 MiB is cut."""
    return LineSplitter(on_line, on_block=on_block) if on_block else LineSplitter(on_line)
