"""HTML to PDF, by the Chromium that is installed: without network, scripts or root, and never trusted on its exit code.

Chinese needs a font on this machine: Debian's ``fonts-wqy-microhei`` or ``fonts-noto-cjk``.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from guardian import durable
from guardian.errors import GuardianError, Interrupted, ToolFailed, ToolMissing
from guardian.i18n import _
from guardian.proc import Command, Limits, Stop, run, which
from guardian.sources.servant import Servant, servant

if TYPE_CHECKING:
    from guardian.node import Node

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""Names of the program, the first that is there is taken."""

LIMIT = 256 << 20
"""Bytes of a PDF, at most."""

_HERE = "/proc/self/cwd"
"""Our room by a short name: Chromium makes a socket in its TMPDIR, and a socket's path ends after 107 bytes."""

_SECONDS = 120.0
_COUNT = re.compile(rb"/Type\s*/Pages\b[^>]{0,400}?/Count\s+(\d+)|/Count\s+(\d+)[^>]{0,400}?/Type\s*/Pages\b")
_FLAGS = (
    "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
    "--disable-extensions", "--disable-sync", "--disable-background-networking", "--disable-component-update",
    "--disable-breakpad", "--password-store=basic", "--no-pdf-header-footer",
    # Nothing in the page asks for anything; should it ever, there is nowhere to ask.
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
)  # fmt: skip


def browser() -> Path:
    """Where Chromium or Chrome is. Raises ToolMissing."""
    for name in PROGRAMS:
        try:
            return which(name)
        except ToolMissing:
            continue
    raise ToolMissing(
        _("no Chromium is installed, so there is no PDF"),
        _("Install chromium (for Chinese also fonts-wqy-microhei), or take the HTML report."),
    )


def render(html: str, folder: Path, stop: Stop | None = None) -> bytes:
    """The PDF of a page, at least one page of it, whole.

    ``folder`` is private scratch that the servant can reach (``Node.scratch(servers=True)``); the browser's profile and
    files lie in it and go with it. Raises ToolMissing without a browser, ToolFailed when it makes no whole PDF,
    Interrupted when ``stop`` was set.
    """
    program, who = browser(), servant()
    last = ""
    # The sandbox needs user namespaces, which some hosts forbid. The page is ours and runs nothing: go without.
    for number, extra in enumerate(((), ("--no-sandbox",))):
        room = folder / f"pdf-{number}"
        _furnish(room, html, who)
        output = room / "report.pdf"
        asked = (*_FLAGS, *extra, f"--user-data-dir={room / 'profile'}", f"--print-to-pdf={output}")
        finished = run(
            Command(
                (*who.prefix, str(program), *asked, (room / "report.html").as_uri()),
                environment={"HOME": str(room), "TMPDIR": _HERE, "XDG_RUNTIME_DIR": str(room)},
                cwd=room,
            ),
            limits=Limits(stall_seconds=None, total_seconds=_SECONDS, grace_seconds=3.0, linger_seconds=1.0),
            stop=stop,
        )
        if finished.interrupted:
            raise Interrupted(_("interrupted"))
        data = _read(output)
        if data is not None and is_whole(data):
            return data
        last = next((line for line in reversed(finished.stderr) if "dbus" not in line), str(finished.returncode))
    raise ToolFailed(_("{program} made no PDF: {why}").format(program=program.name, why=last[:300]))


def is_whole(data: bytes) -> bool:
    """Whether ``data`` begins and ends as a PDF does and counts at least one page."""
    counts = [int(first or second) for first, second in _COUNT.findall(data)]
    return data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF") and max(counts, default=0) >= 1


def write_beside(html: str, path: Path, node: "Node") -> None:
    """Write the PDF of ``html`` to ``path``. When that cannot be done, write the HTML beside it, say so, and raise."""
    try:
        with node.scratch(servers=True) as folder:
            data = render(html, folder, node.stop)
    except Interrupted:
        raise
    except GuardianError as error:
        instead = path.with_suffix(".html")
        durable.write_atomic(instead, html.encode())
        hint = _("The report is in {path}; any browser prints it.").format(path=instead)
        raise type(error)(error.message, f"{error.hint} {hint}".strip()) from error
    durable.write_atomic(path, data)


def _furnish(room: Path, html: str, who: Servant) -> None:
    room.mkdir(mode=0o700)
    (room / "report.html").write_text(html, "utf-8")
    if who.prefix:
        os.chown(room / "report.html", who.uid, who.gid)
        os.chown(room, who.uid, who.gid)


def _read(path: Path) -> bytes | None:
    try:
        # Never through a link: the folder is another user's, and we may be root.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        data = file.read(LIMIT + 1)
    return data if len(data) <= LIMIT else None
