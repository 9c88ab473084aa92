"""The section `retrieve` of an experiment's YAML file."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from srdist.config.section import Positive, PositiveFloat, Section


class RetrieveConfig(Section):
    titles: Positive = 5
    """titles generated per query (the paper's i)"""
    title_margin: PositiveFloat | None = None
    """titles whose log P(t|q) is more than so many nats below that of the most probable one are left out: few stay
    where the model is sure, up to `titles` where it is not; null: none is left out (the paper)"""
    passages: Positive = 10
    """passages generated per title (the paper's j)"""
    search: Literal["beam", "exact"] = "beam"
    """how titles are searched: `beam` (the paper), or `exact`: the most probable ones, whatever a beam would lose; the
    less sure the model, the more of the trie it visits"""
    title_beams: Positive = 10
    """beams of the title search; at least `titles`; `search: exact` has none"""
    passage_beams: Positive = 10
    """beams of the passage search; at least `passages`"""
    complete: bool = True
    """end a passage where no other of its title begins alike, and let the corpus complete it (the paper); false:
    passages that are found so are scored to their last token"""
    assess: Literal["needed", "all"] = "needed"
    """passages that are assessed: all that were found (the paper), or only those of titles that can still reach the
    best `top_k`, with the same result"""
    title_score: Literal["sum", "mean"] = "sum"
    """P(t|q) in S_T = softmax(P(t|q) / tau): exp of the sum of the tokens' log-probabilities (the paper), or of their
    mean, which does not favour short titles"""
    tau: PositiveFloat = 0.4
    """temperature of the title scores"""
    delta: PositiveFloat = 0.4
    """temperature of the assessment scores"""
    normalize_assessment: Literal["title", "query"] = "title"
    """S_P = softmax((1 - P(rejection)) / delta) over the passages of each title (the paper) or over all of the query;
    the paper's favours titles with few passages, which matters where titles differ much in length"""
    score: Literal["product", "title", "assessment", "likelihood", "query_likelihood"] = "product"
    """what ranks the passages: `product` S_T * S_P (the paper), `title` S_T alone, `assessment` S_P alone,
    `likelihood` S_T * S_P * P(p|q,t); `query_likelihood` P(t|q) * P(q|t,p), how probably the model, trained on
    `writings`, would ask the query about the passage; among equal ones the more probable passage comes first"""
    top_k: Positive = 100
    """passages kept per query in the run file"""
    shards: Positive = 1
    """parts of the title trie, searched one after the other by all workers, whose memory then needs room for the pages
    of one part; 1: the whole of it at once"""
    batch_queries: Positive = 8
    """queries decoded together; it changes scores in their last bits, as do `batches_asked`, `forward_tokens` and
    `threads`"""
    batches_asked: Positive = 1
    """batches that a worker takes at once for the query likelihood, for which it reads a passage that several of their
    queries found only once; a killed retrieval goes on with those that were not finished (with `shards`: 1)"""
    forward_tokens: Positive = 512
    """largest number of new tokens in one forward of the assessment, or of the query likelihood"""
    threads: Positive = 1
    """CPU threads of each worker; there is one per GPU, else as many as CPUs (`cluster.workers`) and memory allow"""
    answer_tokens: Positive = 16
    """longest answer, in tokens"""
    device: str = "auto"
    """torch device; `auto`: the process's GPU, or the CPU"""

    @model_validator(mode="after")
    def _beams_are_wide_enough(self) -> RetrieveConfig:
        beams = self.title_beams if self.search == "beam" else self.titles
        if beams < self.titles or self.passage_beams < self.passages:
            raise ValueError("retrieve.title_beams and passage_beams must be at least titles and passages")
        return self
