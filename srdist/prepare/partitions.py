"""Second half of the shuffle: one Ray task gathers a partition from all chunks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.storage.partitions import open_partition, partition_path, write_partition
from srdist.storage.tables import PASSAGES, TITLES, TOKENS, passages_schema, titles_schema, tokens_schema


def write_tables(run_dir: Path, index: int, count: int, chunks: list[Path]) -> dict[str, int]:
    """Write partition `index` of `titles`, `passages` and `tokens`; return their counts.

    Passages of one title stand side by side, titles in the order of their first document.
    """
    paths = {name: partition_path(run_dir / name, index, count) for name in (TITLES, PASSAGES, TOKENS)}
    if not all(path.exists() for path in paths.values()):
        _write(paths, _gather(chunks, index))
    tokens = open_partition(paths[TOKENS])["tokens"].combine_chunks()
    return {
        "titles": open_partition(paths[TITLES]).num_rows,
        "passages": len(tokens),
        "tokens": len(tokens.flatten()),
    }


def _gather(chunks: list[Path], index: int) -> pa.Table:
    batches = []
    for chunk in chunks:
        reader = pa.ipc.open_file(pa.memory_map(str(chunk)))
        batches.append(reader.get_batch(index))
    return pa.Table.from_batches(batches).combine_chunks()


def _write(paths: dict[str, Path], rows: pa.Table) -> None:
    token_type = np.dtype(rows.schema.field("tokens").type.value_type.to_pandas_dtype())
    encoded = rows["title"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    rows, codes = rows.take(pa.array(order)), codes[order]
    first = np.searchsorted(codes, np.arange(len(encoded.dictionary)))
    titles = pa.table(
        {
            "title": encoded.dictionary,
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
