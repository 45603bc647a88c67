"""``guardian scan --survival``: the question asked of every system of this host."""

from dataclasses import dataclass

from guardian.baseline.survival.read import read_stated
from guardian.baseline.survival.stated import Stated
from guardian.baseline.survival.steps import Verdict, ask
from guardian.baseline.survival.world import world
from guardian.errors import ExitCode
from guardian.node import Node

DAYS = 30
"""What is asked for unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Survival:
    """The answer for one system, and the places that it is about."""

    system: str
    places: tuple[str, ...]
    verdict: Verdict


def survival(node: Node, days: int = DAYS, together: int = 2) -> tuple[Survival, ...]:
    """Whether any ``together`` principals can destroy every restorable copy of a system within ``days``.

    It holds over the facts that are stated and no others: who holds what in the configuration, the log, and the
    policies of the storages. Raises Interrupted; what could not be read makes an answer unknown.
    """
    return tuple(answer(stated, days, together) for stated in read_stated(node))


def answer(stated: Stated, days: int, together: int = 2) -> Survival:
    """The same for one system of which all is stated. Pure."""
    keys = tuple(place.key for place in stated.places)
    return Survival(stated.system, keys, ask(world(stated), days, together))


def exit_code(found: tuple[Survival, ...]) -> ExitCode:
    """Bad where one attack is found, not verified where one may be."""
    answers = {one.verdict.answer for one in found}
    return (
        ExitCode.BAD_ANSWER if "found" in answers else ExitCode.OK if answers <= {"none"} else ExitCode.COULD_NOT_VERIFY
    )
