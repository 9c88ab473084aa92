"""Tries in a few bits per edge: bit vectors with rank and select, and numbers of the width that they need.

Nodes are numbered breadth first, tree after tree (LOUDS; Jacobson, "Space-efficient static trees and graphs", 1989).
So the inner nodes need no addresses: the k-th edge of a tree that leads to an inner node leads to the tree's node k,
and the edges of a node stand between the marks of the last edges of two nodes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from srdist.compiled import compiled

_RANKED = 16  # words of a bit vector per entry of its directory
_BLOCK = 256  # values of one width


class Bits(NamedTuple):
    """A bit vector.

    Attributes:
        words: uint64, its bits, the lowest first.
        ranks: uint64, number of ones before each 16 words, and at the end.
    """

    words: np.ndarray
    ranks: np.ndarray


class Packed(NamedTuple):
    """Unsigned integers below 2**32, each 256 of them in the bits that the largest one needs.

    Attributes:
        words: uint64, their bits, the lowest first, and two words of padding.
        blocks: uint64, of each 256: `first word << 6 | width`.
    """

    words: np.ndarray
    blocks: np.ndarray


class Tries(NamedTuple):
    """The tries of some groups.

    Attributes:
        token: of each edge, its first token.
        leaf: of each edge to a leaf, in order: the number of its sequence in the group.
        depth: of each node, number of tokens before it.
        inner: of each edge, whether it leads to an inner node.
        last: of each edge, whether it is the last one of its node.
        trees: of each group, a one and as many zeros as its tree has nodes; a one at the end.
    """

    token: Packed
    leaf: Packed
    depth: Packed
    inner: Bits
    last: Bits
    trees: Bits


TRIES = dict.fromkeys(("token", "leaf", "depth"), Packed) | dict.fromkeys(("inner", "last", "trees"), Bits)
"""The arrays of `Tries`."""


def pack_bits(bits: np.ndarray) -> Bits:
    """Pack truth values."""
    entries = -(-len(bits) // (64 * _RANKED))
    padded = np.zeros(entries * 64 * _RANKED, bool)
    padded[: len(bits)] = bits
    ones = np.count_nonzero(padded.reshape(entries, 64 * _RANKED), axis=1)
    words = np.packbits(padded, bitorder="little").view(np.uint64)
    return Bits(_frozen(words), _frozen(np.cumsum(np.append(0, ones)).astype(np.uint64)))


def pack(values: np.ndarray) -> Packed:
    """Pack integers."""
    starts = np.arange(0, len(values), _BLOCK)
    largest = np.maximum.reduceat(values, starts) if len(values) else values
    widths = np.frexp(largest.astype(np.float64))[1].astype(np.int64)
    first = np.cumsum(np.append(0, widths * (_BLOCK // 64)))
    blocks = (first[:-1] << 6 | widths).astype(np.uint64)
    words = np.zeros(first[-1] + 2, np.uint64)
    _pack(values.astype(np.uint32, copy=False), blocks, words)
    return Packed(_frozen(words), _frozen(blocks))


def _frozen(array: np.ndarray) -> np.ndarray:
    """Make an array like those that are mapped into memory, which loops are compiled for."""
    array.flags.writeable = False
    return array


@compiled
def _pack(values, blocks, words):
    for block in range(len(blocks)):
        word, width = np.int64(blocks[block] >> np.uint64(6)), np.int64(blocks[block] & np.uint64(63))
        held, bits = np.uint64(0), 0
        for index in range(block * _BLOCK, min(block * _BLOCK + _BLOCK, len(values))):
            value = np.uint64(values[index])
            held |= value << np.uint64(bits)
            bits += width
            if bits >= 64:
                bits -= 64
                words[word] = held
                word += 1
                held = value >> np.uint64(width - bits)
        if bits:
            words[word] = held


@compiled
def _unpack(packed, index):
    block = packed.blocks[index // _BLOCK]
    width = block & np.uint64(63)
    bit = (index % _BLOCK) * np.int64(width)
    word, shift = np.int64(block >> np.uint64(6)) + bit // 64, np.uint64(bit % 64)
    value = packed.words[word] >> shift | packed.words[word + 1] << np.uint64(1) << (np.uint64(63) - shift)
    return np.int64(value & ((np.uint64(1) << width) - np.uint64(1)))


@compiled
def _ones(word):
    count = 0
    while word:
        word &= word - np.uint64(1)
        count += 1
    return count


@compiled
def bit(bits, index):
    """Tell whether a bit is set."""
    return bits.words[index // 64] >> np.uint64(index % 64) & np.uint64(1) != 0


@compiled
def rank(bits, index):
    """Return the number of ones before a position."""
    entry = index // (64 * _RANKED)
    count = np.int64(bits.ranks[entry])
    for word in range(entry * _RANKED, index // 64):
        count += _ones(bits.words[word])
    if index % 64:
        count += _ones(bits.words[index // 64] << np.uint64(64 - index % 64))
    return count


def ones(bits: Bits, begin: int, end: int) -> np.ndarray:
    """Return the positions of the ones in a range, int64."""
    first = begin // 64
    words = bits.words[first : -(-end // 64)].astype("<u8")
    found = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")) + 64 * first
    return found[(found >= begin) & (found < end)]


@compiled
def select(bits, number):
    """Return the position of a one by its number, from 0."""
    low, high = 0, len(bits.ranks) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if np.int64(bits.ranks[middle]) <= number:
            low = middle
        else:
            high = middle
    rest, index = number - np.int64(bits.ranks[low]), low * _RANKED
    while rest >= _ones(bits.words[index]):
        rest -= _ones(bits.words[index])
        index += 1
    word = bits.words[index]
    for _ in range(rest):
        word &= word - np.uint64(1)
    return index * 64 + _ones((word ^ (word - np.uint64(1))) >> np.uint64(1))


@compiled
def _next_one(bits, index):
    word = bits.words[index // 64] >> np.uint64(index % 64)
    if word == 0:
        index = index // 64 * 64 + 64
        while bits.words[index // 64] == 0:
            index += 64
        word = bits.words[index // 64]
    return index + _ones((word ^ (word - np.uint64(1))) >> np.uint64(1))


@compiled
def _first_edge(tries, node):
    return select(tries.last, node - 1) + 1 if node else 0


@compiled
def tree_size(tries, group):
    """Return the number of nodes of a group's trie."""
    start = select(tries.trees, group)
    return _next_one(tries.trees, start + 1) - start - 1


