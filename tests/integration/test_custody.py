"""Custody with the real programs: a password is split, lost, brought back, drilled and replaced."""

import importlib.util
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import pytest

from guardian.keys import shares, sheet
from guardian.model.secret import Secret

TESTS = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")
pytestmark = pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="there is no file system in memory to write to")


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_custody_{name}", TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@dataclass
class Held:
    """A host whose password was escrowed, 3 of 5; ``sheets`` are the holders' text sheets by their number."""

    site: Any
    sheets: dict[int, Path]

    @property
    def password(self) -> Path:
        return self.site.state / "keys" / "main.password"

    def shares(self, *numbers: int) -> list[str]:
        return [word for number in numbers for word in ("--share", str(self.sheets[number]))]

    def recover(self, *numbers: int, **environment: str) -> Any:
        return self.site.guardian("keys", "recover", "main", *self.shares(*numbers), **environment)

    def drill(self, *numbers: int) -> Any:
        return self.site.guardian("verify", "--level", "K", *self.shares(*numbers))

    def canaries(self) -> list[bytes]:
        """The password, and three words in a row of any share."""
        found = [self.password.read_bytes().strip()]
        for path in self.sheets.values():
            words = sheet.read(path.read_bytes())[0].share.listed
            found += [" ".join(words[at : at + 3]).encode() for at in range(0, 30, 3)]
        return found


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """Made once; tests that change something work on a copy (``held``)."""
    root = tmp_path_factory.mktemp("custody")
    site = module("site").make(root)
    del site.config["systems"]["app"]["sources"]["db"]
    site.write()
    assert site.guardian("init").code == 0
    module("cheap").cheapen(site)
    media = [Path(tempfile.mkdtemp(dir=MEMORY, prefix="guardian-test-")) for _number in range(5)]
    try:
        holders = [word for number in range(1, 6) for word in ("--holder", f"holder {number}")]
        to = [word for medium in media for word in ("--to", str(medium))]
        said = site.guardian("keys", "escrow", "--threshold", "3", "--shares", "5", *holders, *to)
        assert said.code == 0, said
        sheets = {n: medium / f"guardian-share-main-{n}-of-5.txt" for n, medium in enumerate(media, 1)}
        held = Held(site, sheets)
        assert not any(canary in (said.out + said.err).encode() for canary in held.canaries())
        yield held
    finally:
        for medium in media:
            shutil.rmtree(medium)


@pytest.fixture
def held(original: Held, tmp_path: Path) -> Held:
    """A copy of the host, to be changed."""
    root = tmp_path / "host"
    subprocess.run(["cp", "-a", str(original.site.root), str(root)], check=True)
    config = json.loads(json.dumps(original.site.config).replace(str(original.site.root), str(root)))
    site = type(original.site)(root, str(root / "repository"), None, config)
    site.write()
    return Held(site, original.sheets)


def events(site: Any) -> list[dict[str, Any]]:
    said = site.guardian("ledger", "show", "-n", "100")
    assert said.code == 0, said
    return [e["predicate"] for e in said.json["entries"]]


# escrow


def test_what_is_on_record_of_an_escrow(original: Held) -> None:
    (event,) = [e for e in events(original.site) if e.get("event") == "password-escrowed"]
    record = json.loads((original.site.state / "keys" / "main.json").read_bytes())
    assert (event["threshold"], event["shares"], event["repository"]) == (3, 5, "main")
    assert (event["repository_id"], event["key_id"]) == (record["repository_id"], record["restic_key_id"])
    for path in original.sheets.values():
        assert sorted(p.suffix for p in path.parent.iterdir()) == [".html", ".txt"]
        assert len(sheet.read(path.read_bytes())) == 1
    said = original.site.guardian("keys", "status")
    escrow = {key["name"]: key["escrow"] for key in said.json["keys"]}
    assert (said.code, escrow["signing"], escrow["main"]["stale"]) == (0, None, False)


def test_neither_state_nor_log_holds_a_secret(original: Held) -> None:
    original.drill(1, 2, 3)
    canaries = original.canaries()
    looked = 0
    for path in original.site.root.rglob("*"):
        if path.is_file() and path != original.password:
            content = path.read_bytes()
            assert not any(canary in content for canary in canaries), path
            looked += 1
    assert looked > 10


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--threshold", "3", "--shares", "2"], "threshold is higher"),
        (["--threshold", "1", "--shares", "2"], "not in the range"),
        (["--threshold", "2", "--shares", "3", "--to", "/dev/shm"], "--to is given 1 times for 3"),
        (["--threshold", "2", "--shares", "2", "--to", "/dev/shm", "--to", "/dev/shm"], "one disk"),
        (["--threshold", "2", "--shares", "2", "--to", "/dev/shm", "--to", "/nowhere"], "does not exist"),
        (["--threshold", "2", "--shares", "3"], "shown on a terminal"),
    ],
)
def test_escrows_that_cannot_be(original: Held, options: list[str], why: str) -> None:
    said = original.site.guardian("keys", "escrow", *options, PLAIN="1")
    assert said.code == 2, said
    assert why in said.err


