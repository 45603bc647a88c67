"""A real Chromium, and the reports of a real host to look at with it."""

import html
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guardian.audit.facts import Period
from guardian.audit.gather import gather, verified
from guardian.audit.pack import answered
from guardian.audit.pdf import PROGRAMS
from guardian.audit.report import pack_report
from guardian.cli.sentences import sentence
from guardian.clock import SystemClock
from guardian.config.load import load
from guardian.node import Node
from guardian.proc import Stop
from guardian.sources.servant import servant

_HERE = Path(__file__).parent
HARNESS = """<!doctype html><meta charset="utf-8"><title>harness</title><body><pre id="found"></pre>{frames}<script>
const look = (frame) => {{
  const page = frame.contentDocument, wide = page.documentElement.clientWidth;  // without the scroll bar
  const outside = [...page.querySelectorAll("body *")].filter(
    (e) => e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll, .hidden"));
  return {{
    name: frame.dataset.name, wide: page.defaultView.innerWidth, inner: wide, scroll: page.documentElement.scrollWidth,
    outside: outside.slice(0, 5).map((e) => e.outerHTML.slice(0, 200)),
    text: page.body.innerText, lang: page.documentElement.lang, title: page.title,
    charts: [...page.querySelectorAll("svg.chart")].map(
      (svg) => [svg.querySelector("title")?.textContent, svg.getBoundingClientRect().height]),
    small: [...page.querySelectorAll("svg.chart text")].filter((t) => t.getBoundingClientRect().height < 8).length,
  }};
}};
window.addEventListener("load", () => {{
  document.getElementById("found").textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
}});
</script></body>"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the browser made of a page at a width."""

    name: str
    width: int
    inner_width: int
    """Without the scroll bar."""
    scroll_width: int
    outside: list[str]
    text: str
    lang: str
    title: str
    charts: list[tuple[str, float]]
    small: int


@dataclass(frozen=True, slots=True)
class Browser:
    """The installed Chromium, run once a question, as nobody when we are root."""

    program: str
    folder: Path

    def __call__(self, page: str, *flags: str) -> tuple[str, str]:
        """Open ``page``; what is printed, and what was logged (the console too)."""
        who = servant()
        room = self.folder / os.urandom(4).hex()
        room.mkdir(mode=0o700)
        path = room / "page.html"
        path.write_text(page, "utf-8")
        if who.prefix:
            for each in (path, room):
                os.chown(each, who.uid, who.gid)
        asked = ("--headless", "--disable-gpu", "--no-first-run", "--no-sandbox", "--disable-dev-shm-usage", *flags)
        done = subprocess.run(
            [*who.prefix, self.program, *asked, f"--user-data-dir={room / 'profile'}", path.as_uri()],
            env={"PATH": os.environ["PATH"], "HOME": str(room), "TMPDIR": "/proc/self/cwd"},
            cwd=room, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def look(self, pages: Mapping[str, str], widths: tuple[int, ...]) -> tuple[list[Seen], str]:
        """Lay every page out at every width; what was seen, and what the console said."""
        frames = "".join(
            f'<iframe data-name="{name}" srcdoc="{html.escape(page)}" style="width:{width}px;height:900px;border:0">'
            "</iframe>"
            for name, page in pages.items()
            for width in widths
        )
        harness = HARNESS.format(frames=frames)
        printed, said = self(harness, "--dump-dom", "--enable-logging=stderr", "--virtual-time-budget=5000")
        assert "<pre id=" in printed, (printed[:500], said[-2000:])
        start = printed.index('<pre id="found">') + len('<pre id="found">')
        found = json.loads(html.unescape(printed[start : printed.index("</pre>", start)]))
        return [
            Seen(
                f["name"],
                f["wide"],
                f["inner"],
                f["scroll"],
                f["outside"],
                f["text"],
                f["lang"],
                f["title"],
                f["charts"],
                f["small"],
            )
            for f in found
        ], "\n".join(line for line in said.splitlines() if "CONSOLE" in line)


@pytest.fixture(scope="session")
def passable() -> Iterator[Path]:
    """A folder that the user ``nobody`` can pass. Not pytest's: that is closed anew whenever another pytest starts."""
    with tempfile.TemporaryDirectory(prefix="guardian-test-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="session")
def browser(passable: Path) -> Browser:
    """Chromium; without it there is nothing to see with, and the tests say so."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("NO CHROMIUM: what reports look like was not tested; install chromium and fonts-wqy-microhei")
    return Browser(found, passable)


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guardian_tests_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="session")
def packfacts() -> ModuleType:
    return module(_HERE.parent / "packfacts.py")


@dataclass(frozen=True, slots=True)
class Drilled:
    """A real host that was backed up and drilled, and its report in both languages."""

    site: Any
    node: Node
    drills_page: str
    """What ``guardian verify --report`` wrote."""
    pages: Mapping[str, str]


@pytest.fixture(scope="session")
def drilled(passable: Path, tmp_path_factory: pytest.TempPathFactory) -> Drilled:
    site = module(_HERE.parent / "site.py").make(tmp_path_factory.mktemp("drilled"))
    site.config["systems"]["app"] |= {
        "name": {"zh": "社保核心系统", "en": "Social insurance"}, "objectives": {"rpo": "24h", "rto": "4h"},
    }  # fmt: skip
    site.config["scratch_dir"] = str(passable / "scratch")
    site.write()
    assert site.guardian("init").code == 0
    module(_HERE.parent / "cheap.py").cheapen(site)
    for words in (("backup",), ("verify", "--level", "D4", "--report", site.root / "drills.html")):
        said = site.guardian(*words)
        assert said.code == 0, said
    node = Node(load(site.yaml), SystemClock(), lambda _event: None, Stop())
    now = node.clock.now()
    found = gather(node, verified(node), "app", Period(now - timedelta(days=7), now + timedelta(minutes=1)))
    facts = answered(found.facts)
    page = (site.root / "drills.html").read_text("utf-8")
    return Drilled(site, node, page, {lang: pack_report(facts, lang, sentence) for lang in ("zh", "en")})
