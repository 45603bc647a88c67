"""Shares of a repository's password: any M of N people open it together, M - 1 learn nothing.

SLIP-0039 (https://github.com/satoshilabs/slips/blob/master/slip-0039.md): one group, M of N, no passphrase, English
words. The older form is written (not the "extendable" one of 2024), since every tool that knows the standard reads it.
Without a passphrase its key stretching protects nothing, so the iteration exponent is 0.

What is split, the standard's master secret:

- 32 bytes stand for the password that is their base64url without padding: every password Guardian makes. 33 words.
- Any other password: its length in two bytes, big-endian, the password, zeros up to an even length of at least 34.

So whoever has M shares and any tool for SLIP-0039, but no Guardian, has the password too.
"""

import base64
import binascii
import hashlib
import itertools
import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guardian.errors import GuardianError, Unavailable, UsageError
from guardian.i18n import _
from guardian.model.secret import Secret

if TYPE_CHECKING:
    from shamir_mnemonic import EncryptedMasterSecret
    from shamir_mnemonic.share import Share as Slip

FEWEST, MOST = 2, 16
"""Bounds of M and N: one alone must never do, and the standard has room for 16."""
LONGEST = 256
"""No longer password is split, in bytes: nobody copies more than 214 words by hand."""
SUBSETS = 512
"""So many sets of M shares are put together before a share is handed out; all of them where there are no more."""
_RAW = 32


class ShareInvalid(UsageError):
    """Words that are no share: a word that is none, or a checksum that does not hold."""

    code = "share-invalid"


class SharesMixed(UsageError):
    """Shares that belong to different sets."""

    code = "shares-mixed"


class SharesTooFew(Unavailable):
    """Fewer shares than it takes."""

    code = "shares-too-few"

    def __init__(self, have: int, need: int) -> None:
        message = _("{have} of the {need} shares that it takes are here").format(have=have, need=need)
        super().__init__(message, _("Bring the share of another holder."))
        self.have, self.need = have, need


class SharesDisagree(UsageError):
    """Each share is whole by itself, and together they give nothing: one was forged or belongs elsewhere."""

    code = "shares-disagree"


@dataclass(frozen=True, slots=True)
class Share:
    """One holder's part. ``set_id`` is the same for all that were made together; ``number`` counts from 1.

    The standard tells how many shares it takes (``threshold``), not how many there are.
    """

    set_id: str
    threshold: int
    number: int
    words: Secret

    @property
    def fingerprint(self) -> str:
        """Eight digits to compare two copies of a share by; they tell nothing of its words."""
        digest = hashlib.sha256(b"guardian share\0" + self.words.reveal()).hexdigest()
        return f"{digest[:4]}-{digest[4:8]}"

    @property
    def listed(self) -> list[str]:
        """The words, in order."""
        return self.words.reveal().decode("ascii").split()


@dataclass(frozen=True, slots=True)
class Combined:
    """A password from shares: whose numbers took part, and whose do not belong to the others though they look so."""

    password: Secret
    numbers: tuple[int, ...]
    misfits: tuple[int, ...] = ()


def encode(password: Secret) -> bytes:
    """The master secret that stands for ``password``. Raises UsageError when it is too long to be split."""
    value = password.reveal()
    raw = _raw(value)
    if raw is not None:
        return raw
    if len(value) > LONGEST:
        raise UsageError(
            _("the password has {size} bytes; at most {most} can be split").format(size=len(value), most=LONGEST),
            _("Run 'guardian keys rotate' first: Guardian's own passwords are short."),
        )
    framed = len(value).to_bytes(2, "big") + value
    return framed.ljust(max(_RAW + 2, len(framed) + len(framed) % 2), b"\0")


def decode(secret: bytes) -> Secret:
    """The password that ``secret`` stands for. Raises SharesDisagree when it was not made by :func:`encode`."""
    if len(secret) == _RAW:
        return Secret(base64.urlsafe_b64encode(secret).rstrip(b"="))
    value = secret[2 : 2 + int.from_bytes(secret[:2], "big")]
    password = Secret(value)
    if not value or len(value) > LONGEST or encode(password) != secret:
        raise SharesDisagree(_("the shares hold no password of a repository"))
    return password


def _raw(value: bytes) -> bytes | None:
    """The 32 bytes of a password of Guardian's own making; None for any other."""
    if len(value) != 43:
        return None
    try:
        raw = base64.urlsafe_b64decode(value + b"=")
    except (ValueError, binascii.Error):
        return None
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=") == value else None


def split(password: Secret, threshold: int, count: int) -> tuple[Share, ...]:
    """``count`` shares of ``password``, any ``threshold`` of which give it back; that was tried before they are given.

    Raises UsageError for numbers out of bounds or a password that cannot be split.
    """
    if not FEWEST <= threshold <= count <= MOST:
        raise UsageError(
            _("{threshold} of {count} shares cannot be made").format(threshold=threshold, count=count),
            _("Threshold and shares lie between 2 and 16, and the threshold is not over the shares."),
        )
    from shamir_mnemonic import generate_mnemonics  # noqa: PLC0415  few verbs need it

    secret = encode(password)
    (written,) = generate_mnemonics(1, [(threshold, count)], secret, extendable=False, iteration_exponent=0)
    shares = tuple(parse(words.split()) for words in written)
    if not _recovers(shares, password):
        raise GuardianError(_("the shares did not give the password back and were thrown away"))
    return shares