@compiled
def edges_of(tries, groups, nodes, node_base, leaf_base):
    """Return source, token and target of the edges that leave nodes, in order.

    Args:
        tries: where they are.
        groups: int64 [B], group of each node.
        nodes: int64 [B], its number in its tree.
        node_base: int64 [B], what to add to the numbers of the nodes that its edges lead to.
        leaf_base: int64 [B], what to add to the numbers of their leaves' sequences, before `~`.
    """
    first, count = np.empty(len(nodes), np.int64), np.empty(len(nodes), np.int64)
    before = np.empty(len(nodes), np.int64)
    for index in range(len(nodes)):
        root = select(tries.trees, groups[index]) - groups[index]
        edge = _first_edge(tries, root)
        before[index] = rank(tries.inner, edge) - 1
        if nodes[index]:
            edge = _first_edge(tries, root + nodes[index])
        first[index], count[index] = edge, _next_one(tries.last, edge) + 1 - edge
    total = count.sum()
    source, token, target = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
    at = 0
    for index in range(len(nodes)):
        inner = rank(tries.inner, first[index])
        for edge in range(first[index], first[index] + count[index]):
            source[at], token[at] = index, _unpack(tries.token, edge)
            if bit(tries.inner, edge):
                target[at] = node_base[index] + inner - before[index]
                inner += 1
            else:
                target[at] = ~(leaf_base[index] + _unpack(tries.leaf, edge - inner))
            at += 1
    return source, token, target


@compiled
def chain_of(tries, group, node):
    """Return the sequence of a leaf below a node, and which of its tokens lead from the edge's first one to the node.

    Returns:
        number of the sequence in its group, begin, end.
    """
    root = select(tries.trees, group) - group
    before = rank(tries.inner, _first_edge(tries, root)) - 1
    begin, end = np.int64(0), _unpack(tries.depth, root + node)
    if node:
        begin = _unpack(tries.depth, rank(tries.last, select(tries.inner, before + node))) + 1
    while True:
        edge = _first_edge(tries, root + node)
        inner = rank(tries.inner, edge)
        if not bit(tries.inner, edge):
            return _unpack(tries.leaf, edge - inner), begin, end
        node = inner - before


@compiled
def unpack(packed, begin, end):
    """Return the values in a range, int64."""
    values = np.empty(end - begin, np.int64)
    for index in range(begin, end):
        values[index - begin] = _unpack(packed, index)
    return values
