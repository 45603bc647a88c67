"""Pictures of every dashboard, without a Grafana: ``python3 dev.py pictures [BOARD…]``, then look at build/dashboards.

Each dashboard's own JSON is asked of a real Prometheus that is filled with a faulty province, and drawn in Chromium by
Grafana's own panel components, in both languages, dark and light. To fill the Prometheus takes a minute or two: with
``--keep`` it stays, and Enter draws again what was changed and built meanwhile.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
sys.path.insert(0, str(HERE))  # a tool beside the tests, not a part of them

import asking  # noqa: E402
import bundle  # noqa: E402
import past  # noqa: E402

_PAST: Final = past.Past(datetime(2026, 11, 30, 8, tzinfo=UTC))
"""Always the same, so that a picture changes only where a dashboard has."""
_CHROMIUM: Final = ("chromium", "google-chrome", "chromium-browser")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("boards", nargs="*", help="such as province; all where none is named")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "dashboards")
    parser.add_argument("--language", action="append", choices=("zh", "en"))
    parser.add_argument("--theme", action="append", choices=("dark", "light"))
    parser.add_argument("--choose", action="append", default=[], metavar="NAME=VALUE", help="such as tenant=hrss")
    parser.add_argument("--scale", type=float, default=1.0, help="0.75 for pictures in documentation")
    parser.add_argument("--format", choices=("png", "webp"), default="png")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    try:
        made = bundle.built()
        browser = next(filter(None, map(shutil.which, _CHROMIUM)), None)
        if browser is None:
            raise bundle.Missing("no chromium here (Debian package chromium)")
        with _prometheus() as prometheus:
            while True:
                for view, path in _views(asked):
                    print(_picture(prometheus, view, path, made, (browser, asked)), flush=True)
                if not asked.keep:
                    break
                input(f"{prometheus.url}, of which the present is {_PAST.end.timestamp():.0f}; Enter draws again: ")
    except bundle.Missing as error:
        print(error, file=sys.stderr)
        return 2
    except (KeyboardInterrupt, EOFError):
        return 130
    return 0


def _views(asked: argparse.Namespace) -> Iterator[tuple[asking.View, Path]]:
    chosen = dict(one.split("=", 1) for one in asked.choose)
    for language in asked.language or ("zh", "en"):
        for path in sorted((ROOT / "exporters" / "grafana" / language).glob("guardian-*.json")):
            if not asked.boards or path.stem.removeprefix("guardian-") in asked.boards:
                for theme in asked.theme or ("dark", "light"):
                    yield asking.View(_PAST.end, _PAST.step, language, theme, chosen), path


def _picture(
    prometheus: Any, view: asking.View, path: Path, made: bundle.Bundle, how: tuple[str, argparse.Namespace]
) -> Path:
    browser, asked = how
    dashboard = json.loads(path.read_text("utf-8"))
    said = asking.payload(prometheus, dashboard, view)
    out: Path = asked.out / f"{path.stem}.{view.language}.{view.theme}.{asked.format}"
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as room:
        page = Path(room, "page.html")
        page.write_text(asking.page(said, made.script, made.style), "utf-8")
        size = f"--window-size={asking.WIDTH},{asking.height(dashboard)}"
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000")
        flags = (*flags, f"--force-device-scale-factor={asked.scale:g}")
        argv = [browser, *flags, size, f"--screenshot={out}", f"--user-data-dir={room}/profile", page.as_uri()]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if not out.is_file():
        raise bundle.Missing(f"no picture came of {path.name}:\n{done.stderr[-2000:]}")
    return out


@contextmanager
def _prometheus() -> Iterator[Any]:
    monitoring = _module(HERE.parents[1] / "monitoring.py")
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield past.started(monitoring, Path(folder), _PAST)
        finally:
            while monitoring.Page.started:
                monitoring.Page.started.pop().stop()


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
