"""Drills as people read them, level by level, and as programs do."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guardian.cli import sentences, verdict
from guardian.cli.render import human_bytes
from guardian.errors import ExitCode
from guardian.i18n import N_, _
from guardian.model.drill import worst

if TYPE_CHECKING:
    from guardian.drill.record import Drill
    from guardian.drill.replay import Replay
    from guardian.errors import GuardianError
    from guardian.model.drill import Assurance, Coverage, DrillCheck

PROVES = {
    "K": N_("the keys open the repository without this host's own copy"),
    "D0": N_("every expected snapshot is there, fresh, none rolled back"),
    "D1": N_("every tree, index entry and pack is there"),
    "D2": N_("stored bytes are intact"),
    "D3": N_("files come back bit-exact"),
    "D4": N_("the application's data works"),
}
"""What a pass of each level proves, and no more."""

_OF = {
    "": N_("files"),
    "small": N_("files up to 512 KiB"),
    "medium": N_("files up to 64 MiB"),
    "critical": N_("small critical files"),
}
_ENVELOPES = ("receipt", "plan", "result")


def outcome(drills: "Sequence[Drill]") -> str:
    """The outcome of all of ``drills``."""
    return worst([drill.outcome for drill in drills])


def exit_code(drill: "Drill") -> ExitCode:
    """What ``drill`` ends the program with."""
    if any(reason.code.startswith("log-") for check in drill.checks for reason in check.reasons):
        return ExitCode.EVIDENCE_INVALID
    if drill.outcome == "FAIL":
        return ExitCode.BAD_ANSWER
    if drill.error is not None:
        return drill.error.exit_code
    return ExitCode.OK if drill.outcome == "PASS" else ExitCode.COULD_NOT_VERIFY


# for programs


def document(drill: "Drill") -> dict[str, Any]:
    """One drill in a JSON document."""
    target = drill.target
    said: dict[str, Any] = {
        "drill_id": drill.drill_id,
        "system": target.system,
        "source": target.source,
        "repository": target.key,
        "level": drill.level,
        "outcome": drill.outcome,
        "checks": [
            {
                **check.model_dump(mode="json"),
                "reasons": verdict.reasons_document(check.reasons, _error_of(check, drill)),
            }
            for check in drill.checks
        ],
        "plan_entry": drill.plan_entry,
        "entry": drill.entry,
    }
    if drill.error is not None:
        said["error"] = verdict.error_document(drill.error)
    return said


def evidence(drill: "Drill") -> dict[str, Any]:
    """:func:`document` with the envelopes of receipt, plan and result: what a replay needs.

    Of a drill that is not on record there are none, and nothing to replay.
    """
    names = _ENVELOPES[len(_ENVELOPES) - len(drill.envelopes) :]
    told = zip(names, drill.envelopes, strict=True)
    return {**document(drill), "envelopes": {name: base64.b64encode(data).decode() for name, data in told}}


def replayed(replay: "Replay") -> dict[str, Any]:
    """One replay in a JSON document."""
    plan = replay.proof.plan
    return {
        "drill_id": plan.drill_id,
        "system": plan.system,
        "source": plan.source,
        "repository": plan.repository,
        "outcome": replay.outcome,
        "recorded": replay.proof.result.outcome,
        "reasons": verdict.reasons_document(replay.reasons),
        "checks": [
            {**check.model_dump(mode="json"), "reasons": verdict.reasons_document(check.reasons)}
            for check in replay.checks
        ],
    }


# for people


def lines(drill: "Drill") -> list[str]:
    """One drill for people: a line for each level, under it what was found and what that lets one say."""
    ref = drill.target.ref
    if drill.result.copy_of is not None:
        ref = _("{ref}, its copy in {repository}").format(ref=ref, repository=drill.target.key)
    said = [_("{ref}: {outcome}").format(ref=ref, outcome=sentences.outcome(drill.outcome))]
    for check in drill.checks:
        said += _level(check, _error_of(check, drill))
    proof = _("drill {id}, entry {entry} of the log")
    if drill.entry is None:
        proof = _("drill {id}, not on record")
    said.append("  " + proof.format(id=drill.drill_id, entry=drill.entry))
    return said


def replay_lines(replay: "Replay") -> list[str]:
    """One replay for people."""
    plan = replay.proof.plan
    head = _("{ref}: drill {id} again: {outcome} (recorded: {recorded})").format(
        ref=f"{plan.system}/{plan.source}",
        id=plan.drill_id,
        outcome=sentences.outcome(replay.outcome),
        recorded=sentences.outcome(replay.proof.result.outcome),
    )
    said = [head, *verdict.reason_lines(replay.reasons)]
    for check in replay.checks:
        said += _level(check, None)
    return said


def _level(check: "DrillCheck", error: "GuardianError | None") -> Iterator[str]:
    proven = _(PROVES[check.level]) if check.outcome == "PASS" and check.level in PROVES else ""
    yield f"  {check.level}  {sentences.outcome(check.outcome)}  {proven}".rstrip()
    yield from (f"    {line}" for line in verdict.reason_lines(check.reasons, error))
    yield from (f"      {line}" for line in _facts(check))


def _facts(check: "DrillCheck") -> Iterator[str]:
    for one in check.assurances:
        yield bound(one, int(check.measured.get("frame_files", 0)))
    if check.level == "D3" and check.measured.get("second_files"):
        yield _("restic read {files} of these files as well, {bytes} in {seconds} s").format(
            files=check.measured["second_files"],
            bytes=human_bytes(float(check.measured.get("second_bytes", 0))),
            seconds=check.measured.get("second_seconds", "?"),
        )
    if check.level == "D4" and "rpo_seconds" in check.measured:
        yield from _recovery(check.measured)
    if check.coverage is not None:
        yield _coverage(check.coverage)
    if check.planted:
        found = sum(planted.found for planted in check.planted)
        yield _("faults planted in a shadow copy: {planted}, found: {found}").format(
            planted=len(check.planted), found=found
        )


def _recovery(measured: "Mapping[str, int | float | str]") -> Iterator[str]:
    """What a database said once it was loaded, and how long it all took."""
    if "tables_compared" in measured:
        yield _("{tables} table(s) loaded, {compared} counted and compared, {assertions} question(s) asked").format(
            tables=measured.get("tables", 0),
            compared=measured["tables_compared"],
            assertions=measured.get("assertions", 0),
        )
    if "rto_seconds" in measured:
        yield _("recovery measured (RTO): {seconds} s from the declaration to the last answer").format(
            seconds=measured["rto_seconds"]
        )
    newest = _("the newest record that came back is {seconds} s old (RPO)")
    if measured.get("rpo_from") != "record":
        newest = _("the backup is {seconds} s old (RPO); 'newest' in the configuration would tell of records")
    yield newest.format(seconds=measured["rpo_seconds"])


def bound(said: "Assurance", files: int = 0) -> str:
    """What a sample lets one say, and never more. ``files`` are in the frame of a sample by bytes."""
    from guardian.audit.wording import bound as at_most
    from guardian.audit.wording import grouped, percent

    figures = {"frame": grouped(said.frame), "drawn": grouped(said.drawn), "bad": grouped(said.bad)}
    if said.unit == "bytes":
        figures["size"], figures["files"] = human_bytes(said.frame), grouped(files)
    figures["of"] = _(_OF.get(said.stratum, N_("files"))) if said.unit != "packs" else _("packs")
    if said.method == "census" or (said.unit != "bytes" and said.drawn >= said.frame):
        if said.unit == "bytes":
            return _("all {size} of {files} files read, {bad} bytes bad").format(**figures)
        return _("all {frame} {of} read, {bad} bad").format(**figures)
    if said.unit == "bytes":
        drawn = _("{drawn} byte-units drawn from {files} files of {size}, {bad} bad").format(**figures)
    else:
        drawn = _("{drawn} of {frame} {of} drawn, {bad} bad").format(**figures)
    if said.upper >= 1:
        return drawn + _(": that rules nothing out")
    claim = _("with {confidence} confidence less than {upper} of bytes are bad")
    if said.unit != "bytes":
        claim = _("with {confidence} confidence less than {upper} of them are bad")
    said_so = claim.format(confidence=percent(said.confidence), upper=at_most(said.upper))
    return _("{drawn}: {claim}").format(drawn=drawn, claim=said_so)


def _coverage(covered: "Coverage") -> str:
    from guardian.audit.wording import portion

    return _("rotation: {portion} of all stored bytes were read at least once in {days} days").format(
        portion=portion(covered.bytes_read, covered.bytes), days=covered.days
    )


def limits(level: str, *, full: bool) -> Iterable[str]:
    """What was not proven, said every time."""
    if level in ("K", "D0", "D1", "D2"):
        yield _("not proven: that any file comes back (level D3)")
    elif not full:
        yield _("not proven: files and bytes that were not drawn (--full reads all)")
    if level != "D4":
        yield _("not proven: that applications start with the restored data, and anything written since")
    else:
        yield _("not proven: that whole systems recover in order (level D5), and anything written since")


def _error_of(check: "DrillCheck", drill: "Drill") -> "GuardianError | None":
    """The drill's error, if it is why this level could not be climbed."""
    error = drill.error
    if error is None or check.outcome != "COULD_NOT_VERIFY":
        return None
    codes = {str(reason.args.get("why", reason.code)) for reason in check.reasons} | {r.code for r in check.reasons}
    return error if error.code in codes else None
