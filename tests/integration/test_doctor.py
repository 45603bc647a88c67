"""``guardian doctor`` on real hosts: a good one is ready, and everything that is broken is named."""

import hashlib
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from guardian.objectstore.bucket import open_bucket


def found(said: Any) -> dict[str, Any]:
    """The examinations by name; of several the worst."""
    order = ["ok", "warning", "unknown", "bad"]
    worst: dict[str, Any] = {}
    for examination in said.json["examinations"]:
        before = worst.get(examination["name"])
        if before is None or order.index(examination["standing"]) > order.index(before["standing"]):
            worst[examination["name"]] = examination
    return worst


def standing(said: Any, name: str) -> tuple[str, str]:
    examination = found(said)[name]
    return examination["standing"], examination["reason"]["code"]


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in folder.rglob("*")
    }


def test_a_good_host_is_ready(site: Any) -> None:
    before = contents(site.repository), contents(site.state / "log"), contents(site.state / "keys")
    said = site.guardian("doctor")
    assert said.code == 0, said
    assert said.json["outcome"] == "ready"
    names = found(said)
    assert names["configuration"]["measured"]["targets"] == 2
    program = Path(names["restic"]["measured"]["path"])
    assert names["restic"]["measured"]["sha256"] == hashlib.sha256(program.read_bytes()).hexdigest()
    assert names["opens"]["reason"]["code"] == "repository-opens"
    assert names["log"]["measured"]["entries"] == 2
    assert {e["subject"] for e in said.json["examinations"] if e["name"] == "source"} == {"app/docs", "app/db"}
    # Repository and sources lie in one temporary directory here.
    assert standing(said, "placement") == ("warning", "same-file-system")
    assert names["placement"]["hint"]
    assert (contents(site.repository), contents(site.state / "log"), contents(site.state / "keys")) == before
    assert not (site.state / "doctor.probe").exists()


def test_without_a_configuration_it_says_so_and_looks_at_the_rest(new_site: Callable[[], Any]) -> None:
    site = new_site()
    site.yaml.unlink()
    said = site.guardian("doctor")
    assert said.code == 3
    assert standing(said, "configuration") == ("bad", "configuration")
    assert found(said)["restic"]["standing"] == "ok"
    assert not site.state.exists()


def test_every_fault_of_a_configuration_is_shown(new_site: Callable[[], Any]) -> None:
    site = new_site()
    site.config["systems"]["app"]["sources"]["docs"]["pathz"] = ["/x"]
    site.config["systems"]["app"]["owner"] = 7
    site.write()
    said = site.guardian("doctor")
    assert said.code == 3
    assert len(found(said)["configuration"]["error"]["problems"]) == 2


def test_before_init_it_says_what_is_missing_and_makes_nothing(new_site: Callable[[], Any]) -> None:
    site = new_site()
    said = site.guardian("doctor")
    assert said.code == 3
    bad = {e["name"] for e in said.json["examinations"] if e["standing"] == "bad"}
    assert bad == {"state", "signing-key", "log", "storage", "password"}
    assert standing(said, "state") == ("bad", "state-missing")
    assert standing(said, "opens") == ("unknown", "needs-the-above")
    assert found(said)["source"]["standing"] == "ok"
    assert not site.state.exists()
    assert not site.repository.exists()


