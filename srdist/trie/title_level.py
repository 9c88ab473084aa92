"""The trie over all titles: its file `trie/titles.arrow`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TITLES, TRIE
from srdist.trie.arrays import CURE, narrow, offsets, open_arrays, write_arrays
from srdist.trie.compress import Sequences, compress
from srdist.trie.edges import Edges, edge_positions

NAMES = ("edges", "token", "target", "depth", "skip", "rest")


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
    trie = compress(sequences, np.zeros(len(column), np.int64), about["title_end"], merge=False)
    check_tokens(sequences.values, about, run_dir / TITLES)
    leaf = trie.target < 0
    rest = np.empty(len(column), np.int64)
    rest[~trie.target[leaf]] = trie.depth[trie.source[leaf]] + 1
    arrays = {
        "edges": narrow(np.diff(trie.first)),
        "token": trie.token.astype(sequences.values.dtype),
        "target": narrow(trie.target, "i4 i8"),
        "depth": narrow(trie.depth),
        "skip": narrow(trie.skip),
        "rest": narrow(rest),
    }
    write_arrays(title_level_path(run_dir), arrays, about)


def check_tokens(tokens: np.ndarray, about: dict[str, Any], file: Path) -> None:
    """Refuse tokens that the tokenizer does not have, and a tokenizer whose tokens their type cannot hold."""
    vocabulary, largest = about["vocabulary"], np.iinfo(tokens.dtype).max
    if vocabulary > largest + 1:
        what = f"the tokenizer has {vocabulary} tokens, the file holds {tokens.dtype} ones, up to {largest}"
    elif len(tokens) and tokens.max() >= vocabulary:
        what = f"token {tokens.max()} is not of the tokenizer, which has {vocabulary}"
    else:
        return
    raise UserError(what, file=file, cure="run `srdist prepare --overwrite` with this model.base")


class TitleLevel:
    """The trie over all titles, mapped into memory."""

    root = 0

    def __init__(self, run_dir: Path):
        self.path = title_level_path(run_dir)
        arrays, self.about = open_arrays(self.path, NAMES)
        self.first, self.token, self.target = offsets(arrays["edges"]), arrays["token"], arrays["target"]
        self.depth, self.skip, self.rest = arrays["depth"], arrays["skip"], arrays["rest"]

    def edges(self, nodes: np.ndarray) -> Edges:
        """Return the edges that leave inner nodes, int64 [B]."""
        source, at = edge_positions(self.first, nodes)
        return Edges(source, self.token[at].astype(np.int64), self.target[at].astype(np.int64))

    def chain(self, target: int) -> tuple[int, slice]:
        """Return a title below an edge's target, and which of its tokens follow the edge's first token."""
        if target < 0:
            return ~target, slice(int(self.rest[~target]), None)
        depth, skip = int(self.depth[target]), int(self.skip[target])
        while target >= 0:
            target = int(self.target[self.first[target]])
        return ~target, slice(depth - skip, depth)

    def check(self, titles: int) -> None:
        """Raise UserError unless the trie is over this number of titles."""
        if len(self.rest) != titles or self.first[-1] != len(self.token):
            raise UserError(f"not a trie over the {titles} titles of this run", file=self.path, cure=CURE)
