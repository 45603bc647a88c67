"""Whoever holds the key vouches for the objects of a repository, for custodians who hold none."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.clock import rfc3339
from guardian.decoder.repository import Loaded, open_repository
from guardian.drill import listing
from guardian.errors import RepositoryDamaged, Unavailable, UsageError
from guardian.i18n import _
from guardian.model.events import Phase, Progress
from guardian.model.evidence import ObjectListing
from guardian.model.reader import Reader
from guardian.node import Node

_STEP = 4096


@dataclass(frozen=True, slots=True)
class Made:
    """A listing that was made: the statement, and its entry in the log."""

    listing: ObjectListing
    entry: int


def vouch(node: Node, key: str, output: Path) -> Made:
    """List the objects of the repository ``key``, put their digest into the log, and write both to ``output``.

    The repository is opened first, and every pack that its index names must be there: a listing that lacks one would
    make a loss look wanted. Raises UsageError, RepositoryDamaged, EvidenceInvalid, Interrupted, and as readers do.
    """
    if output.exists():
        raise UsageError(_("{path} exists already").format(path=output))
    node.report(Phase("open", key))
    with node.reader(key) as reader:
        if reader is None:
            raise Unavailable(
                _("the storage of repository {name} cannot be listed without restic").format(name=key),
                _("Only a local directory and S3 can be."),
            )
        record = node.keys().record(key)
        repository = open_repository(reader, node.keys().password(key), (record and record.restic_key_id) or "")
        if record is not None and record.repository_id != repository.config.id:
            raise RepositoryDamaged(
                _("this is another repository: expected {expected}, found {found}").format(
                    expected=record.repository_id, found=repository.config.id
                )
            )
        _refuse_losses(repository.load())
        digest, found = hashlib.sha256(), []
        for number, one in enumerate(_counted(node, reader), 1):
            found.append(one)
            digest.update(listing.line(one))
            if number % _STEP == 0:
                node.report(Progress(number, 0, "entries"))
    said = ObjectListing(
        tenant=node.tenant,
        host=node.host,
        repository=key,
        repository_id=repository.config.id,
        objects=len(found),
        bytes=sum(size for _name, size in found),
        sha256=digest.hexdigest(),
        at=rfc3339(node.clock.now()),
    )
    with node.log() as log:
        entry = log.append(said, [("listing", said.sha256)])
        head = listing.Head(
            key=log.key.vkey(log.origin),
            index=entry.index,
            envelope=listing.packed(entry.envelope),
            proof=tuple(listing.packed(one) for one in log.inclusion_proof(entry.index)),
            checkpoint=log.note.decode(),
        )
    listing.write(output, head, map(listing.line, found))
    return Made(said, entry.index)


def _counted(node: Node, reader: Reader) -> Iterator[listing.Object]:
    for one in listing.stored(reader):
        node.heed()
        yield one


def _refuse_losses(loaded: Loaded) -> None:
    found = [*loaded.findings.kept, *loaded.pack_findings().kept]
    if lost := [one for one in found if one.severity == "critical"]:
        raise RepositoryDamaged(
            _("the repository is damaged, so its objects are not vouched for: {what}").format(
                what=f"{lost[0].code} {next(iter(lost[0].args.values()), '')}".strip()
            ),
            _("Run 'guardian verify --level D1'; it names what is lost."),
        )
