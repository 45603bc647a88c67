"""Collectors of where backups lie: repositories, and who can open them."""

from typing import Final

from guardian.model.status import HostStatus, RepositoryStatus
from guardian_exporters.rows import Rows, ever, exit_code, known, moment, reasons, seconds

UNUSABLE: Final = frozenset(
    {
        "lock-refused",
        "repository-damaged",
        "repository-locked",
        "repository-missing",
        "storage-full",
        "storage-refused",
        "storage-unreachable",
        "wrong-password",
    }
)
"""Codes of errors that say of a repository that nothing can be done with it."""
TWICE: Final = 2
"""Once is chance: a retry an hour later may find a storage that was down for a minute."""


def repositories(status: HostStatus) -> Rows:
    """Every repository as this host knows it."""
    for repository in status.repositories:
        labels = (repository.key,)
        yield from known("repo_snapshots", labels, repository.snapshots)
        yield from known("repo_size_bytes", labels, repository.bytes)
        yield from known("repo_quota_bytes", labels, repository.quota_bytes)
        yield from known("repo_locks", labels, repository.locks)
        yield from moment("repo_oldest_lock_timestamp_seconds", labels, repository.oldest_lock)
        yield from known("repo_verified_ratio", labels, repository.coverage)
        yield from moment("repo_object_lock_until_timestamp_seconds", labels, repository.lock_until)
        yield from known("repo_immutable", labels, repository.immutable)
        yield from known("repo_immutable_promised", labels, repository.promised)
        yield from reasons("repo_reason", labels, repository.reasons)
        yield from _unusable(status, repository)
        for task, ran in (("maintain", repository.maintain), ("posture", repository.posture)):
            yield "repo_unplanned", (*labels, task), not ran.enabled
        yield from ever("repo_maintain_last_success_timestamp_seconds", labels, repository.maintain.last_success)
        yield from exit_code("repo_maintain_last_exit_code", labels, repository.maintain)
        yield from ever("repo_posture_last_success_timestamp_seconds", labels, repository.posture.last_success)
        yield from exit_code("repo_posture_last_exit_code", labels, repository.posture)


def _unusable(status: HostStatus, repository: RepositoryStatus) -> Rows:
    """Why the newest of all attempts that needed the repository failed, not for the first time, and by its fault."""
    needed = [repository.maintain, repository.posture]
    needed += [source.backup for source in status.sources if source.repository == repository.key]
    needed += [copy.ran for copy in status.copies if copy.repository == repository.key]
    ended = [(ran.last_ended, ran) for ran in needed if ran.last_ended is not None]
    if ended:
        _at, newest = max(ended, key=lambda one: seconds(one[0]))
        why = next((one.code for one in newest.last_reasons if one.code in UNUSABLE), None)
        if why is not None and newest.failures_in_a_row >= TWICE:
            yield "repo_unusable", (repository.key, why), 1


def custody(status: HostStatus) -> Rows:
    """Who can open each repository when this host is gone."""
    for repository in status.repositories:
        if (held := repository.custody) is not None:
            labels = (repository.key,)
            yield from ever("custody_last_proven_timestamp_seconds", labels, held.proven)
            yield from ever("custody_last_escrow_timestamp_seconds", labels, held.escrowed)
            yield "custody_stale", labels, held.stale
            yield from known("custody_interval_seconds", labels, held.interval_seconds)
