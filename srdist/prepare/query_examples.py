"""Retrieval, assessment and writing examples of the training queries."""

from __future__ import annotations

from collections.abc import Iterator

from srdist.config.mixture import PhaseConfig
from srdist.corpus.answers import contains_answer
from srdist.prepare.gold import ResolvedQuery
from srdist.prepare.negatives import Negatives
from srdist.prepare.passage_tables import PassageTables
from srdist.templates import Example, Segments


def query_examples(
    queries: list[ResolvedQuery],
    phase: PhaseConfig,
    epoch: int,
    *,
    index: int,
    tables: PassageTables,
    negatives: Negatives,
    segments: Segments,
) -> Iterator[tuple[str, Example]]:
    """Give (task, example) for each gold passage in partition `index`."""
    if not (phase.retrievals or phase.positives or phase.negatives or phase.writings):
        return
    for resolved in queries:
        prompt = segments.query_prompt(resolved.query.text)
        answers = resolved.query.answers
        for gold in resolved.passages:
            if gold.partition != index:
                continue
            place = (gold.partition, gold.row)
            if phase.retrievals:
                title, tokens = tables.segments(place, phase.target_tokens)
                retrieval = segments.generation(prompt, title, tokens, phase.target_tokens)
                yield from [("retrieval", retrieval)] * phase.retrievals
            if phase.positives:
                text = tables.text(place)
                answer = next((one for one in answers if contains_answer(text, [one])), next(iter(answers), ""))
                positive = segments.assessment(prompt, *tables.segments(place), answer)
                yield from [("positive", positive)] * phase.positives
            if phase.writings:
                writing = segments.writing(tables.title(place), tables.text(place), resolved.query.text)
                yield from [("writing", writing)] * phase.writings
            for other in negatives.choose(resolved, place, phase, epoch):
                yield "negative", segments.assessment(prompt, *tables.segments(other), None)
