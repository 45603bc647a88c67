"""``guardian scan --survival``: who could destroy every restorable copy, in words."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from guardian.cli.render import Report
from guardian.i18n import N_, _

if TYPE_CHECKING:
    from guardian.baseline.survival.query import Survival
    from guardian.baseline.survival.steps import Attack, Step
    from guardian.node import Node

STEPS: Final[Mapping[str, str]] = {
    "admin-is-anybody": N_("an administrator acts as {identity}"),
    "admin-takes-bucket": N_("an administrator gets every right on the bucket {bucket}"),
    "anybody-writes": N_("the ACL of the bucket {bucket} lets anybody overwrite what is in it"),
    "assumes-role": N_("{identity} assumes the role {role}"),
    "bypasses-locks": N_("locked objects of {repository} are deleted, since their governance locks can be gone around"),
    "closes-account": N_("the account at {storage} is closed, and {repository} with it"),
    "deletes-key-of-storage": N_("{identity} has the key deleted that the bucket {bucket} is encrypted with"),
    "deletes-objects": N_("the objects of {repository} are deleted: no lock holds them"),
    "deletes-on-host": N_("{repository} is deleted: it lies on the host itself"),
    "deletes-with-keys-of-host": N_("{repository} is deleted with the keys that lie on the host"),
    "destroys-storage": N_("the storage {storage} is destroyed, and {repository} with it"),
    "expires-by-lifecycle": N_("{identity} sets a lifecycle rule that takes the objects of {repository} away"),
    "loses-only-password": N_(
        "the password of {repository} is deleted: the host has the only one, and no shares are held"
    ),
    "loses-password-and-shares": N_("the password of {repository} is deleted, and {holders} of its shares with it"),
    "makes-itself-admin": N_("{identity} makes itself administrator by {action}"),
    "may-be-admin": N_("some identity at {storage} is an administrator"),
    "may-bypass": N_("{identity} may go around the locks of the bucket {bucket}"),
    "may-delete": N_("{identity} may delete from {repository} by {action}"),
    "may-have-keys": N_("somebody has keys of {identity}"),
    "rewrites-bucket-policy": N_("{identity} writes itself every right into the policy of the bucket {bucket}"),
    "takes-keys-of-host": N_("the keys of {identity} are taken from the host"),
    "waits-for-locks": N_("the objects of {repository} are deleted when the locks end, after {days} days"),
}
UNREAD: Final[Mapping[str, str]] = {
    "acl": N_("the ACL of the bucket {what}"),
    "bucket-policy": N_("the policy of the bucket {what}"),
    "conditions": N_("whether the conditions of the statement {what} are met"),
    "identities": N_("the identities of {what}"),
    "keys-may": N_("what the keys of backups may do to {what}"),
    "locks-last": N_("how long the locks of {what} last"),
    "object-lock": N_("the object lock of the bucket {what}"),
    "policy": N_("the policy {what}"),
    "shares": N_("who holds shares of the password of {what}"),
    "trust": N_("whom the role {what} trusts"),
    "user-keys": N_("whether anybody has keys of {what}"),
    "versioning": N_("the versioning of the bucket {what}"),
}
_PEOPLE: Final[Mapping[str, str]] = {
    "host ": N_("whoever takes over the host {name}"),
    "owner of ": N_("the owner of the account at {name}"),
    "operator of ": N_("whoever runs the storage {name}"),
    "holder ": N_("holder number {name} of shares"),
    "somebody at ": N_("some identity at {name}"),
}


def survived(node: "Node", days: int) -> Report:
    """The question asked, and its answer to show."""
    from guardian.baseline.survival.query import exit_code, survival

    found = survival(node, days)
    code = exit_code(found)
    outcome = {0: "none", 3: "found"}.get(int(code), "unknown")
    body = {"days": days, "systems": [_document(one) for one in found]}
    return Report("guardian.survival/v1", outcome, code, body, tuple(lines(found)))


def lines(found: "tuple[Survival, ...]") -> Iterator[str]:
    """The answer for people, system by system."""
    for one in found:
        verdict = one.verdict
        said = {
            "found": _("{system}: every restorable copy can be destroyed within {days} days"),
            "none": _("{system}: no one and no two principals can destroy every restorable copy within {days} days"),
            "unknown": _("{system}: could not find out whether every copy can be destroyed within {days} days"),
        }[verdict.answer]
        yield said.format(system=one.system, days=verdict.days)
        if verdict.attack is not None:
            yield from _told(verdict.attack)
    yield _("This follows from the configuration, the log and the policies that were read, and from nothing else.")


def _told(attack: "Attack") -> Iterator[str]:
    yield "  " + _("by {people}:").format(people=_(" together with ").join(person(name) for name in attack.principals))
    for number, step in enumerate(attack.steps, 1):
        yield f"  {number}. {sentence(step)}"
    if attack.unread:
        yield "  " + _("if what could not be read is as bad as it can be: {facts}").format(
            facts=_("; ").join(sorted(map(unread, attack.unread)))
        )


def sentence(step: "Step") -> str:
    """One step in words."""
    return _(STEPS[step.code]).format(**step.args)


def person(name: str) -> str:
    """A principal in words."""
    for prefix, said in _PEOPLE.items():
        if name.startswith(prefix):
            return _(said).format(name=name.removeprefix(prefix))
    return _("anybody at all") if name == "anybody" else _("the identity {name}").format(name=name)


def unread(fact: str) -> str:
    """A fact that could not be read, in words."""
    code, _space, what = fact.partition(" ")
    return _(UNREAD[code]).format(what=what)


def _document(one: "Survival") -> dict[str, Any]:
    attack = one.verdict.attack
    told: dict[str, Any] = {"system": one.system, "places": list(one.places), "answer": one.verdict.answer}
    if attack is None:
        return told
    steps = [{"code": step.code, "args": dict(step.args), "days": step.days} for step in attack.steps]
    return told | {"principals": list(attack.principals), "steps": steps, "unread": sorted(attack.unread)}
