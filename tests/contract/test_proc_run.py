"""The door to other programs, with real programs behind it."""

import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.errors import Interrupted, Stalled, ToolFailed, ToolMissing
from guardian.model.secret import Secret
from guardian.proc import Command, Limits, Stop, Streams, capture, handle_signals, produce, run, which

QUICK = Limits(stall_seconds=None, grace_seconds=0.5, stall_grace_seconds=0.5, linger_seconds=0.3)


def python(code: str, *arguments: str) -> Command:
    return Command((sys.executable, "-I", "-S", "-c", textwrap.dedent(code), *arguments))


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that init has not reaped yet has ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return True


def wait_for(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_exit_code_and_both_outputs() -> None:
    out: list[bytes] = []
    err: list[bytes] = []
    finished = run(
        Command(("sh", "-c", "echo out; echo err >&2; exit 3")), Streams(stdout=out.append, stderr=err.append)
    )
    assert (finished.returncode, finished.ok, finished.stderr) == (3, False, ("err",))
    assert (b"".join(out), b"".join(err)) == (b"out\n", b"err\n")


def test_death_by_a_signal_is_told() -> None:
    assert run(Command(("sh", "-c", "kill -9 $$"))).returncode == -9
    assert run(Command(("sh", "-c", "kill -TERM $$"))).returncode == -15


def test_environment_is_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTIC_PASSWORD", "ambient")
    monkeypatch.setenv("TMPDIR", "/tmp")
    said = capture(Command(("env",), environment={"EXTRA": "1"})).stdout.decode().splitlines()
    assert {line.partition("=")[0] for line in said} == {"PATH", "TMPDIR", "TZ", "LC_ALL", "EXTRA"}
    assert {"TZ=UTC", "LC_ALL=C.UTF-8", "EXTRA=1"} <= set(said)


def test_secrets_come_by_descriptor_and_open_twice() -> None:
    command = Command(
        ("sh", "-c", 'cat "$KEY" "$KEY" "$1"; cat /proc/$$/cmdline /proc/$$/environ', "sh", "/dev/fd/list"),
        secrets={"KEY": Secret(b"top secret\n")},
        files={"list": b"a\0b\n"},
    )
    said = capture(command).stdout
    assert said.count(b"top secret") == 2
    assert b"a\0b\n" in said


def test_a_file_in_memory_is_an_option_and_its_mode_is_private() -> None:
    """Database clients take ``--defaults-file=PATH`` in one word, and ignore it when the world may write to it."""
    script = 'cat "${1#--defaults-file=}"; stat -L -c %a "${1#--defaults-file=}"'
    said = capture(Command(("sh", "-c", script, "sh", "--defaults-file=/dev/fd/own"), files={"own": b"[client]\n"}))
    assert said.stdout == b"[client]\n600\n"


def test_arguments_pass_unchanged(tmp_path: Path) -> None:
    odd = ["-rf", "--help", "", "a b", "new\nline", os.fsdecode(b"\xff\xfe"), "贵州", "$(id)", "*"]
    said = capture(
        python("import sys; sys.stdout.buffer.write(b'\\0'.join(map(__import__('os').fsencode, sys.argv[1:])))", *odd)
    )
    assert said.stdout.split(b"\0") == [os.fsencode(argument) for argument in odd]


def test_the_program_has_no_descriptor_but_its_own() -> None:
    reader, writer = os.pipe()
    try:
        code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
        plain = capture(python(code)).stdout
        command = python(code)
        leased = capture(Command(command.argv, lease_fds=(writer,))).stdout
    finally:
        os.close(reader)
        os.close(writer)
    assert plain == b"[0, 1, 2, 3]\n"  # 3 is the listing itself
    assert str(writer).encode() in leased


def test_program_runs_in_a_session_of_its_own_without_core_dumps() -> None:
    code = """
    import os, resource, signal
    print(os.getsid(0) != int(__import__('sys').argv[1]), os.getpgid(0) == os.getpid(),
          resource.getrlimit(resource.RLIMIT_CORE), signal.getsignal(signal.SIGPIPE) is not None)
    print([line for line in open('/proc/self/status') if line.startswith('SigBlk')][0].split()[1])
    """
    first, blocked = capture(python(code, str(os.getsid(0)))).stdout.decode().splitlines()
    assert first.startswith("True True (0, 0)")
    assert int(blocked, 16) == 0


def test_big_streams_pass_whole() -> None:
    received = 0

    def count(chunk: bytes) -> None:
        nonlocal received
        received += len(chunk)

    finished = run(
        Command(("cat",)), Streams(stdout=count, feed=lambda write: [write(b"x" * 700_001) for _ in range(20)])
    )
    assert finished.fed
    assert received == 20 * 700_001


def test_a_callback_that_raises_does_not_stop_draining(tmp_path: Path) -> None:
    mark = tmp_path / "done"

    def fail(_chunk: bytes) -> None:
        raise RuntimeError("parser")

    command = Command(("sh", "-c", f"head -c 1000000 /dev/zero; echo ok > {mark}"))
    with pytest.raises(RuntimeError, match="parser"):
        run(command, Streams(stdout=fail))
    assert mark.exists()


def test_a_feed_that_raises_never_shows_the_end_of_input(tmp_path: Path) -> None:
    saved = tmp_path / "saved"

    def feed(write) -> None:
        write(b"half of it")
        raise ValueError("the producer failed")

    # The program saves only when it sees the end of its input, as restic does.
    program = Command(("sh", "-c", f"cat > {tmp_path}/stream && mv {tmp_path}/stream {saved}"))
    with pytest.raises(ValueError, match="the producer failed"):
        run(program, Streams(feed=feed), limits=QUICK)
    assert not saved.exists()


def test_a_program_that_takes_no_more_is_not_a_feed_error() -> None:
    finished = run(
        Command(("sh", "-c", "head -c 3 >/dev/null; echo full >&2; exit 9")), Streams(feed=_endless), limits=QUICK
    )
    assert (finished.returncode, finished.fed, finished.stderr) == (9, False, ("full",))


def _endless(write) -> None:
    while True:
        write(b"x" * 65536)


def test_stop_is_sigint_first() -> None:
    stop = Stop()
    code = """
    import os, signal, sys, time
    def tidy(*_): os.write(1, b"tidied\\n"); sys.exit(130)
    signal.signal(signal.SIGINT, tidy); print("ready", flush=True); time.sleep(60)
    """
    said: list[bytes] = []

    def on_output(chunk: bytes) -> None:
        said.append(chunk)
        if b"ready" in chunk:
            stop.set()

    finished = run(python(code), Streams(stdout=on_output), stop=stop)
    assert b"".join(said) == b"ready\ntidied\n"
    assert (finished.returncode, finished.interrupted, finished.killed) == (130, True, False)


def test_a_program_deaf_to_sigint_is_killed_with_its_children() -> None:
    stop = Stop()
    pids: list[int] = []
    command = Command(("sh", "-c", "trap '' INT; sleep 60 & echo $!; wait; sleep 60"))

    def on_output(chunk: bytes) -> None:
        pids.append(int(chunk))
        stop.set()

    finished = run(command, Streams(stdout=on_output), limits=QUICK, stop=stop)
    assert (finished.returncode, finished.interrupted, finished.killed) == (-9, True, True)
    assert wait_for(lambda: gone(pids[0]))


def test_a_signal_to_guardian_sets_the_flag() -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGTERM)
    with handle_signals(stop):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        finished = run(Command(("sleep", "60")), stop=stop)
    assert finished.interrupted
    assert signal.getsignal(signal.SIGTERM) is before


