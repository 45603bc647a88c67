"""A cheaper key for tests: each start of restic spends half a second of a processor on deriving its key.

The repository's master key is written down again under the cheapest key derivation that restic takes. The format is
that of restic's design document: scrypt gives 64 bytes, AES-256-CTR with Poly1305-AES seals.
"""

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305


def cheapen(site: Any, n: int = 2, name: str = "main", folder: Path | None = None) -> None:
    """Write the repository's master key under the cheapest key derivation restic takes, or one of scrypt's work ``n``.

    The format is that of restic's design document: scrypt gives 64 bytes, AES-256-CTR with Poly1305-AES seals.
    """
    password = (site.state / "keys" / f"{name}.password").read_bytes().rstrip(b"\n")
    (old,) = ((folder or site.repository) / "keys").iterdir()
    key = json.loads(old.read_bytes())
    master = _open(base64.b64decode(key["data"]), _derive(password, key))
    key |= {"N": n, "r": 8, "p": 1}
    key["data"] = base64.b64encode(_seal(master, _derive(password, key))).decode()
    text = json.dumps(key).encode()
    old.unlink()
    new = old.with_name(hashlib.sha256(text).hexdigest())
    new.write_bytes(text)
    record = site.state / "keys" / f"{name}.json"
    record.write_text(record.read_text().replace(old.name, new.name))


def _derive(password: bytes, key: dict[str, Any]) -> bytes:
    salt = base64.b64decode(key["salt"])
    work = {"n": key["N"], "r": key["r"], "p": key["p"]}
    return hashlib.scrypt(password, salt=salt, dklen=64, maxmem=1 << 30, **work)


def _open(sealed: bytes, keys: bytes) -> bytes:
    nonce, text, tag = sealed[:16], sealed[16:-16], sealed[-16:]
    assert _tag(text, nonce, keys) == tag
    return _stream(text, nonce, keys)


def _seal(text: bytes, keys: bytes) -> bytes:
    nonce = os.urandom(16)
    hidden = _stream(text, nonce, keys)
    return nonce + hidden + _tag(hidden, nonce, keys)


def _stream(text: bytes, nonce: bytes, keys: bytes) -> bytes:
    return Cipher(algorithms.AES(keys[:32]), modes.CTR(nonce)).encryptor().update(text)


def _tag(text: bytes, nonce: bytes, keys: bytes) -> bytes:
    masked = Cipher(algorithms.AES(keys[32:48]), modes.ECB()).encryptor().update(nonce)
    return Poly1305.generate_tag(keys[48:64] + masked, text)


def another(original: Any, site: Any, name: str, folder: Path) -> None:
    """An empty repository of ``site`` in ``folder``, as ``guardian init`` will adopt it: that of ``original`` anew.

    Making one costs two seconds; this one has the cheap key and the password of ``original``, and an id of its own.
    """
    shutil.copytree(original.repository, folder)
    password = site.state / "keys" / f"{name}.password"
    password.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy2(original.state / "keys" / "main.password", password)
    (path,) = (folder / "keys").iterdir()
    key = json.loads(path.read_bytes())
    master = json.loads(_open(base64.b64decode(key["data"]), _derive(password.read_bytes().rstrip(b"\n"), key)))
    mac = (base64.b64decode(master["mac"][part]) for part in ("k", "r"))
    keys = b"".join((base64.b64decode(master["encrypt"]), *mac))
    config = folder / "config"
    document = json.loads(_open(config.read_bytes(), keys)) | {"id": os.urandom(32).hex()}
    config.chmod(0o600)
    config.write_bytes(_seal(json.dumps(document).encode(), keys))
