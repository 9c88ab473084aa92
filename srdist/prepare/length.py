"""Passages that no query could be asked about: with their title they are longer than the model's context."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.prepare.chunks import segments_for
from srdist.storage.models import context_of
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import MODEL, PASSAGES, TITLES, TOKENS, read_queries, sequence_lengths


def check_length(config: Config, folder: Path) -> None:
    """Refuse passages in the tables of a folder that leave no room for a test query in the model's context.

    Raises:
        UserError: names the longest passage.
    """
    context, segments = _context(config), segments_for(config)
    if context is None:
        return
    queries = [query["text"] for query in read_queries(config.run_dir, "test")]
    verdict = max(len(segments.negative), len(segments.positive) + len(segments.answer_separator))
    around = len(segments.passage_separator) + len(segments.verdict_separator) + verdict + config.retrieve.answer_tokens
    room = context - around - max(len(segments.query_prompt(query)) for query in queries or [""])
    tables = (open_partitions(folder / name) for name in (TITLES, PASSAGES, TOKENS))
    for titles, passages, tokens in zip(*tables, strict=True):
        length = sequence_lengths(titles, tokens)
        if len(length) and length.max() > room:
            name = passages["id"][int(np.argmax(length))].as_py()
            what = f"passage {name} and its title have {length.max()} tokens; the model's context has room for {room}"
            cure = "split its document into shorter paragraphs, lower corpus.passage_words, or shorten the query"
            raise UserError(f"{what} beside the longest test query", cure=cure)


def _context(config: Config) -> int | None:
    """Return the longest sequence of the run's model in tokens, or None where there is no model yet."""
    from transformers import AutoConfig

    folder = next((path for path in (Path(config.model.base), config.run_dir / MODEL) if path.is_dir()), None)
    if folder is None:
        return None
    return context_of(AutoConfig.from_pretrained(folder, local_files_only=True), folder)