def test_no_progress_is_a_stall_whatever_the_program_says() -> None:
    limits = Limits(stall_seconds=1.0, stall_grace_seconds=0.5)
    chatty = python("""
    import time
    while True:
        print("still hanging " * 50, flush=True); time.sleep(0.01)
    """)
    assert run(chatty, limits=limits).stalled
    # The same output as the work itself is progress.
    busy = Command(("sh", "-c", "for i in $(seq 20); do head -c 20000 /dev/zero; sleep 0.1; done"))
    finished = produce(busy, lambda _chunk: None, limits=limits)
    assert finished.ok


def test_a_program_that_waits_for_its_input_does_not_stall() -> None:
    limits = Limits(stall_seconds=0.5, stall_grace_seconds=0.5)

    def slow(write: Callable[[bytes], None]) -> None:
        time.sleep(2)
        write(b"late")

    finished = run(Command(("cat",)), Streams(feed=slow), limits=limits)
    assert (finished.stalled, finished.fed, finished.returncode) == (False, True, 0)
    # One that takes nothing of what there is does.
    assert run(Command(("sleep", "60")), Streams(feed=lambda write: write(bytes(1 << 24))), limits=limits).stalled


def test_total_limit() -> None:
    finished = run(Command(("sleep", "60")), limits=Limits(total_seconds=0.3, grace_seconds=1))
    assert (finished.overran, finished.stalled) == (True, False)


