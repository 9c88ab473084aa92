"""The exported model on its device: the only place of the decoder that moves data there and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, DynamicCache, GenerationConfig
from transformers.utils import logging

from srdist.decode.kernel import Choices, Rows, choice_scores
from srdist.errors import UserError
from srdist.storage.models import context_of, weights_dtype

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from srdist.config.schema import ModelConfig

OPERATIONS_PER_BYTE = {(True, True): 8, (True, False): 32, (False, True): 20, (False, False): 256}
"""arithmetic operations that take as long as reading a byte of memory; (on a CPU, in float32): measured on one core
with AVX-512 BF16, and the data sheets of A100 and H100"""


class LanguageModel:
    """A causal language model that scores tokens under any attention mask.

    Attributes:
        network: the model of `transformers`, in evaluation mode.
        context: longest sequence it can take, in tokens.
        vocabulary: number of token ids it has logits for.
        free_tokens: new tokens whose arithmetic takes as long as reading the weights, which has to be done anyway:
            two operations for each weight and token.
    """

    def __init__(self, network: PreTrainedModel):
        self.network = network.eval()
        self.network.generation_config = GenerationConfig()  # not the sampling that a base model may come with
        self.device = network.device
        per_byte = OPERATIONS_PER_BYTE[self.device.type == "cpu", network.dtype == torch.float32]
        self.free_tokens = per_byte * network.dtype.itemsize // 2
        self.context = context_of(network.config, network.config.name_or_path)
        self.vocabulary: int = network.get_output_embeddings().weight.shape[0]

    @classmethod
    def load(cls, folder: Path, config: ModelConfig, device: str) -> LanguageModel:
        """Load safetensors exported by `srdist train`.

        Args:
            config: gives the type of the weights and the attention kernel; a tree of tokens needs a mask of four
                dimensions, which flash attention does not take: sdpa stands in for it. `auto` is eager on a CPU, where
                that is faster by a tenth, and sdpa elsewhere.

        Raises:
            UserError: no model there, no such device, or a model whose sequences cannot share a prompt.
        """
        if not (folder / "config.json").exists():
            raise UserError("no model here", file=folder, cure="run `srdist train` first")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        logging.disable_progress_bar()
        kernels = {"eager": "eager", "auto": "eager" if device == "cpu" else "sdpa"}
        try:
            network = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, weights_dtype(config.dtype, device)),
                attn_implementation=kernels.get(config.attention, "sdpa"),
                local_files_only=True,
            )
        except (OSError, ValueError, SafetensorError) as error:
            what = f"cannot load the model ({str(error).splitlines()[0]})"
            raise UserError(what, file=folder, cure="run `srdist train --overwrite`") from None
        try:
            return cls(network.to(device))
        except (RuntimeError, AssertionError) as error:
            full = isinstance(error, torch.OutOfMemoryError)
            cure = "end what else uses it" if full else "set retrieve.device to auto, cpu or cuda"
            raise UserError(f"device {device}: {str(error).partition('. ')[0].splitlines()[0]}", cure=cure) from None

    @torch.no_grad()
    def score(
        self,
        tokens: np.ndarray,
        positions: np.ndarray,
        visible: np.ndarray,
        cache: DynamicCache,
        asked: Choices,
    ) -> np.ndarray:
        """Add new tokens to the cache and score tokens that may follow them.

        Args:
            tokens: int64 [rows, new], with padding.
            positions: int64 [rows, new], number of tokens before each in its own sequence.
            visible: bool [rows, new, cached + new], what each new token attends to; at least itself.
            cache: keys and values of `rows` rows; the new tokens are added at its end, padding too.
            asked: tokens that may follow new ones; their `row` counts the new tokens, row after row.

        Returns:
            float32 [choices], natural logarithms of the probabilities under the softmax over the whole vocabulary.
        """
        wanted, line = np.unique(asked.row, return_inverse=True)
        keep = torch.zeros(tokens.size, dtype=torch.bool, device=self.device)
        keep[torch.from_numpy(wanted).to(self.device)] = True
        hidden = torch.from_numpy(~visible).to(self.device)[:, None]
        mask = torch.zeros(hidden.shape, dtype=self.network.dtype, device=self.device)
        logits = self.network(
            input_ids=torch.from_numpy(tokens).to(self.device),
            position_ids=torch.from_numpy(positions).to(self.device),
            attention_mask=mask.masked_fill_(hidden, torch.finfo(mask.dtype).min),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep.view(tokens.shape),
        ).logits  # [number of wanted tokens, vocabulary]: a boolean mask gives them one after the other
        return choice_scores(Rows.of(logits), Choices(line, asked.first, asked.token))
