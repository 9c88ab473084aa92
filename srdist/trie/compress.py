"""Compress token sequences into tries: one per group of sequences, without the chains of single children.

The sequences of a group are sorted by a few tokens at a time; those that are still equal share a chain, which is
skipped, and are sorted by the tokens after it. So most of a sequence is never read. The nodes of a trie are then the
runs of sorted sequences with a longer beginning in common than their neighbours have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from srdist.compiled import compiled
from srdist.trie.forest import Forest, Sequences

_EQUAL = np.iinfo(np.int32).max  # what equal sequences have in common
_SHORT = 16  # keys that are sorted by counting the smaller ones, without a branch
_CACHED = 16  # groups whose first tokens are in the processor's cache together


def compress(sequences: Sequences, groups: np.ndarray, end: int, vocabulary: int, *, merge: bool) -> Forest:
    """Build the trie of each group of sequences.

    A sequence that ends where others of its group go on has an end edge. The root of a trie is a node even if
    it has one edge only; every other node has at least two.

    Args:
        sequences: n sequences, less than 2**31.
        groups: int64 [G + 1], where each group of consecutive sequences begins and the last one ends.
        end: token of end edges.
        vocabulary: number of tokens; the tries are right only if `largest` is below.
        merge: equal sequences of a group share one leaf, the first of them, and a group with one leaf only has no
            trie; else each has a leaf, at end edges.
    """
    n, size = len(sequences.bounds) - 1, len(groups) - 1
    values, bounds = sequences.values, sequences.bounds.astype(np.int64, copy=False)
    longest, width = int(np.diff(groups).max(initial=0)), (2 * max(vocabulary - 1, end) + 1).bit_length()
    work = _Work(
        *(np.empty(n, np.int32) for _ in range(2)),
        *(np.empty(longest, np.uint64) for _ in range(2)),
        *(np.empty(longest + 1, np.int64) for _ in range(4)),
    )
    edges = 2 * n + size
    into = _Into(
        nodes=np.zeros(size, np.int64),
        depth=np.empty(n + size, np.int32),
        token=np.empty(edges, values.dtype),
        inner=np.empty(edges, bool),
        last=np.empty(edges, bool),
        leaf=np.empty(n, np.int32),
        back=np.zeros(n, np.int32),
    )
    n_nodes, n_edges, n_leaves, largest = _build(values, bounds, groups, end, width, merge, work, into)
    return Forest(
        into.nodes,
        into.depth[:n_nodes],
        into.token[:n_edges],
        into.inner[:n_edges],
        into.last[:n_edges],
        into.leaf[:n_leaves],
        into.back,
        largest,
    )


class _Work(NamedTuple):
    """Room to work in.

    rows, common: [n], the rows of each group, sorted, and how many tokens each has in common with the one before.
    unsorted, keys, spare_rows, lows, highs, depths: [largest group + 1], whatever one group needs.
    """

    rows: np.ndarray
    common: np.ndarray
    unsorted: np.ndarray
    keys: np.ndarray
    spare_rows: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    depths: np.ndarray


class _Into(NamedTuple):
    """The arrays of a forest, to be filled."""

    nodes: np.ndarray
    depth: np.ndarray
    token: np.ndarray
    inner: np.ndarray
    last: np.ndarray
    leaf: np.ndarray
    back: np.ndarray


@compiled
def _build(values, bounds, groups, end, width, merge, work, into):
    """Build all tries; return the number of nodes, of edges, of leaves, and the largest token that was looked at."""
    at, largest = (0, 0, 0), np.int64(0)
    for start in range(0, len(groups) - 1, _CACHED):
        some = groups[start : min(start + _CACHED, len(groups) - 1) + 1]
        for row in range(some[0], some[-1]):  # waits for memory go on side by side
            work.rows[row] = row
            if bounds[row] < bounds[row + 1]:
                largest = max(largest, np.int64(values[bounds[row]]))
        largest = max(largest, _sort(values, bounds, some, end, width, merge, work))
        at = _grow(values, bounds, some, end, merge, work, into, into.nodes[start:], at)
    return at[0], at[1], at[2], largest


@compiled
def _sort(values, bounds, groups, end, width, merge, work):
    """Sort the rows of each group, note how many tokens each has in common with the one before.

    Returns:
        the largest token that was looked at.
    """
    rows, common, unsorted, keys, spare_rows, lows, highs, depths = work
    largest = np.int64(0)
    for group in range(len(groups) - 1):
        lows[0], highs[0], depths[0] = groups[group], groups[group + 1], 0
        pending = int(highs[0] - lows[0] > 1)
        while pending:
            pending -= 1
            low, high, depth = lows[pending], highs[pending], depths[pending]
            if depth or high - low == 2:
                depth += _in_common(values, bounds, rows, low, high, depth)
            if high - low == 2:
                largest = max(largest, _sort_two(values, bounds, end, merge, rows, common, low, depth))
                continue
            index_bits = 1
            while (high - low) >> index_bits:
                index_bits += 1
            symbols = min((64 - index_bits) // width, 4)
            for index in range(high - low):
                row = rows[low + index]
                at, stop, key = bounds[row] + depth, bounds[row + 1], np.uint64(0)
                for place in range(at, min(at + symbols, stop)):
                    token = np.int64(values[place])
                    largest = max(largest, token)
                    key = key << np.uint64(width) | np.uint64(2 * token + 1)
                if stop - at < symbols:  # it ends here; what stands behind does not matter
                    key = (key << np.uint64(width) | np.uint64(2 * end)) << np.uint64(width * (symbols - 1 - stop + at))
                unsorted[index] = key << np.uint64(index_bits) | np.uint64(index)
                spare_rows[index] = row
            _sort_keys(unsorted, keys, high - low)
            mask, run = (np.uint64(1) << np.uint64(index_bits)) - np.uint64(1), low
            for index in range(high - low):
                rows[low + index] = spare_rows[np.int64(keys[index] & mask)]
            for index in range(low + 1, high + 1):
                differ = np.uint64(1)
                if index < high:
                    differ = (keys[index - low] ^ keys[index - low - 1]) >> np.uint64(index_bits)
                    if differ == 0:
                        continue
                    common[index] = depth
                    for symbol in range(1, symbols):
                        common[index] += differ >> np.uint64(width * symbol) == 0
                if index - run > 1:
                    length = bounds[rows[run] + 1] - bounds[rows[run]]
                    if length < depth + symbols:
                        for equal in range(run + 1, index):
                            common[equal] = _EQUAL if merge else length
                    else:
                        lows[pending], highs[pending], depths[pending] = run, index, depth + symbols
                        pending += 1
                run = index
    return largest


@compiled
def _in_common(values, bounds, rows, low, high, depth):
    """Return how many tokens from a depth on the rows of a range have in common."""
    start = bounds[rows[low]] + depth
    length = bounds[rows[low] + 1] - start
    for index in range(low + 1, high):
        other = bounds[rows[index]] + depth
        length = min(length, bounds[rows[index] + 1] - other)
        for place in range(length):
            if values[start + place] != values[other + place]:
                length = place
                break
    return length


@compiled
def _sort_two(values, bounds, end, merge, rows, common, low, depth):
    """Sort two rows that have `depth` tokens in common and no more; return the larger token."""
    one, other = rows[low], rows[low + 1]
    at, beside = bounds[one] + depth, bounds[other] + depth
    token = np.int64(values[at]) if at < bounds[one + 1] else -1
    token_beside = np.int64(values[beside]) if beside < bounds[other + 1] else -1
    common[low + 1] = _EQUAL if merge and token == token_beside else depth
    if (2 * token + 1 if token >= 0 else 2 * end) > (2 * token_beside + 1 if token_beside >= 0 else 2 * end):
        rows[low], rows[low + 1] = other, one
    return max(token, token_beside)


@compiled
def _sort_keys(unsorted, keys, size):
    """Put the first keys, which differ, in order into `keys`; `unsorted` is lost."""
    for start in range(0, size, _SHORT):
        some, into = unsorted[start : min(start + _SHORT, size)], keys[start:]
        for key in some:
            place = 0
            for other in range(len(some)):
                place += some[other] < key
            into[place] = key
    step = _SHORT
    while step < size:
        for start in range(0, size, 2 * step):
            left, right, to = start, min(start + step, size), start
            middle, stop = right, min(start + 2 * step, size)
            while left < middle and right < stop:
                is_left = int(keys[left] < keys[right])
                unsorted[to] = keys[left] if is_left else keys[right]
                left, right, to = left + is_left, right + 1 - is_left, to + 1
            for rest in range(left, middle):
                unsorted[to + rest - left] = keys[rest]
            for rest in range(right, stop):
                unsorted[rest] = keys[rest]
        for index in range(size):
            keys[index] = unsorted[index]
        step *= 2


@compiled
def _grow(values, bounds, groups, end, merge, work, into, nodes, at):
    """Write the tries over sorted rows after what is there; return how many nodes, edges and leaves there are then."""
    rows, common, lows, highs, depths = work.rows, work.common, work.lows, work.highs, work.depths
    n_nodes, n_edges, n_leaves = at
    for group in range(len(groups) - 1):
        low, high = groups[group], groups[group + 1]
        different = not merge and low < high
        for index in range(low + 1, high):
            if common[index] != _EQUAL:
                different = True
            else:
                into.back[rows[index]] = rows[index] - rows[index - 1] + into.back[rows[index - 1]]
        lows[0], highs[0], depths[0] = low, high, 0
        node, size = 0, int(different)
        while node < size:
            begin, stop, depth, least = lows[node], highs[node], depths[node], _EQUAL
            for index in range(begin + 1, stop + 1):
                if index < stop and common[index] != depth:
                    least = min(least, common[index])
                    continue
                row = rows[begin]
                place = bounds[row] + depth
                into.token[n_edges] = values[place] if place < bounds[row + 1] else end
                into.inner[n_edges], into.last[n_edges] = least != _EQUAL, index == stop
                if least != _EQUAL:
                    lows[size], highs[size], depths[size] = begin, index, least
                    size += 1
                else:
                    into.leaf[n_leaves] = row - low
                    n_leaves += 1
                n_edges += 1
                begin, least = index, _EQUAL
            into.depth[n_nodes + node] = depth
            node += 1
        n_nodes += size
        nodes[group] = size
    return n_nodes, n_edges, n_leaves