def test_left_over_children_do_not_hold_us() -> None:
    finished = run(Command(("sh", "-c", "sleep 60 & exit 4")), limits=QUICK)
    assert (finished.returncode, finished.killed) == (4, False)
    assert run(Command(("setsid", "-f", "sleep", "3")), limits=QUICK).returncode == 0


def test_produce_stops_the_producer_when_nobody_takes_its_output() -> None:
    def full(_chunk: bytes) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        produce(Command(("yes",)), full)


def test_capture_is_bounded_in_bytes_and_time() -> None:
    captured = capture(Command(("head", "-c", "5000000", "/dev/zero")), limit_bytes=1000)
    assert (len(captured.stdout), captured.truncated, captured.returncode) == (1000, True, 0)
    with pytest.raises(Stalled, match="sleep"):
        capture(Command(("sleep", "60")), seconds=0.3)
    stop = Stop()
    stop.set()
    with pytest.raises(Interrupted):
        capture(Command(("sleep", "60")), stop=stop)


def test_programs_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing) as missing:
        which("no-such-restic")
    assert "no-such-restic" in missing.value.message
    with pytest.raises(ToolMissing) as restic:
        run(Command((str(tmp_path / "restic"),)))
    assert "apt install restic" in restic.value.hint
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x7fELFnonsense")
    garbage.chmod(0o755)
    with pytest.raises(ToolMissing, match="garbage"):
        run(Command((str(garbage),)))
    with pytest.raises(ToolFailed):
        run(Command(("true",), cwd=tmp_path / "nowhere"))


def test_standard_error_is_bounded_and_redacted() -> None:
    from guardian.telemetry import hide

    hide(Secret(b"swordfish-1234"))
    finished = run(Command(("sh", "-c", "for i in $(seq 1000); do echo line $i; done >&2; echo swordfish-1234 >&2")))
    assert len(finished.stderr) == 200
    assert finished.stderr[-2:] == ("line 1000", "***")


GUARDIAN = """
import fcntl, sys, time
from guardian.proc import Command, Limits, Streams, run
def feed(write):
    write(b"half"); print("fed", flush=True); time.sleep(60)
lease = open(sys.argv[1], "w")
fcntl.flock(lease, fcntl.LOCK_EX)
run(Command(tuple(sys.argv[2:]), lease_fds=(lease.fileno(),)), Streams(feed=feed), limits=Limits(grace_seconds=1))
"""

SAVER = """
import os, pathlib, signal, sys
folder, deaf = pathlib.Path(sys.argv[1]), sys.argv[2] == "deaf"
def tidy(*_):
    print("tidying " * 100000, flush=True)
    (folder / "tidied").touch()
    sys.exit(130)
signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else tidy)
(folder / "ready").touch()
content = sys.stdin.buffer.read()
(folder / "saved").write_bytes(content)
"""


@pytest.mark.parametrize("deaf", ["deaf", "hearing"])
def test_guardian_killed_shows_no_end_of_input_and_keeps_the_lease(tmp_path: Path, deaf: str) -> None:
    import fcntl
    import subprocess  # the Guardian that is killed must be a process of its own

    lease = tmp_path / "lease"
    saver = [sys.executable, "-c", SAVER, str(tmp_path), deaf]
    parent = subprocess.Popen([sys.executable, "-c", GUARDIAN, str(lease), *saver], stdout=subprocess.PIPE)
    assert parent.stdout
    assert parent.stdout.readline() == b"fed\n"
    assert wait_for((tmp_path / "ready").exists)
    with lease.open("a") as held:
        with pytest.raises(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        parent.kill()
        parent.wait()
        parent.stdout.close()
        fcntl.flock(held, fcntl.LOCK_EX)  # free only once the program is gone
    assert not (tmp_path / "saved").exists()
    assert (tmp_path / "tidied").exists() is (deaf == "hearing")
