"""Somebody with the password of a repository, who writes into it what restic never would.

Everything is sealed with the repository's own master key, and named by its hash: nothing but its sense is wrong.
"""

import base64
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.node import Node
from guardian.proc import Stop

_UNIT = Path(__file__).parents[1] / "unit" / "decoder" / "conftest.py"
_CHEAP = Path(__file__).parents[1] / "cheap.py"


def _module(path: Path) -> ModuleType:
    name = f"guardian_tests_intruder_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Intruder:
    """Works on the repository of ``stage``. What it forges lies there only after :meth:`done`."""

    def __init__(self, stage: Any) -> None:
        self.site = stage.site
        self.receipt = stage.receipts()[-1]
        forge = _module(_UNIT).Forge()
        master = self._master()
        seal = forge.seal
        forge.seal = lambda plain, keys=master: seal(plain, keys)
        self.forge = forge
        for path in (self.site.repository / "index").iterdir():
            forge.packs += json.loads(self.site.restic("cat", "index", path.name).stdout)["packs"]

    def _master(self) -> tuple[bytes, bytes, bytes]:
        cheap = _module(_CHEAP)
        (path,) = (self.site.repository / "keys").iterdir()
        key = json.loads(path.read_bytes())
        password = (self.site.state / "keys" / "main.password").read_bytes().rstrip(b"\n")
        plain = json.loads(cheap._open(base64.b64decode(key["data"]), cheap._derive(password, key)))
        parts = plain["encrypt"], plain["mac"]["k"], plain["mac"]["r"]
        encrypt, k, r = (base64.b64decode(part) for part in parts)
        return encrypt, k, r

    # what is there

    def blobs(self) -> list[dict[str, Any]]:
        """Every entry of the index."""
        return [blob for pack in self.forge.packs for blob in pack["blobs"]]

    def entry(self, blob_id: str) -> dict[str, Any]:
        return next(blob for blob in self.blobs() if blob["id"] == blob_id)

    def forget(self, blob_id: str) -> None:
        """The index does not know this blob any more."""
        for pack in self.forge.packs:
            pack["blobs"] = [blob for blob in pack["blobs"] if blob["id"] != blob_id]

    @property
    def root(self) -> str:
        """The root tree of the newest backup."""
        return str(self.receipt["tree_id"])

    def subtree(self) -> str:
        """A tree in the newest backup that is not its root."""
        nodes = json.loads(self.site.restic("cat", "blob", self.root).stdout)["nodes"]
        return next(str(node["subtree"]) for node in nodes if node["type"] == "dir")

    # what is done to it

    def replace(self, blob_id: str, packed: bytes, raw: int) -> None:
        """Another content, compressed, under the id of a blob that backups need."""
        kind = self.entry(blob_id)["type"]
        self.forget(blob_id)
        self.forge.blob(kind, b"", packed=packed, raw=raw, blob_id=blob_id)
        self.forge.close_pack()

    def done(self) -> None:
        """Exchange all indexes for one of ours, and store what was forged."""
        for path in (self.site.repository / "index").iterdir():
            path.unlink()
        self.forge.index()
        for name, data in self.forge.reader.objects.items():
            path = self.site.repository / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)

    def vouched(self, tree: str) -> None:
        """A snapshot of ``tree`` with a receipt in the log, as a restic that was exchanged would have made it."""
        run = "f" * 32
        old = json.loads(self.site.restic("cat", "snapshot", self.receipt["snapshot_id"]).stdout)
        tags = [f"run={run}" if "run=" in tag else tag for tag in old["tags"]]
        fields = {**old, "tags": tags, "time": SystemClock().now().isoformat()}
        fields.pop("tree")
        snapshot = self.forge.snapshot(tree, **fields)
        self.done()
        node = Node(load(self.site.yaml), SystemClock(), lambda _event: None, Stop())
        with node.log() as log:
            newest = [e.predicate for e in log.entries() if e.predicate and e.predicate.name == "backup-receipt"][-1]
            change = {"snapshot_id": snapshot, "tree_id": tree, "run_id": run, "sample": None}
            log.append(newest.model_copy(update=change), [("snapshot", snapshot)])


Trick = Callable[[Intruder], None]
