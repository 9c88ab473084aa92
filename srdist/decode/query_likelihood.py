"""How probably the model would ask the query about a passage: query likelihood (Ponte and Croft, SIGIR 1998; by a
language model that is asked for a question: Sachan et al., EMNLP 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srdist.decode.assess import chunks
from srdist.decode.model import LanguageModel
from srdist.decode.tree import TokenTree


def query_logprobs(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    queries: Sequence[Sequence[Sequence[int]]],
    forward_tokens: int,
) -> list[list[float]]:
    """Return log P(query | prompt), natural logarithms, [queries] for each prompt.

    A prompt, which holds a passage, is read once for as many of its queries as fit; prompts of like length share a
    forward.

    Args:
        prompts: tokens of each, at least one.
        queries: for each prompt the tokens of one or more queries, their end included.
        forward_tokens: largest number of tokens in a forward, padding included; a prompt and one query may exceed it.
    """
    logprobs = [[0.0] * len(asked) for asked in queries]
    rows = [
        (index, asked)
        for index, prompt in enumerate(prompts)
        for asked in _fitting([len(query) for query in queries[index]], forward_tokens - len(prompt))
    ]
    sizes = [len(prompts[index]) + sum(len(queries[index][place]) for place in asked) for index, asked in rows]
    for chunk in chunks(sizes, forward_tokens):
        tree = TokenTree(model, [prompts[rows[number][0]] for number in chunk])
        parts = [
            (index, place, tree.add_asked(row, tree.root, queries[index][place]))
            for row, (index, asked) in enumerate(rows[number] for number in chunk)
            for place in asked
        ]
        scores = tree.run()
        for index, place, part in parts:
            logprobs[index][place] = float(scores[part].sum(dtype=np.float64))
    return logprobs


def _fitting(sizes: Sequence[int], room: int) -> list[range]:
    """Cut some queries, in order, into parts of at most `room` tokens, or of one query."""
    parts, begin, taken = [], 0, 0
    for place, size in enumerate(sizes):
        if place > begin and taken + size > room:
            parts.append(range(begin, place))
            begin, taken = place, 0
        taken += size
    return [*parts, range(begin, len(sizes))]