def test_sources_that_cannot_be_backed_up(new_site: Callable[[], Any]) -> None:
    site = new_site()
    (site.root / "link").symlink_to("docs")
    (site.root / "folder.db").mkdir()
    (site.root / "text.db").write_bytes(b"no database, and long enough to be asked for its header. " * 20)
    site.source("gone", kind="files", paths=[str(site.root / "gone")])
    site.source("link", kind="files", paths=[str(site.root / "link")])
    site.source("folder", kind="sqlite", path=str(site.root / "folder.db"))
    site.source("text", kind="sqlite", path=str(site.root / "text.db"))
    site.source("program", kind="command", argv=["no-such-program"])
    site.source("secret", kind="command", argv=["true"], environment={"DB_PASSWORD": "file:no-such-file"})
    site.write()
    with closing(sqlite3.connect(site.database)) as writer:  # a database in use is no fault
        writer.execute("insert into payments (note) values ('open')")
        said = site.guardian("doctor")
    sources = {e["subject"]: e for e in said.json["examinations"] if e["name"] == "source"}
    assert {subject: e["reason"]["code"] for subject, e in sources.items()} == {
        "app/docs": "source-ready",
        "app/db": "source-ready",
        "app/gone": "source-missing",
        "app/link": "source-is-a-link",
        "app/folder": "source-unreadable",
        "app/text": "sqlite-corrupt",
        "app/program": "tool-missing",
        "app/secret": "configuration",
    }
    assert all(bool(e["hint"]) == (e["standing"] == "bad") for s, e in sources.items() if s != "app/secret")


def test_state_keys_and_log_that_are_broken(site: Any) -> None:
    entries = site.state / "log" / "tile" / "entries" / "000"
    data = bytearray(entries.read_bytes())
    data[100] ^= 1
    entries.write_bytes(data)
    (site.state / "keys" / "main.password").chmod(0o640)
    (site.state / "keys" / "signing.key").unlink()
    site.state.chmod(0o777)
    site.config["restic"] = {"program": "no-such-restic"}
    site.write()
    said = site.guardian("doctor")
    assert said.code == 3
    for name, code in {
        "restic": "tool-missing",
        "log": "entry-altered",
        "password": "configuration",
        "signing-key": "unavailable",
        "state": "state-open",
    }.items():
        assert standing(said, name) == ("bad", code)
        assert found(said)[name]["hint"], name
    shutil.rmtree(site.state / "log")
    shutil.rmtree(site.repository)
    said = site.guardian("doctor")
    assert standing(said, "log") == ("bad", "evidence-invalid")
    assert standing(said, "storage") == ("bad", "directory-missing")
    assert standing(said, "opens") == ("unknown", "needs-the-above")


def test_a_repository_that_is_not_ours(site: Any) -> None:
    password = site.state / "keys" / "main.password"
    right = password.read_bytes()
    password.write_text("another password")
    assert standing(site.guardian("doctor"), "opens") == ("bad", "wrong-password")
    password.write_bytes(right)
    shutil.rmtree(site.repository)
    site.restic("init")
    said = site.guardian("doctor")
    assert said.code == 3
    assert standing(said, "opens") == ("bad", "repository-changed")


def _dead_lock(site: Any) -> None:
    """A lock that a killed restic leaves: a real one, killed while it waits for its input."""
    password = next((site.state / "keys").glob("*.password"))
    env = {**site.env(), "RESTIC_PASSWORD_FILE": str(password), "RESTIC_REPOSITORY": site.url}
    argv = ["restic", "--no-cache", "backup", "--stdin"]
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as restic:
        while not [lock for lock in (site.repository / "locks").iterdir() if "-tmp" not in lock.name]:
            assert restic.poll() is None
            time.sleep(0.02)
        restic.kill()


def test_what_is_odd_is_a_warning_and_nothing_is_mended(site: Any) -> None:
    """A dead lock, a cut-off run and a torn log are left for the backup, which holds the lease."""
    _dead_lock(site)
    runs = site.state / "runs" / "main"
    runs.mkdir(parents=True)
    (runs / "aa.json").write_text(
        '{"run_id":"aa","system":"app","source":"docs","repository":"main","started":"2026-01-01T00:00:00.000000Z"}'
    )
    (runs / "bb.json").write_text("no intent")
    bundle = site.state / "log" / "tile" / "entries" / "000"
    with bundle.open("ab") as file:
        file.write(b"\x01\x00torn")
    site.state.chmod(0o750)
    before = contents(site.repository), contents(site.state / "log"), contents(runs)
    said = site.guardian("doctor", TMPDIR="/no/such/place")
    assert said.code == 0, said
    for name, code in {
        "locks": "lock-stale",
        "runs": "runs-cut-off",
        "state": "state-open",
        "tmpdir": "not-a-directory",
        "log": "log-has-tail",
    }.items():
        assert standing(said, name) == ("warning", code)
    assert (contents(site.repository), contents(site.state / "log"), contents(runs)) == before

    for path in (site.repository / "locks").iterdir():
        path.chmod(0o600)
        path.write_bytes(b"")  # what a full disk leaves: newer restics refuse to work beside it
    assert standing(site.guardian("doctor"), "locks") == ("warning", "lock-unreadable")


