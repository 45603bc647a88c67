"""A restic that says strange things: a script in its place. Every case ends in data or in one typed error."""

import json
import os
import resource
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.errors import GuardianError, RepositoryDamaged, StorageRefused, ToolFailed
from guardian.model.secret import Secret
from guardian.proc import Limits
from guardian.restic.client import Access, FilesBackup, Restic, RestoreRequest, StreamBackup
from guardian.restic.versions import able

SUMMARY = (
    b'{"message_type":"summary","files_new":1,"total_files_processed":1,"total_duration":1,"snapshot_id":"'
    + b"ab" * 32
    + b'"}\n'
)
Say = Callable[..., Restic]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """``say(stdout, stderr, returncode)``: a restic that says just that."""

    def make(
        stdout: bytes = b"", stderr: bytes = b"", returncode: int = 0, *, code: str = "", old: bool = False
    ) -> Restic:
        (tmp_path / "out").write_bytes(stdout)
        (tmp_path / "err").write_bytes(stderr)
        program = tmp_path / "restic"
        body = f"""\
        #!{sys.executable} -IS
        import sys, time
        {code or "sys.stdout.buffer.write(open(sys.path[0] + '/out', 'rb').read())"}
        sys.stdout.flush()
        sys.stderr.buffer.write(open({str(tmp_path / "err")!r}, 'rb').read())
        sys.exit({returncode})
        """
        program.write_text(textwrap.dedent(body).replace("sys.path[0] + '/out'", repr(str(tmp_path / "out"))))
        program.chmod(0o755)
        access = Access(url="/nowhere", password=Secret(b"fake password"), cache_dir=tmp_path / "cache")
        limits = Limits(stall_seconds=30, grace_seconds=2)
        return Restic(access, able(program, (0, 14, 0) if old else (0, 19, 1)), limits=limits)

    return make


FILES = FilesBackup(paths=("/etc/hostname",), host="h")


@pytest.mark.parametrize(
    "noise",
    [
        b"garbage \xff\xfe not json\n",
        b'{"message_type":"verbose_status","action":"new","item":"/trunc\n',
        b"\x1b[2K\x1b[31mcoloured\x1b[0m\r\n",
        b"x" * 5_000_000 + b"\n",
        b'{"message_type":"status","percent_done":1e999}\n{"message_type":"status","total_files":"many"}\n',
        b'{"message_type":"brand_new","x":[[[[]]]]}\n\n\n\0\0\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_noise_does_not_hide_the_summary(say: Say, noise: bytes) -> None:
    report = say(noise + SUMMARY + noise.rstrip(b"\n")).backup_files(FILES, lambda *_: None, lambda *_: None)
    assert (report.outcome, report.snapshot_id, report.counts.files) == ("ok", "ab" * 32, 1)


def test_no_summary_is_a_failure_even_with_exit_0(say: Say) -> None:
    report = say(b'{"message_type":"status","percent_done":1}\n').backup_files(FILES)
    assert (report.outcome, report.snapshot_id) == ("failed", None)
    assert isinstance(report.error, ToolFailed)
    truncated = say(SUMMARY[:-20]).backup_files(FILES)
    assert truncated.outcome == "failed"
    evil = say(SUMMARY.replace(b"ab" * 32, b"../../etc/passwd")).backup_files(FILES)
    assert evil.snapshot_id is None


def test_a_summary_with_a_bad_ending_is_a_failure_that_keeps_the_id(say: Say) -> None:
    report = say(SUMMARY, b"Fatal: something odd\n", 1).backup_files(FILES)
    assert (report.outcome, report.snapshot_id) == ("failed", "ab" * 32)
    assert report.error is not None
    assert "something odd" in report.error.message


def test_a_stack_trace_is_not_shown(say: Say) -> None:
    trace = b"panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\n"
    trace += b"main.main()\n\t/build/main.go:98 +0x1d\n"
    with pytest.raises(ToolFailed) as failed:
        say(b"", trace, 2).config()
    assert "index out of range" in failed.value.message
    assert ".go:" not in failed.value.message


@pytest.mark.parametrize(
    "answer", [b"", b"null", b"[]", b'{"id": 3}', b'{"id":"x"', b"\xff", b"[" * 100_000, b'{"id":"x","version":"2"}']
)
def test_answers_that_are_none(say: Say, answer: bytes) -> None:
    restic = say(answer)
    for ask in (restic.config, restic.current_key, restic.check):
        with pytest.raises(ToolFailed):
            ask()


def test_snapshot_lists(say: Say) -> None:
    snapshot = {
        "id": "ab" * 32,
        "tree": "cd" * 32,
        "time": "2026-01-01T00:00:00.123456789Z",
        "tags": None,
        "paths": ["/a"],
    }
    good = json.dumps(snapshot)
    listed = say(f'warning: odd\n[{good},{{"id":"short"}}]\n'.encode(), b'Ignoring "x": no matching ID\n').snapshots()
    assert [s.id for s in listed.snapshots] == ["ab" * 32]
    assert len(listed.unreadable) == 1


def test_a_restore_without_words_is_judged_by_its_exit(say: Say, tmp_path: Path) -> None:
    assert say(b"restoring <Snapshot>\n", old=True).restore(RestoreRequest("ab" * 32, tmp_path / "t")).ok
    errors = b"ignoring error for /a: ciphertext verification failed\nFatal: There were 1 errors\n"
    report = say(b"", errors, 1).restore(RestoreRequest("ab" * 32, tmp_path / "t"))
    assert (report.ok, report.error_lines) == (False, ("/a: ciphertext verification failed",))
    full = b'{"message_type":"error","error":{"message":"write /a: no space left on device"},"item":"/a"}\n'
    with pytest.raises(GuardianError, match="no space left"):
        say(b"", full, 1).restore(RestoreRequest("ab" * 32, tmp_path / "t"))


def test_a_cache_that_may_lie_is_left_out_the_second_time(say: Say) -> None:
    code = """(sys.exit("Fatal: load <index/4b713148d0>: invalid data returned") if "--no-cache" not in sys.argv
            else sys.stdout.write('{"id":"%s","version":2}' % ("ab" * 32)))"""
    assert say(code=code, old=True).config().version == 2
    with pytest.raises(RepositoryDamaged):
        say(code=code).config()


def test_a_storage_that_refuses_again_and_again_is_not_waited_for(say: Say) -> None:
    code = """[(print("Stat(<config/>) returned error, retrying after 1s: Access Denied.", file=sys.stderr, flush=True),
            time.sleep(0.1)) for _ in range(600)]"""
    with pytest.raises(StorageRefused):
        say(code=code).config()


def test_restic_gone_before_the_stream_was_read_is_a_failure(say: Say) -> None:
    restic = say(SUMMARY)
    with pytest.raises(GuardianError):
        restic.backup_stream(StreamBackup("/app.db", "h"), lambda write: write(os.urandom(4_000_000)))


def test_memory_stays_bounded_while_many_items_stream(say: Say) -> None:
    code = """[sys.stdout.buffer.write(b'{"message_type":"verbose_status","action":"new","item":"/a/path/%d",'
            b'"duration":0.1,"data_size":1,"data_size_in_repo":1,"metadata_size":0,"total_files":0}\\n' % n)
            for n in range(200000)]"""
    seen = 0

    def count(items: list[tuple[bytes, bytes]]) -> None:
        nonlocal seen
        seen += len(items)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(code=code).backup_files(FILES, count)
    assert seen == 200_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
