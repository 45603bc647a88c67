"""Make the dashboards anew: ``python exporters/grafana/build.py --write``; without it, say which are stale."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # a tool beside the package, not a part of it

from dashboards.boards import BOARDS  # noqa: E402
from dashboards.noun import LANGUAGES  # noqa: E402
from dashboards.write import text_of  # noqa: E402


def main(write: bool) -> int:
    """Write all dashboards, or name those whose file says something else."""
    stale = []
    for board in BOARDS:
        for language in LANGUAGES:
            path, text = HERE / language / f"{board.uid}.json", text_of(board, language)
            if path.is_file() and path.read_text("utf-8") == text:
                continue
            stale.append(f"{language}/{path.name}")
            if write:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
    if stale and not write:
        raise SystemExit(f"stale: {', '.join(stale)}; run python exporters/grafana/build.py --write")
    return 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