def test_people_get_one_line_each_and_hints(new_site: Callable[[], Any]) -> None:
    site = new_site()
    shutil.rmtree(site.docs)
    said = site.guardian("doctor", PLAIN="1")
    assert said.code == 3
    lines = said.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("BAD") and "app/docs" in line)
    assert lines[at + 1].startswith("    hint: ")
    assert not any("?" in line for line in lines), "a sentence lacks a figure"


# S3


def test_a_bucket_is_described(new_site: Callable[..., Any], s3_place: Any) -> None:
    site = new_site(s3_place.url, s3_place.credentials_file)
    assert site.guardian("init").code == 0
    said = site.guardian("doctor")
    names = found(said)
    assert names["storage"]["standing"] == "ok", names["storage"]
    assert abs(names["storage"]["measured"]["skew_seconds"]) <= 2
    assert {names[n]["standing"] for n in ("credentials", "opens", "bucket-lock")} == {"ok"}
    facts = {name: e for name, e in names.items() if name.startswith("bucket")}
    unreadable = {name for name, e in facts.items() if e["reason"]["code"] == "fact-unreadable"}
    assert not unreadable, "this server can be asked for everything"
    assert standing(said, "bucket-public-access-blocked") == ("warning", "fact-not-offered")
    assert said.code == 0, said

    # A rule of the storage deletes what restic needs.
    with open_bucket(s3_place.address, s3_place.server.credentials) as bucket:
        rule: Any = {
            "ID": "tidy",
            "Status": "Enabled",
            "Filter": {"Prefix": "repository/data/"},
            "Expiration": {"Days": 9},
        }
        bucket.client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": [rule]})
        assert standing(site.guardian("doctor"), "bucket-lifecycle-rules") == ("bad", "lifecycle-expires-current")
        bucket.client.delete_bucket_lifecycle(Bucket=bucket.name)

    # The configuration asks for a lock that the bucket has not; then the keys are a stranger's.
    site.config["repositories"]["main"]["lock"] = {"mode": "compliance", "days": 30}
    site.write()
    said = site.guardian("doctor")
    assert said.code == 3
    assert standing(said, "bucket-lock") == ("bad", "bucket-lock-differs")
    s3_place.credentials_file.write_text("AWS_ACCESS_KEY_ID=stranger\nAWS_SECRET_ACCESS_KEY=secret-of-a-stranger\n")
    said = site.guardian("doctor")
    assert said.code == 3
    assert standing(said, "opens") == ("bad", "storage-refused")
    # What may not be read is never good.
    assert found(said)["bucket-versioning"]["standing"] == "unknown"
    assert found(said)["bucket-lock"]["standing"] == "unknown"
    assert "secret-of-a-stranger" not in said.out + said.err


def test_storage_that_is_not_there_and_credentials_open_to_others(new_site: Callable[..., Any], s3_place: Any) -> None:
    site = new_site("s3:http://127.0.0.1:1/bucket/place", s3_place.credentials_file)
    s3_place.credentials_file.chmod(0o644)
    said = site.guardian("doctor")
    assert said.code == 3
    assert standing(said, "storage") == ("bad", "storage-unreachable")
    assert standing(said, "credentials") == ("bad", "configuration")
    assert standing(said, "opens") == ("unknown", "needs-the-above")
