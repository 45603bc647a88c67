"""What every statement in the log has in common."""

from typing import ClassVar

from guardian.model.border import Stated


class Predicate(Stated):
    """Base of what a statement says. ``name`` is the last words of its predicate type."""

    name: ClassVar[str]
