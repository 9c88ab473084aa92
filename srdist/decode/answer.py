"""Answers: greedy generation after the best passage (paper, "Inference", step 5)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from srdist.decode.model import LanguageModel


@torch.no_grad()
def generate_answers(
    model: LanguageModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    stops: list[int],
    limit: int,
) -> list[str]:
    """Continue each prompt greedily until a token of `stops` or `limit` tokens.

    Returns:
        the first line of each answer, without surrounding white space.
    """
    if not prompts:
        return []
    longest = max(len(prompt) for prompt in prompts)
    tokens = [[stops[0]] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    seen = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    generated = model.network.generate(
        input_ids=torch.tensor(tokens, device=model.device),
        attention_mask=torch.tensor(seen, device=model.device),
        generation_config=GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=limit,
            eos_token_id=stops,
            pad_token_id=stops[0],
        ),
    )
    texts = tokenizer.batch_decode(generated[:, longest:], skip_special_tokens=True)
    return [text.split("\n")[0].strip() for text in texts]


def stop_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the tokens that end an answer: the end token, then all whose text has a line break."""
    texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    breaks = [token for token, text in enumerate(texts) if "\n" in text and token != tokenizer.eos_token_id]
    return [tokenizer.eos_token_id, *breaks]
