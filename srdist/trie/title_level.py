"""The trie over all titles: its file `trie/titles.arrow`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TITLES, TRIE
from srdist.trie.arrays import CURE, open_arrays, write_arrays
from srdist.trie.compress import compress
from srdist.trie.edges import Edges
from srdist.trie.forest import Forest, Sequences
from srdist.trie.packed import TRIES, Packed, Tries, chain_of, edges_of, pack, unpack


def title_level_path(run_dir: Path) -> Path:
    """Return where the title level of a run lies."""
    return run_dir / TRIE / "titles.arrow"


def build_titles(run_dir: Path, about: dict[str, Any]) -> None:
    """Write the trie over the titles of all partitions.

    Args:
        run_dir: folder of the run, with `titles/`.
        about: what the file says about itself; its `title_end` ends titles.

    Raises:
        UserError: there are no titles, or their tokens are not of the vocabulary.
    """
    columns = [table["tokens"] for table in open_partitions(run_dir / TITLES)]
    column = pa.chunked_array([chunk for part in columns for chunk in part.chunks], columns[0].type)
    if len(column) == 0:
        raise UserError("the corpus has no titles", file=run_dir / TITLES, cure="run `srdist prepare` on documents")
    sequences = Sequences.of(column)
    check_tokens(sequences.values.dtype, sequences.values.max(initial=0), about, run_dir / TITLES)
    forest = compress(sequences, np.array([0, len(column)]), about["title_end"], about["vocabulary"], merge=False)
    arrays = {**forest.pack()._asdict(), "rest": pack(_rests(forest))}
    write_arrays(title_level_path(run_dir), arrays, {**about, "counts": {**forest.counts(), "titles": len(column)}})


def _rests(forest: Forest) -> np.ndarray:
    """Return the number of tokens before the chain of each title's leaf."""
    node = np.cumsum(forest.last) - forest.last
    rests = np.empty(len(forest.leaf), np.int64)
    rests[forest.leaf] = forest.depth[node[~forest.inner]] + 1
    return rests


def check_tokens(token_type: np.dtype, largest: int, about: dict[str, Any], file: Path) -> None:
    """Refuse tokens that the tokenizer does not have, and a tokenizer whose tokens their type cannot hold."""
    vocabulary, limit = about["vocabulary"], np.iinfo(token_type).max
    if vocabulary > limit + 1:
        what = f"the tokenizer has {vocabulary} tokens, the file holds {token_type} ones, up to {limit}"
    elif largest >= vocabulary:
        what = f"token {largest} is not of the tokenizer, which has {vocabulary}"
    else:
        return
    raise UserError(what, file=file, cure="run `srdist prepare --overwrite` with this model.base")


class TitleLevel:
    """The trie over all titles, mapped into memory.

    Attributes:
        tries: the trie, as that of group 0.
        rest: of each title, number of the tokens before those that a leaf forces.
    """

    root = 0

    def __init__(self, run_dir: Path):
        self.path = title_level_path(run_dir)
        arrays, self.about = open_arrays(self.path, {**TRIES, "rest": Packed})
        self.counts = self.about.pop("counts")
        self.rest = arrays.pop("rest")
        self.tries = Tries(**arrays)

    def edges(self, nodes: np.ndarray) -> Edges:
        """Return the edges that leave inner nodes, int64 [B]."""
        zeros = np.zeros(len(nodes), np.int64)
        return Edges(*edges_of(self.tries, zeros, nodes, zeros, zeros))

    def chain(self, target: int) -> tuple[int, slice]:
        """Return a title below an edge's target, and which of its tokens follow the edge's first token."""
        if target < 0:
            return ~target, slice(int(unpack(self.rest, ~target, ~target + 1)[0]), None)
        title, begin, end = chain_of(self.tries, 0, target)
        return int(title), slice(begin, end)

    def check(self, titles: int) -> None:
        """Raise UserError unless the trie is over this number of titles."""
        if self.counts["titles"] != titles:
            raise UserError(f"not a trie over the {titles} titles of this run", file=self.path, cure=CURE)
