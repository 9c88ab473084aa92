"""What a search gives, and how it stands in `retrieve/results.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from srdist.storage.corpus import live_passages
from srdist.storage.tables import read_queries

RESULTS = "retrieve/results.jsonl"


@dataclass(frozen=True)
class Candidate:
    """A passage that was found for a query.

    Attributes:
        passage_id: id of the passage; `document` is that of its document.
        title: title of the document, as the model generates it.
        text: the passage, byte for byte as in the corpus.
        title_logprob: log P(t|q), natural logarithm.
        passage_logprob: log-probability of the passage's tokens until no other passage of the title begins alike.
        rejection: P("cannot answer" | q, t, p); None where `retrieve.score` needs no assessment.
        acceptance: P("can answer" | q, t, p), or None.
        query_logprob: log P(q|t,p), of the query as a question about the passage; None where `retrieve.score` needs
            none.
        title_score: S_T; passage_score: S_P, or None.
        score: what ranks the passages, higher is better; the paper's S = S_T * S_P unless `retrieve.score` says else,
            a logarithm where that is `query_likelihood`.
    """

    passage_id: str
    document: str
    title: str
    text: str
    title_logprob: float
    passage_logprob: float
    rejection: float | None
    acceptance: float | None
    query_logprob: float | None
    title_score: float
    passage_score: float | None
    score: float


@dataclass(frozen=True)
class FoundTitle:
    """A title that was generated for a query.

    Attributes:
        title: its text.
        logprob: log P(t|q), natural logarithm.
        score: S_T.
        passages: ids of the passages generated below it, the likeliest first, whether they are candidates or not.
    """

    title: str
    logprob: float
    score: float
    passages: tuple[str, ...]


@dataclass(frozen=True)
class Retrieval:
    """What was found for a query.

    Attributes:
        query: its text.
        candidates: the passages, best first.
        titles: all titles found, the most probable first.
        assessed: texts that were assessed, or asked about.
        skipped: texts found that were not, as they cannot be among the best.
        expansions: nodes of the title trie that an exact search visited; 0 for a beam search.
        seconds: its share of the batch's wall time.
    """

    query: str
    candidates: tuple[Candidate, ...]
    titles: tuple[FoundTitle, ...] = ()
    assessed: int = 0
    skipped: int = 0
    expansions: int = 0
    seconds: float = 0.0


def to_record(query: str, retrieval: Retrieval) -> dict[str, Any]:
    """Return the line of a query in the results; without its time, so that the same work gives the same bytes."""
    record = asdict(retrieval)
    del record["seconds"]
    return {"query": query, "text": record.pop("query"), **record}


def from_record(record: dict[str, Any]) -> tuple[str, Retrieval]:
    """Return query id and retrieval of a line of the results."""
    candidates = tuple(Candidate(**candidate) for candidate in record["candidates"])
    titles = tuple(FoundTitle(**{**title, "passages": tuple(title["passages"])}) for title in record["titles"])
    counts = {name: record[name] for name in ("assessed", "skipped", "expansions")}
    return record["query"], Retrieval(record["text"], candidates, titles, **counts)


def read_results(run_dir: Path, results: str = RESULTS) -> Iterator[tuple[str, Retrieval]]:
    """Read `retrieve/results.jsonl`, or another file like it: query id and what was found for it."""
    with open(run_dir / results, encoding="utf-8") as file:
        for line in file:
            yield from_record(json.loads(line))


def gold_retrievals(run_dir: Path) -> Iterator[tuple[str, Retrieval]]:
    """Give each test query with its first gold passage, as if it had been found with certainty."""
    rows = read_queries(run_dir, "test")
    wanted = pa.array({row["gold_passages"][0] for row in rows if row["gold_passages"]}, pa.string())
    gold = {}
    for table in live_passages(run_dir, ("id", "document", "title", "text")):
        for passage in table.filter(pc.is_in(table["id"], value_set=wanted)).to_pylist():
            gold[passage["id"]] = Candidate(
                passage["id"],
                passage["document"],
                passage["title"],
                passage["text"],
                0.0,
                0.0,
                None,
                None,
                None,
                1.0,
                None,
                1.0,
            )
    for row in rows:
        found = [gold[passage] for passage in row["gold_passages"][:1] if passage in gold]
        yield row["id"], Retrieval(row["text"], tuple(found))
