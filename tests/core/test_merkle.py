"""Checks the Merkle tree against the text of RFC 6962, well-known trees and published test cases."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.core.errors import InvalidProof
from verifier.core.merkle import (
    EMPTY_ROOT,
    TILE,
    Tile,
    Tree,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    prove,
    subtree_root,
    tiles_for,
    verify_consistency,
    verify_inclusion,
)

VECTORS = (
    Path(os.environ.get("MERKLE_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors").absolute() / "merkle"
)

# The eight leaves and the roots of their prefixes which the tests of Certificate Transparency have used since 2012.
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
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


# RFC 6962 section 2.1, implemented literally: slow, and sharing only SHA-256 with the code under test.


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def half(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def mth(leaves: tuple[bytes, ...]) -> bytes:
    """The Merkle Tree Hash, given the leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = half(len(leaves))
    return sha(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m: int, leaves: tuple[bytes, ...]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: tuple[bytes, ...], whole: bool = True) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = half(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


@cache
def some_leaves(count: int) -> tuple[bytes, ...]:
    return tuple(sha(b"\x00%d" % index) for index in range(count))


def every_node(leaves: tuple[bytes, ...]) -> dict[tuple[int, int], bytes]:
    """The hashes of all complete subtrees. For large trees, where the literal implementation is too slow."""
    nodes = {}
    level, row = 0, list(leaves)
    while row:
        nodes.update({(level, index): item for index, item in enumerate(row)})
        row = [sha(b"\x01" + row[place] + row[place + 1]) for place in range(0, len(row) - 1, 2)]
        level += 1
    return nodes


def partial_tiles(leaves: tuple[bytes, ...]) -> dict[int, list[bytes]]:
    """What a log's storage holds at the right edge, by tile level."""
    nodes = every_node(leaves)
    return {
        level: [nodes[8 * level, index] for index in range((len(leaves) >> 8 * level) // TILE * TILE, count)]
        for level in range(8)
        if (count := len(leaves) >> 8 * level)
    }


def grown(leaves: tuple[bytes, ...], cuts: list[int]) -> Iterator[tuple[int, Tree]]:
    """Trees grown in batches that end at these sizes, each with the size before it."""
    tree = Tree.resume(0, {})
    for before, after in pairwise([0, *cuts]):
        tree, _ = tree.extend(leaves[before:after])
        yield before, tree


def spoiled(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Wrong variants of a proof."""
    yield [*proof, sha(b"more")]
    yield [sha(b"more"), *proof]
    for place, item in enumerate(proof):
        yield proof[:place] + proof[place + 1 :]
        yield [*proof[:place], bytes([item[0] ^ 1]) + item[1:], *proof[place + 1 :]]
        yield [*proof[:place], item[:-1], *proof[place + 1 :]]
        yield [*proof[:place], item + b"\x00", *proof[place + 1 :]]


# Hashing


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert sha(b"") == EMPTY_ROOT
    assert Tree.resume(0, {}).root() == EMPTY_ROOT


@pytest.mark.shows("CVP-8.2-1")
def test_leaves_and_nodes_are_hashed_in_separate_domains() -> None:
    one, other = leaf_hash(b"one"), leaf_hash(b"other")
    assert one == sha(b"\x00one")
    assert node_hash(one, other) == sha(b"\x01" + one + other)
    assert node_hash(one, other) != leaf_hash(one + other)


@pytest.mark.shows("CVP-8.2-1")
@pytest.mark.parametrize("size", range(9))
def test_well_known_trees_have_their_published_roots(size: int) -> None:
    tree, _ = Tree.resume(0, {}).extend([leaf_hash(leaf) for leaf in CT_LEAVES[:size]])
    assert tree.root().hex() == CT_ROOTS[size]


# Checking proofs


@pytest.mark.shows("CVP-8.1-8")
@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_only_the_audit_path_of_the_rfc_is_accepted(case: tuple[int, int]) -> None:
    index, size = case
    leaves = some_leaves(size)
    proof, root = path(index, leaves), mth(leaves)
    verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=root)
    for wrong in spoiled(proof):
        with pytest.raises(InvalidProof):
            verify_inclusion(leaf=leaves[index], index=index, size=size, proof=wrong, root=root)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf=sha(b"other"), index=index, size=size, proof=proof, root=root)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=sha(b"other"))


def test_a_leaf_is_proved_only_at_its_own_index() -> None:
    for size in range(1, 18):
        leaves = some_leaves(size)
        for index in range(size):
            for other in set(range(-1, size + 2)) - {index}:
                with pytest.raises(InvalidProof):
                    verify_inclusion(
                        leaf=leaves[index], index=other, size=size, proof=path(index, leaves), root=mth(leaves)
                    )


@pytest.mark.parametrize("cut", [0, 31, 33, 64])
def test_a_node_split_at_a_wrong_place_is_refused(cut: int) -> None:
    one, other = some_leaves(2)
    halves = one + other
    with pytest.raises(InvalidProof, match="length"):
        verify_inclusion(leaf=halves[:cut], index=0, size=2, proof=[halves[cut:]], root=node_hash(one, other))


@pytest.mark.shows("CVP-8.2-4")
@given(st.integers(1, 70).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new))))
def test_only_the_consistency_proof_of_the_rfc_is_accepted(case: tuple[int, int]) -> None:
    old, new = case
    leaves = some_leaves(new)
    proof, old_root, new_root = subproof(old, leaves), mth(leaves[:old]), mth(leaves)
    verify_consistency(old_size=old, old_root=old_root, new_size=new, new_root=new_root, proof=proof)
    for wrong in spoiled(proof):
        with pytest.raises(InvalidProof):
            verify_consistency(old_size=old, old_root=old_root, new_size=new, new_root=new_root, proof=wrong)
    with pytest.raises(InvalidProof):
        verify_consistency(old_size=old, old_root=sha(b"x"), new_size=new, new_root=new_root, proof=proof)
    with pytest.raises(InvalidProof):
        verify_consistency(old_size=old, old_root=old_root, new_size=new, new_root=sha(b"x"), proof=proof)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_consistency_from_an_empty_or_a_larger_tree_is_refused(old: int, new: int) -> None:
    leaves = some_leaves(2)
    with pytest.raises(InvalidProof, match="no consistency proof"):
        verify_consistency(
            old_size=old, old_root=mth(leaves[: max(old, 0)]), new_size=new, new_root=mth(leaves[:new]), proof=[]
        )


def vectors(kind: str) -> list[Any]:
    cases = [
        pytest.param(json.loads(file.read_text()), id=str(file.relative_to(VECTORS)))
        for file in sorted((VECTORS / kind).rglob("*.json"))
    ]
    absent = pytest.mark.skip(reason=f"the published vectors are not at {VECTORS}")
    return cases or [pytest.param({}, marks=absent, id="absent")]


def test_all_published_vectors_are_found() -> None:
    if not VECTORS.exists():
        pytest.skip(f"the published vectors are not at {VECTORS}")
    assert (len(vectors("inclusion")), len(vectors("consistency"))) == (98, 98)


@pytest.mark.shows("CVP-8.1-8")
@pytest.mark.parametrize("case", vectors("inclusion"))
def test_published_inclusion_cases_have_their_published_outcome(case: dict[str, Any]) -> None:
    def check() -> None:
        verify_inclusion(
            leaf=base64.b64decode(case["leafHash"] or ""),
            index=case["leafIdx"],
            size=case["treeSize"],
            proof=[base64.b64decode(item) for item in case["proof"] or ()],
            root=base64.b64decode(case["root"] or ""),
        )

    if case["wantErr"]:
        with pytest.raises(InvalidProof):
            check()
    else:
        check()


@pytest.mark.parametrize("case", vectors("consistency"))
def test_published_consistency_cases_have_their_published_outcome(case: dict[str, Any]) -> None:
    def check() -> None:
        verify_consistency(
            old_size=case["size1"],
            old_root=base64.b64decode(case["root1"] or ""),
            new_size=case["size2"],
            new_root=base64.b64decode(case["root2"] or ""),
            proof=[base64.b64decode(item) for item in case["proof"] or ()],
        )

    if case["wantErr"]:
        with pytest.raises(InvalidProof):
            check()
    else:
        check()


# The growing tree


@given(st.lists(st.integers(0, 600), min_size=1, max_size=5).map(sorted))
@settings(max_examples=40, deadline=None)
def test_a_tree_grown_in_any_batches_is_the_tree_of_the_rfc(cuts: list[int]) -> None:
    leaves = some_leaves(600)
    for before, tree in grown(leaves, cuts):
        assert tree.root() == mth(leaves[: tree.size])
        for index in {*range(before, tree.size, 50), *range(before, tree.size)[-1:]}:
            assert tree.inclusion_proof(index) == path(index, leaves[: tree.size])


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513])
def test_each_new_leaf_has_a_valid_proof_for_any_division_into_batches(size: int) -> None:
    leaves = some_leaves(size)
    for cut in {0, 1, size // 2, size - 1}:
        *_, (before, tree) = grown(leaves, [cut, size])
        for index in range(before, size):
            proof = tree.inclusion_proof(index)
            verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=tree.root())


@pytest.mark.slow
@pytest.mark.parametrize("size", [65_535, 65_536, 65_537])
def test_a_tree_grown_across_two_tile_levels_has_the_right_root_and_proofs(size: int) -> None:
    leaves = some_leaves(65_600)[:size]
    nodes = every_node(leaves)
    for before, tree in grown(leaves, [65_530, size]):
        assert tree.root() == subtree_root(0, tree.size, lambda level, index: nodes[level, index])
        last = tree.size - 1
        for index in {before, last}:
            proof = tree.inclusion_proof(index)
            verify_inclusion(leaf=leaves[index], index=index, size=tree.size, proof=proof, root=tree.root())


@given(st.integers(0, 1100), st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_a_resumed_tree_grows_like_one_that_never_stopped(size: int, more: int) -> None:
    leaves = some_leaves(1400)[: size + more]
    *_, (_, tree) = grown(leaves, [size, size + more])
    resumed = Tree.resume(size, partial_tiles(leaves[:size]))
    assert resumed.root() == mth(leaves[:size])
    resumed, _ = resumed.extend(leaves[size:])
    assert resumed.root() == tree.root()
    for index in range(size, size + more):
        assert resumed.inclusion_proof(index) == tree.inclusion_proof(index)


@pytest.mark.slow
@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 65_536 + 257])
def test_a_tree_is_resumed_from_three_levels_of_tiles(size: int) -> None:
    leaves = some_leaves(65_536 + 300)
    *_, (_, tree) = grown(leaves, [size, size + 3])
    resumed, _ = Tree.resume(size, partial_tiles(leaves[:size])).extend(leaves[size : size + 3])
    assert resumed.root() == tree.root()
    assert resumed.inclusion_proof(size + 1) == tree.inclusion_proof(size + 1)


def test_a_resumed_tree_proves_the_leaves_of_its_partial_tile() -> None:
    leaves = some_leaves(1000)
    tree = Tree.resume(1000, partial_tiles(leaves))
    for index in range(768, 1000):
        assert tree.inclusion_proof(index) == path(index, leaves)


@pytest.mark.parametrize(
    "tiles",
    [
        {},
        {0: some_leaves(1), 1: some_leaves(1)},
        {0: some_leaves(3), 1: some_leaves(1)},
        {0: some_leaves(2)},
        {0: some_leaves(2), 1: some_leaves(2)},
    ],
)
def test_a_tree_is_not_resumed_from_tiles_of_another_size(tiles: dict[int, tuple[bytes, ...]]) -> None:
    Tree.resume(258, {0: some_leaves(2), 1: some_leaves(1)})
    with pytest.raises(ValueError, match="tile level"):
        Tree.resume(258, tiles)


def test_a_tree_can_be_extended_again_after_a_discarded_extension() -> None:
    leaves = some_leaves(300)
    *_, (_, tree) = grown(leaves, [101, 200])
    before = tree.root(), tree.inclusion_proof(150)
    tree.extend([sha(b"lost")] * 100)
    assert (tree.root(), tree.inclusion_proof(150)) == before
    again, nodes = tree.extend(leaves[200:])
    assert again.root() == mth(leaves)
    assert nodes == [(1, 0, mth(leaves[:256]))]


def test_an_empty_extension_appends_nothing() -> None:
    *_, (_, tree) = grown(some_leaves(77), [77])
    same, nodes = tree.extend([])
    assert (same.size, same.root(), nodes) == (77, tree.root(), [])


@pytest.mark.slow
@pytest.mark.parametrize("batch", [7, 256, 4096, 65_600])
def test_each_completed_hash_of_a_tile_level_is_reported_once(batch: int) -> None:
    leaves = some_leaves(65_600)
    tree, reported = Tree.resume(0, {}), []
    for start in range(0, len(leaves), batch):
        tree, nodes = tree.extend(leaves[start : start + batch])
        reported += nodes
    due = [(level // 8, index, item) for (level, index), item in every_node(leaves).items() if level and level % 8 == 0]
    assert sorted(reported) == sorted(due)


def test_a_tree_that_grows_for_long_keeps_few_nodes() -> None:
    tree = Tree.resume(0, {})
    for start in range(0, 65_536, 64):
        tree, _ = tree.extend(some_leaves(65_600)[start : start + 64])
        assert len(tree._nodes) <= 2 * 64 + 2 * 17


def test_an_old_or_missing_leaf_has_no_proof() -> None:
    *_, (_, tree) = grown(some_leaves(300), [290, 300])
    for index in (-1, 0, 200, 300):
        with pytest.raises(LookupError):
            tree.inclusion_proof(index)


# Proofs for readers


def fetch(tiles: set[Tile], leaves: tuple[bytes, ...]) -> dict[Tile, list[bytes]]:
    nodes = every_node(leaves)
    return {tile: [nodes[8 * tile.level, TILE * tile.index + place] for place in range(tile.width)] for tile in tiles}


@given(st.integers(1, 1200).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
@settings(max_examples=40, deadline=None)
def test_proofs_from_tiles_equal_the_proofs_of_the_rfc(case: tuple[int, int]) -> None:
    index, size = case
    leaves = some_leaves(size)
    ranges = inclusion_ranges(index, size)
    assert prove(ranges, fetch(tiles_for(ranges, size), leaves)) == path(index, leaves)
    ranges = consistency_ranges(index + 1, size)
    assert prove(ranges, fetch(tiles_for(ranges, size), leaves)) == subproof(index + 1, leaves)
    assert prove([(0, size)], fetch(tiles_for([(0, size)], size), leaves)) == [mth(leaves)]


def test_a_tree_of_70000_leaves_has_the_tiles_of_the_specification() -> None:
    """C2SP tlog-tiles says which partial tiles a tree of 70,000 has: 112 wide, 17 wide and 1 wide."""
    assert tiles_for([(0, 70_000)], 70_000) == {Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)}


def test_an_incomplete_or_missing_tile_gives_no_proof() -> None:
    leaves = some_leaves(300)
    ranges = inclusion_ranges(0, 300)
    tiles = fetch(tiles_for(ranges, 300), leaves)
    torn = Tile(0, 1, 44)
    with pytest.raises(LookupError, match="incomplete"):
        prove(ranges, {**tiles, torn: tiles[torn][:43]})
    del tiles[torn]
    with pytest.raises(LookupError):
        prove(ranges, tiles)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_a_leaf_outside_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(InvalidProof):
        inclusion_ranges(index, size)