def test_a_password_that_opens_nothing_is_not_escrowed(held: Held, tmp_path: Path) -> None:
    held.password.write_text("another\n")
    with tempfile.TemporaryDirectory(dir=MEMORY) as one, tempfile.TemporaryDirectory(dir=MEMORY) as two:
        said = held.site.guardian("keys", "escrow", "--threshold", "2", "--shares", "2", "--to", one, "--to", two)
        assert (said.code, [*Path(one).iterdir(), *Path(two).iterdir()]) == (12, [])


# recover


def test_a_fresh_machine_needs_a_configuration_and_shares(held: Held) -> None:
    before = held.password.read_bytes()
    shutil.rmtree(held.site.state)
    said = held.recover(5, 1, 3)
    assert (said.code, said.json["shares"], said.json["entry"]) == (0, [1, 3, 5], None), said
    assert held.password.read_bytes() == before
    assert held.password.stat().st_mode & 0o777 == 0o600
    assert before.strip().decode() not in said.out + said.err
    assert held.site.guardian("init").code == 0
    assert held.site.guardian("backup").code == 0


def test_it_is_on_record_where_there_is_a_log(held: Held) -> None:
    before = held.password.read_bytes()
    held.password.unlink()
    assert held.recover(1, 2, 4).code == 0
    assert held.password.read_bytes() == before
    assert events(held.site)[-1]["event"] == "password-recovered"


def test_a_password_that_the_configuration_refers_to_comes_back_to_that_file(held: Held) -> None:
    home = held.site.root / "secrets"
    home.mkdir()
    before = held.password.read_bytes()
    held.password.unlink()
    held.site.config["repositories"]["main"]["password"] = "file:secrets/main"
    held.site.write()
    assert held.site.guardian("backup").code == 2
    assert held.drill(1, 2, 3).code == 0
    assert held.recover(1, 2, 3).code == 0
    assert (home / "main").read_bytes() == before
    assert held.site.guardian("backup").code == 0


def test_nothing_is_overwritten(held: Held) -> None:
    again = held.recover(1, 2, 3)
    assert (again.code, again.json["existed"]) == (0, True)
    held.password.write_text("something else\n")
    said = held.recover(1, 2, 3, PLAIN="1")
    assert (said.code, "nothing is overwritten" in said.err) == (2, True)
    assert held.password.read_text() == "something else\n"
    other = held.site.root / "other"
    assert held.site.guardian("keys", "recover", "main", *held.shares(1, 2, 3), "--to", other).code == 0
    assert other.read_bytes() == b"%s\n" % Secret(other.read_bytes().strip()).reveal()


def test_shares_that_do_not_do(original: Held, tmp_path: Path) -> None:
    few = original.recover(1, 2)
    assert (few.code, few.reasons) == (4, {"shares-too-few"})
    foreign = shares.split(Secret(b"the password of another repository"), 3, 5)
    paths = [tmp_path / str(share.number) for share in foreign]
    for path, share in zip(paths, foreign, strict=True):
        path.write_text(" ".join(share.listed))
    wrong = [word for path in paths[:3] for word in ("--share", str(path))]
    said = original.site.guardian("keys", "recover", "main", *wrong, "--to", tmp_path / "out")
    assert (said.code, (tmp_path / "out").exists()) == (12, False)
    mixed = original.site.guardian("keys", "recover", "main", *original.shares(1, 2), "--share", paths[2])
    assert (mixed.code, mixed.reasons) == (2, {"shares-mixed"})


