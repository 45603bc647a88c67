"""Where the engine's own programs are, under either of their names, and which of the two engines they belong to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which as look

from guardian.errors import ToolMissing
from guardian.i18n import _
from guardian.proc import Command, capture, which
from guardian.proc.which import search_path

CLIENT = ("mariadb", "mysql")
DUMP = ("mariadb-dump", "mysqldump")
SERVER = ("mariadbd", "mysqld")
INSTALL = ("mariadb-install-db", "mysql_install_db")

_SERVERS = "/usr/sbin:/usr/libexec:/usr/local/libexec:/usr/local/mysql/bin:/usr/local/mariadb/bin"
"""Where packages put servers, beside PATH."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and whether it is MariaDB's: MySQL's own takes other options."""

    path: str
    mariadb: bool

    @property
    def name(self) -> str:
        """As messages name it."""
        return Path(self.path).name


def find(names: tuple[str, ...], configured: Mapping[str, str], package: str) -> Program:
    """The first of ``names`` that is configured, else the first that is there.

    Raises ToolMissing naming the Debian ``package``.
    """
    path = next((str(which(configured[name])) for name in names if name in configured), None)
    path = path or next((there for name in names if (there := look(name, path=f"{search_path()}:{_SERVERS}"))), None)
    if path is None:
        raise ToolMissing(
            _("program not found: {program}").format(program=names[0]),
            _("On Debian: apt install {package}.").format(package=package),
        )
    said = capture(Command((path, "--no-defaults", "--version")), limit_bytes=4096)
    return Program(path, re.search(rb"mariadb", said.stdout, re.IGNORECASE) is not None)
