"""The tree against the definitions of RFC 6962, written down naively."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.ledger.tree import (
    EMPTY_ROOT,
    CompactRange,
    Fetch,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    perfect_root,
    range_root,
    subtrees,
    verify_consistency,
    verify_inclusion,
)


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(leaves: list[bytes]) -> bytes:
    """Merkle tree hash, RFC 6962 section 2.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """Audit path, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """Consistency proof, section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def leaves_of(count: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(count)]


def fetcher(leaves: list[bytes]) -> Fetch:
    hashes = [leaf_hash(leaf) for leaf in leaves]

    def fetch(level: int, index: int) -> bytes:
        part = hashes[index << level : (index + 1) << level]
        assert len(part) == 1 << level
        return perfect_root(part)

    return fetch


def test_known_roots() -> None:
    """The test vectors of Certificate Transparency's own tests."""
    inputs = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    inputs.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
    roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    tree = CompactRange()
    assert tree.root().hex() == roots[0]
    for leaf, root in zip(inputs, roots[1:], strict=True):
        tree.push(leaf_hash(leaf))
        assert tree.root().hex() == root


@given(st.integers(0, 300))
def test_the_compact_range_is_the_tree(count: int) -> None:
    leaves = leaves_of(count)
    tree = CompactRange()
    for number, leaf in enumerate(leaves):
        done = tree.push(leaf_hash(leaf))
        for level, root in enumerate(done):
            assert root == mth(leaves[number + 1 - (1 << level) : number + 1])
    assert tree.root() == mth(leaves) == range_root(fetcher(leaves), 0, count)
    assert CompactRange(count, [fetcher(leaves)(*part) for part in subtrees(0, count)]).root() == mth(leaves)
    assert tree.copy().root() == tree.root()


@given(st.integers(1, 130), st.data())
def test_inclusion(count: int, data: st.DataObject) -> None:
    leaves = leaves_of(count)
    index = data.draw(st.integers(0, count - 1))
    proof = inclusion_proof(fetcher(leaves), index, count)
    assert proof == path(index, leaves)
    root = mth(leaves)
    assert verify_inclusion(leaf_hash(leaves[index]), index, count, proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, count, proof, root)
    assert not verify_inclusion(leaf_hash(leaves[index]), index, count, [*proof, root], root)
    assert not verify_inclusion(leaf_hash(leaves[index]), index, count, proof[:-1], EMPTY_ROOT)
    for other in range(count):
        assert verify_inclusion(leaf_hash(leaves[index]), other, count, proof, root) == (other == index)


@given(st.integers(0, 130), st.integers(0, 130))
def test_consistency(one: int, other: int) -> None:
    first, second = sorted((one, other))
    leaves = leaves_of(second)
    old, new = (first, mth(leaves[:first])), (second, mth(leaves))
    proof = consistency_proof(fetcher(leaves), first, second)
    if 0 < first < second:
        assert proof == subproof(first, leaves, True)
    assert verify_consistency(old, new, proof)
    if 0 < first < second:
        assert not verify_consistency((first, node_hash(old[1], old[1])), new, proof)
        assert not verify_consistency(old, (second, node_hash(old[1], old[1])), proof)
        assert not verify_consistency(old, new, proof[:-1])
        assert not verify_consistency(old, new, [*proof, old[1]])
        for at in range(len(proof)):
            assert not verify_consistency(old, new, [*proof[:at], leaf_hash(b"x"), *proof[at + 1 :]])
    assert not verify_consistency(new, old, proof) or old == new


def test_questions_about_leaves_that_are_not_there() -> None:
    fetch = fetcher(leaves_of(3))
    with pytest.raises(IndexError):
        inclusion_proof(fetch, 3, 3)
    with pytest.raises(IndexError):
        consistency_proof(fetch, 3, 2)
    with pytest.raises(ValueError, match="complete subtrees"):
        CompactRange(3, [b""])
    assert not verify_inclusion(b"", 3, 3, [], b"")