def test_a_mistyped_sheet_is_named(original: Held, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(re.sub(r"(?m)^  1 (\w+)", r"  1 \1q", original.sheets[2].read_text()))
    said = original.site.guardian("keys", "recover", "main", *original.shares(1, 3), "--share", bad, PLAIN="1")
    assert said.code == 2
    assert f"{bad}: word 1" in said.err
    assert "It may be: " in said.err


def test_shares_come_by_standard_input(original: Held, tmp_path: Path) -> None:
    argv = original.site.argv("keys", "recover", "main", "--share", "-", "--to", tmp_path / "out")
    whole = "\n".join(original.sheets[number].read_text() for number in (2, 3, 4))
    done = subprocess.run(argv, input=whole.encode(), env=original.site.env(), capture_output=True, check=False)
    assert done.returncode == 0, done
    assert (tmp_path / "out").read_bytes() == original.password.read_bytes()
    alone = subprocess.run(argv[:-4], input=b"", env=original.site.env(), capture_output=True, check=False)
    assert alone.returncode == 2


# the drill


def check(said: Any) -> tuple[int, str, set[str]]:
    (drill,) = said.json["drills"]
    (found,) = drill["checks"]
    assert (drill["level"], found["level"]) == ("K", "K")
    return said.code, drill["outcome"], {reason["code"] for reason in found["reasons"]}


def test_shares_alone_open_the_repository(held: Held) -> None:
    kept = held.password.read_bytes()
    held.password.unlink()  # were it looked at, the drill could not run
    assert check(held.drill(4, 2, 5)) == (0, "PASS", {"opened-by-shares"})
    result = events(held.site)[-1]
    assert (result["level"], result["outcome"], result["checks"][0]["measured"]["numbers"]) == ("K", "PASS", "2, 4, 5")
    record = json.loads((held.site.state / "keys" / "main.json").read_bytes())
    assert result["repository_id"] == record["repository_id"]
    held.password.write_bytes(kept)
    status = held.site.guardian("keys", "status")
    assert next(k["escrow"]["drilled"] for k in status.json["keys"] if k["name"] == "main") == result["ended"]


def test_too_few_holders_prove_nothing(original: Held) -> None:
    assert check(original.drill()) == (4, "NOT_RUN", {"no-shares"})
    assert check(original.drill(1, 3)) == (4, "COULD_NOT_VERIFY", {"shares-too-few"})
    assert check(original.drill(1, 1, 1)) == (4, "COULD_NOT_VERIFY", {"shares-too-few"})


def test_wrong_shares_fail(original: Held, tmp_path: Path) -> None:
    other = shares.split(Secret(b"the password of another repository"), 3, 5)
    paths = {share.number: tmp_path / f"{share.number}" for share in other}
    for share in other:
        paths[share.number].write_text(" ".join(share.listed))
    foreign = Held(original.site, paths)
    assert check(foreign.drill(1, 2, 3)) == (3, "FAIL", {"shares-open-nothing"})
    mixed = original.site.guardian("verify", "--level", "K", *original.shares(1, 2), *foreign.shares(3))
    assert check(mixed) == (3, "FAIL", {"shares-mixed"})
    beside = original.site.guardian("verify", "--level", "K", *original.shares(1, 2, 3), *foreign.shares(3))
    assert check(beside) == (3, "FAIL", {"opened-by-shares", "shares-mixed"})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(re.sub("Repository-Id: .*", f"Repository-Id: {'00' * 32}", original.sheets[4].read_text()))
    said = original.site.guardian("verify", "--level", "K", *original.shares(1, 2, 3), "--share", elsewhere)
    assert check(said) == (3, "FAIL", {"opened-by-shares", "share-of-another"})


def test_a_damaged_and_a_forged_share_fail(original: Held, tmp_path: Path) -> None:
    from shamir_mnemonic.share import Share as Slip

    bad = tmp_path / "bad"
    bad.write_text("not the words of a share at all")
    said = original.site.guardian("verify", "--level", "K", *original.shares(1, 2, 3), "--share", bad)
    assert check(said) == (3, "FAIL", {"opened-by-shares", "share-damaged"})
    words = sheet.read(original.sheets[2].read_bytes())[0].share.listed
    slip = Slip.from_mnemonic(" ".join(words))
    fields = {name: getattr(slip, name) for name in slip.__dataclass_fields__}
    bad.write_text(Slip(**(fields | {"value": bytes(32)})).mnemonic())
    said = original.site.guardian("verify", "--level", "K", *original.shares(1, 3), "--share", bad)
    assert check(said) == (3, "FAIL", {"shares-disagree"})
    said = original.site.guardian("verify", "--level", "K", *original.shares(1, 3, 4), "--share", bad)
    assert check(said) == (3, "FAIL", {"opened-by-shares", "share-misfit"})


def test_another_repository_in_its_place_fails(held: Held) -> None:
    """It opens with the same password, and it is not the one whose backups were promised."""
    held.site.repository.rename(held.site.root / "real")
    held.site.restic("init")
    assert check(held.drill(1, 2, 3)) == (3, "FAIL", {"opened-by-shares", "repository-changed"})
    held.password.unlink()
    assert (held.recover(1, 2, 3).code, held.password.exists()) == (4, False)


def test_a_repository_that_is_not_there_proves_nothing(held: Held) -> None:
    shutil.rmtree(held.site.repository)
    assert check(held.drill(1, 2, 3))[:2] == (10, "COULD_NOT_VERIFY")


def test_restic_opens_what_the_decoder_has_no_way_to(held: Held) -> None:
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if shutil.which("rclone", path=programs) is None:
        pytest.skip("rclone is not installed")
    held.site.environment["PATH"] = programs
    held.site.config["repositories"]["main"]["url"] = f"rclone::local:{held.site.repository}"
    held.site.write()
    held.password.unlink()
    assert check(held.drill(1, 2, 3)) == (0, "PASS", {"opened-by-shares"})
    assert held.recover(1, 2, 3).code == 0


def test_shares_are_for_level_k(original: Held) -> None:
    assert original.site.guardian("verify", *original.shares(1)).code == 2
    assert original.site.guardian("verify", "--level", "K", "--share", "/nowhere").code == 2


# rotation


def test_a_new_password_makes_the_escrow_stale(held: Held) -> None:
    old, derived = held.password.read_bytes(), held.password.with_suffix(".derived")
    known = derived.read_bytes() if derived.exists() else b""
    said = held.site.guardian("keys", "rotate", "main")
    assert (said.code, said.json["escrow_stale"], said.json["removed"]) == (0, True, "")
    new = held.password.read_bytes()
    assert old != new
    assert not {old.strip(), new.strip()} & set((said.out + said.err).encode().split())
    assert [p.name for p in (held.site.repository / "keys").iterdir() if p.name not in said.json["other_keys"]] == [
        said.json["key_id"]
    ]
    assert sorted(p.name for p in (held.site.state / "keys").iterdir() if p.name.startswith("main")) == [
        "main.derived",
        "main.json",
        "main.password",
    ]
    assert derived.read_bytes() != known
    assert held.site.guardian("backup").code == 0
    status = held.site.guardian("keys", "status")
    assert (status.code, next(k["escrow"]["stale"] for k in status.json["keys"] if k["name"] == "main")) == (0, True)
    assert check(held.drill(1, 2, 3)) == (0, "PASS", {"opened-by-shares", "escrow-stale"})
    for key in said.json["other_keys"]:
        held.site.restic("key", "remove", key)
    assert check(held.drill(1, 2, 3)) == (3, "FAIL", {"shares-open-nothing"})
    assert held.site.guardian("backup").code == 0


def test_the_old_key_is_removed_on_demand(held: Held) -> None:
    (old,) = (held.site.repository / "keys").iterdir()
    said = held.site.guardian("keys", "rotate", "main", "--remove-old")
    assert (said.code, said.json["removed"], said.json["other_keys"]) == (0, old.name, [])
    assert [p.name for p in (held.site.repository / "keys").iterdir()] == [said.json["key_id"]]


def test_a_password_kept_elsewhere_is_not_rotated_here(held: Held) -> None:
    password = held.password.read_text().strip()
    held.site.config["repositories"]["main"]["password"] = "env:MAIN_PASSWORD"
    held.site.write()
    said = held.site.guardian("keys", "rotate", "main", PLAIN="1", MAIN_PASSWORD=password)
    assert (said.code, "does not come from a file" in said.err) == (2, True)
    said = held.site.guardian("keys", "recover", "main", *held.shares(1, 2, 3), PLAIN="1")
    assert (said.code, "--to" in said.err) == (2, True)


# at the terminal


class Terminal:
    """A person at a terminal of their own. What was shown is kept, split where the screen was wiped."""

    def __init__(self, site: Any, *arguments: str) -> None:
        self.near, far = pty.openpty()
        self.shown = ""
        self.read = 0
        self.process = subprocess.Popen(
            # A test run in the background ignores SIGINT, and what it starts would too.
            ["env", "--default-signal=INT,QUIT", "setsid", "--ctty", *site.argv(*arguments)],
            stdin=far,
            stdout=far,
            stderr=far,
            env=site.env({"TERM": "xterm"}),
            cwd=site.root,
        )
        os.close(far)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.near)

    def wait(self, pattern: str) -> str:
        """What was shown since the last time, up to ``pattern``."""
        end = time.monotonic() + 60
        while not (found := re.compile(pattern).search(self.shown, self.read)):
            assert time.monotonic() < end, (pattern, self.shown[self.read :])
            if select.select([self.near], [], [], 0.2)[0]:
                self.shown += self._more()
            elif self.process.poll() is not None:
                raise AssertionError((pattern, self.shown[self.read :]))
        part, self.read = self.shown[self.read : found.end()], found.end()
        return part

    def _more(self) -> str:
        try:
            return os.read(self.near, 65536).decode("utf-8", "replace")
        except OSError:  # the program has closed its side
            return ""

    def type(self, text: str) -> None:
        # getpass throws away what was typed before it turned the echo off.
        end = time.monotonic() + 60
        while termios.tcgetattr(self.near)[3] & termios.ECHO:
            assert time.monotonic() < end
            time.sleep(0.005)
        os.write(self.near, text.encode() + b"\n")

    def end(self) -> int:
        end = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < end, self.shown[self.read :]
            if select.select([self.near], [], [], 0.1)[0]:
                self.shown += self._more()
        while select.select([self.near], [], [], 0)[0] and (more := self._more()):
            self.shown += more
        return self.process.returncode


