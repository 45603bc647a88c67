"""What is wrong with a repository, as a reason: raised where it is found, kept as data where a verdict is made."""

from guardian.decoder import limits
from guardian.errors import RepositoryDamaged
from guardian.i18n import _
from guardian.model.reader import ObjectMissing, ObjectUnreadable
from guardian.model.reason import Reason, reason


class Damage(RepositoryDamaged):
    """Something in the repository is not what it must be; ``reason`` says what, in a code and figures."""

    def __init__(self, code: str, **args: str | int) -> None:
        self.reason = Reason(code=code, args=args)
        where = ", ".join(f"{key} {value}" for key, value in args.items())
        super().__init__(_("the repository is damaged: {what}").format(what=f"{code} ({where})" if where else code))


def as_reason(error: Damage | ObjectMissing | ObjectUnreadable) -> Reason:
    """What was raised, as a reason. A missing object is damage; whether an unreadable one is, nobody can tell."""
    if isinstance(error, Damage):
        return error.reason
    if isinstance(error, ObjectMissing):
        return reason("object-missing", object=shown(error.name))
    return reason("object-unreadable", object=shown(error.name))


def from_reader(error: ObjectMissing | ObjectUnreadable) -> Damage:
    """What a reader said of one object, as damage of the repository."""
    found = as_reason(error)
    return Damage(found.code, **found.args)


class Findings:
    """A bounded list of reasons: the first thousand are kept, and the first of every kind; all are counted.

    Of every kind: whoever may write to the storage can make any number of harmless findings, and a verdict that
    follows from the codes of what is kept must not miss the one that matters.
    """

    def __init__(self) -> None:
        self._kept: list[Reason] = []
        self._kinds: set[tuple[str, str]] = set()
        self.total = 0
        self.critical = 0

    def add(self, found: Reason) -> None:
        """Count ``found``, and keep it while there is room, or when nothing of its code and severity is kept yet."""
        self.total += 1
        self.critical += found.severity == "critical"
        kind = (found.code, found.severity)
        if len(self._kept) < limits.FINDINGS or kind not in self._kinds:
            self._kinds.add(kind)
            self._kept.append(found)

    @property
    def kept(self) -> tuple[Reason, ...]:
        """Those that were kept, in the order they were found."""
        return tuple(self._kept)


def shown(name: bytes | str) -> str:
    """A name or path of anything, fit for a reason: printable and cut."""
    raw = name if isinstance(name, bytes) else name[:400].encode("utf-8", "surrogateescape")
    text = raw[:400].decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
