"""The training mixture: indexing, retrieval and assessment examples of one partition.

Every random choice is a function of the seed and the ids involved, never of the number of workers.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdist.config.schema import Config, PhaseConfig
from srdist.prepare.chunks import segments_for
from srdist.prepare.gold import ResolvedQuery, contains_answer
from srdist.storage.partitions import open_partitions, partition_path, write_partition
from srdist.storage.tables import MIXTURE, PASSAGES, TASKS, TITLES, TOKENS, mixture_schema
from srdist.templates import Example, Segments

ATTEMPTS = 20
"""random passages tried for a negative before it is given up"""
BATCH = 10_000
"""examples held in memory and written as one record batch"""


class Tables:
    """All partitions of `titles`, `passages` and `tokens`, mapped into memory."""

    def __init__(self, run_dir: Path):
        self.titles = open_partitions(run_dir / TITLES)
        self.passages = open_partitions(run_dir / PASSAGES)
        self.tokens = open_partitions(run_dir / TOKENS)
        self.starts = np.cumsum([0, *(table.num_rows for table in self.passages)])

    def passage(self, partition: int, row: int) -> tuple[str, list[int], list[int]]:
        """Return text, title tokens and passage tokens."""
        table = self.passages[partition]
        title = self.titles[partition]["tokens"][table["title"][row].as_py()].as_py()
        return table["text"][row].as_py(), title, self.tokens[partition]["tokens"][row].as_py()

    def document(self, partition: int, row: int) -> str:
        """Return the id of a passage's document."""
        return self.passages[partition]["document"][row].as_py()

    def neighbours(self, partition: int, row: int) -> list[int]:
        """Return the rows of the other passages of the same document."""
        table = self.passages[partition]
        title = self.titles[partition].slice(table["title"][row].as_py(), 1).to_pylist()[0]
        document = self.document(partition, row)
        rows = range(title["first_passage"], title["first_passage"] + title["passages"])
        return [other for other in rows if other != row and self.document(partition, other) == document]

    def locate(self, number: int) -> tuple[int, int]:
        """Return partition and row of a passage's number in the corpus."""
        partition = int(np.searchsorted(self.starts, number, side="right")) - 1
        return partition, number - int(self.starts[partition])


@functools.lru_cache(maxsize=2)
def _tables(run_dir: Path) -> Tables:
    return Tables(run_dir)


def write_mixture(run_dir: Path, index: int, config: Config, queries: list[ResolvedQuery]) -> dict[str, int]:
    """Write partition `index` of every phase; return the number of examples per phase and task.

    Args:
        queries: training queries with a gold passage in this partition, all their gold passages included.
    """
    counts: Counter[str] = Counter()
    segments = segments_for(config)
    schema = mixture_schema(segments.token_type)
    for phase in config.mixture.phases:
        path = partition_path(run_dir / MIXTURE / phase.name, index, config.prepare.partitions)
        builder = _Builder(_tables(run_dir), index, config, phase, segments)
        examples = itertools.chain(builder.indexing(), builder.of_queries(queries))
        write_partition(path, _tables_of(examples, schema, phase, counts), schema)
    return dict(counts)


def _tables_of(
    examples: Iterator[tuple[str, Example]], schema: pa.Schema, phase: PhaseConfig, counts: Counter[str]
) -> Iterator[pa.Table]:
    """Give the examples as tables of at most `BATCH` rows, counting them."""
    while batch := list(itertools.islice(examples, BATCH)):
        counts.update(f"{phase.name}/{task}" for task, _ in batch)
        counts["trained_tokens"] += sum(len(e.tokens) - e.prompt_tokens for _, e in batch) * phase.epochs
        counts["training_tokens"] += sum(len(e.tokens) for _, e in batch) * phase.epochs
        columns = {
            "task": [TASKS.index(task) for task, _ in batch],
            "prompt_tokens": [example.prompt_tokens for _, example in batch],
            "tokens": [example.tokens for _, example in batch],
        }
        yield pa.table(columns, schema=schema).combine_chunks()


