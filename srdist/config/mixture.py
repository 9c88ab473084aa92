"""The section `mixture` of an experiment's YAML file: which examples are trained, in which phases."""

from __future__ import annotations

import itertools
from typing import Literal

from pydantic import Field, model_validator

from srdist.config.paths import ModelName
from srdist.config.section import Count, Positive, Section, Share

HELD_OUT = "held_out"
"""Name of the phase that is never trained: the examples of the held-out queries."""


class ViewsConfig(Section):
    words: tuple[Positive, Positive] = (3, 7)
    """fewest and most content words of a window"""
    title_share: Share = 0.3
    """share of the windows that also have words of the title"""
    question_words: tuple[str, ...] = ("what", "who", "where", "when", "which", "how")
    """one of them begins each window; an empty list: none does"""
    lowercase: bool = False
    """lower-case all indexing inputs, for queries that are written in lower case"""
    question_model: ModelName | None = None
    """model that writes the questions of `questions`, prompted by `templates.writing`"""
    question_tokens: Positive = 32
    """longest question, in tokens of that model"""
    question_top_k: Positive = 10
    """each token of a question is drawn from the so many most probable ones"""
    question_batch_tokens: Positive = 20_000
    """tokens of the passages and questions that are read and written together, padding included, but at least one
    passage with its questions: more on a GPU; other questions are drawn then"""


class PhaseConfig(Section):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """name of the phase, also of its folder under mixture/"""
    epochs: Positive = 1
    """passes; each draws its windows, spans, dropped, questions, counted sentences and negatives anew"""
    sentences: Count | Literal["all"] = 0
    """indexing examples per passage: one sentence each; an epoch takes other sentences than the one before"""
    windows: Count = 0
    """indexing examples per passage: a question word and content words of a random window of the text"""
    spans: Count = 0
    """indexing examples per passage: a random window of the text as it stands"""
    dropped: Count = 0
    """indexing examples per passage: a random sentence, about a third of its words dropped; half of them shuffled"""
    questions: Count = 0
    """indexing examples per passage: a question each, written by `mixture.views.question_model`; no phase or epoch
    takes those of another"""
    passages_per_document: Positive | None = None
    """indexing examples of no more than so many leading passages of each document; null: of all. With titles alone as
    targets, the examples then grow with the documents, and long documents are not taught more often than others"""
    retrievals: Count = 0
    """retrieval examples per training query and gold passage (the paper repeats them twice)"""
    positives: Count = 0
    """positive assessment examples per training query and gold passage"""
    negatives: Count = 0
    """negative assessment examples per training query and gold passage (the paper: 5)"""
    writings: Count = 0
    """examples per training query and gold passage of writing the query for the passage: a model trained on them can
    rank by `retrieve.score: query_likelihood`, and be the `question_model` of another run"""
    target_tokens: Count | None = None
    """tokens of the passage that indexing and retrieval learn to generate after the title; null: the whole passage,
    0: the title alone (tokens, not words: a passage's tokens are ready to be cut, and the trie is made of them)"""

    @property
    def draws(self) -> int:
        """Number of epochs whose examples differ: all of them, or one where nothing is drawn."""
        drawn = self.windows or self.spans or self.dropped or self.questions or self.negatives
        return self.epochs if drawn or self.sentences not in (0, "all") else 1

    def folder(self, epoch: int) -> str:
        """Return the folder of an epoch's examples below mixture/; epochs that do not differ share one."""
        return f"{self.name}/epoch-{min(epoch, self.draws - 1)}"


class MixtureConfig(Section):
    phases: list[PhaseConfig] = Field(
        default=[
            PhaseConfig(name="indexing", epochs=3, sentences="all"),
            PhaseConfig(name="mixture", epochs=3, sentences=3, retrievals=2, positives=1, negatives=5),
        ],
        min_length=1,
    )
    """training phases, in order; the default is the paper's two"""
    views: ViewsConfig = ViewsConfig()
    """how indexing inputs look"""
    sentence_words_above: Count = 5
    """sentences as inputs have more words than this (a passage without any gives its longest sentence)"""
    sentence_words_below: Positive = 50
    """sentences as inputs have fewer words than this"""
    held_out_queries: Count = 0
    """training queries, drawn by a hash of their texts, that never train and are kept for `train.validation` and
    `srdist tune`; with each of them all training queries of the same text"""
    same_document_negatives: Share = 0.5
    """share of the negatives taken from the gold passage's own document, where it has others"""
    negatives_from: Literal["random", "bm25"] = "random"
    """where the other negatives come from: the whole corpus, or the 50 passages that BM25 ranks first"""

    @property
    def questions(self) -> int:
        """Number of questions that are written about each passage."""
        return sum(phase.epochs * phase.questions for phase in self.phases)

    def questions_of(self, phase: PhaseConfig, epoch: int) -> slice:
        """Return which of a passage's questions an epoch takes."""
        before = itertools.takewhile(lambda other: other.name != phase.name, self.phases)
        first = sum(other.epochs * other.questions for other in before) + epoch * phase.questions
        return slice(first, first + phase.questions)

    @property
    def held_out_phase(self) -> PhaseConfig:
        """What is written of the held-out queries; their targets are as long as those of the last phase."""
        limit = self.phases[-1].target_tokens
        return PhaseConfig(name=HELD_OUT, retrievals=1, positives=1, negatives=1, target_tokens=limit)

    @model_validator(mode="after")
    def _phases_fit(self) -> MixtureConfig:
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError("mixture.phases: two phases have the same name")
        if HELD_OUT in names:
            raise ValueError(f"mixture.phases: {HELD_OUT} is the name of the held-out queries' examples")
        if self.views.question_model is None and self.questions:
            raise ValueError("mixture.phases: questions need mixture.views.question_model")
        if self.views.words[0] > self.views.words[1]:
            raise ValueError("mixture.views.words: the fewest words come first")
        return self
