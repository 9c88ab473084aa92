"""Brute force: every title and every passage of a small corpus, one full forward for each, no cache."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from srdist.templates import Segments

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class ScoredPassage:
    """A title and passage with log P(t|q), P(rejection), P(acceptance), S_T, S_P and S."""

    title: str
    passage: str
    title_logprob: float
    rejection: float
    acceptance: float
    title_score: float
    passage_score: float
    score: float


def rank_corpus(
    network: PreTrainedModel,
    segments: Segments,
    query: str,
    corpus: Mapping[str, Sequence[str]],
    tau: float,
    delta: float,
) -> list[ScoredPassage]:
    """Score all passages of a corpus for a query by the paper's formulas; return them best first.

    Args:
        corpus: title -> its passages; a text that stands there twice is assessed once and returned twice.
    """
    prompt = segments.query_prompt(query)
    title_tokens = dict(zip(corpus, segments.titles(list(corpus)), strict=True))
    end = segments.passage_separator[0]
    logprobs = {title: sequence_logprob(network, prompt, [*tokens, end]) for title, tokens in title_tokens.items()}
    title_weights = {title: math.exp(math.exp(logprob) / tau) for title, logprob in logprobs.items()}
    scored = []
    for title, passages in corpus.items():
        contexts = {
            text: [*prompt, *title_tokens[title], *segments.passage_separator, *tokens, *segments.verdict_separator]
            for text, tokens in zip(passages, segments.passages(list(passages)), strict=True)
        }
        rejection = {text: math.exp(sequence_logprob(network, c, segments.negative)) for text, c in contexts.items()}
        acceptance = {text: math.exp(sequence_logprob(network, c, segments.positive)) for text, c in contexts.items()}
        weights = {text: math.exp((1 - rejection[text]) / delta) for text in contexts}
        s_t = title_weights[title] / sum(title_weights.values())
        for text in passages:
            s_p = weights[text] / sum(weights.values())
            facts = (logprobs[title], rejection[text], acceptance[text], s_t, s_p, s_t * s_p)
            scored.append(ScoredPassage(title, text, *facts))
    return sorted(scored, key=lambda item: -item.score)


def query_logprob(network: PreTrainedModel, segments: Segments, query: str, title: str, passage: str) -> float:
    """Return log P(q|t,p): of the query as what is asked about a passage."""
    return sequence_logprob(network, segments.writing_prompt(title, passage), segments.written(query))


@torch.no_grad()
def sequence_logprob(network: PreTrainedModel, context: Sequence[int], tokens: Sequence[int]) -> float:
    """Return log P(tokens | context): one forward over both, softmax over the whole vocabulary, float32."""
    if not len(tokens):
        return 0.0
    whole = torch.tensor([[*context, *tokens]], device=network.device)
    logprobs = network(input_ids=whole, use_cache=False).logits[0].float().log_softmax(-1)
    places = range(len(context) - 1, len(context) + len(tokens) - 1)
    return sum(float(logprobs[place, token]) for place, token in zip(places, tokens, strict=True))


@torch.no_grad()
def batch_logprobs(
    network: PreTrainedModel, contexts: Sequence[Sequence[int]], tokens: Sequence[int], padding: int
) -> list[float]:
    """Return log P(tokens | context) of each context: one forward over a padded batch, nothing shared."""
    longest = max(len(context) for context in contexts) + len(tokens)
    rows = [[*context, *tokens] for context in contexts]
    padded = torch.tensor([[padding] * (longest - len(row)) + row for row in rows], device=network.device)
    seen = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=network.device)
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    logits = network(
        input_ids=padded, attention_mask=seen, position_ids=positions, logits_to_keep=len(tokens) + 1, use_cache=False
    ).logits
    logprobs = logits[:, :-1].float().log_softmax(-1)
    wanted = torch.tensor(list(tokens), device=network.device).expand(len(rows), -1)
    return logprobs.gather(2, wanted[..., None]).sum((1, 2)).tolist()
