"""A model of sources and of what happens to them: files as counts of kinds, days as draws from distributions.

Its days give the same figures (:class:`guardian.model.churn.Churn`) that a real backup takes; ``anomaly.py --real``
holds the two against each other on real files.
"""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from guardian.model.churn import Churn, Look, Repeated, Suffix

START = datetime(2023, 1, 2, 18, 0, tzinfo=UTC)  # two in the morning in Beijing
RATIO = {"text": 0.25, "doc": 0.96, "photo": 0.99, "opaque": 1.0, "sealed": 1.0, "plain": 0.45, "scrambled": 1.0}
_MISNAMED = 0.004
"""Of files that are what they should be, so many look as if they were not: somebody named them wrongly."""
_OLD, _FRESH = 64, 32


@dataclass
class Day:
    """What happened to a source in one day: numbers of files by kind."""

    changed: Counter[str] = field(default_factory=Counter)
    attacked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, what its content looks like now) of files overwritten by an attacker."""
    renamed_by: str = ""
    """The ending that attacked files got; ``*``: names that have nothing to do with those before."""
    new: Counter[str] = field(default_factory=Counter)
    removed: int = 0
    renamed: int = 0
    replaced: Counter[str] = field(default_factory=Counter)
    """Ending → files that were packed or converted, and are what they say."""
    shrunk: int = 0
    blank: int = 0
    note: bool = False
    lost_bytes: int = 0


@dataclass
class Source:
    """One source: its files by kind, their mean size, and what an ordinary day does to it."""

    name: str
    files: Counter[str]
    ordinary: Callable[["Source", random.Random, datetime], Day]
    size: int = 100_000

    @property
    def total(self) -> int:
        return self.files.total()


def poisson(rng: random.Random, mean: float) -> int:
    """A number of events; days differ by more than chance, so the mean itself is drawn."""
    mean *= rng.lognormvariate(0, 0.5)
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    left, count = math.exp(-mean), 0
    product = rng.random()
    while product > left:
        product *= rng.random()
        count += 1
    return count


def pick(source: Source, rng: random.Random, count: int) -> Counter[str]:
    """Kinds of ``count`` files drawn from the source."""
    kinds = list(source.files)
    weights = [source.files[kind] for kind in kinds]
    drawn = Counter(rng.choices(kinds, weights, k=count)) if count and sum(weights) else Counter()
    return Counter({kind: min(n, source.files[kind]) for kind, n in drawn.items()})


def churn(source: Source, day: Day, at: datetime, rng: random.Random) -> Churn:
    """The figures of ``day``; the source is changed by it."""
    before, bytes_before = source.total, source.total * source.size
    attacked, moved = day.attacked.total(), day.renamed_by == "*"
    packed, overwritten = day.replaced.total(), day.changed.total()
    source.files.update(day.new)
    gone = pick(source, rng, day.removed)
    source.files.subtract(gone)
    bad_old = Counter[str]()
    for (kind, look), count in day.attacked.items():
        bad_old[look if kind != "sealed" else "sealed"] += count
    plain = Counter(day.changed)
    old = _look(plain, Counter() if moved else bad_old, (packed, day.blank), rng, _OLD)
    fresh = _look(day.new, bad_old if moved else Counter(), (0, 0), rng, _FRESH)
    suffixes = Counter(day.replaced)
    if day.renamed_by and not moved:
        suffixes[day.renamed_by] += attacked
    written = sum(RATIO[kind] * n for kind, n in (day.changed + day.new).items()) + attacked
    wrote = overwritten + day.new.total() + attacked
    now = source.total
    return Churn(
        against="0" * 64,
        at=at.isoformat(),
        elapsed=86400,
        files=now,
        files_before=before,
        bytes=max(0, now * source.size - day.lost_bytes),
        bytes_before=bytes_before,
        changed=overwritten + day.shrunk + day.blank + (0 if day.renamed_by else attacked),
        replaced=packed + (attacked if day.renamed_by and not moved else 0),
        new=day.new.total() + (attacked if moved else 0),
        removed=gone.total() + (attacked if moved else 0),
        renamed=day.renamed,
        shrunk=day.shrunk,
        folders=1 + (wrote + day.removed) // 10,
        suffixes=tuple(Suffix(suffix=s, files=n) for s, n in suffixes.most_common(4)),
        repeated=Repeated(name="HOW_TO_DECRYPT.txt", folders=max(2, attacked // 20), size=900) if day.note else None,
        new_bytes=day.new.total() * source.size,
        changed_bytes=overwritten * source.size,
        raw_bytes=wrote * source.size,
        stored_bytes=round(written * source.size),
        old=old,
        fresh=fresh,
    )


def _look(good: Counter[str], bad: Counter[str], others: tuple[int, int], rng: random.Random, most: int) -> Look:
    """A sample without replacement of files by what they look like: good ones by their kind, others by their look."""
    sound, blank = others
    pool = Counter({f"good-{kind}": count for kind, count in good.items()})
    pool.update(dict(bad))
    pool["blank"] += blank
    pool["good-doc"] += sound
    drawn = rng.sample(list(pool), min(most, pool.total()), counts=list(pool.values())) if pool.total() else []
    signs = Counter[str]()
    typed = 0
    for one in drawn:
        kind = one.removeprefix("good-")
        typed += kind not in ("plain", "opaque")
        if one.startswith("good-"):
            misnamed = kind in ("text", "doc", "photo") and rng.random() < _MISNAMED
            sign = "scrambled" if misnamed else kind if kind in ("opaque", "sealed") else "plain"
        else:
            sign = one
        signs[sign] += 1
    return Look(
        files=len(drawn),
        typed=typed,
        scrambled=signs["scrambled"],
        opaque=signs["opaque"],
        blank=signs["blank"],
        sealed=signs["sealed"],
    )


# ordinary days


def is_workday(at: datetime) -> bool:
    return (at + timedelta(hours=8)).weekday() < 5


def is_month_end(at: datetime) -> bool:
    return at.day >= 28 or at.day <= 3


def office(source: Source, rng: random.Random, at: datetime) -> Day:
    rate = (0.012 if is_workday(at) else 0.0005) * (3 if is_month_end(at) else 1)
    n = source.total
    day = Day(changed=pick(source, rng, poisson(rng, n * rate)), new=pick(source, rng, poisson(rng, n * rate / 4)))
    day.removed = poisson(rng, n * rate / 10)
    day.renamed = poisson(rng, n * rate / 8)
    if rng.random() < 2 / 365:  # somebody tidies up
        day.renamed += round(n * rng.uniform(0.05, 0.3))
        day.removed += round(n * rng.uniform(0, 0.04))
    return day


def finance(source: Source, rng: random.Random, at: datetime) -> Day:
    n = source.total
    rate = rng.uniform(0.1, 0.35) if at.day in (30, 31, 1) else 0.01 if is_month_end(at) else 0.001
    return Day(changed=pick(source, rng, poisson(rng, n * rate)), new=pick(source, rng, poisson(rng, n * rate / 10)))


def logs(source: Source, rng: random.Random, _at: datetime) -> Day:
    rotated = poisson(rng, 12)
    spare = max(0, source.total - 500)
    day = Day(changed=Counter(text=12), new=Counter(text=rotated), renamed=3 * rotated, removed=spare)
    day.replaced["gz"] = rotated
    return day


def photos(_source: Source, rng: random.Random, at: datetime) -> Day:
    added = poisson(rng, 20) if rng.random() < 0.3 else 0
    changed = poisson(rng, 1) if is_workday(at) else 0
    return Day(new=Counter(photo=added), changed=Counter(photo=changed), removed=poisson(rng, 0.3))


def mail(source: Source, rng: random.Random, at: datetime) -> Day:
    n = source.total * (1 if is_workday(at) else 0.2)
    return Day(
        new=Counter(plain=poisson(rng, n * 0.01)),
        removed=poisson(rng, n * 0.008),
        renamed=poisson(rng, n * 0.02),
        changed=Counter(opaque=poisson(rng, 3)),
    )


def software(source: Source, rng: random.Random, at: datetime) -> Day:
    n = source.total
    if rng.random() < 1 / 45 and is_workday(at):  # an upgrade
        share = rng.uniform(0.2, 0.5)
        return Day(
            changed=pick(source, rng, round(n * share)),
            new=pick(source, rng, round(n * 0.08)),
            removed=round(n * 0.07),
            renamed=round(n * 0.05),
        )
    return Day(changed=pick(source, rng, poisson(rng, n * 0.002)))


def moving(source: Source, rng: random.Random, at: datetime) -> Day:
    day = office(source, rng, at)
    if rng.random() < 1 / 200:  # a department is renamed, and with it all its folders
        day.renamed += round(source.total * rng.uniform(0.3, 0.8))
    if rng.random() < 1 / 400:  # old documents are converted
        day.replaced["docx"] = round(source.total * rng.uniform(0.05, 0.3))
    return day


def vault(source: Source, _rng: random.Random, at: datetime) -> Day:
    added = 4 if at.weekday() == 6 else 0
    return Day(new=Counter(sealed=added), removed=max(0, source.total - 520))


def records(source: Source, rng: random.Random, at: datetime) -> Day:
    rate = 0.05 if is_workday(at) else 0.02
    return Day(changed=Counter(opaque=poisson(rng, source.total * rate)), new=Counter(opaque=poisson(rng, 3)))


def archive(source: Source, rng: random.Random, at: datetime) -> Day:
    if at.month == 1 and at.day == 15:
        return Day(new=pick(source, rng, 400))
    return Day(new=pick(source, rng, poisson(rng, 0.2)))


def website(source: Source, rng: random.Random, at: datetime) -> Day:
    n = source.total
    if at.weekday() == 2 and rng.random() < 0.7:  # a release
        share = rng.uniform(0.03, 0.25)
        return Day(
            changed=pick(source, rng, round(n * share)),
            new=pick(source, rng, round(n * 0.02)),
            removed=round(n * 0.018),
        )
    return Day(changed=pick(source, rng, poisson(rng, 2)))


SOURCES: tuple[Source, ...] = (
    Source("office documents", Counter(doc=2600, text=900, photo=400, plain=100), office),
    Source("finance, month end", Counter(doc=1500, text=500), finance),
    Source("log archive", Counter(text=300, doc=200), logs, 400_000),
    Source("photo archive", Counter(photo=8000), photos, 3_000_000),
    Source("mail spool", Counter(plain=19_000, opaque=40), mail, 30_000),
    Source("software, upgrades", Counter(plain=1800, text=1000, opaque=120, photo=80), software, 60_000),
    Source("documents that move", Counter(doc=3000, text=1000), moving),
    Source("encrypted archives", Counter(sealed=500), vault, 8_000_000),
    Source("records, own encryption", Counter(opaque=1500), records, 200_000),
    Source("quiet archive", Counter(doc=3500, photo=1200, text=300), archive),
    Source("web site", Counter(text=2200, photo=700, plain=100), website, 20_000),
)


def fresh(source: Source) -> Source:
    """A copy that can be changed."""
    return replace(source, files=Counter(source.files))


def encrypt(source: Source, rng: random.Random, share: float, how: str) -> Day:
    """An attack on ``share`` of the files. ``how``: full, rename, scatter (random names), blocks, head, base64."""
    kinds = Counter({kind: round(n * share) for kind, n in source.files.items()})
    day = Day(note=how in ("rename", "scatter") and rng.random() < 0.5)
    day.renamed_by = {"rename": "locked", "scatter": "*"}.get(how, "")
    for kind, count in kinds.items():
        for _file in range(count):
            day.attacked[kind, _after(kind, how, rng)] += 1
    return day


def _after(kind: str, how: str, rng: random.Random) -> str:
    """What an encrypted file of ``kind`` looks like to who knows its name before."""
    if how == "scatter":
        return "opaque"
    if kind == "sealed":
        # Under another ending than before, its old name still vouches for nothing.
        return "sealed"
    if kind in ("plain", "opaque"):
        hides = how in ("blocks", "head") and kind == "plain"
        return "plain" if hides else "opaque"
    # Blocks encrypted here and there are found where a sampled block or a checksum meets one.
    found = {"blocks": 0.9, "head": 0.98}.get(how, 0.99)
    return "scrambled" if rng.random() < found else "plain"
