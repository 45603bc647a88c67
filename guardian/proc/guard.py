"""The guard: a tiny process between Guardian and a program, so that Guardian's death cannot look like success.

Started as ``python -I -S -X utf8 guard.py CONTROL STDIN STDOUT STDERR GRACE PROGRAM ARGS…`` in a session of its own,
with the program's standard streams as its own. It imports the standard library only, for a quick start.

It keeps our end of the program's standard input (descriptor ``STDIN``) and the read ends of its two outputs. When
Guardian dies, the program therefore sees neither the end of its input (a truncated stream would be saved as a good
snapshot) nor a broken pipe (it would leave its lock behind): it gets SIGINT, ``GRACE`` seconds to tidy up, then
SIGKILL. Leases inherited from Guardian stay held here until the program is gone.

The input is a socket with one unread byte on our side, so that closing it is a *reset*, an error to the reader, and
never a clean end: that holds even when both Guardian and the guard are killed. New restics that got SIGINT go on
waiting for input; ``BREAK`` seconds later the reset wakes them up.

Over the socket ``CONTROL`` it says ``P <pid>``, ``E <errno>`` (could not start) and ``X <returncode>``, a line each,
and obeys single bytes: ``I`` SIGINT to the program, ``K`` SIGKILL to its group, ``B`` break its standard input.
"""

# The C module: signal.py around it imports enum, which takes a third of the guard's whole start.
import _signal as signal  # type: ignore[import-not-found]
import os
import resource
import select
import sys
import time

BREAK = 2.0
RESET = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Guard:
    """One program, its descriptors, and whether Guardian still lives."""

    def __init__(self, control: int, stdin: int, outputs: list[int], grace: float) -> None:
        """Take the descriptors (-1: none) and the seconds between SIGINT and SIGKILL once Guardian is dead."""
        self.control, self.stdin, self.outputs, self.grace = control, stdin, outputs, grace
        self.pid = 0
        self.returncode: int | None = None
        self.alone = False
        self.orphaned = self.deadline = 0.0

    def start(self, argv: list[str], wake: int) -> int:
        """Start the program in a process group of its own; 0 or the errno that forbade it."""
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # Handlers, not SIG_IGN: a service manager's signal to the whole group must not end the guard before its
        # program, and what is handled here goes back to its default in the program.
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        try:
            self.pid = os.posix_spawn(argv[0], argv, os.environ, setpgroup=0, setsigdef=RESET, setsigmask=())
        except OSError as why:
            return why.errno or 1
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # only the program holds its own ends now: its death is seen at once
            os.dup2(null, stream)
        return 0

    def say(self, text: str) -> None:
        """Tell Guardian; it may be dead, and then nobody needs to know."""
        try:
            os.write(self.control, text.encode("ascii") + b"\n")
        except OSError:
            pass

    def look(self) -> None:
        """See whether the program has ended. It is not reaped: its pid stays its own until its group is killed."""
        if self.returncode is None and (info := os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)):
            self.returncode = info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
            self.say(f"X {self.returncode}")

    def obey(self, orders: bytes) -> None:
        """Do what Guardian asks; no bytes at all means that it died or is done."""
        if not orders:
            self.alone = True
            self.orphaned = time.monotonic()  # noqa: TID251  the guard imports nothing of Guardian
            self.deadline = self.orphaned + self.grace
            self.interrupt()
        for order in orders:
            if order == ord("I"):
                self.interrupt()
            elif order == ord("K"):
                self.kill()
            elif order == ord("B"):
                self.break_input()

    def break_input(self) -> None:
        """Close our end of the program's input: Guardian's is closed too, or Guardian is dead."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def interrupt(self) -> None:
        """SIGINT to the program itself: its own children must outlive it for its clean-up."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the program and every descendant that stayed in its group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def drain(self, ready: list[int]) -> None:
        """Throw away what the program still says after Guardian's death."""
        for fd in ready:
            if fd in self.outputs and not os.read(fd, 65536):
                self.outputs.remove(fd)

    def watch(self, wake: int) -> None:
        """Until the program is gone and Guardian needs nothing more."""
        while not (self.alone and self.returncode is not None):
            timeout = None
            if self.alone:
                now = time.monotonic()  # noqa: TID251  the same
                if now - self.orphaned >= BREAK:
                    self.break_input()
                timeout = max(0.0, min(self.deadline - now, BREAK))
            sources = [wake, *self.outputs] if self.alone else [wake, self.control]
            ready = select.select(sources, [], [], timeout)[0]
            if wake in ready:
                os.read(wake, 512)
            self.look()
            if self.alone:
                self.drain(ready)
                if time.monotonic() >= self.deadline:  # noqa: TID251  the same
                    self.kill()
                    self.deadline += 1.0
            elif self.control in ready:
                try:
                    self.obey(os.read(self.control, 64))
                except ConnectionError:
                    self.obey(b"")
            self.look()


def main(arguments: list[str]) -> int:
    """Run the program of ``arguments`` under guard; its exit status, or death by its signal."""
    control, stdin, stdout, stderr = (int(number) for number in arguments[:4])
    guard = Guard(control, stdin, [fd for fd in (stdout, stderr) if fd >= 0], float(arguments[4]))
    for fd in (control, stdin, stdout, stderr):
        if fd >= 0:
            os.set_inheritable(fd, False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    if failure := guard.start(arguments[5:], waker):
        guard.say(f"E {failure}")
        return 127
    guard.say(f"P {guard.pid}")
    guard.watch(wake)
    guard.kill()
    os.waitpid(guard.pid, 0)
    code = guard.returncode or 0
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
