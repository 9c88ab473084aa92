"""Tokens and steps of every phase: counted in the prepared mixture, or estimated from the corpus."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from srdist.config.mixture import PhaseConfig
from srdist.config.schema import Config
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.passages import split_document
from srdist.corpus.read import read_documents, read_queries
from srdist.corpus.titles import normalise_title
from srdist.errors import UserError
from srdist.sizing.model import Dimensions
from srdist.storage.manifest import manifest_path
from srdist.storage.models import is_folder
from srdist.templates import Segments, load_tokenizer, writing_text
from srdist.train.plan import Work, make_plan

SAMPLE_DOCUMENTS = 300
"""documents that an estimate splits and tokenizes"""
TOKENS_PER_WORD = 1.4
"""of English, where the base model's tokenizer is not on this disk"""


@dataclass(frozen=True)
class PhaseWork:
    """A phase over all its epochs: tokens, those that are trained, packed rows, squared lengths of its examples."""

    name: str
    tokens: int
    trained_tokens: int
    rows: int
    squares: int


@dataclass(frozen=True)
class Corpus:
    """A corpus in numbers: counts, bytes of its text, mean lengths in tokens, sentences that can be inputs."""

    documents: int
    passages: int
    text_bytes: int
    passage: float
    title: float
    sentence: float
    sentences: float
    training_queries: int
    query: float


def prepared_work(config: Config) -> list[PhaseWork] | None:
    """Return the work of the run's mixture; None where it is not prepared."""
    if not manifest_path(config.run_dir, "prepare").exists():
        return None
    plan, phases = make_plan(config), []
    for number, phase in enumerate(config.mixture.phases):
        work = [epoch.work for epoch in plan.epochs if epoch.phase == number]
        tokens, squares, trained = (
            sum(int(part.sum()) for part in parts)
            for parts in ([w[:, 0] for w in work], [w[:, 1] for w in work], [w[:, 2:] for w in work])
        )
        phases.append(PhaseWork(phase.name, tokens, trained, sum(len(w) for w in work), squares))
    return phases


def read_corpus(config: Config) -> Corpus:
    """Count documents and training queries; measure lengths on the first documents.

    Raises:
        UserError: a file of the corpus is not there or cannot be read.
    """
    settings = config.corpus
    with BadRecords("skip") as bad:
        everything = iter(read_documents(settings.model_copy(update={"sample": None}), bad))
        first = list(itertools.islice(everything, SAMPLE_DOCUMENTS))
        count = settings.sample.documents if settings.sample else len(first) + sum(1 for _ in everything)
        training = [query.text for query in read_queries(settings, bad) if query.split == "train"]
    length = _counter(config)
    split = [
        (document, split_document(document, settings.passage_words, settings.split_passages, settings.language))
        for document in first
    ]
    passages = [passage for _, parts in split for passage in parts]
    above, below = config.mixture.sentence_words_above, config.mixture.sentence_words_below
    sentences = [
        text
        for passage in passages
        for start, end in zip(passage.sentences, [*passage.sentences[1:], len(passage.text)], strict=True)
        if above < len((text := passage.text[start:end]).split()) < below
    ]
    per_document = count / len(first)
    return Corpus(
        documents=count,
        passages=round(len(passages) * per_document),
        text_bytes=round(sum(len(passage.text.encode()) for passage in passages) * per_document),
        passage=_mean([length(passage.text) for passage in passages]),
        title=_mean([length(normalise_title(document.title, True) or "a title") for document in first]),
        sentence=_mean([length(sentence) for sentence in sentences[:2000]]),
        sentences=max(1.0, len(sentences) / len(passages)),
        training_queries=max(0, len(training) - config.mixture.held_out_queries),
        query=_mean([length(query) for query in training[:2000]]),
    )


def _counter(config: Config) -> Callable[[str], float]:
    """Return a function that counts the tokens of a text, with the base model's tokenizer where it is on this disk."""
    if is_folder(config.model.base):
        try:
            segments = Segments(config.templates, load_tokenizer(config.model.base))
            return lambda text: len(segments.encode([text])[0])
        except UserError:
            pass
    return lambda text: TOKENS_PER_WORD * len(text.split())


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def estimated_work(config: Config, corpus: Corpus) -> list[PhaseWork]:
    """Return the work of the mixture that `prepare` would make of a corpus: every training query has one gold passage.

    Views other than sentences count as long as sentences.
    """
    length, templates = _counter(config), config.templates
    separators = length(templates.passage_separator) + length(templates.verdict_separator)
    before = {
        "sentence": length(templates.sentence.replace("{sentence}", "")) + corpus.sentence,
        "query": length(templates.query.replace("{query}", "")) + corpus.query,
    }
    phases = []
    for phase in config.mixture.phases:
        target = corpus.passage if phase.target_tokens is None else min(phase.target_tokens, corpus.passage)
        generated = corpus.title + length(templates.passage_separator) + target + 1
        judged = before["query"] + corpus.title + separators + corpus.passage
        verdict = length(templates.negative) + 1
        asked = length(writing_text(config.templates, "", "")) + corpus.title + corpus.passage
        kinds = (
            (_indexed(phase, corpus) * _views(phase, corpus), before["sentence"], generated),
            (corpus.training_queries * phase.retrievals, before["query"], generated),
            (corpus.training_queries * (phase.positives + phase.negatives), judged, verdict),
            (corpus.training_queries * phase.writings, asked, corpus.query + 1),
        )
        tokens, trained, squares = (
            round(phase.epochs * sum(number * size(prompt, target) for number, prompt, target in kinds))
            for size in (lambda p, t: p + t, lambda p, t: t, lambda p, t: (p + t) ** 2)
        )
        phases.append(PhaseWork(phase.name, tokens, trained, -(-tokens // config.train.row_tokens), squares))
    return phases


def _indexed(phase: PhaseConfig, corpus: Corpus) -> int:
    """Return the passages that indexing examples are made of; long documents are taken to have all that are wanted."""
    return min(corpus.passages, corpus.documents * (phase.passages_per_document or corpus.passages))


def _views(phase: PhaseConfig, corpus: Corpus) -> float:
    """Return the indexing examples of a passage in one epoch."""
    sentences = corpus.sentences if phase.sentences == "all" else min(phase.sentences, corpus.sentences)
    return sentences + phase.windows + phase.spans + phase.dropped + phase.questions


def operations(model: Dimensions, phases: list[PhaseWork]) -> float:
    """Return the operations of forward and backward over all phases, recomputed activations not counted."""
    works = (Work(phase.rows, phase.tokens, phase.squares, np.array([phase.trained_tokens])) for phase in phases)
    return sum(model.size.flops(work) for work in works)
