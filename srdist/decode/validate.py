"""`python -m srdist.decode.validate RUN QUERIES`: a small retrieval, which a training starts on its own weights."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from srdist.decode.retriever import SelfRetriever
from srdist.storage.files import write_json
from srdist.storage.tables import read_queries
from srdist.train.launch import PARENT
from srdist.train.rank import die_with

DEPTH = 5


def main(folder: Path, count: int) -> None:
    """Retrieve for the first `count` queries of the split `validation`; write `figures.json` to the run's folder.

    `hits_1` and `mrr_5` are the paper's Hits@1 and MRR@5 over passages: shares of the queries whose first passage is
    gold, and the mean of 1 / rank of the first gold passage among five (0 where there is none).
    """
    retriever = SelfRetriever.load(folder)
    queries = read_queries(folder, "validation")[:count]
    ranks: list[int | None] = []
    for query, found in zip(queries, retriever.search([query["text"] for query in queries], DEPTH), strict=True):
        gold = set(query["gold_passages"])
        places = [rank for rank, candidate in enumerate(found.candidates, 1) if candidate.passage_id in gold]
        ranks.append(places[0] if places else None)
    figures = {
        "queries": len(ranks),
        "hits_1": sum(rank == 1 for rank in ranks) / len(ranks),
        "mrr_5": sum(1 / rank for rank in ranks if rank) / len(ranks),
    }
    write_json(folder / "figures.json", figures)


if __name__ == "__main__":
    if PARENT in os.environ:
        die_with(int(os.environ[PARENT]))
    main(Path(sys.argv[1]), int(sys.argv[2]))
