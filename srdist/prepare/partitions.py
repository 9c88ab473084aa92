"""Second half of the shuffle: one Ray task gathers a partition from all chunks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdist.storage.partitions import open_partition, partition_path, write_partition
from srdist.storage.tables import PASSAGES, TITLES, TOKENS, passages_schema, titles_schema, tokens_schema


def write_tables(run_dir: Path, index: int, count: int, chunks: list[Path]) -> dict[str, int]:
    """Write partition `index` of `titles`, `passages` and `tokens`; return their counts."""
    if not all(path.exists() for path in _paths(run_dir, index, count).values()):
        write_rows(run_dir, index, count, _gather(chunks, index))
    return count_tables(run_dir, index, count)


def count_tables(run_dir: Path, index: int, count: int) -> dict[str, int]:
    """Return the number of titles, passages and tokens of passages of a partition."""
    titles, _, tokens = (open_partition(path) for path in _paths(run_dir, index, count).values())
    lengths = pc.sum(pc.list_value_length(tokens["tokens"])).as_py() or 0
    return {"titles": titles.num_rows, "passages": tokens.num_rows, "tokens": lengths}


def _paths(run_dir: Path, index: int, count: int) -> dict[str, Path]:
    return {name: partition_path(run_dir / name, index, count) for name in (TITLES, PASSAGES, TOKENS)}


def _gather(chunks: list[Path], index: int) -> pa.Table:
    batches = []
    for chunk in chunks:
        reader = pa.ipc.open_file(pa.memory_map(str(chunk)))
        batches.append(reader.get_batch(index))
    return pa.Table.from_batches(batches).combine_chunks()


def write_rows(run_dir: Path, index: int, count: int, rows: pa.Table) -> None:
    """Write rows of `chunk_schema` as partition `index` of `titles`, `passages` and `tokens`.

    Titles are sorted, so that their order does not depend on the documents that come and go; the passages of one
    title stand side by side, in the order of the rows.
    """
    paths = _paths(run_dir, index, count)
    token_type = np.dtype(rows.schema.field("tokens").type.value_type.to_pandas_dtype())
    found, codes = _sorted_titles(rows["title"].combine_chunks())
    order = np.argsort(codes, kind="stable")
    rows, codes = rows.take(pa.array(order)), codes[order]
    first = np.searchsorted(codes, np.arange(len(found)))
    titles = pa.table(
        {
            "title": found,
            "tokens": rows["title_tokens"].take(pa.array(first)),
            "first_passage": pa.array(first, pa.uint32()),
            "passages": pa.array(np.diff(np.append(first, len(codes))), pa.uint32()),
        },
        schema=titles_schema(token_type),
    )
    passages = rows.set_column(2, "title", pa.array(codes, pa.uint32())).select(passages_schema().names)
    write_partition(paths[TITLES], [titles.combine_chunks()], titles.schema)
    write_partition(paths[PASSAGES], [passages.combine_chunks()], passages_schema())
    write_partition(paths[TOKENS], [rows.select(["tokens"]).combine_chunks()], tokens_schema(token_type))


def _sorted_titles(titles: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the different titles in the order of their UTF-8 bytes, and the place of each row's title there."""
    encoded = titles.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return encoded.dictionary.take(order), rank[encoded.indices.to_numpy(zero_copy_only=False)]


def read_rows(run_dir: Path, index: int, count: int, titles: np.ndarray) -> pa.Table:
    """Return the passages of some titles of a partition as rows of `chunk_schema`, as `write_rows` took them.

    Args:
        titles: bool [titles of the partition], those wanted.
    """
    table, passages, tokens = (open_partition(path) for path in _paths(run_dir, index, count).values())
    rows = np.flatnonzero(titles[passages["title"].to_numpy()])
    passages = passages.take(pa.array(rows))
    owner = passages["title"]
    columns = {
        "id": passages["id"],
        "document": passages["document"],
        "title": table["title"].take(owner),
        "title_tokens": table["tokens"].take(owner),
        "text": passages["text"],
        "paragraph": passages["paragraph"],
        "sentences": passages["sentences"],
        "tokens": tokens["tokens"].take(pa.array(rows)),
    }
    return pa.table(columns).combine_chunks()