WORD = re.compile(r"(?<![\w.:])(\d{1,2}) ([a-z]+)")


def test_each_holder_sees_a_share_alone(held: Held) -> None:
    collected = []
    with Terminal(held.site, "keys", "escrow", "main", "--threshold", "2", "--shares", "2", "--lang", "en") as person:
        for number in range(2):
            person.wait("Press Enter to see the words")
            person.type("")
            page = person.wait("Write them down")
            words = [word for _at, word in sorted((int(n), w) for n, w in WORD.findall(page))]
            person.type("")
            if number == 0:  # one who did not write anything down sees it again
                person.wait(r"word \d+:")
                person.type("wrong")
                person.wait("Press Enter to begin again")
                person.type("")
                person.wait("Press Enter to see the words")
                person.type("")
                person.wait("Write them down")
                person.type("")
            for _asked in range(2):
                asked = person.wait(r"word \d+:")
                person.type(words[int(asked.split()[-1][:-1]) - 1])
            collected.append(shares.parse(words))
        assert person.end() == 0, person.shown
    assert shares.combine(collected).password.reveal() == held.password.read_bytes().strip()
    assert "\x1b[?1049h" in person.shown
    visible = person.shown.rpartition("\x1b[?1049l")[2]
    for screen in person.shown.split("\x1b[2J"):
        assert sum(" ".join(w for _n, w in WORD.findall(screen)) == " ".join(s.listed) for s in collected) <= 1
        # By their numbers: two of a thousand words may stand in the other share, or in what else is said, by chance.
        told = WORD.findall(screen)
        assert sum(("5", share.listed[4]) in told and ("21", share.listed[20]) in told for share in collected) <= 1
    # What is left on the screen is our own words, a few of which may be in the list of words as well.
    assert all(sum(word in visible.split() for word in share.listed) < 5 for share in collected)
    event = events(held.site)[-1]
    assert (event["event"], event["threshold"], event["shares"]) == ("password-escrowed", 2, 2)


