"""The families of errors, and the one table of exit codes.

An exception here means "we could not find out" or "you asked for something that cannot be done". A failed
drill, a partial backup or a finding is data (:mod:`guardian.model`), never an exception.

::

    GuardianError 1
    ├── UsageError 2            the command line asks for something impossible
    ├── ConfigError 2           the configuration is wrong: file, line, key
    ├── Skipped 75              nothing was done, on purpose
    ├── Interrupted 130         a signal asked us to stop
    ├── Unavailable 4           something needed is missing or unreachable
    │   ├── NotPermitted          this user may not read it, or nobody may write there
    │   ├── ToolMissing           a program is not installed
    │   ├── ToolFailed            a program ended in a way we do not know
    │   ├── Stalled               no progress for too long
    │   ├── StorageUnreachable    (retryable)
    │   ├── StorageRefused        access denied, bad credentials, clock skew
    │   │   └── LockRefused       nothing may be written to the repository, not even a lock
    │   ├── StorageFull           no space: repository, scratch or restore target
    │   ├── RepositoryDamaged     the repository cannot be read as it should be
    │   └── SnapshotMissing       the repository has no such snapshot
    ├── RepositoryMissing 10
    ├── RepositoryLocked 11     (retryable)
    ├── WrongPassword 12
    └── EvidenceInvalid 20      a signature, the chain or a checkpoint does not hold
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of ``guardian``: stable, documented, tested. Unknown codes mean failure."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    BAD_ANSWER = 3
    COULD_NOT_VERIFY = 4
    REPOSITORY_MISSING = 10
    REPOSITORY_LOCKED = 11
    WRONG_PASSWORD = 12
    EVIDENCE_INVALID = 20
    SKIPPED = 75
    INTERRUPTED = 130


class GuardianError(Exception):
    """Base of all errors a user may meet.

    ``message`` is one line, lower case, without a full stop; ``hint`` is a sentence that says what to try.
    Neither ever holds a secret. Both are already in the user's language (:func:`guardian.i18n._`).
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED
    retryable: ClassVar[bool] = False
    code: ClassVar[str] = "unexpected"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GuardianError):
    """The command line asks for something impossible."""

    exit_code = ExitCode.USAGE
    code = "usage"


class ConfigError(GuardianError):
    """The configuration is wrong; the message names file, line and key."""

    exit_code = ExitCode.USAGE
    code = "configuration"


class Skipped(GuardianError):
    """Nothing was done, on purpose."""

    exit_code = ExitCode.SKIPPED
    code = "skipped"


class Interrupted(GuardianError):
    """A signal asked us to stop; what was running was stopped cleanly."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"


class Unavailable(GuardianError):
    """Something needed is missing or unreachable, so the answer is unknown."""

    exit_code = ExitCode.COULD_NOT_VERIFY
    code = "unavailable"


class NotPermitted(Unavailable):
    """This user may not read it, or write it; or nobody may write there."""

    code = "not-permitted"


class ToolMissing(Unavailable):
    """A program we need is not installed."""

    code = "tool-missing"


class ToolFailed(Unavailable):
    """A program ended in a way we do not know; the message holds its last words, redacted."""

    code = "tool-failed"


class Stalled(Unavailable):
    """A program made no progress for too long and was stopped."""

    code = "stalled"
    retryable = True


class StorageUnreachable(Unavailable):
    """Nothing answers at the storage's address."""

    code = "storage-unreachable"
    retryable = True


class StorageRefused(Unavailable):
    """The storage answered no: access denied, bad credentials, clock skew."""

    code = "storage-refused"


class LockRefused(StorageRefused):
    """Nothing may be written to the repository, not even a lock."""

    code = "lock-refused"


class StorageFull(Unavailable):
    """No space left: in the repository, in scratch or at the restore target."""

    code = "storage-full"


class RepositoryDamaged(Unavailable):
    """The repository cannot be read as it should be."""

    code = "repository-damaged"


class SnapshotMissing(Unavailable):
    """The repository has no such snapshot."""

    code = "snapshot-missing"


class RepositoryMissing(GuardianError):
    """There is no repository at that location. Guardian never makes one unasked."""

    exit_code = ExitCode.REPOSITORY_MISSING
    code = "repository-missing"


class RepositoryLocked(GuardianError):
    """Somebody else holds the repository: another Guardian here, or a restic lock."""

    exit_code = ExitCode.REPOSITORY_LOCKED
    retryable = True
    code = "repository-locked"


class WrongPassword(GuardianError):
    """The password opens no key of the repository."""

    exit_code = ExitCode.WRONG_PASSWORD
    code = "wrong-password"


class EvidenceInvalid(GuardianError):
    """The log does not hold together: a signature, the tree or a checkpoint is wrong."""

    exit_code = ExitCode.EVIDENCE_INVALID
    code = "evidence-invalid"
