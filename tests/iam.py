"""An S3 server that enforces the policies of identities: moto on loopback, with what it leaves out told here.

moto evaluates Action and Resource of a policy and takes every Condition for unmet, so that conditions are left out of
what it is given. It has no action for a HEAD of a bucket but ``s3:HeadBucket``, which no policy of ours names.
"""

import copy
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from guardian.model.address import S3Address
from guardian.model.secret import Secret

_PATIENCE = 60.0


class Moto:
    """A running server. Stop it by its handle: use it in a ``with``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self._process, self._port, self._folder = process, port, folder
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = folder / "moto.log"

    @classmethod
    def start(cls, folder: Path) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
        with (folder / "moto.log").open("wb") as log:
            process = subprocess.Popen(argv, env=env, stdout=log, stderr=log, cwd=folder)
        server = cls(process, port, folder)
        try:
            server._wait()
        except BaseException:
            server.stop()
            raise
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"{self.endpoint}/moto-api/data.json", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "moto.log").read_text("utf-8", "replace")) from None
                time.sleep(0.05)

    def client(self, service: str, key: tuple[str, str] = ("root", "root")) -> Any:
        """A client of ``service`` with an identity's key."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
        )

    def identity(self, name: str, policy: dict[str, Any]) -> tuple[str, str]:
        """A new identity with ``policy``; its access key. Before :meth:`enforce`."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(without_conditions(policy)))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def enforce(self) -> None:
        """From now on every request needs the right to be made."""
        request = urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10):
            pass

    def address(self, bucket: str, prefix: str) -> S3Address:
        return S3Address("http", "127.0.0.1", self._port, bucket, prefix)

    def credentials_file(self, key: tuple[str, str]) -> Path:
        path = self._folder / f"credentials-{secrets.token_hex(4)}"
        path.write_text(f"AWS_ACCESS_KEY_ID={key[0]}\nAWS_SECRET_ACCESS_KEY={key[1]}\n")
        path.chmod(0o600)
        return path


def as_secrets(key: tuple[str, str]) -> dict[str, Secret]:
    """A key as stores take it."""
    return {"AWS_ACCESS_KEY_ID": Secret(key[0].encode()), "AWS_SECRET_ACCESS_KEY": Secret(key[1].encode())}


def without_conditions(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy as moto can take it."""
    taken = copy.deepcopy(policy)
    for statement in taken["Statement"]:
        statement.pop("Condition", None)
    return taken
