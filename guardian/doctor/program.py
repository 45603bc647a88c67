"""The restic program: there, old enough, and what it cannot do."""

from collections.abc import Iterator

from guardian.doctor.examination import About, Examination
from guardian.errors import GuardianError
from guardian.model.reason import reason
from guardian.proc import which
from guardian.restic.capability import fingerprint, probe
from guardian.restic.versions import SINCE


def examine_restic(program: str) -> Iterator[Examination]:
    """Look at ``program``, a name or a path."""
    about = About("restic", program)
    try:
        capability = probe(which(program))
        digest = fingerprint(capability.program)
    except GuardianError as error:
        yield about.failed(error)
        return
    except OSError as error:
        yield about.unknown(reason("unreadable", path=program, error=error.strerror or ""))
        return
    path, version = str(capability.program), capability.version_text
    yield about.ok(
        reason("restic-found", version=version, path=path), {"path": path, "version": version, "sha256": digest}
    )
    lacks = [name for name in SINCE if not getattr(capability, name)]
    abilities = About("abilities", f"restic {version}")
    if lacks:
        yield abilities.warning(reason("restic-lacks", count=len(lacks)), {"lacks": lacks})
    else:
        yield abilities.ok(reason("restic-lacks-nothing"), {"lacks": lacks})
