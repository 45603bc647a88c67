"""Repository passwords: 256 random bits in a file that only its owner can read."""

import base64
import secrets
import stat
from pathlib import Path

from guardian.durable import TooLarge, explained, read_capped, write_new
from guardian.errors import ConfigError, Unavailable
from guardian.i18n import _
from guardian.model.secret import Secret

SECRET_LIMIT = 8192
"""No password or key is longer, in bytes."""


def generate() -> Secret:
    """A new password: 32 random bytes as 43 characters of base64url, so that no newline or quote can be in it."""
    return Secret(base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"="))


def create(path: Path) -> Secret:
    """A new password in the new file ``path``, mode 0600, on disk when this returns.

    Raises FileExistsError: a password is never overwritten, since the data behind it would be lost.
    """
    password = generate()
    write_new(path, password.reveal() + b"\n")
    return password


def load(path: Path) -> Secret:
    """The password in ``path``, less one newline at its end.

    Raises Unavailable when the file is missing, ConfigError when it is empty or others can read or write it.
    """
    secret = load_private(path).reveal().removesuffix(b"\n")
    if not secret:
        raise ConfigError(_("{path} is empty").format(path=path), _("Put the password back from where it is escrowed."))
    return Secret(secret)


def load_private(path: Path) -> Secret:
    """The whole content, empty or not, of a file that only its owner may read. Raises as :func:`load` does."""
    try:
        # The mode first: what others could read is refused before it is used.
        if not is_private(path):
            message = _("{path} can be read or written by others").format(path=path)
            raise ConfigError(message, _("Run: chmod 600 {path}").format(path=path))
        return Secret(read_capped(path, SECRET_LIMIT))
    except FileNotFoundError as error:
        hint = _(
            "Put it back from a copy or by 'guardian keys recover'; run 'guardian init' if nothing was backed up yet."
        )
        raise Unavailable(_("{path} is missing").format(path=path), hint) from error
    except TooLarge as error:
        raise ConfigError(_("{path} holds no password or key: it is too large").format(path=path)) from error


def is_private(path: Path) -> bool:
    """Whether neither group nor others have any right on ``path``. Raises FileNotFoundError, Unavailable."""
    with explained(path):
        return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
