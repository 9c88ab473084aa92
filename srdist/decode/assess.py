"""Self-assessment: how probable is each verdict on a passage (paper, "Inference", step 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from srdist.decode.tree import TokenTree

if TYPE_CHECKING:
    from srdist.templates import Segments


@dataclass(frozen=True)
class Context:
    """What a verdict follows: a slot of the tree and the tokens up to the verdict that are not in it yet."""

    slot: int
    tokens: Sequence[int]


def assess(tree: TokenTree, contexts: Sequence[Context], segments: Segments, forward_tokens: int) -> np.ndarray:
    """Return P(rejection) and P(acceptance) of each passage: the products of their tokens' probabilities.

    Each passage goes through the model once; both verdicts branch off it in the same forward. The tree is
    cropped to its former length after every forward.

    Args:
        tree: tree of one query, with one row.
        contexts: each with at least one token.
        forward_tokens: largest number of new tokens in a forward; a single passage may exceed it.

    Returns:
        float64 [passages, 2]: rejection, acceptance.
    """
    verdicts = (segments.negative, segments.positive)
    branches = sum(len(verdict) - 1 for verdict in verdicts)
    scores: list[list[float]] = []
    for chunk in _chunks(contexts, branches, forward_tokens):
        before = tree.length
        asked = [[_ask(tree, context, verdict) for verdict in verdicts] for context in _added(tree, chunk)]
        logprobs = tree.run()
        tree.crop(before)
        scores.extend([float(logprobs[part].sum()) for part in pair] for pair in asked)
    return np.exp(np.array(scores).reshape(-1, 2))


def _added(tree: TokenTree, chunk: Sequence[Context]) -> list[int]:
    """Queue the contexts; return the slot of the last token of each."""
    return [tree.add(0, context.slot, context.tokens) + len(context.tokens) - 1 for context in chunk]


def _ask(tree: TokenTree, slot: int, verdict: Sequence[int]) -> slice:
    """Queue a verdict below a slot and ask for the score of each of its tokens."""
    first = tree.add(0, slot, verdict[:-1])
    return tree.ask_chain(0, [slot, *range(first, first + len(verdict) - 1)], verdict)


def _chunks(contexts: Sequence[Context], branches: int, limit: int) -> list[Sequence[Context]]:
    """Divide the contexts, in order, so that a chunk has at most `limit` new tokens or one context."""
    chunks: list[list[Context]] = []
    room = 0
    for context in contexts:
        size = len(context.tokens) + branches
        if size > room or not chunks:
            chunks.append([])
            room = limit
        chunks[-1].append(context)
        room -= size
    return chunks
