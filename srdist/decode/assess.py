"""Self-assessment: how probable is each verdict on a passage (paper, "Inference", step 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from srdist.decode.tree import TokenTree

if TYPE_CHECKING:
    from srdist.decode.model import LanguageModel
    from srdist.templates import Segments


@dataclass(frozen=True)
class Context:
    """What a verdict follows: a slot in a row of the tree, and the tokens up to the verdict that are not in it yet."""

    row: int
    slot: int
    tokens: Sequence[int]


def assess(tree: TokenTree, contexts: Sequence[Context], segments: Segments, forward_tokens: int) -> np.ndarray:
    """Return P(rejection) and P(acceptance) of each passage: the products of their tokens' probabilities.

    Every passage is a row of its own that begins with the keys and values of its query, title and first tokens, from
    the cache; rows of like length share a forward, of whatever query they are. Both verdicts branch off the passage
    in the same forward. The tree stays as it is.

    Args:
        tree: has been run; rows are queries.
        contexts: each with at least one token.
        forward_tokens: largest number of new tokens in a forward, padding included; a single passage may exceed it.

    Returns:
        float64 [passages, 2]: rejection, acceptance.
    """
    verdicts = (segments.negative, segments.positive)
    branches = sum(len(verdict) - 1 for verdict in verdicts)
    scores = np.empty((len(contexts), 2))
    for chunk in chunks([len(context.tokens) + branches for context in contexts], forward_tokens):
        rows = tree.paths([(contexts[index].row, contexts[index].slot) for index in chunk])
        asked = []
        for row, index in enumerate(chunk):
            tokens = contexts[index].tokens
            last = rows.add(row, rows.root, tokens) + len(tokens) - 1
            asked.append([rows.add_asked(row, last, verdict) for verdict in verdicts])
        logprobs = rows.run()
        scores[chunk] = [[logprobs[part].sum(dtype=np.float64) for part in pair] for pair in asked]
    return np.exp(scores)


def assess_texts(model: LanguageModel, contexts: Sequence[Sequence[int]], segments: Segments) -> np.ndarray:
    """Return P(rejection) and P(acceptance) after contexts that end with the separator, float64 [contexts, 2]."""
    tree = TokenTree(model, contexts)
    verdicts = (segments.negative, segments.positive)
    asked = [[tree.add_asked(row, tree.root, verdict) for verdict in verdicts] for row in range(len(contexts))]
    logprobs = tree.run()
    return np.exp([[logprobs[part].sum(dtype=np.float64) for part in pair] for pair in asked])


def chunks(sizes: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Give the indices of some rows, shortest first, so that a chunk takes at most `limit` tokens, or is one row."""
    chunk: list[int] = []
    for index in sorted(range(len(sizes)), key=lambda index: (sizes[index], index)):
        if chunk and (len(chunk) + 1) * sizes[index] > limit:
            yield chunk
            chunk = []
        chunk.append(index)
    if chunk:
        yield chunk
