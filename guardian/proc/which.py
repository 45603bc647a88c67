"""Where a program is, or which package brings it."""

import os
import shutil
from pathlib import Path

from guardian.errors import ToolMissing
from guardian.i18n import _

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PACKAGES = {
    "restic": "restic",
    "pg_dump": "postgresql-client",
    "mysqldump": "default-mysql-client",
    "sqlite3": "sqlite3",
}


def search_path() -> str:
    """The PATH that programs are looked up in, and get."""
    return os.environ.get("PATH") or DEFAULT_PATH


def which(program: str) -> Path:
    """The absolute path of ``program``, which is a name or a path. Raises ToolMissing, with the package to install."""
    found = shutil.which(program, path=search_path())
    if found:
        return Path(found).absolute()
    package = PACKAGES.get(Path(program).name)
    hint = _("Give the path of an executable file, or install it.")
    if package:
        hint = _("On Debian: apt install {package}.").format(package=package)
    raise ToolMissing(_("program not found: {program}").format(program=program), hint)
