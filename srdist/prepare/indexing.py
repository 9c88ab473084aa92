"""Indexing examples: views of a passage -> its title and the passage."""

from __future__ import annotations

import random
from collections.abc import Iterator

from srdist.config.mixture import PhaseConfig
from srdist.config.schema import Config
from srdist.prepare.passage_tables import Partition
from srdist.prepare.views import Views, words_of
from srdist.templates import Example, Segments

BATCH = 2000
"""passages whose inputs are tokenized together"""


class IndexingExamples:
    """The indexing examples of one partition, for each phase and epoch.

    Every random choice is a function of (seed, phase, epoch, passage id), never of the number of workers.

    Args:
        questions: questions written for each passage of the partition; None where no phase takes any.
    """

    def __init__(self, config: Config, partition: Partition, segments: Segments, questions: list[list[str]] | None):
        self.seed, self.mixture, self.partition = config.seed, config.mixture, partition
        self.segments, self.questions = segments, questions
        self.views = Views(config.mixture.views, config.corpus.language)

    def examples(self, phase: PhaseConfig, epoch: int) -> Iterator[Example]:
        """Give the examples of every passage that the phase takes, in the order of the partition."""
        if not (phase.sentences or phase.windows or phase.spans or phase.dropped or phase.questions):
            return
        passages = self.partition.passages
        leading = self.partition.place_in_document < (phase.passages_per_document or passages.num_rows)
        for begin in range(0, passages.num_rows, BATCH):
            rows = passages.slice(begin, BATCH)
            inputs: list[tuple[int, str]] = []
            for row, (identifier, text) in enumerate(
                zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True), start=begin
            ):
                if leading[row]:
                    inputs += [(row, view) for view in self._views(phase, epoch, row, identifier, text)]
            texts = [text.lower() if self.mixture.views.lowercase else text for _, text in inputs]
            for (row, _), prompt in zip(inputs, self.segments.sentence_prompts(texts), strict=True):
                title, tokens = self.partition.segments(row, phase.target_tokens)
                yield self.segments.generation(prompt, title, tokens, phase.target_tokens)

    def _views(self, phase: PhaseConfig, epoch: int, row: int, identifier: str, text: str) -> Iterator[str]:
        if phase.sentences or phase.dropped:
            sentences = self._sentences(text, self.partition.sentences[row].tolist())
            yield from self._of_epoch(sentences, phase, epoch, identifier)
        if phase.windows or phase.spans or phase.dropped:
            generator = random.Random("\0".join(("views", str(self.seed), phase.name, str(epoch), identifier)))
            words = words_of(text)
            title = words_of(self.partition.title(row))
            yield from (self.views.window(words, title, generator) for _ in range(phase.windows))
            yield from (self.views.span(words, generator) for _ in range(phase.spans))
            for _ in range(phase.dropped):
                yield self.views.dropped(generator.choice(sentences), generator)
        if phase.questions:
            yield from self.questions[row][self.mixture.questions_of(phase, epoch)]

    def _sentences(self, text: str, starts: list[int]) -> list[str]:
        """Return the sentences of a fitting length, or the longest one."""
        sentences = [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
        above, below = self.mixture.sentence_words_above, self.mixture.sentence_words_below
        return [one for one in sentences if above < len(one.split()) < below] or [max(sentences, key=len)]

    def _of_epoch(self, sentences: list[str], phase: PhaseConfig, epoch: int, identifier: str) -> list[str]:
        """Take the epoch's sentences: each epoch goes on, in a random order, where the one before it ended."""
        count = phase.sentences
        if count == "all" or (count and count >= len(sentences)):
            return sentences
        generator = random.Random("\0".join(("sentences", str(self.seed), phase.name, identifier)))
        order = generator.sample(range(len(sentences)), len(sentences)) if count else []
        places = [order[(epoch * count + place) % len(order)] for place in range(count)]
        return [sentences[place] for place in sorted(places)]
