"""Copies between storages of all kinds: a directory, a bucket, and two buckets with credentials of their own."""

import shutil
from pathlib import Path
from typing import Any

import pytest


def _only_docs(site: Any, **repositories: dict[str, Any]) -> None:
    del site.config["systems"]["app"]["sources"]["db"]
    site.config["repositories"] |= repositories
    site.config["systems"]["app"]["plan"] = {"copy_to": list(repositories)}
    site.write()
    for arguments in (["init"], ["backup"]):
        said = site.guardian(*arguments)
        assert said.code == 0, said


def test_from_a_directory_to_a_bucket(new_site: Any, s3_place: Any, tmp_path: Path) -> None:
    site = new_site()
    _only_docs(site, offsite={"url": s3_place.url, "credentials": f"file:{s3_place.credentials_file}"})
    said = site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert said.json["copies"][0]["added_bytes"] > 0
    shutil.rmtree(site.repository)
    said = site.guardian("restore", "app/docs", "--repository", "offsite", "--target", tmp_path / "back")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said


@pytest.fixture
def bucket_site(new_site: Any, s3_place: Any) -> Any:
    return new_site(url=s3_place.url, credentials=s3_place.credentials_file)


def test_from_a_bucket_to_a_directory_and_to_a_bucket_with_other_credentials(
    bucket_site: Any, s3_place: Any, tmp_path: Path
) -> None:
    site = bucket_site
    other = tmp_path / "other-credentials"
    other.write_text(s3_place.credentials_file.read_text().rstrip("\n") + "\nAWS_DEFAULT_REGION=eu-west-1\n")
    other.chmod(0o600)
    elsewhere = {"url": s3_place.url + "-elsewhere", "credentials": f"file:{other}"}
    _only_docs(site, here={"url": str(site.root / "here")}, elsewhere=elsewhere)
    said = site.guardian("copy")
    assert (said.code, said.json["outcome"]) == (0, "complete"), said
    assert [one["copied"] for one in said.json["copies"]] == [1, 1]
    for name in ("here", "elsewhere"):
        said = site.guardian("verify", "--repository", name)
        assert (said.code, said.json["outcome"]) == (0, "PASS"), said
