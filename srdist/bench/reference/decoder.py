"""Beam search over lists of token sequences: no trie, no cache, no batch; and `generate` of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from srdist.bench.reference.scorer import sequence_logprob

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Ranking = list[tuple[int, float]]
"""number of a sequence and its log-probability, best first"""


def beam_search(
    network: PreTrainedModel, context: Sequence[int], sequences: Sequence[Sequence[int]], width: int, keep: int
) -> Ranking:
    """Find the most probable sequences after a context, one token a step, one full forward a candidate.

    Each step extends every live beam by every token that one of the sequences allows. A sequence that is whole
    goes to the pool, of which the `keep` best stay; the `width` best beams that some sequence continues live on.
    It ends when no live beam is better than the worst of a full pool.
    """
    sequences = [tuple(sequence) for sequence in sequences]
    live: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    pool: list[tuple[float, int]] = []
    while live:
        extended = []
        for _, beam in live:
            allowed = {s[len(beam)] for s in sequences if len(s) > len(beam) and s[: len(beam)] == beam}
            extended += [(*beam, token) for token in sorted(allowed)]
        scored = [(sequence_logprob(network, context, beam), beam) for beam in extended]
        for logprob, beam in scored:
            pool += [(logprob, number) for number, sequence in enumerate(sequences) if sequence == beam]
        pool = sorted(pool, key=lambda item: (-item[0], item[1]))[:keep]
        going_on = [(p, b) for p, b in scored if any(len(s) > len(b) and s[: len(b)] == b for s in sequences)]
        live = sorted(going_on, key=lambda item: (-item[0], item[1][-1], item[1]))[:width]
        if len(pool) == keep and all(logprob <= pool[-1][0] for logprob, _ in live):
            break
    return [(number, logprob) for logprob, number in pool]


def cut_where_unique(passages: Sequence[Sequence[int]], end: int) -> list[list[int]]:
    """Return each passage's shortest beginning that no other one shares; with `end` where it is another's beginning.

    Args:
        passages: distinct token sequences of one title; a single one is cut to nothing.
    """
    cuts = []
    for number, passage in enumerate(passages):
        others = [list(other) for index, other in enumerate(passages) if index != number]
        for length in range(len(passage) + 1):
            if all(other[:length] != list(passage[:length]) for other in others):
                cuts.append(list(passage[:length]))
                break
        else:
            cuts.append([*passage, end])
    return cuts


def token_trie(sequences: Mapping[int, Sequence[int]]) -> dict:
    """Return nested dicts of tokens over numbered, distinct sequences, none the beginning of another."""
    root: dict = {}
    for number, tokens in sequences.items():
        node = root
        for token in tokens[:-1]:
            node = node.setdefault(token, {})
        node[tokens[-1]] = number
    return root


def generate(
    network: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    tries: Sequence[dict],
    longest: int,
    end: int,
    width: int,
    keep: int,
) -> list[Ranking]:
    """Search below each prompt by `generate` of transformers with a prefix constraint, as the authors do.

    Every prompt is encoded once a beam, a callback walks the dicts from their root for every beam at every step,
    and what it does not allow is masked over the whole vocabulary.

    Args:
        tries: of `token_trie`, one a prompt; every sequence ends with `end` and has it nowhere else.
        longest: tokens of the longest sequence.
        width: beams of each prompt, at least 2.
        keep: sequences to return for each prompt, where there are as many.
    """
    import torch
    from transformers import GenerationConfig

    start = max(len(prompt) for prompt in prompts)
    padded = torch.tensor([[end] * (start - len(prompt)) + list(prompt) for prompt in prompts])
    seen = torch.tensor([[0] * (start - len(prompt)) + [1] * len(prompt) for prompt in prompts])

    def allowed(prompt: int, tokens: torch.Tensor) -> list[int]:
        node = _walk(tries[prompt], tokens[start:].tolist())
        return list(node) if isinstance(node, dict) else [end]  # beams that transformers carries on at -inf

    settings = GenerationConfig(
        num_beams=width,
        num_return_sequences=keep,
        do_sample=False,
        length_penalty=0.0,
        early_stopping="never",
        max_new_tokens=longest,
        eos_token_id=end,
        pad_token_id=end,
        return_dict_in_generate=True,
        output_scores=True,
    )
    output = network.generate(
        padded.to(network.device),
        attention_mask=seen.to(network.device),
        generation_config=settings,
        prefix_allowed_tokens_fn=allowed,
    )
    rankings: list[Ranking] = [[] for _ in prompts]
    found = zip(output.sequences[:, start:].tolist(), output.sequences_scores.tolist(), strict=True)
    for index, (tokens, logprob) in enumerate(found):
        if logprob > NOT_FOUND:
            prompt = index // keep
            rankings[prompt].append((_walk(tries[prompt], tokens[: tokens.index(end) + 1]), logprob))
    return rankings


NOT_FOUND = -1e8
"""transformers gives less than this to what fills the beams where there are fewer sequences"""


def _walk(node: Any, tokens: Sequence[int]) -> Any:
    """Return what lies behind the tokens: dict or number; None where nothing does."""
    for token in tokens:
        node = node.get(token) if isinstance(node, dict) else None
    return node
