"""References to secrets → secrets. A message names the reference's kind and place, never what it held."""

import os
import re
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from guardian.errors import ConfigError
from guardian.i18n import _
from guardian.model.secret import Secret

MAX_BYTES: Final = 64 * 1024
COMMAND_SECONDS: Final = 30.0
CREDENTIAL_NAMES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)

# Only what is plainly the name of a variable is repeated: a bare secret that ends in = must not look like one.
_PLAINLY_A_NAME: Final = re.compile(r"[A-Z]+(_[A-Z0-9]+)+", re.ASCII)

RunCommand = Callable[[Sequence[str]], bytes]
"""Runs an argv without a shell and gives its standard output; raises ConfigError or Unavailable when it failed."""


def resolve(reference: str, base: Path, run_command: RunCommand | None = None) -> Secret:
    """The secret that ``reference`` names, without the newline at its end.

    ``file:PATH`` (relative to ``base``; readable by its owner only), ``env:NAME``, ``systemd:CREDENTIAL``
    (in $CREDENTIALS_DIRECTORY) or ``command:PROGRAM ARGUMENTS`` (no shell, 30 seconds, from standard output). At most
    64 KiB. Raises ConfigError when it is missing, empty, too large or open to others; for a command also what
    :func:`guardian.proc.capture` raises.
    """
    kind, _colon, rest = reference.partition(":")
    match kind:
        case "file":
            return _held(_from_file(base / rest, private=True), f"file:{rest}")
        case "env":
            return _held(_from_environment(rest), f"env:{rest}")
        case "systemd":
            return _held(_from_systemd(rest), f"systemd:{rest}")
        case "command":
            return _from_command(rest, run_command or _run)
    # A reference that is none may be the secret itself: it is not repeated.
    raise ConfigError(
        _("not a reference to a secret"),
        _("Secrets never stand here: write file:PATH, env:NAME, systemd:CREDENTIAL or command:PROGRAM."),
    )


def credentials(reference: str, base: Path, run_command: RunCommand | None = None) -> dict[str, Secret]:
    """S3 credentials by the name of their variable, from lines ``AWS_ACCESS_KEY_ID=…``.

    Comments, blank lines, a leading ``export`` and quotes around a value are taken as a shell would. Raises
    ConfigError for any other name, for a line that is none of these, and when id or key is missing.
    """
    shown = "command:" if reference.startswith("command:") else reference
    text = resolve(reference, base, run_command).reveal().decode("utf-8", errors="surrogateescape")
    found: dict[str, Secret] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").lstrip().partition("=")
        at = _("{reference}, line {line}").format(reference=shown, line=number)
        if not equals or not _PLAINLY_A_NAME.fullmatch(name):
            raise ConfigError(_("{at}: not a line NAME=VALUE").format(at=at), _credentials_hint())
        if name not in CREDENTIAL_NAMES:
            raise ConfigError(_("{at}: {name} is no S3 credential").format(at=at, name=name), _credentials_hint())
        value = _unquoted(value)
        if name in found or not value:
            why = _("{at}: {name} is set twice") if name in found else _("{at}: {name} is empty")
            raise ConfigError(why.format(at=at, name=name), _credentials_hint())
        found[name] = Secret(value.encode("utf-8", errors="surrogateescape"))
    if missing := [name for name in CREDENTIAL_NAMES[:2] if name not in found]:
        text = _("{reference} sets no {names}").format(reference=shown, names=", ".join(missing))
        raise ConfigError(text, _credentials_hint())
    return found


def _credentials_hint() -> str:
    return _("Write one a line: {names}.").format(names=", ".join(f"{name}=…" for name in CREDENTIAL_NAMES))


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _held(data: bytes, shown: str) -> Secret:
    """``data`` as a secret, once it is known to be one."""
    if len(data) > MAX_BYTES:
        raise ConfigError(_("{reference} holds more than {limit} KiB").format(reference=shown, limit=MAX_BYTES // 1024))
    # One line's end, as editors leave it: the rest of the bytes is the secret, whatever they are.
    value = data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data
    if not value:
        raise ConfigError(_("{reference} is empty").format(reference=shown))
    return Secret(value)


def _from_file(path: Path, *, private: bool) -> bytes:
    try:
        # Without O_NONBLOCK a pipe in the file's place would hold us for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigError(_("cannot read {path}: {why}").format(path=path, why=_("not a regular file")))
            if private and status.st_mode & 0o077:
                raise ConfigError(
                    _("{path} is open to others than its owner").format(path=path),
                    _("Run: chmod 600 {path}").format(path=shlex.quote(str(path))),
                )
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else _("not a path")
        raise ConfigError(_("cannot read {path}: {why}").format(path=path, why=why)) from None


def _from_environment(name: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ConfigError(_("env: is followed by the name of a variable"))
    value = os.environb.get(name.encode())
    if value is None:
        raise ConfigError(_("the environment has no variable {name}").format(name=name))
    return value


def _from_systemd(name: str) -> bytes:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ConfigError(
            _("no systemd credentials here: CREDENTIALS_DIRECTORY is not set"),
            _("Run this as the systemd service that has LoadCredential={name}.").format(name=name),
        )
    if "/" in name or name in {".", ".."}:
        raise ConfigError(_("systemd: is followed by the name of a credential"))
    # systemd guards the folder itself, with an access list that looks like a group's right in the mode.
    return _from_file(Path(folder) / name, private=False)


def _from_command(line: str, run_command: RunCommand) -> Secret:
    try:
        argv = shlex.split(line)
    except ValueError:
        argv = []
    if not argv:
        raise ConfigError(_("command: is followed by a program and its arguments"), _("Check the quotes in it."))
    # The arguments may tell something: only the program is named.
    return _held(run_command(argv), f"command:{argv[0]}")


def _run(argv: Sequence[str]) -> bytes:
    from guardian.proc import Command, capture  # noqa: PLC0415  most configurations never run a program

    # Password managers look for their store below HOME.
    environment = {"HOME": home} if (home := os.environ.get("HOME")) else {}
    captured = capture(Command(tuple(argv), environment), limit_bytes=MAX_BYTES + 1, seconds=COMMAND_SECONDS)
    if captured.returncode != 0:
        text = _("command:{program} ended with status {status}").format(program=argv[0], status=captured.returncode)
        raise ConfigError(text, _("Run it by hand and see what it says."))
    return captured.stdout
