"""What a replica does with a batch: one record for each query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from srdist.decode.batches import Record
from srdist.decode.results import Retrieval, to_record
from srdist.storage.tables import read_queries

if TYPE_CHECKING:
    from srdist.decode.retriever import SelfRetriever


class Query(NamedTuple):
    """A test query, with the titles of its gold passages."""

    id: str
    text: str
    gold_titles: list[str]


def check_queries(retriever: SelfRetriever, split: str) -> None:
    """Refuse a query of a split that is too long before the first one is decoded."""
    for row in read_queries(retriever.config.run_dir, split):
        retriever.prompt(row["text"])


def retrieve(retriever: SelfRetriever, batch: Sequence[Query]) -> list[Record]:
    """Search the queries together: lines of `retrieve/results.jsonl`."""
    found = retriever.search([query.text for query in batch], retriever.config.retrieve.top_k)
    return to_records(retriever, batch, found)


def to_records(
    retriever: SelfRetriever, batch: Sequence[Query], found: Sequence[Retrieval], *, with_missed: bool = True
) -> list[Record]:
    """Return what was found for some queries as records of `results.to_record`, with one more field.

    `missed_titles` holds log P(t|q) of the gold titles that the search did not find: one that is more probable than
    the worst title found was lost by the beam, another one the model does not know.

    Args:
        with_missed: False leaves it empty and spares the model a forward.
    """
    missed: list[list[str]] = [[] for _ in batch]
    for titles, query, retrieval in zip(missed, batch, found, strict=True):
        known = {title.title for title in retrieval.titles}
        titles += [title for title in dict.fromkeys(query.gold_titles) if with_missed and title not in known]
    logprobs = retriever.title_logprobs([query.text for query in batch], missed)
    records = [to_record(query.id, retrieval) for query, retrieval in zip(batch, found, strict=True)]
    for record, *pair in zip(records, missed, logprobs, strict=True):
        record["missed_titles"] = [{"title": title, "logprob": logprob} for title, logprob in zip(*pair, strict=True)]
    return records


def answer(retriever: SelfRetriever, batch: Sequence[tuple[str, Retrieval]]) -> list[Record]:
    """Answer queries from their best passages: lines of `answers/answers.jsonl`."""
    texts = retriever.answers([retrieval for _, retrieval in batch])
    return [
        {"query": query, "answer": text, "passage": r.candidates[0].passage_id if r.candidates else None}
        for (query, r), text in zip(batch, texts, strict=True)
    ]


def answer_alone(retriever: SelfRetriever, batch: Sequence[tuple[str, Retrieval]]) -> list[Record]:
    """Answer queries without a passage: lines of `answers.none/answers.jsonl`."""
    texts = retriever.answers_alone([retrieval.query for _, retrieval in batch])
    return [{"query": query, "answer": text, "passage": None} for (query, _), text in zip(batch, texts, strict=True)]


def judge(retriever: SelfRetriever, batch: Sequence[tuple[str, str, str, str]]) -> list[Record]:
    """Assess (id, question, title, passage): one record each, with both verdicts' probabilities."""
    verdicts = retriever.verdicts([pair[1:] for pair in batch])
    return [
        {"id": pair[0], "rejection": float(rejection), "acceptance": float(acceptance)}
        for pair, (rejection, acceptance) in zip(batch, verdicts, strict=True)
    ]
