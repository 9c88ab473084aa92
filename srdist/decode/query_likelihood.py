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

    A prompt, which holds a passage, is read once for all of its queries; prompts of like length share a forward.

    Args:
        prompts: tokens of each, at least one.
        queries: for each prompt the tokens of one or more queries, their end included.
        forward_tokens: largest number of tokens in a forward, padding included; a single prompt may exceed it.
    """
    logprobs: list[list[float]] = [[] for _ in prompts]
    sizes = [len(prompt) + sum(map(len, asked)) for prompt, asked in zip(prompts, queries, strict=True)]
    for chunk in chunks(sizes, forward_tokens):
        tree = TokenTree(model, [prompts[index] for index in chunk])
        parts = []
        for row, index in enumerate(chunk):
            for tokens in queries[index]:
                parts.append((index, tree.add_asked(row, tree.root, tokens)))
        scores = tree.run()
        for index, part in parts:
            logprobs[index].append(float(scores[part].sum(dtype=np.float64)))
    return logprobs
