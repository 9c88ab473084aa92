"""The exported model on its device: the only place of the decoder that moves data there and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoModelForCausalLM, DynamicCache, GenerationConfig
from transformers.utils import logging

from srdist.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from srdist.config.schema import ModelConfig

ROWS_AT_ONCE = 256
"""Rows of logits that are turned to float32 together, to bound the memory"""


class LanguageModel:
    """A causal language model that scores tokens under any attention mask.

    Attributes:
        network: the model of `transformers`, in evaluation mode.
        context: longest sequence it can take, in tokens.
        vocabulary: number of token ids it has logits for.
        free_tokens: about as many new tokens take as long as one, as the weights have to be read once anyway.
    """

    def __init__(self, network: PreTrainedModel):
        self.network = network.eval()
        self.network.generation_config = GenerationConfig()  # not the sampling that a base model may come with
        self.device = network.device
        self.free_tokens = 96 if self.device.type == "cpu" else 256
        config = network.config.get_text_config(decoder=True)
        windows = [config.max_position_embeddings, getattr(config, "sliding_window", None)]
        self.context: int = min(window for window in windows if window)
        self.vocabulary: int = network.get_output_embeddings().weight.shape[0]

    @classmethod
    def load(cls, folder: Path, config: ModelConfig, device: str = "auto") -> LanguageModel:
        """Load safetensors exported by `srdist train`.

        Args:
            config: gives the type of the weights and the attention kernel; a tree of tokens needs a mask of four
                dimensions, which flash attention does not take, so that any choice but `eager` means sdpa.

        Raises:
            UserError: no model there, no such device, or layers that keep no keys and values of every token.
        """
        if not (folder / "config.json").exists():
            raise UserError("no model here", file=folder, cure="run `srdist train` first")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        logging.disable_progress_bar()
        try:
            network = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, config.dtype),
                attn_implementation="eager" if config.attention == "eager" else "sdpa",
                local_files_only=True,
            )
        except (OSError, ValueError) as error:
            raise UserError(f"cannot load the model ({str(error).splitlines()[0]})", file=folder) from None
        kinds = set(getattr(network.config.get_text_config(decoder=True), "layer_types", None) or [])
        if kinds - {"full_attention", "sliding_attention"}:
            raise UserError(f"the model has layers that cannot share a prompt: {sorted(kinds)}", file=folder)
        try:
            return cls(network.to(device))
        except (RuntimeError, AssertionError) as error:
            cure = "set retrieve.device to auto, cpu or cuda"
            raise UserError(f"device {device}: {str(error).splitlines()[0]}", cure=cure) from None

    @torch.no_grad()
    def score(
        self,
        tokens: np.ndarray,
        positions: np.ndarray,
        visible: np.ndarray,
        cache: DynamicCache,
        asked: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """Add new tokens to the cache and score tokens that may follow them.

        Args:
            tokens: int64 [rows, new], with padding.
            positions: int64 [rows, new], number of tokens before each in its own sequence.
            visible: bool [rows, new, cached + new], what each new token attends to; at least itself.
            cache: keys and values of `rows` rows; the new tokens are added at its end, padding too.
            asked: int64 [asked] each: row, new token (its index) and the token that may follow it.

        Returns:
            float64 [asked], natural logarithms of the probabilities under the softmax over the whole vocabulary.
        """
        row, index, following = (torch.from_numpy(part).to(self.device) for part in asked)
        wanted = torch.zeros(tokens.shape, dtype=torch.bool, device=self.device)
        wanted[row, index] = True
        hidden = torch.from_numpy(~visible).to(self.device)[:, None]
        mask = torch.zeros(hidden.shape, dtype=self.network.dtype, device=self.device)
        logits = self.network(
            input_ids=torch.from_numpy(tokens).to(self.device),
            position_ids=torch.from_numpy(positions).to(self.device),
            attention_mask=mask.masked_fill_(hidden, torch.finfo(mask.dtype).min),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=wanted,
        ).logits  # [number of wanted tokens, vocabulary]: a boolean mask gives them one after the other
        place = (wanted.flatten().cumsum(0) - 1)[row * tokens.shape[1] + index]
        total = torch.cat([part.float().logsumexp(-1) for part in logits.split(ROWS_AT_ONCE)])
        return (logits[place, following].float() - total[place]).cpu().numpy().astype(np.float64)


def one_row(cache: DynamicCache, row: int) -> DynamicCache:
    """Return a cache that starts with one row of another; tokens added to it leave the other as it is."""
    alone = DynamicCache()
    for number, layer in enumerate(cache.layers):
        alone.update(layer.keys[row : row + 1], layer.values[row : row + 1], number)
    return alone


def remove_last(cache: DynamicCache, tokens: int) -> None:
    """Forget the newest tokens of a cache."""
    cache.crop(-tokens)