def _recovers(shares: Sequence[Share], password: Secret) -> bool:
    threshold = shares[0].threshold
    slips = [_slip(share) for share in shares]
    good = _sealed(slips[:threshold])
    if good is None or decode(good.decrypt(b"")).reveal() != password.reveal():
        return False
    return all(_sealed(subset) == good for subset in _subsets(slips, threshold))


def _subsets(slips: "Sequence[Slip]", threshold: int) -> "Iterator[Sequence[Slip]]":
    """Every set of ``threshold``; where they are too many some, and every share in at least ``threshold`` of them."""
    if math.comb(len(slips), threshold) <= SUBSETS:
        yield from itertools.combinations(slips, threshold)
        return
    around = [*slips, *slips]
    yield from (around[start : start + threshold] for start in range(len(slips)))
    chance = secrets.SystemRandom()
    yield from (chance.sample(slips, threshold) for _set in range(SUBSETS - len(slips)))


def parse(words: Sequence[str]) -> Share:
    """The share that ``words`` (lower case, of the standard's list) are.

    Raises ShareInvalid, naming the first word that is none and what it may have been. Only a word that is nearly one is
    repeated: what was given by mistake may be a password.
    """
    from shamir_mnemonic import MnemonicError  # noqa: PLC0415
    from shamir_mnemonic.share import Share as Slip  # noqa: PLC0415

    _good, problem = known(words)
    if problem is not None:
        raise problem
    try:
        slip = Slip.from_mnemonic(" ".join(words))
    except (MnemonicError, ValueError):  # its words quote the share
        slip = None
    if slip is None or slip.group_count != 1:
        raise ShareInvalid(
            _("these {count} words are not a share: the checksum does not hold").format(count=len(words)),
            _("A word was taken for another, left out or put in the wrong place: compare them one by one."),
        )
    set_id = f"{slip.identifier:04x}"
    return Share(set_id, slip.member_threshold, slip.index + 1, Secret(" ".join(words).encode("ascii")))


def known(words: Sequence[str], first: int = 1) -> tuple[list[str], ShareInvalid | None]:
    """``words`` up to the one that is not of the list, and what is wrong with that. ``first`` is the first's number."""
    from shamir_mnemonic.wordlist import WORD_INDEX_MAP  # noqa: PLC0415

    for at, word in enumerate(words):
        if word not in WORD_INDEX_MAP:
            return list(words[:at]), _no_word(first + at, word, list(WORD_INDEX_MAP))
    return list(words), None


def _no_word(position: int, word: str, known: list[str]) -> ShareInvalid:
    from difflib import get_close_matches  # noqa: PLC0415  only for who mistyped

    near = get_close_matches(word, known, n=3, cutoff=0.6) if len(word) <= 12 else []
    if not near:
        return ShareInvalid(
            _("word {position} is not one of the list that shares are made of").format(position=position),
            _("Give the words of one sheet, in their order, and nothing else."),
        )
    return ShareInvalid(
        _('word {position}, "{word}", is not one of the list').format(position=position, word=word),
        _("It may be: {words}.").format(words=", ".join(near)),
    )


def combine(shares: Sequence[Share]) -> Combined:
    """The password that ``shares`` give, each of them held against the others.

    Raises SharesTooFew, SharesMixed, SharesDisagree. A forged or foreign share beside enough good ones is a misfit.
    """
    different = list({share.words.reveal(): share for share in shares}.values())
    if not different:
        raise SharesTooFew(0, FEWEST)
    if len({(share.set_id, share.threshold) for share in different}) > 1:
        sets = ", ".join(f"{share.number}: {share.set_id}" for share in different)
        raise SharesMixed(
            _("the shares belong to different sets ({sets})").format(sets=sets),
            _("Every sheet names its set; take those of one set."),
        )
    threshold = different[0].threshold
    if len({share.number for share in different}) < threshold:
        raise SharesTooFew(len({share.number for share in different}), threshold)
    slips = {share.words.reveal(): _slip(share) for share in different}
    for chosen in itertools.islice(itertools.combinations(different, threshold), SUBSETS):
        found = _sealed([slips[share.words.reveal()] for share in chosen])
        if found is None:
            continue
        some = [slips[share.words.reveal()] for share in chosen[1:]]
        others = [share for share in different if share not in chosen]
        misfits = [share.number for share in others if _sealed([*some, slips[share.words.reveal()]]) != found]
        took_part = sorted({share.number for share in different if share in chosen or share.number not in misfits})
        return Combined(decode(found.decrypt(b"")), tuple(took_part), tuple(sorted(misfits)))
    raise SharesDisagree(
        _("the shares do not belong together, though each is whole by itself"),
        _("One of them was forged, or belongs to another set: bring further ones, and it can be told which."),
    )


def _slip(share: Share) -> "Slip":
    from shamir_mnemonic.share import Share as Slip  # noqa: PLC0415

    return Slip.from_mnemonic(share.words.reveal().decode("ascii"))


def _sealed(slips: "Sequence[Slip]") -> "EncryptedMasterSecret | None":
    """What exactly enough shares give; None when they do not belong together."""
    from shamir_mnemonic import MnemonicError, recover_ems  # noqa: PLC0415
    from shamir_mnemonic.shamir import ShareGroup  # noqa: PLC0415

    group = ShareGroup()
    try:
        for slip in slips:
            group.add(slip)
        return recover_ems({slips[0].group_index: group})
    except (MnemonicError, ValueError):
        return None
