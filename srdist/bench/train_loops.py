"""One optimizer step done in several ways: by our loop, by DeepSpeed's engine alone, padded, by plain PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srdist.config.schema import Config
from srdist.train.data import Examples
from srdist.train.engine import load_base, parameter_groups
from srdist.train.packing import Row
from srdist.train.plan import Epoch, Plan

if TYPE_CHECKING:
    import deepspeed
    import torch

IGNORED = -100
"""label of a token that is not trained, in `transformers`"""


@dataclass(frozen=True)
class Batch:
    """What a forward takes, on the device, and the targets that its logits are compared with."""

    inputs: dict[str, Any]
    targets: torch.Tensor | None = None

    def loss(self, model: torch.nn.Module) -> torch.Tensor:
        """Return the summed cross entropy of the trained tokens; of a padded batch the mean, as `transformers` does."""
        import torch

        output = model(**self.inputs, use_cache=False)
        if self.targets is None:
            return output.loss
        return torch.nn.functional.cross_entropy(output.logits[0].float(), self.targets, reduction="sum")


def packed_batch(row: Row, device: torch.device) -> Batch:
    """Put a row on the device."""
    import torch

    tokens, positions, predicting, targets = (
        torch.from_numpy(array).to(device) for array in (row.tokens, row.positions, row.predicting, row.targets)
    )
    inputs = {"input_ids": tokens[None], "position_ids": positions[None], "logits_to_keep": predicting}
    return Batch(inputs, targets)


def padded_batches(examples: Examples, batch: np.ndarray, forwards: int, device: torch.device) -> list[Batch]:
    """Pad a batch of examples to its longest and cut it into so many forwards; logits are computed everywhere."""
    import torch

    longest = int(examples.lengths[batch].max())
    tokens, mask = np.zeros((2, len(batch), longest), dtype=np.int64)
    labels = np.full((len(batch), longest), IGNORED)
    for place, index in enumerate(batch):
        length, prompt = examples.lengths[index], examples.prompts[index]
        tokens[place, :length], mask[place, :length] = examples.tokens(index), 1
        labels[place, prompt:length] = tokens[place, prompt:length]
    arrays = {"input_ids": tokens, "attention_mask": mask, "labels": labels}
    parts = [rows for rows in np.array_split(np.arange(len(batch)), forwards) if len(rows)]
    return [Batch({name: torch.from_numpy(array[rows]).to(device) for name, array in arrays.items()}) for rows in parts]


def padded_epoch(epoch: Epoch, order: np.ndarray, budget: int) -> list[np.ndarray]:
    """Cut an epoch's examples, in `order`, into batches of at most `budget` tokens, padding included."""
    lengths = epoch.examples.lengths[order]
    batches, begin, longest = [], 0, 0
    for end, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if end > begin and longest * (end + 1 - begin) > budget:
            batches.append(order[begin:end])
            begin, longest = end, length
    return [*batches, order[begin:]]


def engine_step(engine: deepspeed.DeepSpeedEngine, batches: list[Batch], trained: int) -> None:
    """Do forward, backward and step of a DeepSpeed engine on ready batches, and nothing else."""
    for number, batch in enumerate(batches, start=1):
        engine.set_gradient_accumulation_boundary(number == len(batches))
        engine.backward(batch.loss(engine) / trained, scale_wrt_gas=False)
    engine.step()


class PlainLoop:
    """The same model and optimizer without DeepSpeed."""

    def __init__(self, config: Config, device: torch.device):
        import torch

        self.config = config
        self.model = load_base(config.model, device).to(device).train()
        if config.train.gradient_checkpointing:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        groups = parameter_groups(self.model, config.train.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=config.train.learning_rate, fused=True)

    def step(self, batches: list[Batch], trained: int) -> None:
        """Do forward, backward and step on ready batches."""
        import torch

        for batch in batches:
            (batch.loss(self.model) / trained).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.train.max_gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()


def ready_rows(plan: Plan, step: int, device: torch.device) -> list[Batch]:
    """Return the packed rows of a step on the device."""
    return [packed_batch(plan.row(row), device) for row in plan.step_rows(step)]
