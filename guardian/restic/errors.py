"""From restic's last words to one of our errors.

The order of the table matters. One line proves nothing at all: ``Is there a repository at the following location?``
follows every failure to open a repository, up to 0.18.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from guardian.errors import (
    GuardianError,
    Interrupted,
    LockRefused,
    RepositoryDamaged,
    RepositoryLocked,
    RepositoryMissing,
    SnapshotMissing,
    StorageFull,
    StorageRefused,
    StorageUnreachable,
    ToolFailed,
    WrongPassword,
)
from guardian.i18n import _
from guardian.model.redaction import redact
from guardian.proc.lines import plain
from guardian.restic.messages import ExitError, Trouble, parse
from guardian.restic.versions import Capability

_TRACE = re.compile(r"^(\s+/?[\w./@+-]+\.(go|s):\d+|[\w./-]+\.\(?\*?[\w.()*-]+$|goroutine \d+|created by |runtime\.)")
_NOISE = re.compile(
    r"returned error, retrying after|^Load\(|^Stat\(.*failed: |^Is there a repository at|^using temporary cache"
    r"|^the `unlock` command|operation successful after|^signal interrupt received|^storage ID"
)
RETRY = re.compile(r"returned error, retrying after|^(?:Load|Save|Stat|List|Remove)\(.*\) failed: ")
MISSING_SOURCE = re.compile(r"^(?P<path>.*) (?:does not exist|cannot be accessed), skipping$", re.DOTALL)
NO_SNAPSHOT = (
    r"failed to load snapshot .*(?:no such file|not exist|not found)|no snapshot found"
    r"|no matching ID found|multiple IDs with prefix|snapshot .* not found|failed to find snapshot"
)

Make = Callable[[str], GuardianError]


def _locked(line: str) -> GuardianError:
    owner = re.search(r"by PID (\d+) on (\S+)", line)
    if not owner:
        return RepositoryLocked(_("the repository is locked"), _("Another restic is at work on it; try again later."))
    return RepositoryLocked(
        _("the repository is locked by process {pid} on {host}").format(pid=owner[1], host=owner[2]),
        _("Another restic is at work on it; try again later. A lock whose process is dead is removed by itself."),
    )


def _bad_lock(line: str) -> GuardianError:
    return RepositoryLocked(
        _("a file among the repository's locks is no lock: {why}").format(why=line),
        _("Make sure that no restic is at work on it, then run 'restic unlock --remove-all'."),
    )


def _wrong_password(_line: str) -> GuardianError:
    return WrongPassword(
        _("the password opens no key of the repository"),
        _("Check that the password belongs to this repository, and that nobody removed its key."),
    )


def _too_many_keys(_line: str) -> GuardianError:
    return WrongPassword(
        _("the repository has more keys than restic tries"),
        _("Somebody may have added junk keys; Guardian names its own key once it is on record."),
    )


def _missing(_line: str) -> GuardianError:
    return RepositoryMissing(
        _("there is no repository at this location"),
        _("Check the location; 'guardian init' makes a new repository there."),
    )


def _refused(line: str) -> GuardianError:
    return StorageRefused(
        _("the storage refused: {why}").format(why=line), _("Check the access key and what it is allowed to do.")
    )


def _no_lock(line: str) -> GuardianError:
    return LockRefused(
        _("the storage takes no lock: {why}").format(why=line),
        _("Who may only read can verify and restore; to back up, Guardian must be allowed to write."),
    )


def _skew(line: str) -> GuardianError:
    return StorageRefused(
        _("the storage refused: {why}").format(why=line),
        _("Set this host's clock: it differs from the storage's."),
    )


def _portal(line: str) -> GuardianError:
    return StorageUnreachable(
        _("something that is not the storage answered: {why}").format(why=line),
        _("A proxy or a login page may stand in between."),
    )


def _unreachable(line: str) -> GuardianError:
    return StorageUnreachable(
        _("the storage cannot be reached: {why}").format(why=line),
        _("Check the address, the network and the certificate."),
    )


def _full(line: str) -> GuardianError:
    return StorageFull(_("no space left: {why}").format(why=line), _("Free some space where it says, then run again."))


def _damaged(line: str) -> GuardianError:
    return RepositoryDamaged(
        _("the repository is damaged: {why}").format(why=line),
        _("Do not prune it. Run 'guardian verify' to see what can still be restored."),
    )


def _no_snapshot(line: str) -> GuardianError:
    return SnapshotMissing(_("the snapshot is not in the repository: {why}").format(why=line))


def _memory(_line: str) -> GuardianError:
    return ToolFailed(_("restic ran out of memory"), _("Give this host more memory, or stop what else uses it."))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


DAMAGE = _pattern(
    r"pack id does not match|unexpected (?:file )?size|pack [0-9a-f]+(?: contains|: does not exist)|unexpected pack id"
    r"|ciphertext verification failed|not found in index|repository contains errors|packs from index missing"
    r"|the repository is damaged|invalid data returned|config or key .* is damaged|tree [0-9a-f]+ is not known"
)

REFUSED = _pattern(
    r"access ?denied|access key id you provided does not exist|signature we calculated|no credentials found"
    r"|invalidaccesskeyid|signaturedoesnotmatch|secret \(\$AWS_SECRET_ACCESS_KEY\)|403 forbidden"
    r"|401 unauthorized|400 bad request|config: permission denied|all access to this .* disabled"
)

LOCK_REFUSED = _pattern(
    r"Save\(<lock/.*(?:read-only file system|permission denied|operation not permitted|access ?denied|403 forbidden)"
)
"""restic cannot make its lock, and would try for up to a quarter of an hour."""

TABLE: tuple[tuple[re.Pattern[str], Make], ...] = (
    (_pattern(r"repository is already locked"), _locked),
    (_pattern(r"invalid lock file"), _bad_lock),
    (_pattern(r"<html|<!doctype|expected element type <|invalid character '<'|xml syntax error"), _portal),
    (_pattern(NO_SNAPSHOT), _no_snapshot),
    (_pattern(r"maximum number of keys reached"), _too_many_keys),
    (_pattern(r"an empty password|resolving password failed|wrong password or no key found"), _wrong_password),
    (LOCK_REFUSED, _no_lock),
    (_pattern(r"request time and the current time is too large|RequestTimeTooSkewed"), _skew),
    (REFUSED, _refused),
    (
        _pattern(
            r"repository does not exist|unable to open config file: .*(?:no such file or directory|key does not exist"
            r"|bucket does not exist|404 not found|does not exist)|specified bucket does not exist"
        ),
        _missing,
    ),
    (_pattern(r"no space left on device|storagefull|507 insufficient|quota|file too large|disk full"), _full),
    (
        _pattern(
            r"connection (?:refused|reset|timed out)|no such host|x509:|i/o timeout|request timeout|no route to host"
            r"|network is unreachable|unexpected EOF|reduce your request rate|slowdown|\b50[0234] [A-Z]"
            r"|server misbehaving|context deadline exceeded|dial tcp|server gave http response|tls: "
        ),
        _unreachable,
    ),
    (DAMAGE, _damaged),
    (_pattern(r"out of memory|cannot allocate memory|runtime: .*mmap|fatal error: runtime"), _memory),
)

_BY_CODE: dict[int, Make] = {10: _missing, 11: _locked, 12: _wrong_password}


def texts(lines: Iterable[bytes | str]) -> list[str]:
    """What the lines say, without stack traces, an exit error's lines one by one. Not yet redacted."""
    found: list[str] = []
    for line in lines:
        raw = line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
        message = parse(raw.strip())
        if isinstance(message, ExitError):
            text = message.message
        elif isinstance(message, Trouble):
            text = f"{message.item}: {message.text}" if message.item else message.text
        else:
            text = raw.decode("utf-8", "backslashreplace")
        parts = (part for part in text.split("\n") if not _TRACE.match(part))
        found += [shown for part in parts if (shown := plain(part.encode("utf-8", "backslashreplace")))]
    return found


