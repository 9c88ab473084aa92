"""Attention of a packed row on a CPU: each example on its own, so that nothing is computed between examples.

Flash attention does the same on a GPU. Kernels with a mask compute all pairs of a row's tokens and drop most of them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PACKED = "packed"
"""name of this kernel in `transformers`"""


def register_packed_attention() -> str:
    """Make the kernel known to `transformers`, which then makes no mask for it; return its name."""
    from transformers import AttentionInterface

    AttentionInterface.register(PACKED, packed_attention)
    return PACKED


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    position_ids: torch.Tensor,
    scaling: float,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend from every token to itself and those before it in its example, as `transformers` calls its kernels.

    Args:
        query: [1, heads, tokens, size].
        key, value: [1, heads or a divisor of them, tokens, size].
        position_ids: [1, tokens], starting from 0 at each example.
        sliding_window: how many tokens, itself included, one attends to; None: all before it.

    Returns:
        [1, tokens, heads, size], and no attention weights.
    """
    import torch

    starts = (position_ids[0] == 0).nonzero().flatten().tolist()
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    longest = int(position_ids.max()) + 1
    hidden = torch.ones(longest, longest, dtype=torch.bool, device=query.device).triu(1)
    if sliding_window is not None:
        hidden |= torch.ones_like(hidden).tril(-sliding_window)
    # `split`, as the gradient of a slice is as large as what it was cut from
    lengths = [stop - start for start, stop in itertools.pairwise([*starts, query.shape[2]])]
    parts = []
    for queries, keys, values in zip(*(array.split(lengths, dim=2) for array in (query, key, value)), strict=True):
        length = queries.shape[2]
        scores = queries @ keys.transpose(2, 3) * scaling
        scores = scores.masked_fill(hidden[:length, :length], -torch.inf)
        weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
        weights = torch.nn.functional.dropout(weights, dropout, module.training)
        parts.append(weights @ values)
    return torch.cat(parts, dim=2).transpose(1, 2), None
