"""What a custodian's reading costs: ``python benchmarks/keyless.py --scratch DIR [--mib 4096]``.

A reads every object of a folder of packs through the verifier's own way (:mod:`guardian.drill.keyless`), B is
``sha256sum`` of the same files, one process a core. The files are in the page cache for both.
"""

import argparse
import hashlib
import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from guardian.drill.keyless import hold
from guardian.objectstore.local import LocalReader

PACK = 16 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--mib", type=int, default=4096)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder, names = Path(name), []
        for _ in range(max(1, options.mib * (1 << 20) // PACK)):
            content = os.urandom(PACK)
            digest = hashlib.sha256(content).hexdigest()
            path = folder / "data" / digest[:2] / digest
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            names.append(f"data/{digest[:2]}/{digest}")
        mib = len(names) * PACK / (1 << 20)
        for turn in range(3):
            start = time.perf_counter()
            with LocalReader(folder) as reader, ThreadPoolExecutor(max(4, os.cpu_count() or 1)) as pool:
                found = list(pool.map(lambda one: hold(reader, one, PACK), names))
            a = time.perf_counter() - start
            assert found == [None] * len(names)
            start = time.perf_counter()
            cores = str(os.cpu_count())
            xargs = ["xargs", "-P", cores, "-n", "8", "sha256sum"]
            subprocess.run(xargs, input="\n".join(names), text=True, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            b = time.perf_counter() - start
            print(f"turn {turn + 1}: A {mib / a:.0f} MiB/s, B {mib / b:.0f} MiB/s, A/B {b / a:.2f}")


if __name__ == "__main__":
    main()
