"""`srdist bench decode`: the constraint's step and the search, against log_softmax and transformers."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from srdist.bench.corpora import CorpusSize
from srdist.bench.figures import Figure
from srdist.bench.made_up import made_up_prompts, made_up_trie, sure_prompts, tiny_model
from srdist.bench.pipeline import measure_best, measure_pipeline, segments_of
from srdist.bench.search import Setting, measure_search
from srdist.bench.step import measure_step
from srdist.bench.timing import least_seconds
from srdist.config.load import load_config
from srdist.config.schema import ModelConfig
from srdist.decode.model import LanguageModel
from srdist.decode.retriever import SelfRetriever
from srdist.storage.tables import read_queries
from srdist.trie import Trie

VOCABULARY = 32_768
REPEATS = 3
GROWTH_QUERIES = 32
"""decoded together where sizes are compared: of a few, a single one that takes a forward more decides"""
SLOW_REPEATS, SLOW_QUERIES, SLOW_TITLES = 1, 2, 2_000
"""with a given model, which takes minutes"""


def measure(
    folder: Path | None, run_dir: Path | None, titles: int, queries: int, beams: int, dtype: str
) -> list[Figure]:
    """Measure the decoder on made-up corpora, with a tiny model and with a given one.

    All times are those of one thread, the least of several repeats; what is compared is measured by turns.

    Args:
        folder: a causal language model to measure, too, on a made-up corpus.
        run_dir: a trained run to measure, too, on its corpus and test queries.
        titles: of the larger corpus; the smaller one has a twentieth.
        queries: decoded together.
        beams: of title and passage search.
        dtype: type of the weights of both; the results of float32 equal those of transformers.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="srdist-bench-") as name:
        large = made_up_trie(Path(name) / "large", corpus_size(titles, 3, VOCABULARY))
        small = made_up_trie(Path(name) / "small", corpus_size(titles // 20, 3, VOCABULARY))
        model = tiny_model(VOCABULARY)
        few = setting(model, small, made_up_prompts(small, queries), beams)
        figures = [*measure_step(large), *measure_search(few, "tiny", REPEATS)]
        many = made_up_prompts(small, GROWTH_QUERIES)
        figures.append(growth(*(setting(model, trie, many, beams) for trie in (small, large))))
    if folder is not None:
        figures += _with_model(folder, queries, beams, dtype)
    return figures if run_dir is None else figures + _with_run(run_dir, queries, beams, dtype)


def _with_model(folder: Path, queries: int, beams: int, dtype: str) -> list[Figure]:
    model = LanguageModel.load(folder, ModelConfig(base=str(folder), dtype=dtype), "cpu")
    name = folder.resolve().name.split("-")[0].lower()
    with tempfile.TemporaryDirectory(prefix="srdist-bench-") as corpus:
        trie = made_up_trie(Path(corpus), corpus_size(SLOW_TITLES, 20, model.vocabulary))
        whole = setting(model, trie, made_up_prompts(trie, queries), beams)
        few = replace(whole, prompts=whole.prompts[:SLOW_QUERIES])
        sure = replace(whole, prompts=sure_prompts(model, trie, len(few.prompts)))
        figures = measure_search(whole, name, SLOW_REPEATS)
        best = measure_best(sure, segments_of(sure), SLOW_REPEATS, "sure")
        return [*figures, *measure_pipeline(few, SLOW_REPEATS), best]


def _with_run(run_dir: Path, queries: int, beams: int, dtype: str) -> list[Figure]:
    config = load_config(run_dir, [f"model.dtype={dtype}", "retrieve.device=cpu"])
    retriever = SelfRetriever.load(run_dir, config)
    prompts = [retriever.prompt(row["text"]) for row in read_queries(run_dir, "test")[:queries]]
    segments = retriever.segments
    asked = Setting(retriever.model, retriever.trie, prompts, segments.passage_separator, segments.end, beams)
    return [*measure_search(asked, "run", SLOW_REPEATS), measure_best(asked, segments, SLOW_REPEATS, "run")]


def corpus_size(titles: int, passages: int, vocabulary: int) -> CorpusSize:
    """Return the size of a corpus with some passages a title.

    It has no near-duplicates: transformers takes a step for each of their tokens up to the first one that differs.
    """
    partitions = max(1, titles // 25_000)
    return CorpusSize(passages * titles, titles, vocabulary, near_duplicates=0, partitions=partitions)


def setting(model: LanguageModel, trie: Trie, prompts: list[list[int]], beams: int) -> Setting:
    """Return a search over a made-up corpus; its last two tokens are in no text."""
    return Setting(model, trie, prompts, [trie.title_end], trie.title_end, beams)


def growth(small: Setting, large: Setting) -> Figure:
    """Compare the search times of two corpora."""
    slower, faster = least_seconds([large.ours, small.ours], 3 * REPEATS)
    what = f"search time, {large.trie.n_titles:,} titles over {small.trie.n_titles:,}"
    return Figure("growth", what, slower / faster)
