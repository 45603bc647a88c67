"""Copies between storages of all kinds: a directory, a bucket, and two buckets with credentials of their own."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guardian.objectstore.s3 import S3Store


@pytest.fixture
def bucket(s3_place: Any, cheap: Any, tmp_path: Path) -> Any:
    """The bucket's objects, to be put, and keys in it made cheap to derive."""
    with S3Store(s3_place.address, s3_place.server.credentials) as store:
        yield Bucket(store._client, s3_place, cheap, tmp_path)


class Bucket:
    def __init__(self, client: Any, place: Any, cheap: Any, folder: Path) -> None:
        self.client, self.place, self.cheap, self.folder = client, place, cheap, folder

    def spec(self, name: str, region: str = "") -> dict[str, Any]:
        """A repository beside others in the bucket; with ``region`` its credentials are not those of the others."""
        credentials = self.folder / f"{name}.credentials"
        more = f"AWS_DEFAULT_REGION={region}\n" if region else ""
        credentials.write_text(self.place.credentials_file.read_text().rstrip("\n") + "\n" + more)
        credentials.chmod(0o600)
        return {"url": f"{self.place.url}-{name}", "credentials": f"file:{credentials}"}

    def _prefix(self, name: str) -> str:
        return f"{self.place.address.prefix}-{name}/"

    def fill(self, name: str, folder: Path) -> None:
        for path in filter(Path.is_file, folder.rglob("*")):
            key = self._prefix(name) + str(path.relative_to(folder))
            self.client.put_object(Bucket=self.place.address.bucket, Key=key, Body=path.read_bytes())

    def cheapen(self, site: Any, name: str) -> None:
        where = {"Bucket": self.place.address.bucket}
        folder = self.folder / f"keys-of-{name}"
        (folder / "keys").mkdir(parents=True)
        prefix = self._prefix(name) + "keys/"
        (found,) = self.client.list_objects_v2(**where, Prefix=prefix)["Contents"]
        body = self.client.get_object(**where, Key=found["Key"])["Body"].read()
        (folder / "keys" / found["Key"].rpartition("/")[2]).write_bytes(body)
        self.cheap.cheapen(site, name=name, folder=folder)
        self.client.delete_object(**where, Key=found["Key"])
        (new,) = (folder / "keys").iterdir()
        self.client.put_object(**where, Key=prefix + new.name, Body=new.read_bytes())


def configured(stage: Any, copies: dict[str, Any], cheapen: Callable[[str], None], **main: Any) -> Any:
    """The host with ``copies`` made, cheap, and to be copied to."""
    site = stage.site
    site.config["repositories"] |= {**copies, **main}
    site.config["systems"]["app"]["plan"] = {"copy_to": list(copies)}
    site.write()
    said = site.guardian("init")
    assert (said.code, "chunker-differs" in said.reasons) == (0, False), said
    for name in copies:
        cheapen(name)
    return site


def test_from_a_directory_to_a_bucket(stage: Any, bucket: Any, tmp_path: Path) -> None:
    site = configured(stage, {"offsite": bucket.spec("offsite")}, lambda name: bucket.cheapen(stage.site, name))
    said = site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert said.json["copies"][0]["added_bytes"] > 0
    shutil.rmtree(site.repository)
    said = site.guardian("restore", "app/docs", "--repository", "offsite", "--target", tmp_path / "back")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said


def test_from_a_bucket_to_a_bucket_with_other_credentials(stage: Any, bucket: Any) -> None:
    """restic sees the credentials of the target alone; it reads through the door."""
    site = stage.site
    bucket.fill("main", site.repository)
    shutil.rmtree(site.repository)
    elsewhere = {"elsewhere": bucket.spec("elsewhere", region="eu-west-1")}
    configured(stage, elsewhere, lambda name: bucket.cheapen(site, name), main=bucket.spec("main"))
    seen = site.root / "seen"
    script = f'{{ cat "$RESTIC_FROM_REPOSITORY_FILE"; echo; tr "\\0" "\\n" </proc/self/environ; echo "$@"; }} > {seen}'
    stage.program(f'case " $* " in *" copy "*) {script};; esac')
    said = site.guardian("copy")
    assert (said.code, said.json["outcome"], said.json["copies"][0]["copied"]) == (0, "complete", 2), said
    way, told = seen.read_text().split("\n", 1)
    assert way.startswith("rest:http://guardian:")
    assert way.endswith("/")
    token = way.split(":")[3].partition("@")[0]
    passwords = [path.read_text().strip() for path in (site.state / "keys").glob("*.password")]
    keys = [line.split("=")[1] for line in bucket.place.credentials_file.read_text().split()]
    assert [one for one in (token, *passwords, *keys) if one in told] == []
    said = site.guardian("verify", "--repository", "elsewhere")
    assert (said.code, said.json["outcome"]) == (0, "PASS"), said


def test_from_a_bucket_to_a_directory(stage: Any, bucket: Any) -> None:
    site = stage.site
    bucket.fill("main", site.repository)
    shutil.rmtree(site.repository)
    here = site.root / "here"
    configured(
        stage,
        {"here": {"url": str(here)}},
        lambda name: bucket.cheap.cheapen(site, name=name, folder=here),
        main=bucket.spec("main"),
    )
    said = site.guardian("copy")
    assert (said.code, said.json["copies"][0]["copied"]) == (0, 2), said
