"""Paths of a token tree, each as a row of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import DynamicCache

from srdist.decode.tree import TokenTree


def path_rows(tree: TokenTree, places: Sequence[tuple[int, int]]) -> TokenTree:
    """Return a tree whose rows are the ways to some slots; what is added to it leaves `tree` as it is.

    Only the keys and values of a slot and its ancestors are copied: no other beam is looked at by what follows.

    Args:
        tree: everything queued in it has been run.
        places: (row, slot) of each path's end, which is `root` in the new tree.
    """
    paths = [np.flatnonzero(tree._visible[row, slot]) for row, slot in places]
    longest = max(map(len, paths))
    slots = np.zeros((len(paths), longest), dtype=np.int64)
    visible = np.zeros((len(paths), longest, longest), dtype=bool)
    depth = np.zeros((len(paths), longest), dtype=np.int64)
    for row, path in enumerate(paths):
        padding = longest - len(path)  # on the left, so that all paths end at one slot
        slots[row, padding:] = path
        visible[row, -1, padding:] = True
        depth[row, -1] = len(path) - 1
    rows = object.__new__(TokenTree)
    rows.model, rows.root, rows.cache = tree.model, longest - 1, DynamicCache()
    rows._visible, rows._depth = visible, depth
    origin = torch.tensor([row for row, _ in places], device=tree.model.device)[:, None]
    at = torch.from_numpy(slots).to(tree.model.device)
    for number, layer in enumerate(tree.cache.layers):
        keys, values = (part[origin, :, at].transpose(1, 2) for part in (layer.keys, layer.values))
        rows.cache.update(keys, values, number)
    rows._reset()
    return rows
