"""The constraint of a run: which tokens may follow, and which titles and passages they lead to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.corpus import GROWTH, HOME, LIVE, corpus_digests, corpus_dir, read_growth
from srdist.storage.manifest import read_manifest
from srdist.storage.partitions import open_partition, open_partitions, partition_path, partition_paths
from srdist.storage.tables import TITLES, TOKENS, TRIE
from srdist.trie.arrays import CURE
from srdist.trie.edges import Edges
from srdist.trie.passage_level import NODE_BITS, PassageLevel, passage_ranges
from srdist.trie.title_level import TitleLevel


class Trie:
    """The two levels of the constraint, mapped into memory.

    A title's sequence is its tokens and `title_end`, a passage's is cut where no other passage of its title
    goes on in the same way. Passages are numbered over the whole corpus, partition after partition, and so are the
    titles; where documents were added or removed, only live titles have a number.

    Args:
        folder: the run's, or that of a grown corpus.

    Attributes:
        title_end: token that ends a title.
        passage_end: token that ends a passage where a longer one begins with it.
        vocabulary: number of token ids.
        n_titles: number of titles.
        n_passages: number of passages, those of dead titles included.
        title_root: the inner node at which all titles begin; it has one edge if they all begin alike.
    """

    def __init__(self, folder: Path):
        self._titles = TitleLevel(folder)
        self.title_root = self._titles.root
        about = self._titles.about
        self.title_end, self.passage_end = about["title_end"], about["passage_end"]
        self.vocabulary = about["vocabulary"]
        self._passages: list[PassageLevel] = []
        self._title_tokens: list[pa.ChunkedArray] = []
        self._passage_tokens: list[pa.ChunkedArray] = []
        titles, passages = [0], [0]
        paths = partition_paths(folder / TOKENS)
        for index, path in enumerate(paths):
            table = open_partition(partition_path(folder / TITLES, index, len(paths)))
            tokens = open_partition(path)["tokens"]
            starts = np.append(passages[-1] + passage_ranges(table, len(tokens), path)[0], passages[-1] + len(tokens))
            part = partition_path(folder / TRIE, index, len(paths))
            level = PassageLevel(part, starts, titles[-1])
            if level.about != {**about, "partition": index}:
                raise UserError("the trie of another corpus or partition", file=part, cure=CURE)
            titles.append(titles[-1] + len(table))
            passages.append(passages[-1] + len(tokens))
            self._passages.append(level)
            self._title_tokens.append(table["tokens"])
            self._passage_tokens.append(tokens)
        self._first_title, self._first_passage = np.array(titles), np.array(passages)
        self._home = _homes(folder, titles[-1])
        self.n_titles, self.n_passages = len(self._home), passages[-1]
        self._titles.check(self.n_titles)

    @classmethod
    def open(cls, run_dir: Path) -> Trie:
        """Map the trie, titles and tokens of a run's corpus into memory, without reading them.

        Raises:
            UserError: the index is not made, or was made from other titles and tokens; a file is missing, damaged
                or of another run.
        """
        prepare, index, grown = read_manifest(run_dir, "prepare"), read_manifest(run_dir, "index"), read_growth(run_dir)
        if grown is not None:
            grown.verify(run_dir / GROWTH, checksums=False)
            trie, corpus = cls(corpus_dir(run_dir)), grown.settings["corpus"]
        else:
            prepare.verify(run_dir, f"{TITLES}/", f"{TOKENS}/", checksums=False)
            index.verify(run_dir, checksums=False)
            if index.inputs != corpus_digests(prepare):
                raise UserError("the trie was made before the titles and tokens", file=run_dir / TRIE, cure=CURE)
            trie, corpus = cls(run_dir), index.inputs
        if trie._titles.about["corpus"] != corpus:
            raise UserError("the trie of another corpus", file=trie._titles.path, cure=CURE)
        return trie

    def counts(self) -> dict[str, int]:
        """Return the number of titles, passages, distinct passages, nodes and edges."""
        levels = [self._titles, *self._passages]
        return {
            "titles": self.n_titles,
            "passages": self.n_passages,
            "distinct_passages": self.n_passages - sum(level.counts["repeated"] for level in self._passages),
            "nodes": sum(level.counts["nodes"] for level in levels),
            "edges": sum(level.counts["edges"] for level in levels),
        }

    def title_edges(self, nodes: np.ndarray) -> Edges:
        """Return the edges that leave inner nodes of the title level, int64 [B]."""
        return self._titles.edges(nodes)

    def title_chain(self, target: int) -> np.ndarray:
        """Return the tokens forced after an edge's first token, int64: until the node `target` branches.

        For a leaf, the rest of the title and `title_end`; nothing if the edge's token was that end.
        """
        title, tokens = self._titles.chain(target)
        return np.append(self.title_tokens(title), self.title_end)[tokens]

    def passage_root(self, title: int) -> int:
        """Return the inner node at which a title's passages begin, or `~passage` if they are all the same."""
        home = self._at_home(title)
        return self._passages[_partition(self._first_title, home)].root(home)

    def passage_edges(self, nodes: np.ndarray) -> Edges:
        """Return the edges that leave inner nodes of the passage level, int64 [B], ascending, of any titles."""
        if (nodes[1:] < nodes[:-1]).any():
            raise ValueError("the nodes are not ascending")
        bounds = np.searchsorted(nodes, self._first_title << NODE_BITS).tolist()
        found = [(np.empty(0, np.int64),) * 3]
        for level, begin, end in zip(self._passages, bounds, bounds[1:], strict=False):
            if begin < end:
                edges = level.edges(nodes[begin:end])
                found.append((edges.source + begin, edges.token, edges.target))
        return Edges(*map(np.concatenate, zip(*found, strict=True)))

    def passage_chain(self, target: int) -> np.ndarray:
        """Return the tokens forced after an edge's first token until the node `target` branches, int64.

        Nothing for a leaf: the passage is known, and its tokens are `passage_tokens`.
        """
        if target < 0:
            return np.empty(0, np.int64)
        partition = _partition(self._first_title, target >> NODE_BITS)
        passage, tokens = self._passages[partition].chain(target)
        return self.passage_tokens(passage)[tokens]

    def title_tokens(self, title: int) -> np.ndarray:
        """Return the tokens of a title, int64, without `title_end`."""
        return _row(self._title_tokens, self._first_title, self._at_home(title))

    def passages_of(self, title: int) -> range:
        """Return the numbers of a title's passages."""
        home = self._at_home(title)
        partition = _partition(self._first_title, home)
        row = home - int(self._first_title[partition])
        return range(*self._passages[partition].starts[row : row + 2].tolist())

    def passage_tokens(self, passage: int) -> np.ndarray:
        """Return the tokens of a passage, int64."""
        return _row(self._passage_tokens, self._first_passage, passage)

    def _at_home(self, title: int) -> int:
        if not 0 <= title < self.n_titles:
            raise IndexError(f"{title} is not below {self.n_titles}")
        return int(self._home[title])

    def same_text(self, passage: int) -> list[int]:
        """Return the passages of the same title and with the same tokens, itself included, ascending."""
        return self._passages[_partition(self._first_passage, passage)].same_text(passage)


def _homes(folder: Path, titles: int) -> np.ndarray:
    """Return for each title that is alive its number among the titles of all partitions: [live titles]."""
    if not (folder / LIVE).exists():
        return np.arange(titles)
    return open_partitions(folder / LIVE / TITLES)[0][HOME].to_numpy()


def _partition(firsts: np.ndarray, number: int) -> int:
    """Return the partition of a title or passage, from the number of each partition's first one."""
    if not 0 <= number < firsts[-1]:
        raise IndexError(f"{number} is not below {firsts[-1]}")
    return int(np.searchsorted(firsts, number, side="right")) - 1


def _row(columns: list[pa.ChunkedArray], firsts: np.ndarray, number: int) -> np.ndarray:
    partition = _partition(firsts, number)
    row = int(number) - int(firsts[partition])
    return columns[partition][row].values.to_numpy().astype(np.int64)
