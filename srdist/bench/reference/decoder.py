"""Beam search over lists of token sequences: no trie, no cache, no batch; and `generate` of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def generate(network: PreTrainedModel, context: Sequence[int], sequences: Sequence[Sequence[int]], end: int) -> Ranking:
    """Rank all sequences by `generate` of transformers with one beam a sequence and a prefix constraint.

    Args:
        sequences: distinct, each ends with `end` and has it nowhere else.
    """
    import torch
    from transformers import GenerationConfig

    def allowed(_: int, tokens: torch.Tensor) -> list[int]:
        beam = tokens[len(context) :].tolist()
        return sorted({s[len(beam)] for s in sequences if len(s) > len(beam) and list(s[: len(beam)]) == beam}) or [end]

    settings = GenerationConfig(
        num_beams=len(sequences),
        num_return_sequences=len(sequences),
        do_sample=False,
        length_penalty=0.0,
        early_stopping="never",
        max_new_tokens=max(len(sequence) for sequence in sequences),
        eos_token_id=end,
        pad_token_id=end,
        return_dict_in_generate=True,
        output_scores=True,
    )
    prompt = torch.tensor([list(context)], device=network.device)
    output = network.generate(
        prompt, attention_mask=torch.ones_like(prompt), generation_config=settings, prefix_allowed_tokens_fn=allowed
    )
    numbers = {tuple(sequence): number for number, sequence in enumerate(sequences)}
    ranking = []
    for tokens, logprob in zip(output.sequences[:, len(context) :].tolist(), output.sequences_scores, strict=True):
        ranking.append((numbers[tuple(tokens[: tokens.index(end) + 1])], float(logprob)))
    return ranking
