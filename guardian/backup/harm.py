"""How much of a source was overwritten with what nobody can read: a sample's findings, applied to all. Pure."""

from dataclasses import dataclass

from guardian.model.churn import Churn


@dataclass(frozen=True, slots=True)
class Harm:
    """Estimated numbers of files whose former content is gone from the source.

    ``overwritten``: changed or replaced, whatever by. Of these, ``scrambled`` hold something else than their names say
    and ``opaque`` are of no known kind and random. ``moved``: removed, while as many random ones came by other names.
    """

    overwritten: float
    scrambled: float
    opaque: float
    moved: float

    @property
    def unreadable(self) -> float:
        """All that may be encrypted."""
        return self.scrambled + self.opaque + self.moved


def harm_of(churn: Churn) -> Harm:
    """The harm that ``churn`` shows at worst."""
    old, fresh = churn.old, churn.fresh
    overwritten = churn.changed + churn.replaced
    bad = (fresh.opaque + fresh.scrambled + fresh.blank) / fresh.files if fresh.files else 0.0
    return Harm(
        overwritten=overwritten,
        scrambled=overwritten * (old.scrambled + old.blank) / old.files if old.files else 0.0,
        opaque=overwritten * old.opaque / old.files if old.files else 0.0,
        moved=min(churn.removed, churn.new * bad),
    )
