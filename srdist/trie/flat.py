"""The title level as three plain arrays, for devices that would rather gather than unpack bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from srdist.trie.trie import Trie

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class FlatTitles:
    """The edges of all inner nodes of the title level; those of node k are `first[k]` to `first[k + 1]`.

    Attributes:
        first: int64 [nodes + 1].
        token: int64 [edges], first token of the edge.
        target: int64 [edges], >= 0: inner node; < 0: leaf, `~target` is the number of the title.
    """

    first: np.ndarray
    token: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, trie: Trie) -> FlatTitles:
        """Unpack the title level; node k of the arrays is node k of the trie, as both are numbered breadth first."""
        levels, counts = [], [np.zeros(1, np.int64)]
        nodes = np.array([trie.title_root])
        while len(nodes):
            levels.append(trie.title_edges(nodes))
            counts.append(np.bincount(levels[-1].source, minlength=len(nodes)))
            nodes = levels[-1].target[levels[-1].target >= 0]
        token, target = (np.concatenate([getattr(level, name) for level in levels]) for name in ("token", "target"))
        return cls(np.cumsum(np.concatenate(counts)), token, target)

    def tensors(self, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return `first`, `token` and `target` on a device; on the CPU they share the arrays' memory."""
        import torch

        first, token, target = (torch.from_numpy(array).to(device) for array in (self.first, self.token, self.target))
        return first, token, target
