"""Retrieval by parts of the corpus: each part of the title trie is searched by itself, and the findings are merged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from srdist.cluster.ray import ray_cluster
from srdist.config import Config
from srdist.config.retrieve import RetrieveConfig
from srdist.decode.batches import BatchFiles, Record
from srdist.decode.decoding import Query, to_records
from srdist.decode.evaluator import Check, run_batches
from srdist.decode.judge import Judge, known

if TYPE_CHECKING:
    from srdist.decode.retriever import SelfRetriever

ScoredTitles = list[tuple[int, float]]
"""number and log P(t|q) of titles, the most probable first"""


def retrieve_by_shards(config: Config, batches: Sequence[list[Query]], files: BatchFiles, check: Check) -> list[Record]:
    """Write the records of all batches, like those of `decoding.retrieve`; return facts about each.

    All shards are searched for the titles of all queries; the most probable ones are a query's titles. Then each
    shard finds and assesses passages below its own. The batches of a shard come one after the other, so that all
    workers use the same part of the index at a time. With `search: exact` the result is that of one search over the
    whole corpus; with beams each shard has as many as that search would have for all.
    """
    shards, count = config.retrieve.shards, len(batches)
    jobs = list(product(range(shards), range(count)))
    title_files = BatchFiles(files.folder / "titles", files.work)
    part_files = BatchFiles(files.folder / "passages", files.work)
    with ray_cluster(config.cluster):
        search = [(batches[batch], shard) for shard, batch in jobs]
        facts = run_batches(config, "retrieve: titles", search, partial(find_titles, shards=shards), title_files, check)
        titles = [merge_titles(_parts(title_files, b, count, shards), config.retrieve) for b in range(count)]
        below = [(batches[batch], titles[batch], shard) for shard, batch in jobs]
        facts += run_batches(config, "retrieve: passages", below, partial(find_below, shards=shards), part_files)
    for batch in range(count):
        parts = zip(*_parts(part_files, batch, count, shards), strict=True)
        files.write(batch, [merge_passages(part, config.retrieve) for part in parts], {})
    return [merge_facts(batch, facts[batch::count]) for batch in range(count)]


def merge_facts(batch: int, parts: Sequence[Record]) -> Record:
    """Return the facts of a batch from those of all its parts, both searches of each shard."""
    names = {name for part in parts for name in part} - {"batch", "queries", "memory_mb"}
    return {
        "batch": batch,
        "queries": parts[0]["queries"],
        "memory_mb": max(part["memory_mb"] for part in parts),
        **{name: round(sum(part.get(name, 0) for part in parts), 4) for name in sorted(names)},
    }


def _parts(files: BatchFiles, batch: int, count: int, shards: int) -> list[list[Record]]:
    """Return the records of a batch, shard by shard."""
    return [files.read(shard * count + batch) for shard in range(shards)]


def find_titles(retriever: SelfRetriever, batch: Sequence[Query], shard: int, shards: int) -> list[Record]:
    """Search the titles of one shard: records with `titles` (number, log P(t|q)) and `expansions`."""
    from srdist.decode.title_shard import level_of

    if not (own := title_range(retriever.trie.n_titles, shard, shards)):
        return [{"titles": [], "expansions": 0} for _ in batch]
    tree = retriever.tree([query.text for query in batch])
    found, expansions = retriever.steps.find_titles(tree, len(batch), level_of(retriever.trie, own))
    return [
        {"titles": [[title.number, title.logprob] for title in titles], "expansions": count}
        for titles, count in zip(found, expansions, strict=True)
    ]


def merge_titles(shards: Sequence[Sequence[Record]], retrieve: RetrieveConfig) -> list[tuple[ScoredTitles, int]]:
    """Return for each query the most probable titles, and the expansions of all its searches."""
    from srdist.decode.search import Found, most_probable

    merged = []
    for parts in zip(*shards, strict=True):
        titles = [Found(number, logprob, slot=0, fed=0) for part in parts for number, logprob in part["titles"]]
        best = most_probable(titles, retrieve.titles, retrieve.title_margin)
        merged.append(([(title.number, title.logprob) for title in best], sum(part["expansions"] for part in parts)))
    return merged


def find_below(
    retriever: SelfRetriever,
    batch: Sequence[Query],
    titles: Sequence[tuple[ScoredTitles, int]],
    shard: int,
    shards: int,
) -> list[Record]:
    """Find and assess passages below those titles that are of one shard.

    Returns:
        records like those of `decoding.retrieve`, with the candidates of this shard only, and `evidence`: all that
        their scores are made of.
    """
    from srdist.decode.search import Found

    trie, steps, own = retriever.trie, retriever.steps, title_range(retriever.trie.n_titles, shard, shards)
    tree = retriever.tree([query.text for query in batch])
    tokens = [[trie.title_tokens(number).tolist() for number, _ in found] for found, _ in titles]
    slots = retriever.add_titles(tree, tokens)
    below = [
        [
            Found(number, logprob, slot, len(words))
            for (number, logprob), (slot, _), words in zip(found, ends, texts, strict=True)
        ]
        for (found, _), ends, texts in zip(titles, slots, tokens, strict=True)
    ]
    found = steps.find_passages(tree, below, own)
    retrieve = retriever.config.retrieve
    k = retrieve.top_k if retrieve.normalize_assessment == "title" else sys.maxsize
    judges = [steps.judge(*pair, k) for pair in zip(below, found, strict=True)]
    queries = [query.text for query in batch]
    steps.assess(tree, judges, found)
    steps.ask(retriever.model, queries, judges, found)
    parts = zip(queries, below, found, judges, [count for _, count in titles], strict=True)
    retrievals = [steps.retrieval(*part) for part in parts]
    records = to_records(retriever, batch, retrievals, with_missed=shard == 0)
    for record, judge, items, texts in zip(records, judges, found, tokens, strict=True):
        record["evidence"] = {
            "lengths": [len(text) + 1 for text in texts],
            "titles": [item.title for item in items],
            "logprobs": [item.logprob for item in items],
            "numbers": [item.copies for item in items],
            "verdicts": [None if np.isnan(pair).any() else pair.tolist() for pair in judge.verdicts],
            "query_logprobs": [known(logprob) for logprob in judge.query_logprobs],
            "candidates": [number for _, number in judge.ranking([item.copies for item in items])],
        }
    return records


def merge_passages(parts: Sequence[Record], retrieve: RetrieveConfig) -> Record:
    """Return a query's record from those of all shards."""
    merged = {name: value for name, value in parts[0].items() if name != "evidence"}
    for name in ("assessed", "skipped"):
        merged[name] = sum(part[name] for part in parts)
    for index, title in enumerate(merged["titles"]):
        title["passages"] = [passage for part in parts for passage in part["titles"][index]["passages"]]
    columns = ("titles", "logprobs", "numbers", "verdicts", "query_logprobs")
    rows = [row for part in parts for row in zip(*(part["evidence"][name] for name in columns), strict=True)]
    rows.sort(key=lambda row: row[0])  # a title's passages are in one part, in the order that they were found in
    groups, logprobs, numbers, verdicts, asked = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([] for _ in columns)
    )
    judge = Judge(
        retrieve,
        titles=[title["logprob"] for title in merged["titles"]],
        lengths=parts[0]["evidence"]["lengths"],
        groups=groups,
        logprobs=logprobs,
        copies=[len(copies) for copies in numbers],
        k=retrieve.top_k,
    )
    for index, pair in enumerate(verdicts):
        if pair is not None:
            judge.note(index, np.array(pair))
    for index, logprob in enumerate(asked):
        if logprob is not None:
            judge.note_query(index, logprob)
    candidates = {
        number: candidate
        for part in parts
        for number, candidate in zip(part["evidence"]["candidates"], part["candidates"], strict=True)
    }
    s_p, scores = judge.scores()
    merged["candidates"] = [
        candidates[number] | {"score": float(scores[index]), "passage_score": known(s_p[index])}
        for index, number in judge.ranking(numbers)
    ]
    return merged


def title_range(titles: int, shard: int, shards: int) -> range:
    """Return the numbers of a shard's titles; shards are of like size, and titles of one partition side by side."""
    return range(titles * shard // shards, titles * (shard + 1) // shards)
