"""Operations that a training step needs, and the share of the device's peak that they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from srdist.config.gpus import peak_flops
from srdist.config.schema import TrainConfig
from srdist.train.device import Rank
from srdist.train.plan import Work

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ModelSize:
    """What of a model decides the operations of a step.

    Attributes:
        body: parameters that every token goes through: all but the embeddings and the head.
        head: parameters of the head, which only tokens that predict a trained one go through.
        attention: layers x heads x size of a head.
    """

    body: int
    head: int
    attention: int

    def flops(self, work: Work) -> float:
        """Return the operations of forward and backward, recomputed activations not counted.

        6 per parameter and token, and 6 x attention x length^2 for the causal attention of each example, half of
        12 (PaLM, appendix B): 6 (body x tokens + head x trained tokens + attention x sum of length^2).
        """
        trained = int(work.trained.sum())
        return 6.0 * (self.body * work.tokens + self.head * trained + self.attention * work.squares)


def model_size(model: torch.nn.Module) -> ModelSize:
    """Measure a causal language model of `transformers`, whole or partitioned by ZeRO stage 3."""

    def numbers(*parameters: torch.nn.Parameter) -> int:
        return sum(getattr(parameter, "ds_numel", parameter.numel()) for parameter in parameters)

    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    outside = numbers(embedding) + (0 if head is embedding else numbers(head))
    config = model.config.get_text_config()
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    attention = config.num_hidden_layers * config.num_attention_heads * size
    return ModelSize(numbers(*model.parameters()) - outside, numbers(head), attention)


def device_peak(config: TrainConfig, rank: Rank) -> float | None:
    """Return the peak of one rank's device in operations per second: the config's, or a known GPU's; else None."""
    import torch

    if config.peak_tflops is not None:
        return config.peak_tflops * 1e12
    return peak_flops(torch.cuda.get_device_name(rank.device)) if rank.device.type == "cuda" else None
