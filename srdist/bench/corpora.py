"""Made-up corpora of any size with the traits of real ones that matter to a trie; the same for the same seed.

Tokens follow Zipf's law and their predecessors; titles share their words; passages of a title may begin alike, or be
near-duplicates of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.errors import UserError
from srdist.storage.manifest import Manifest, write_manifest
from srdist.storage.partitions import partition_path, write_partition
from srdist.storage.tables import TITLES, TOKENS, titles_schema, token_type, tokens_schema

_FOLLOWERS = 8  # likely successors of a token
_LIKELY = 0.5  # share of tokens that are one of them
_SHORTEST, _LONGEST = 40, 260  # tokens of a passage
_TITLE = 8  # most tokens of a title, before those that make it the only one
_ALIKE = 0.3  # share of passages that begin like others of their title
_REPEATED = 0.1  # share of near-duplicates that are exact ones
_EDITS = 3  # most tokens that differ between near-duplicates


@dataclass(frozen=True)
class CorpusSize:
    """What a made-up corpus is like.

    Attributes:
        passages: number of passages, 150 tokens long on average.
        titles: number of titles, at most `passages`; how many passages each has is log-normal.
        vocabulary: number of tokens; the last two ids are in no text.
        near_duplicates: share of passages that repeat another one of their title with a few other tokens.
        partitions: number of files of each table.
        seed: another one gives another corpus.
    """

    passages: int = 100_000
    titles: int = 10_000
    vocabulary: int = 32_000
    near_duplicates: float = 0.05
    partitions: int = 4
    seed: int = 0


def write_corpus(folder: Path, size: CorpusSize) -> None:
    """Write `titles/`, `tokens/` and their manifest as stage `prepare` does, without texts.

    Raises:
        UserError: there are more titles than passages.
    """
    if size.titles > size.passages:
        raise UserError(f"{size.titles} titles for {size.passages} passages", cure="ask for fewer titles")
    counts = _passages_of_titles(size)
    titles = _titles(size)
    for partition in range(size.partitions):
        generator = np.random.default_rng([size.seed, 2, partition])
        mine = slice(partition, None, size.partitions)
        _write_titles(folder, size, partition, [titles[0][mine], titles[1][mine]], counts[mine])
        _write_tokens(folder, size, partition, *_passages(generator, size, counts[mine]))
    write_manifest(folder, Manifest("prepare", {}, {}), (TITLES, TOKENS))


def _passages_of_titles(size: CorpusSize) -> np.ndarray:
    generator = np.random.default_rng([size.seed, 0])
    weights = generator.lognormal(sigma=1.0, size=size.titles)
    return 1 + generator.multinomial(size.passages - size.titles, weights / weights.sum())


def _zipf(generator: np.random.Generator, vocabulary: int, shape: tuple[int, ...] | int) -> np.ndarray:
    """Draw tokens below `vocabulary - 2` in inverse proportion to their number."""
    return np.minimum((vocabulary - 1.0) ** generator.random(shape, np.float32) - 1, vocabulary - 3).astype(np.int32)


def _text(generator: np.random.Generator, size: CorpusSize, rows: int, length: int) -> np.ndarray:
    """Return rows of tokens, each one likely to be among the few that follow its predecessor often."""
    followers = _zipf(np.random.default_rng([size.seed, 1]), size.vocabulary, (size.vocabulary, _FOLLOWERS))
    text = _zipf(generator, size.vocabulary, (length, rows))
    likely = generator.random((length, rows), np.float32)
    for before, here, chance in zip(text[:-1], text[1:], likely[1:], strict=True):
        follows = chance < _LIKELY
        which = (chance[follows] * (_FOLLOWERS / _LIKELY)).astype(np.int64)
        here[follows] = followers[before[follows], which]
    return text.T.astype(token_type(size.vocabulary))


def _titles(size: CorpusSize) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens [titles, width] and lengths of titles that all differ."""
    generator = np.random.default_rng([size.seed, 3])
    tokens = _text(generator, size, size.titles, _TITLE)
    lengths = 1 + generator.binomial(_TITLE - 1, 0.35, size.titles)
    while True:
        tokens[np.arange(tokens.shape[1]) >= lengths[:, None]] = size.vocabulary - 2
        rows = np.ascontiguousarray(tokens).view(np.dtype((np.void, tokens.dtype.itemsize * tokens.shape[1])))[:, 0]
        again = np.ones(size.titles, bool)
        again[np.unique(rows, return_index=True)[1]] = False
        if not again.any():
            return tokens, lengths
        if lengths[again].max() == tokens.shape[1]:
            tokens = np.pad(tokens, ((0, 0), (0, 4)))
        tokens[again, lengths[again]] = _zipf(generator, size.vocabulary, np.count_nonzero(again))
        lengths[again] += 1


def _passages(generator: np.random.Generator, size: CorpusSize, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens [passages, longest] and lengths of the passages of some titles."""
    number = int(counts.sum())
    tokens = _text(generator, size, number, _LONGEST)
    lengths = generator.integers(_SHORTEST, _LONGEST + 1, number)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.arange(number)
    alike = (generator.random(number) < _ALIKE) & (rows > starts)
    begin = np.where(alike, generator.geometric(0.4, number), 0)
    for depth in range(int(begin.max(initial=0))):
        which = np.flatnonzero(begin > depth)
        tokens[which, depth] = tokens[starts[which], depth]
    for row in np.flatnonzero((generator.random(number) < size.near_duplicates) & (rows > starts)):
        source = generator.integers(starts[row], row)
        tokens[row], lengths[row] = tokens[source], lengths[source]
        if generator.random() >= _REPEATED:
            at = generator.integers(0, lengths[row], generator.integers(1, _EDITS + 1))
            tokens[row, at] = _zipf(generator, size.vocabulary, len(at))
    return tokens, lengths


def _flat(tokens: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    values = tokens[np.arange(tokens.shape[1]) < lengths[:, None]]
    return pa.ListArray.from_arrays(pa.array(np.cumsum([0, *lengths]), pa.int32()), pa.array(values))


def _write_titles(folder: Path, size: CorpusSize, partition: int, titles: list[np.ndarray], counts: np.ndarray) -> None:
    numbers = partition + size.partitions * np.arange(len(counts))
    columns = {
        "title": pa.array([f"title {number}" for number in numbers]),
        "tokens": _flat(*titles),
        "first_passage": pa.array(np.cumsum(counts) - counts, pa.uint32()),
        "passages": pa.array(counts, pa.uint32()),
    }
    table = pa.table(columns, titles_schema(token_type(size.vocabulary)))
    write_partition(partition_path(folder / TITLES, partition, size.partitions), [table], table.schema)


def _write_tokens(folder: Path, size: CorpusSize, partition: int, tokens: np.ndarray, lengths: np.ndarray) -> None:
    table = pa.table({"tokens": _flat(tokens, lengths)}, tokens_schema(token_type(size.vocabulary)))
    write_partition(partition_path(folder / TOKENS, partition, size.partitions), [table], table.schema)