def typed(held: Held, person: Terminal, numbers: tuple[int, ...]) -> list[list[str]]:
    told = []
    for position, number in enumerate(numbers, 1):
        words = sheet.read(held.sheets[number].read_bytes())[0].share.listed
        person.wait(f"holder {position}")
        person.wait("word 1:")
        if position == 1:  # a mistyped word is told at once, and only from there on is typed again
            person.type(f"{words[0]} {words[1]} {words[2]}q")
            person.wait("word 3")
            person.wait("word 3:")
            person.type(" ".join(words[2:]).upper())
        else:
            person.type(" ".join(words))
        told.append(words)
    return told


@pytest.mark.parametrize("verb", [("verify", "--level", "K"), ("keys", "recover", "main")])
def test_holders_type_their_shares_one_after_the_other(held: Held, verb: tuple[str, ...]) -> None:
    kept = held.password.read_bytes()
    held.password.unlink()
    with Terminal(held.site, *verb, "--lang", "en") as person:
        told = typed(held, person, (2, 5, 1))
        assert person.end() == 0, person.shown
    for words in told:  # nothing that was typed was ever shown, but for the word that is none
        assert not any(" ".join(words[at : at + 2]) in person.shown for at in range(32))
    assert kept.strip().decode() not in person.shown
    assert "1, 2, 5" in person.shown
    assert held.password.exists() == (verb[0] == "keys")


def test_nobody_has_to_finish(held: Held) -> None:
    with Terminal(held.site, "keys", "escrow", "--threshold", "2", "--shares", "2", "--lang", "en") as person:
        person.wait("Press Enter to see the words")
        limits = Path(f"/proc/{person.process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), "a core file would hold the shares"
        person.type("\x03")
        assert person.end() == 130
    assert person.shown.rpartition("\x1b[?1049l")[1]
    assert [e.get("event") for e in events(held.site)].count("password-escrowed") == 1
