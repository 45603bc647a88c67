"""A forger: repositories made in memory, sealed with a key of ours, so that a test can lie where restic would not."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from guardian.decoder.repository import Config, Loaded, Repository
from guardian.decoder.seal import Key
from guardian.model.reader import ObjectMissing, ObjectUnreadable, in_pieces

PASSWORD = b"a password"
_ENCRYPT, _K, _R = bytes(range(32)), bytes(range(16)), bytes(range(100, 116))


class MemoryReader:
    """Objects in a dictionary; ``reads`` counts the bytes that were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads = 0

    def size(self, name: str) -> int:
        if name not in self.objects:
            raise ObjectMissing(name)
        return len(self.objects[name])

    def read(self, name: str, offset: int, length: int) -> bytes:
        data = self.objects[name][offset : offset + length] if name in self.objects else None
        if data is None:
            raise ObjectMissing(name)
        self.reads += length
        if len(data) != length:
            raise ObjectUnreadable(name, "short")
        return data

    def stream(self, name: str, length: int) -> Generator[bytes, None, None]:
        return in_pieces(self.read, name, length)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        return ((name, len(data)) for name, data in list(self.objects.items()) if name.startswith(prefix))


class Forge:
    """Seals what it is given. Blobs gather in a pack until :meth:`close_pack`; packs gather until :meth:`index`."""

    def __init__(self) -> None:
        self.reader = MemoryReader()
        self._header = b""
        self._body = b""
        self._listed: list[dict[str, object]] = []
        self.packs: list[dict[str, object]] = []

    def seal(self, plain: bytes, keys: tuple[bytes, bytes, bytes] = (_ENCRYPT, _K, _R)) -> bytes:
        iv = os.urandom(16)
        text = Cipher(algorithms.AES(keys[0]), modes.CTR(iv)).encryptor().update(plain)
        s = Cipher(algorithms.AES(keys[1]), modes.ECB()).encryptor().update(iv)
        return iv + text + Poly1305.generate_tag(keys[2] + s, text)

    def put(self, folder: str, plain: bytes, compress: bool = False) -> str:
        body = b"\x02" + zstandard.compress(plain) if compress else plain
        return self.put_raw(folder, self.seal(body))

    def put_raw(self, folder: str, stored: bytes) -> str:
        name = hashlib.sha256(stored).hexdigest()
        self.reader.objects[folder + name] = stored
        return name

    def blob(self, kind: str, plain: bytes, *, packed: bytes | None = None, raw: int = 0, blob_id: str = "") -> str:
        """Add a blob to the open pack. ``packed`` and ``raw``: its compressed form and the length that is declared."""
        sealed = self.seal(plain if packed is None else packed)
        blob_id = blob_id or hashlib.sha256(plain).hexdigest()
        entry: dict[str, object] = {"id": blob_id, "type": kind, "offset": len(self._body), "length": len(sealed)}
        code = {"data": 0, "tree": 1}[kind] + (0 if packed is None else 2)
        self._header += bytes([code]) + len(sealed).to_bytes(4, "little")
        if packed is not None:
            entry["uncompressed_length"] = raw
            self._header += raw.to_bytes(4, "little")
        self._header += bytes.fromhex(blob_id)
        self._body += sealed
        self._listed.append(entry)
        return blob_id

    def close_pack(self) -> str:
        header = self.seal(self._header)
        stored = self._body + header + len(header).to_bytes(4, "little")
        name = hashlib.sha256(stored).hexdigest()
        self.reader.objects[f"data/{name[:2]}/{name}"] = stored
        self.packs.append({"id": name, "blobs": self._listed})
        self._body, self._header, self._listed = b"", b"", []
        return name

    def index(self, **extra: object) -> str:
        document = json.dumps({**extra, "packs": self.packs}).encode()
        self.packs = []
        return self.put("index/", document, compress=True)

    def node(self, name: str, **fields: object) -> dict[str, object]:
        when = "2024-02-29T12:00:00.123456789+08:00"
        return {
            "name": name,
            "mtime": when,
            "atime": when,
            "ctime": when,
            "uid": 0,
            "gid": 0,
            "content": None,
            **fields,
        }

    def tree(self, *nodes: dict[str, object]) -> str:
        return self.blob("tree", json.dumps({"nodes": nodes}).encode() + b"\n")

    def file(self, name: str, *contents: bytes) -> dict[str, object]:
        chunks = [self.blob("data", content) for content in contents]
        return self.node(name, type="file", size=sum(map(len, contents)), content=chunks)

    def snapshot(self, tree: str, **fields: object) -> str:
        when = "2024-02-29T12:00:00Z"
        document = {"time": when, "tree": tree, "paths": ["/x"], "hostname": "h", "username": "u", **fields}
        return self.put("snapshots/", json.dumps(document).encode())

    def key_file(self, password: bytes = PASSWORD, **changed: object) -> str:
        derived = hashlib.scrypt(password, salt=b"salt", n=2, r=1, p=1, dklen=64)
        master = {"mac": {"k": _b64(_K), "r": _b64(_R)}, "encrypt": _b64(_ENCRYPT)}
        sealed = self.seal(json.dumps(master).encode(), (derived[:32], derived[32:48], derived[48:]))
        fields = {"kdf": "scrypt", "N": 2, "r": 1, "p": 1, "salt": _b64(b"salt"), "data": _b64(sealed), **changed}
        return self.put_raw("keys/", json.dumps(fields).encode())

    def config(self, version: int = 2) -> None:
        document = {"version": version, "id": "ab" * 32, "chunker_polynomial": "25b468838dcb75"}
        self.reader.objects["config"] = self.seal(json.dumps(document).encode())

    def repository(self) -> Repository:
        """The repository as it is now, its key known without a password."""
        return Repository(self.reader, Key(_ENCRYPT, _K, _R), Config(2, "ab" * 32, ""), "")

    def load(self) -> Loaded:
        return self.repository().load()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def forge() -> Forge:
    return Forge()


@pytest.fixture
def new_forge() -> Callable[[], Forge]:
    return Forge


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor
