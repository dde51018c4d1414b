"""The log's Merkle tree (RFC 6962 section 2.1), stored in tiles (C2SP tlog-tiles). Makes proofs and verifies them.

Implements specs/protocol.md section 8. A range `(start, end)` stands for the subtree MTH(D[start:end]).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from verifier.core.errors import InvalidProof

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256().digest()

Range = tuple[int, int]
Nodes = dict[tuple[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a log entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the subtree with these two halves."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose hashes are the audit path of a leaf, from the leaf up (RFC 6962 section 2.1.1).

    Raises InvalidProof if a tree of this size has no such leaf.
    """
    if not 0 <= index < size:
        raise InvalidProof(f"a log of size {size} has no leaf {index}")
    ranges = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The subtrees whose hashes are a consistency proof, in the order of the proof (RFC 6962 section 2.1.2).

    Raises InvalidProof if there is no proof between these sizes.
    """
    ranges = _seeded_consistency_ranges(old, new)
    # If the first subtree is the whole old tree, the proof leaves it out, because its hash is the old root.
    return ranges[1:] if ranges[0][0] == 0 else ranges


def _seeded_consistency_ranges(old: int, new: int) -> list[Range]:
    """The subtrees of a consistency proof, together with the first subtree, which some proofs leave out.

    The first subtree is the largest subtree of the new tree that ends where the old tree ends. The other subtrees are
    the audit path of the first subtree.
    """
    if not 1 <= old <= new:
        raise InvalidProof(f"there is no consistency proof from size {old} to size {new}")
    path = inclusion_ranges(old - 1, new)
    start = old - 1
    inside = 0
    while inside < len(path) and path[inside][1] == start:
        start = path[inside][0]
        inside += 1
    return [(start, old), *path[inside:]]


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify that the tree with this size and root has this leaf hash at this index. Raises InvalidProof."""
    ranges = inclusion_ranges(index, size)
    _check_lengths([leaf, *proof], len(ranges) + 1)
    computed = leaf
    for (start, _), sibling in zip(ranges, proof, strict=True):
        computed = node_hash(computed, sibling) if start > index else node_hash(sibling, computed)
    if computed != root:
        raise InvalidProof("the inclusion proof does not lead to the checkpoint's root")


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify that the new tree begins with all leaves of the old tree. Raises InvalidProof.

    An empty old tree is refused, since it is consistent with every tree.
    """
    ranges = _seeded_consistency_ranges(old_size, new_size)
    seeded = ranges[0][0] == 0
    _check_lengths(proof, len(ranges) - seeded)
    seed, *siblings = [old_root, *proof] if seeded else proof
    old = new = seed
    for (start, _), sibling in zip(ranges[1:], siblings, strict=True):
        if start < old_size:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != old_root:
        raise InvalidProof("the consistency proof does not lead to the old root")
    if new != new_root:
        raise InvalidProof("the consistency proof does not lead to the new root")


def _check_lengths(hashes: Sequence[bytes], count: int) -> None:
    if len(hashes) != count:
        raise InvalidProof("the proof has too many or too few hashes")
    if any(len(item) != HASH_BYTES for item in hashes):
        raise InvalidProof("the proof has a hash of a wrong length")


class Tree:
    """The log's tree, reduced to the hashes on its right edge. They are enough to append leaves. The tree is immutable.

    `nodes` are the hashes of complete subtrees by (level, index). They must include the last complete subtree of each
    level that has an odd number of them. `inclusion_proof` works only for a leaf whose audit path is in `nodes`.
    """

    __slots__ = ("_edge", "_nodes", "size")

    def __init__(self, size: int, nodes: Nodes) -> None:
        self.size = size
        self._nodes = nodes
        self._edge = _right_edge(size, nodes)

    @classmethod
    def resume(cls, size: int, tile_hashes: Mapping[int, Sequence[bytes]]) -> Tree:
        """Load a tree of this size from the rightmost partial tile of each tile level.

        Raises ValueError if a tile has the wrong number of hashes for this size.
        """
        nodes: Nodes = {}
        for tile_level in range(-(-size.bit_length() // TILE_HEIGHT)):
            end = size >> TILE_HEIGHT * tile_level
            hashes = tile_hashes.get(tile_level, ())
            if len(hashes) != end % TILE:
                raise ValueError(f"tile level {tile_level} has {len(hashes)} hashes, not {end % TILE}")
            for level, first, row in _complete_rows(TILE_HEIGHT * tile_level, end - end % TILE, hashes, {}):
                nodes.update(_keyed(level, first, row))
        return cls(size, nodes)

    def extend(self, leaf_hashes: Sequence[bytes]) -> tuple[Tree, list[tuple[int, int, bytes]]]:
        """Return two values: a tree with these leaves added, and the nodes to store as (tile level >= 1, index, hash).

        This tree stays unchanged, in case the new tree does not become durable. The new tree can prove only the new
        leaves. It drops all other nodes, so its memory does not grow.
        """
        left = {
            (level, count - 1): self._nodes[level, count - 1]
            for level, (count, _) in enumerate(self._edge)
            if count % 2
        }
        nodes = left.copy()
        completed = []
        for level, first, row in _complete_rows(0, self.size, leaf_hashes, left):
            nodes.update(_keyed(level, first, row))
            if level and level % TILE_HEIGHT == 0:
                completed += [(level // TILE_HEIGHT, first + place, item) for place, item in enumerate(row)]
        return Tree(self.size + len(leaf_hashes), nodes), completed

    def root(self) -> bytes:
        """The root hash of the tree: MTH of all leaves."""
        return self._edge[-1][1] or EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """The audit path of a leaf in this tree.

        Raises LookupError if `nodes` does not have the hashes, as for an old leaf.
        """
        if not 0 <= index < self.size:
            raise LookupError(f"a log of size {self.size} has no leaf {index}")
        proof = []
        for level, (count, partial) in enumerate(self._edge):
            sibling = index ^ 1
            if sibling < count:
                proof.append(self._nodes[level, sibling])
            elif sibling == count and partial is not None:
                proof.append(partial)
            index >>= 1
        return proof


def _right_edge(size: int, nodes: Nodes) -> list[tuple[int, bytes | None]]:
    """Return two values for each level: the number of complete subtrees, and the hash of the leaves after them.

    The hash is None if there are no such leaves. The last level has no complete subtree, so its hash is the hash of all
    leaves.
    """
    edge = []
    partial: bytes | None = None
    for level in range(size.bit_length() + 1):
        count = size >> level
        edge.append((count, partial))
        if count % 2:
            last = nodes[level, count - 1]
            partial = last if partial is None else node_hash(last, partial)
    return edge


def _complete_rows(
    level: int, first: int, row: Sequence[bytes], left: Nodes
) -> Iterator[tuple[int, int, Sequence[bytes]]]:
    """Append a row of hashes at a level, and yield all subtrees that this completes.

    Each item is for one level: the level, the index of the first subtree, and the hashes of the subtrees. If the first
    hash of a row is the right half of a larger subtree, `left` must have the left half.
    """
    while row:
        yield level, first, row
        if first % 2:
            row = [left[level, first - 1], *row]
        row = _halved(row)
        first //= 2
        level += 1


def _halved(row: Sequence[bytes]) -> list[bytes]:
    return [node_hash(one, other) for one, other in zip(row[::2], row[1::2], strict=False)]


def _keyed(level: int, first: int, row: Sequence[bytes]) -> Iterator[tuple[tuple[int, int], bytes]]:
    return (((level, index), item) for index, item in enumerate(row, first))


class Tile(Struct, frozen=True):
    """The first `width` hashes of a tile. `level` is the tile level, which is level `8 * level` of the tree."""

    level: int
    index: int
    width: int


def tiles_for(ranges: Iterable[Range], size: int) -> set[Tile]:
    """The tiles that `prove` needs for these ranges, in a log of this size.

    To make a proof, compute its ranges with `inclusion_ranges` or `consistency_ranges`. Then fetch the tiles, and pass
    the ranges and the tiles to `prove`. Only fetching the tiles does I/O.
    """
    places = {_place(*node)[:2] for item in ranges for node in _complete_subtrees(*item)}
    return {Tile(level, index, min(TILE, (size >> TILE_HEIGHT * level) - TILE * index)) for level, index in places}


def prove(ranges: Iterable[Range], tiles: Mapping[Tile, Sequence[bytes]]) -> list[bytes]:
    """Return the hash of each range, from the tiles of `tiles_for`. Raises LookupError if a tile is incomplete.

    For `inclusion_ranges` or `consistency_ranges`, the hashes are the proof. For `[(0, size)]`, the hash is the root.
    """
    by_place = {(tile.level, tile.index): hashes for tile, hashes in tiles.items()}

    def lookup(level: int, index: int) -> bytes:
        tile_level, tile_index, first, width = _place(level, index)
        row = by_place[tile_level, tile_index][first : first + width]
        if len(row) != width:
            raise LookupError(f"tile {tile_index} of level {tile_level} is incomplete")
        while len(row) > 1:
            row = _halved(row)
        return row[0]

    return [subtree_root(start, end, lookup) for start, end in ranges]


def subtree_root(start: int, end: int, lookup: Callable[[int, int], bytes]) -> bytes:
    """Compute MTH(D[start:end]). `lookup(level, index)` returns the hash of a complete subtree."""
    *left, root = [lookup(level, index) for level, index in _complete_subtrees(start, end)]
    for sibling in reversed(left):
        root = node_hash(sibling, root)
    return root


def _complete_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Split a subtree into complete subtrees (level, index), from left to right. The largest one comes first."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _place(level: int, index: int) -> tuple[int, int, int, int]:
    """Find where the hashes of a subtree are stored.

    Returns tile level, tile index, position of the first hash, and count.
    """
    first = index << level % TILE_HEIGHT
    return level // TILE_HEIGHT, first // TILE, first % TILE, 1 << level % TILE_HEIGHT
