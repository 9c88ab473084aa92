"""The mixture on disk, opened by mmap, and the order in which its examples are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srdist.errors import UserError
from srdist.storage.partitions import open_partitions


class Examples:
    """The examples of one epoch of a phase.

    Attributes:
        lengths: [examples] int64, tokens of each example.
        prompts: [examples] int64, its leading tokens that are not trained.
        tasks: [examples] uint8, index into `storage.tables.TASKS`.
    """

    def __init__(self, folder: Path):
        """Map the partitions in `folder`; raise UserError where one is missing, damaged or all are empty."""
        chunks = [chunk for table in open_partitions(folder) for chunk in table.to_batches() if chunk.num_rows]
        if not chunks:
            raise UserError("the mixture has no examples", file=folder, cure="check mixture.phases and the corpus")
        self._values = [chunk.column("tokens").values.to_numpy() for chunk in chunks]
        self._offsets = [chunk.column("tokens").offsets.to_numpy() for chunk in chunks]
        self._firsts = np.cumsum([0, *(chunk.num_rows for chunk in chunks)])
        self.lengths = np.concatenate([np.diff(offsets) for offsets in self._offsets]).astype(np.int64)
        self.prompts = np.concatenate([chunk.column("prompt_tokens").to_numpy() for chunk in chunks]).astype(np.int64)
        self.tasks = np.concatenate([chunk.column("task").to_numpy() for chunk in chunks])

    def __len__(self) -> int:
        return len(self.lengths)

    def tokens(self, index: int) -> np.ndarray:
        """Return the token ids of one example, a view into the file."""
        chunk = int(np.searchsorted(self._firsts, index, side="right")) - 1
        start, stop = self._offsets[chunk][index - self._firsts[chunk] :][:2]
        return self._values[chunk][start:stop]


def shuffled(count: int, seed: int, phase: int, epoch: int) -> np.ndarray:
    """Return the order of a phase's examples in one epoch: a permutation of `range(count)`, int64."""
    return np.random.default_rng([seed, phase, epoch]).permutation(count)
