"""After a backup our own decoder looks at what restic left: what it cannot read back was no backup."""

import shutil
import sys
from typing import Any

REAL = shutil.which("restic")


def afterwards(stage: Any, script: str) -> None:
    """A restic that saves as ever, and after whose backup ``script`` is run in the repository."""
    repository = stage.site.repository
    stage.program(
        f'case "$*" in *" backup "*) "{REAL}" "$@"; code=$?; cd {repository}; {script}; exit $code;; '
        f"*snapshots*) exit 99;; *cat*config*) exit 99;; esac"
    )


def failed(stage: Any) -> set[str]:
    (stage.docs / "new").write_text("not there before")
    said = stage.site.guardian("backup")
    assert (said.code, said.json["outcome"]) == (3, "failed"), said
    last = stage.last()
    assert (last["kind"], last["codes"]) == ("no-backup", said.reasons)
    return set(said.reasons)


def test_restic_is_not_started_again(stage: Any) -> None:
    afterwards(stage, ":")
    for _ in range(2):  # the second finds nothing changed: its tree is in an older index file
        said = stage.site.guardian("backup")
        assert (said.code, said.json["outcome"], said.reasons) == (0, "complete", set()), said


def test_snapshot_file_spoiled(stage: Any) -> None:
    afterwards(stage, 'file=$(ls -t snapshots/* | head -1); chmod +w "$file"; echo >> "$file"')
    assert failed(stage) == {"object-hash-differs"}


def test_snapshot_file_gone(stage: Any) -> None:
    afterwards(stage, "rm -f $(ls -t snapshots/* | head -1)")
    assert failed(stage) == {"snapshot-not-listed"}


def test_packs_of_this_backup_gone(stage: Any) -> None:
    stage.site.repository.joinpath("before").touch()
    afterwards(stage, "find data -type f -newer before -delete")
    assert failed(stage) == {"pack-missing"}


def test_index_of_this_backup_gone(stage: Any) -> None:
    stage.site.repository.joinpath("before").touch()
    afterwards(stage, "find index -type f -newer before -delete")
    assert failed(stage) == {"blob-not-indexed"}


def test_pack_of_the_tree_spoiled(stage: Any) -> None:
    stage.site.repository.joinpath("before").touch()
    spoil = "printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    afterwards(
        stage,
        f'for file in $(find data -type f -newer before); do chmod +w "$file"; size=$(stat -c %s "$file"); '
        f'for at in $(seq 0 64 $size); do {spoil} | dd of="$file" bs=1 seek=$at conv=notrunc 2>/dev/null; done; '
        f'truncate -s $size "$file"; done',
    )
    assert failed(stage) == {"blob-seal-broken"}


def test_a_stream_into_another_repository_never_begins(stage: Any) -> None:
    begun = stage.site.root / "begun"
    stage.site.source("docs", kind="command", argv=["sh", "-c", f"touch {begun}; echo data"])
    stage.site.write()
    away = stage.site.repository.rename(stage.site.root / "away")
    stage.site.restic("init", "--repository-version", "2")
    said = stage.site.guardian("backup")
    assert (said.code, said.json["outcome"], said.reasons) == (3, "failed", {"repository-changed"}), said
    assert not begun.exists()
    assert (stage.objects("snapshots"), stage.objects("locks")) == ([], [])
    shutil.rmtree(stage.site.repository)
    away.rename(stage.site.repository)
    said = stage.site.guardian("backup")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert begun.exists()


def test_restic_is_asked_where_the_decoder_cannot_open(stage: Any) -> None:
    """A key that takes more memory to derive than the decoder spends on strangers: restic does open it."""
    sys.modules["guardian_tests_cheap"].cheapen(stage.site, n=1 << 18)  # loaded by the stage's own fixture
    (stage.docs / "new").write_text("not there before")
    said = stage.site.guardian("backup")
    assert (said.code, said.json["outcome"], said.reasons) == (0, "complete", {"decoder-failed"}), said
