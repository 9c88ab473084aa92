"""The loss of one packed row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdist.train.packing import Row

if TYPE_CHECKING:
    import torch


def token_losses(model: torch.nn.Module, row: Row, device: torch.device) -> torch.Tensor:
    """Return the cross entropy of each trained token of a row: [targets] float32, with gradients.

    The row goes through the model without a mask: from positions that start again at each example,
    `transformers` (and flash attention's varlen kernel) keep attention inside the examples. Logits are
    computed only where they predict a trained token.
    """
    import torch

    def on_device(array):
        return torch.from_numpy(array).to(device)

    output = model(
        input_ids=on_device(row.tokens)[None],
        position_ids=on_device(row.positions)[None],
        logits_to_keep=on_device(row.predicting),
        use_cache=False,
    )
    return torch.nn.functional.cross_entropy(output.logits[0].float(), on_device(row.targets), reduction="none")
