"""Choose the form of the score on held-out training queries: what was found for them is ranked in many ways."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from srdist.config.schema import Config
from srdist.decode.batches import lines
from srdist.decode.results import Retrieval, read_results
from srdist.decode.score import WITHOUT_ASSESSMENT, final_scores, passage_scores, title_scores
from srdist.decode.stage import TUNE, retrieve_held_out
from srdist.storage.files import write_text
from srdist.storage.tables import MODEL, read_queries
from srdist.templates import Segments, load_tokenizer

FORMS = f"{TUNE}/forms.jsonl"
TEMPERATURES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
TITLES = (1, 2, 3, 5, 10, 20, 50, 100)
MARGINS = (2.0, 4.0, 6.0, 8.0, 10.0)
DEPTH = 5


@dataclass(frozen=True)
class Form:
    """What ranks the candidates: fields of `retrieve`. Fewer titles are the best of those that were found."""

    titles: int
    score: str
    title_score: str
    tau: float
    delta: float
    normalize_assessment: str
    title_margin: float | None = None


@dataclass(frozen=True)
class Found:
    """What was found for a query.

    Attributes:
        titles: log P(t|q), [titles], the most probable first; `lengths`: their tokens with the end, [titles].
        groups: index of each candidate's title, [candidates].
        rejections: P(rejection), [candidates]; NaN where nothing was assessed.
        logprobs, queries: log P(p|q,t) and log P(q|t,p), [candidates].
        gold: whether it is gold, bool [candidates].
    """

    titles: np.ndarray
    lengths: np.ndarray
    groups: np.ndarray
    rejections: np.ndarray
    logprobs: np.ndarray
    queries: np.ndarray
    gold: np.ndarray


def tune(config: Config, *, overwrite: bool = False) -> list[dict[str, Any]]:
    """Rank what is found for the held-out queries by every form; write `tune/forms.jsonl`.

    The model runs at the first call only; then its candidates are there.

    Returns:
        the forms with their `Hits@1` and `MRR@5` over passages, the best MRR@5 first; of equal ones the config's own,
        then the one nearest to the paper's. The record of the config's own form has `own` true.

    Raises:
        UserError: no training query was held out, or the run is not trained.
    """
    retrieve_held_out(config, overwrite=overwrite)
    found = list(_read(config))
    assessed = not any(np.isnan(query.rejections).any() for query in found)
    own = Form(**{name: getattr(config.retrieve, name) for name in Form.__dataclass_fields__})
    records = [
        {**asdict(form), **measure(found, form), "own": form == own}
        for form in dict.fromkeys([own, *forms(config.retrieve.titles)])
        if assessed or form.score in WITHOUT_ASSESSMENT
    ]
    records.sort(key=lambda record: (-record[f"MRR@{DEPTH}"], -record["Hits@1"]))
    write_text(config.run_dir / FORMS, lines(records))
    return records


def forms(most: int) -> Iterator[Form]:
    """Give all forms that can rank differently, those near the paper's first."""
    near = sorted(TEMPERATURES, key=lambda value: abs(np.log(value / 0.4)))
    counts = sorted({most, *(count for count in TITLES if count < most)}, reverse=True)
    for titles, title_score in itertools.product(counts, ("sum", "mean")):
        for tau, delta, normalize in itertools.product(near, near, ("title", "query")):
            yield Form(titles, "product", title_score, tau, delta, normalize)
            yield Form(titles, "likelihood", title_score, tau, delta, normalize)
        yield Form(titles, "title", title_score, 0.4, 0.4, "title")
    yield from (Form(titles, "query_likelihood", "sum", 0.4, 0.4, "title") for titles in counts)
    yield from (Form(most, "query_likelihood", "sum", 0.4, 0.4, "title", margin) for margin in MARGINS)
    for titles, delta in itertools.product(counts, near):
        yield Form(titles, "assessment", "sum", 0.4, delta, "title")
    yield from (Form(titles, "assessment", "sum", 0.4, 0.4, "query") for titles in counts)


def measure(found: list[Found], form: Form) -> dict[str, float]:
    """Return how many titles a query has, and Hits@1 and MRR@5 over passages; means, no gold candidate counts zero."""
    ranks = np.array([rank_of_gold(query, form) for query in found])
    return {
        "titles_used": float(np.mean([titles_used(query, form) for query in found])),
        "Hits@1": float((ranks == 1).mean()),
        f"MRR@{DEPTH}": float(np.where(ranks <= DEPTH, 1 / ranks, 0).mean()),
    }


def titles_used(found: Found, form: Form) -> int:
    """Return the number of a query's titles that a form leaves."""
    titles = found.titles[: form.titles]
    return len(titles) if form.title_margin is None else int((titles >= titles[:1] - form.title_margin).sum())


def rank_of_gold(found: Found, form: Form) -> float:
    """Return the rank, from 1, of the first gold candidate; infinity if there is none."""
    used = titles_used(found, form)
    kept = np.flatnonzero(found.groups < used)
    groups, logprobs = found.groups[kept], found.logprobs[kept]
    lengths = found.lengths[:used] if form.title_score == "mean" else None
    s_t = title_scores(found.titles[:used], form.tau, lengths)[groups]
    s_p = passage_scores(found.rejections[kept], form.delta, groups if form.normalize_assessment == "title" else None)
    scores = final_scores(form.score, s_t, s_p, logprobs, found.titles[groups], found.queries[kept])
    gold = np.flatnonzero(found.gold[kept][np.lexsort((-(found.titles[groups] + logprobs), -scores))])
    return float(gold[0] + 1) if len(gold) else np.inf


def _read(config: Config) -> Iterator[Found]:
    segments = Segments(config.templates, load_tokenizer(str(config.run_dir / MODEL)))
    gold = {row["id"]: set(row["gold_passages"]) for row in read_queries(config.run_dir, "validation")}
    for query, retrieval in read_results(config.run_dir, f"{TUNE}/results.jsonl"):
        yield _found(retrieval, gold[query], segments)


def _found(retrieval: Retrieval, gold: set[str], segments: Segments) -> Found:
    titles, candidates = retrieval.titles, retrieval.candidates
    places = {title.title: place for place, title in enumerate(titles)}
    return Found(
        titles=np.array([title.logprob for title in titles]),
        lengths=np.array([len(tokens) + 1 for tokens in segments.titles(list(places))]),
        groups=np.array([places[candidate.title] for candidate in candidates], dtype=np.int64),
        rejections=np.array([candidate.rejection for candidate in candidates], dtype=np.float64),
        queries=np.array([candidate.query_logprob for candidate in candidates], dtype=np.float64),
        logprobs=np.array([candidate.passage_logprob for candidate in candidates], dtype=np.float64),
        gold=np.array([candidate.passage_id in gold for candidate in candidates], dtype=bool),
    )


def forms_table(records: list[dict[str, Any]], shown: int = 10) -> Table:
    """Return a table of the best forms and the config's own."""
    table = Table(*records[0].keys(), title="forms of the score on held-out training queries", title_justify="left")
    for record in [*records[:shown], *(record for record in records[shown:] if record["own"])]:
        table.add_row(*(f"{value:.3f}" if name[-2] == "@" else str(value) for name, value in record.items()))
    return table


def as_overrides(record: dict[str, Any]) -> str:
    """Return the options of a command that set a form."""
    values = {name: "null" if record[name] is None else record[name] for name in Form.__dataclass_fields__}
    return " ".join(f"--set retrieve.{name}={value}" for name, value in values.items())
