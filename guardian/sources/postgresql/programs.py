"""Where the engine's own programs are: as configured, in PATH, or where packages put the server's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which as look

from guardian.errors import ToolMissing
from guardian.i18n import _
from guardian.proc import Command, capture, which
from guardian.proc.which import search_path

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/postgresql/*/bin")
"""Where Debian, Red Hat, a build from source and others put a server's programs."""

_WRAPPER = "pg_wrapper"
"""Debian's chooser of versions: it would choose by clusters of this host that are none of our business."""


@dataclass(frozen=True, slots=True)
class Server:
    """A set of programs of one version that can run a scratch server. ``major`` is 0 when it does not say."""

    major: int
    initdb: str
    postgres: str
    psql: str
    pg_restore: str
    pg_amcheck: str | None


def client(name: str, configured: Mapping[str, str]) -> str:
    """The path of a client program. Raises ToolMissing, with the package to install."""
    if name in configured:
        return str(which(configured[name]))
    found = look(name, path=search_path())
    if found and Path(found).resolve().name != _WRAPPER:
        return found
    installed = [(_number(folder), str(folder / name)) for folder in _folders() if (folder / name).is_file()]
    if installed:
        return max(installed)[1]
    if found:
        return found
    raise ToolMissing(
        _("program not found: {program}").format(program=name),
        _("On Debian: apt install {package}.").format(package="postgresql-client"),
    )


def server(configured: Mapping[str, str], least: int) -> Server:
    """The programs of the version nearest to ``least`` that is not older; those configured are taken as they are.

    Raises ToolMissing when there are none.
    """
    if "initdb" in configured:
        return _configured(configured)
    found = [chosen for folder in _folders() if (chosen := _of(folder, configured)) is not None]
    if (in_path := look("initdb", path=search_path())) and (chosen := _of(Path(in_path).resolve().parent, configured)):
        found.append(chosen)
    fit = [chosen for chosen in found if chosen.major >= least]
    if not fit:
        versions = ", ".join(sorted({str(chosen.major) for chosen in found})) or _("none")
        raise ToolMissing(
            _("no PostgreSQL server of version {least} or newer for a scratch copy; found: {found}").format(
                least=least, found=versions
            ),
            _("On Debian: apt install {package}. It need not run.").format(package=f"postgresql-{least}"),
        )
    return min(fit, key=lambda chosen: chosen.major)


def version(program: str) -> int:
    """The major version a program of PostgreSQL says it is; 0 when it says nothing of the kind."""
    said = capture(Command((program, "--version")), limit_bytes=4096)
    match = re.search(rb"\(PostgreSQL\) (\d+)", said.stdout)
    return int(match[1]) if said.returncode == 0 and match else 0


def _configured(configured: Mapping[str, str]) -> Server:
    folder = Path(which(configured["initdb"])).parent

    def beside(name: str) -> str:
        return str(which(configured.get(name) or str(folder / name)))

    amcheck = configured.get("pg_amcheck") or (
        str(folder / "pg_amcheck") if (folder / "pg_amcheck").is_file() else None
    )
    initdb = str(which(configured["initdb"]))
    return Server(
        version(beside("postgres")), initdb, beside("postgres"), beside("psql"), beside("pg_restore"), amcheck
    )


def _of(folder: Path, configured: Mapping[str, str]) -> Server | None:
    names = ("initdb", "postgres", "psql", "pg_restore")
    if not all((folder / name).is_file() for name in names):
        return None
    initdb, postgres, psql, restore = (str(folder / name) for name in names)
    amcheck = folder / "pg_amcheck"
    return Server(
        version(postgres),
        initdb,
        postgres,
        configured.get("psql", psql),
        configured.get("pg_restore", restore),
        str(amcheck) if amcheck.is_file() else None,
    )


def _folders() -> list[Path]:
    return [folder for place in PLACES for folder in Path("/").glob(place.lstrip("/"))]


def _number(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", folder.parent.name))