class _Builder:
    """Makes the examples of one phase from one partition."""

    def __init__(self, tables: Tables, index: int, config: Config, phase: PhaseConfig, segments: Segments):
        self.tables, self.index, self.phase, self.segments = tables, index, phase, segments
        self.mixture, self.seed = config.mixture, config.seed

    def _random(self, *key: str) -> random.Random:
        return random.Random("\0".join((str(self.seed), self.phase.name, *key)))

    def indexing(self) -> Iterator[tuple[str, Example]]:
        """Sentence -> title, passage; for every passage of the partition."""
        if self.phase.sentences == 0:
            return
        passages = self.tables.passages[self.index].select(["id", "text", "sentences"])
        for begin in range(0, passages.num_rows, BATCH):
            chosen = [
                (row, sentence)
                for row, passage in enumerate(passages.slice(begin, BATCH).to_pylist(), start=begin)
                for sentence in self._sentences(passage["id"], passage["text"], passage["sentences"])
            ]
            prompts = self.segments.sentence_prompts([sentence for _, sentence in chosen])
            for (row, _), prompt in zip(chosen, prompts, strict=True):
                _, title, tokens = self.tables.passage(self.index, row)
                yield "indexing", self.segments.generation(prompt, title, tokens, self.mixture.target_tokens)

    def _sentences(self, passage: str, text: str, starts: list[int]) -> list[str]:
        sentences = [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
        above, below = self.mixture.sentence_words_above, self.mixture.sentence_words_below
        fitting = [sentence for sentence in sentences if above < len(sentence.split()) < below]
        fitting = fitting or [max(sentences, key=len)]
        if self.phase.sentences == "all" or len(fitting) <= self.phase.sentences:
            return fitting
        picked = self._random("sentence", passage).sample(range(len(fitting)), self.phase.sentences)
        return [fitting[position] for position in sorted(picked)]

    def of_queries(self, queries: list[ResolvedQuery]) -> Iterator[tuple[str, Example]]:
        """Retrieval and assessment examples of the queries, for each gold passage in this partition."""
        for resolved in queries:
            prompt = self.segments.query_prompt(resolved.query.text)
            for gold in resolved.passages:
                if gold.partition != self.index:
                    continue
                _, title, tokens = self.tables.passage(gold.partition, gold.row)
                retrieval = self.segments.generation(prompt, title, tokens, self.mixture.target_tokens)
                answer = next(iter(resolved.query.answers), "")
                positive = self.segments.assessment(prompt, title, tokens, answer)
                yield from [("retrieval", retrieval)] * self.phase.retrievals
                yield from [("positive", positive)] * self.phase.positives
                for place in self._negatives(resolved, gold.row):
                    _, title, tokens = self.tables.passage(*place)
                    yield "negative", self.segments.assessment(prompt, title, tokens, None)

    def _negatives(self, resolved: ResolvedQuery, row: int) -> list[tuple[int, int]]:
        """Choose passages that are not gold and contain no answer: of the gold document, and of unjudged ones."""
        wanted = self.phase.negatives
        if wanted == 0:
            return []
        generator = self._random("negative", resolved.query.id, str(self.index), str(row))
        gold = {self.tables.passage(passage.partition, passage.row)[0] for passage in resolved.passages}
        judged = {passage.document for passage in resolved.judged}

        def is_negative(place: tuple[int, int]) -> bool:
            text = self.tables.passage(*place)[0]
            return text not in gold and not contains_answer(text, resolved.query.answers)

        near = [(self.index, other) for other in self.tables.neighbours(self.index, row)]
        generator.shuffle(near)
        share = int(wanted * self.mixture.same_document_negatives + generator.random())
        chosen = list(filter(is_negative, near))[:share]
        attempts = ATTEMPTS * wanted
        while len(chosen) < wanted and attempts:
            attempts -= 1
            place = self.tables.locate(generator.randrange(int(self.tables.starts[-1])))
            if place not in chosen and self.tables.document(*place) not in judged and is_negative(place):
                chosen.append(place)
        return chosen