def classify(lines: Sequence[bytes | str], returncode: int, capability: Capability) -> GuardianError:
    """Why restic failed. ``lines`` are its standard error, or the end of it."""
    said = texts(lines)
    final = [line for line in said if not _NOISE.search(line)] or said
    if any(re.search(r"<html|<!doctype|expected element type <", line, re.IGNORECASE) for line in said):
        return _portal(_last(final))
    if capability.exit_codes and returncode in _BY_CODE:
        line = next((line for line in final if "locked by PID" in line or "locked exclusively by PID" in line), "")
        if not any("maximum number of keys" in text for text in final):
            return _BY_CODE[returncode](_show(line) if line else _last(final))
    for lines_ in (final, said):
        for pattern, make in TABLE:
            for line in reversed(lines_):
                if pattern.search(line):
                    return make(_show(line))
    return _unknown(said, final, returncode)


def _unknown(said: list[str], final: list[str], returncode: int) -> GuardianError:
    if returncode in (130, -2) or any("signal interrupt received" in line for line in said):
        return Interrupted(_("restic was interrupted"))
    if returncode in (-9, 137):
        return ToolFailed(_("restic was killed"), _("Look for the out-of-memory killer in the kernel's log."))
    return ToolFailed(_("restic failed (exit status {code}): {said}").format(code=returncode, said=_last(final) or "-"))


def _last(lines: list[str]) -> str:
    return _show(lines[-1]) if lines else ""


def _show(line: str) -> str:
    # Only now: a secret that is an ordinary word must not hide the words we look for.
    return redact(line).removeprefix("Fatal: ")[:500].rstrip(".:")
