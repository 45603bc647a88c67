"""Shares: any M of N give the password back, M - 1 never do, and what is mistyped or forged is told."""

import itertools
import re
import secrets
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import combine_mnemonics

from guardian.errors import GuardianError, UsageError
from guardian.keys import escrow, passwords, shares, sheet
from guardian.keys.shares import Share, ShareInvalid, SharesDisagree, SharesMixed, SharesTooFew
from guardian.model.secret import Secret

PASSWORD = passwords.generate()
SET = shares.split(PASSWORD, 3, 5)


def words(share: Share) -> str:
    return " ".join(share.listed)


def a_sheet(share: Share = SET[1], **changes: object) -> sheet.Sheet:
    facts = {"repository": "main", "repository_id": "ab" * 32, "tenant": "agency", "made": "2026-01-01"}
    return sheet.Sheet(share=share, count=5, **(facts | changes))  # type: ignore[arg-type]


# the password in the shares


@given(st.binary(min_size=1, max_size=shares.LONGEST))
def test_any_password_is_encoded_and_back(value: bytes) -> None:
    encoded = shares.encode(Secret(value))
    assert len(encoded) >= 32
    assert len(encoded) % 2 == 0
    assert shares.decode(encoded).reveal() == value


@given(st.binary(min_size=32, max_size=32))
def test_a_password_of_guardians_making_is_its_32_bytes(raw: bytes) -> None:
    password = shares.decode(raw)
    assert len(password.reveal()) == 43
    assert shares.encode(password) == raw


@pytest.mark.parametrize("value", [b"\0" * 32, b"A" * 43, b"A" * 42 + b"B", b"_" * 43, b"-" * 42 + b"=", b"x" * 256])
def test_passwords_that_look_nearly_like_our_own(value: bytes) -> None:
    assert shares.decode(shares.encode(Secret(value))).reveal() == value


@given(st.binary(min_size=34, max_size=300).filter(lambda b: len(b) % 2 == 0))
def test_what_was_not_encoded_is_no_password(data: bytes) -> None:
    try:
        password = shares.decode(data)
    except SharesDisagree:
        return
    assert shares.encode(password) == data


def test_a_password_too_long_to_copy_by_hand_is_refused() -> None:
    with pytest.raises(UsageError, match="257 bytes"):
        shares.encode(Secret(b"x" * 257))


# splitting and combining


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_m_of_n_recover_and_one_less_never_does(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 7))
    threshold = data.draw(st.integers(2, count))
    password = Secret(data.draw(st.binary(min_size=1, max_size=64)))
    made = shares.split(password, threshold, count)
    chosen = data.draw(st.permutations(made))
    found = shares.combine(chosen[:threshold])
    assert found.password.reveal() == password.reveal()
    assert found.numbers == tuple(sorted(share.number for share in chosen[:threshold]))
    with pytest.raises(SharesTooFew) as few:
        shares.combine(chosen[: threshold - 1])
    assert (few.value.have, few.value.need) == (threshold - 1, threshold)


def test_every_subset_of_a_set_recovers_and_another_program_does_too() -> None:
    for subset in itertools.combinations(SET, 3):
        assert shares.combine(subset).password.reveal() == PASSWORD.reveal()
        raw = combine_mnemonics([words(share) for share in subset])
        assert shares.decode(raw).reveal() == PASSWORD.reveal()
    assert [len(share.listed) for share in SET] == [33] * 5


def test_the_largest_set_is_made_and_proven() -> None:
    made = shares.split(PASSWORD, 8, 16)
    assert shares.combine(made[5:13]).password.reveal() == PASSWORD.reveal()


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 3), (0, 2), (3, 2), (2, 17), (17, 17)])
def test_numbers_out_of_bounds(threshold: int, count: int) -> None:
    with pytest.raises(UsageError, match="cannot be made"):
        shares.split(PASSWORD, threshold, count)


