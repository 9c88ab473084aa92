"""The tables that stages hand to each other: folders of a run and their Arrow schemas.

Partition k of `titles`, `passages` and `tokens` belong together: row r of `tokens` is the passage in row r
of `passages`; a row of `titles` owns a run of consecutive passages. A passage's number in the whole corpus
is its row plus the rows of all earlier partitions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdist.storage.partitions import open_partitions

TITLES, PASSAGES, TOKENS, QUERIES, MIXTURE, TRIE, MODEL = (
    "titles",
    "passages",
    "tokens",
    "queries",
    "mixture",
    "trie",
    "model",
)


def token_type(vocabulary: int) -> np.dtype:
    """Return the smallest unsigned integer type that holds every token id: 2 or 4 bytes."""
    return np.dtype(np.uint16 if vocabulary <= 1 << 16 else np.uint32)


def titles_schema(tokens: np.dtype) -> pa.Schema:
    """Titles that differ after normalisation, sorted."""
    return pa.schema(
        [
            ("title", pa.string()),  # normalised: the text that the model generates
            ("tokens", pa.list_(pa.from_numpy_dtype(tokens))),  # of the title segment
            ("first_passage", pa.uint32()),  # row in this partition of `passages`
            ("passages", pa.uint32()),  # number of its passages
        ]
    )


def passages_schema() -> pa.Schema:
    """Passages, those of one title side by side, there in the order of the corpus."""
    return pa.schema(
        [
            ("id", pa.string()),  # `<document id>-<number of the passage in its document>`
            ("document", pa.string()),  # document id
            ("title", pa.uint32()),  # row in this partition of `titles`
            ("text", pa.string()),  # a literal piece of the corpus
            ("paragraph", pa.int32()),  # index of its paragraph in the document
            ("sentences", pa.list_(pa.int32())),  # offset of each sentence in `text`, in characters
        ]
    )


def tokens_schema(tokens: np.dtype) -> pa.Schema:
    """Token ids of the passage segments."""
    return pa.schema([("tokens", pa.list_(pa.from_numpy_dtype(tokens)))])


def sequence_lengths(titles: pa.Table, tokens: pa.Table) -> np.ndarray:
    """Return the tokens of each passage of a partition, its title's included, int [passages]."""
    of_title, of_passage = (pc.list_value_length(table["tokens"]).to_numpy() for table in (titles, tokens))
    return np.repeat(of_title, titles["passages"].to_numpy()) + of_passage


def queries_schema() -> pa.Schema:
    """Queries with the passages that answer them."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("split", pa.string()),  # `train`, `validation` (set aside from the training) or `test`
            ("answers", pa.list_(pa.string())),
            ("gold_documents", pa.list_(pa.string())),
            ("gold_passages", pa.list_(pa.string())),  # empty where the gold is not in the corpus
            ("gold_titles", pa.list_(pa.string())),  # normalised titles of the gold passages
        ]
    )


def read_queries(run_dir: Path, split: str) -> list[dict[str, Any]]:
    """Return the queries of a split of a run, in order, as rows of `queries_schema`."""
    rows = pa.concat_tables(open_partitions(run_dir / QUERIES)).to_pylist()
    return [row for row in rows if row["split"] == split]


TASKS = ("indexing", "retrieval", "positive", "negative", "writing")
"""Tasks of the mixture; a row's `task` is an index into it."""


def mixture_schema(tokens: np.dtype) -> pa.Schema:
    """Training examples of one epoch of a phase, in `mixture/<phase>/epoch-<e>/`; trained tokens stand at the end."""
    return pa.schema(
        [
            ("task", pa.uint8()),
            ("prompt_tokens", pa.uint32()),  # leading tokens that are not trained
            ("tokens", pa.list_(pa.from_numpy_dtype(tokens))),
        ]
    )