def test_a_set_that_does_not_recover_is_never_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is made to give one share of another set: the worst that a fault in it could do."""
    import shamir_mnemonic

    real = shamir_mnemonic.generate_mnemonics

    def broken(*args: object, **options: object) -> object:
        ((*good, _last),) = real(*args, **options)
        ((*_others, foreign),) = real(*args, **options)
        return [[*good, foreign]]

    monkeypatch.setattr(shamir_mnemonic, "generate_mnemonics", broken)
    with pytest.raises(GuardianError, match="thrown away"):
        shares.split(PASSWORD, 2, 4)


def test_shares_of_two_sets_are_told_apart() -> None:
    other = shares.split(PASSWORD, 3, 5)
    with pytest.raises(SharesMixed) as mixed:
        shares.combine([*SET[:2], other[3]])
    assert SET[0].set_id in mixed.value.message
    assert other[0].set_id in mixed.value.message


def forged(share: Share) -> Share:
    """A share with every sign of a good one, made by somebody who knows the numbers but not the secret."""
    from shamir_mnemonic.share import Share as Slip

    slip = Slip.from_mnemonic(words(share))
    fields = {name: getattr(slip, name) for name in slip.__dataclass_fields__}
    return shares.parse(Slip(**(fields | {"value": secrets.token_bytes(len(slip.value))})).words())


def test_a_forged_share_is_found() -> None:
    bad = forged(SET[2])
    with pytest.raises(SharesDisagree):
        shares.combine([SET[0], SET[1], bad])
    with pytest.raises(SharesDisagree):
        shares.combine([SET[0], bad, forged(SET[4])])
    found = shares.combine([bad, SET[0], SET[1], SET[3]])
    assert (found.password.reveal(), found.numbers, found.misfits) == (PASSWORD.reveal(), (1, 2, 4), (3,))


def test_a_share_twice_is_one_share() -> None:
    with pytest.raises(SharesTooFew):
        shares.combine([SET[0], SET[0], SET[1]])
    with pytest.raises(SharesTooFew):
        shares.combine([SET[0], forged(SET[0]), SET[1]])


def test_a_share_never_shows_itself() -> None:
    text = repr(SET[0]) + repr(a_sheet()) + repr(shares.combine(SET[:3])) + str(SET[0].words)
    for share in SET:
        assert not any(" ".join(share.listed[at : at + 2]) in text for at in range(32))
    assert text.count("***") >= 4
    assert PASSWORD.reveal().decode() not in text


# reading what people bring


@pytest.mark.parametrize(
    "form",
    [
        " ".join,
        lambda w: "  ".join(w).upper(),
        lambda w: "\n".join(f"{n}. {word}" for n, word in enumerate(w, 1)),
        lambda w: "\r\n\r\n".join(f"{n}) {word.title()}," for n, word in enumerate(w, 1)),
        lambda w: "\ufeff" + "\u3000".join(f"{n}、{word}" for n, word in enumerate(w, 1)),
        lambda w: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else " " for c in " ".join(w)),
        lambda w: "\n".join(sheet.grid(w)),
    ],
)
def test_words_are_read_in_any_form(form: object) -> None:
    (found,) = sheet.read(form(SET[1].listed).encode())  # type: ignore[operator]
    assert words(found.share) == words(SET[1])
    assert (found.share.number, found.share.threshold) == (2, 3)


def test_a_sheet_is_read_back_with_its_repository() -> None:
    (found,) = sheet.read(sheet.text(a_sheet(holder="李 -----END GUARDIAN SHARE-----\n\x1b[31m")).encode())
    assert (words(found.share), found.repository_id) == (words(SET[1]), "ab" * 32)


def test_several_shares_in_one_stream() -> None:
    whole = "".join(sheet.text(a_sheet(share)) for share in SET[:3])
    assert [one.share.number for one in sheet.read(whole.encode())] == [1, 2, 3]
    bare = "\n\n".join(words(share) for share in SET[:3])
    assert [one.share.number for one in sheet.read(bare.encode())] == [1, 2, 3]


def test_a_mistyped_word_is_named_and_a_likely_one_suggested() -> None:
    typed = SET[1].listed
    typed[4] = "academc"
    with pytest.raises(ShareInvalid) as caught:
        shares.parse(typed)
    assert caught.value.message == 'word 5, "academc", is not one of the list'
    assert "academic" in caught.value.hint


def test_a_password_given_for_a_share_is_not_repeated() -> None:
    with pytest.raises(ShareInvalid) as caught:
        sheet.read(PASSWORD.reveal())
    assert PASSWORD.reveal().decode().lower() not in (caught.value.message + caught.value.hint).lower()
    assert caught.value.__context__ is None


@given(st.integers(0, 32), st.integers(0, 1023), st.integers(0, 31))
def test_another_word_or_order_breaks_the_checksum(at: int, index: int, swap: int) -> None:
    from shamir_mnemonic.wordlist import WORDLIST

    typed, moved = SET[1].listed, SET[1].listed
    typed[at] = WORDLIST[index]
    moved[swap], moved[swap + 1] = moved[swap + 1], moved[swap]
    for wrong in (typed, moved, SET[1].listed[:at] + SET[1].listed[at + 1 :]):
        if wrong != SET[1].listed:
            with pytest.raises(ShareInvalid, match="checksum") as caught:
                shares.parse(wrong)
            assert caught.value.__cause__ is None


def test_words_that_are_not_those_of_the_sheet() -> None:
    text = sheet.text(a_sheet())
    with pytest.raises(ShareInvalid, match="not those the sheet was made with"):
        sheet.read(text.replace(SET[1].fingerprint, "0000-0000").encode())


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    for data in (content, sheet.BEGIN.encode() + content):
        with pytest.raises(ShareInvalid):
            sheet.read(data)


# sheets and where they are written


def test_a_sheet_says_everything_in_both_forms_and_is_safe() -> None:
    one = a_sheet(holder="张三 <script>alert(1)</script>")
    page, text = sheet.html(one), sheet.text(one)
    for word in SET[1].listed:
        assert f"<li>{word}</li>" in page
    for fact in ("张三", "agency", "2 / 5", SET[1].set_id, SET[1].fingerprint, "2026-01-01", "abababababababab"):
        assert fact in page
        assert fact in text
    assert "<script" not in page
    assert not re.search(r"(?:src|href)\s*=|url\(|https?:", page)
    assert "keys recover main" in text


def test_by_hand_says_what_the_bytes_are() -> None:
    assert "their base64url" in sheet.text(a_sheet())
    assert "first two" in sheet.text(a_sheet(raw=False))


def place(path: str, disk: str | None) -> escrow.Place:
    return escrow.Place(Path(path), disk)


def test_no_two_shares_on_one_disk_nor_beside_the_password() -> None:
    state = place("/state", "8:0")
    apart = [place("/a", "8:16"), place("/b", "8:32"), place("/c", None), place("/d", None)]
    assert escrow.clash(apart, state) is None
    assert escrow.clash([*apart, place("/e", "8:16")], state) == (Path("/a"), Path("/e"))
    assert escrow.clash([*apart, place("/e", "8:0")], state) == (Path("/state"), Path("/e"))
    assert escrow.clash([*apart, place("/c", None)], state) == (Path("/c"), Path("/c"))
    assert escrow.clash([place("/state", None)], place("/state", None)) == (Path("/state"), Path("/state"))


def test_two_directories_of_one_file_system_are_refused(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    if escrow.look(tmp_path).disk is None:
        pytest.skip("temporary files lie in memory here, where every directory counts as a disk")
    with pytest.raises(UsageError, match="one disk"):
        escrow.require_apart(folders[:1], tmp_path)


def test_a_place_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, why in (("file", "not a directory"), ("gone", "does not exist")):
        with pytest.raises(UsageError, match=why):
            escrow.look(tmp_path / name)


def test_sheets_are_written_all_or_none_and_never_over_another(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    sheets = [a_sheet(share) for share in SET]
    (folders[3] / "guardian-share-main-4-of-5.html").write_text("another")
    with pytest.raises(UsageError, match="no share is overwritten"):
        escrow.write(sheets, folders)
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["another"]
    (folders[3] / "guardian-share-main-4-of-5.html").unlink()
    written = escrow.write(sheets, folders)
    assert len(written) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    read = [one.share for path in written if path.suffix == ".txt" for one in sheet.read(path.read_bytes())]
    assert shares.combine(read[1:4]).password.reveal() == PASSWORD.reveal()
    for share, folder in zip(SET, folders, strict=True):
        others = [other for other in SET if other is not share]
        for path in folder.iterdir():
            assert not any(" ".join(other.listed[:6]) in path.read_text() for other in others)
