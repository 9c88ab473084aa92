"""BM25 over title and passage, with bm25s (Lucene's variant, k1 1.5, b 0.75, stop words, Snowball stemming).

On nq-qed's 383 test questions stemming lifts Hits@1 from .812 to .846: the comparison is with the stronger one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def rank_with_bm25(
    ids: Sequence[str], texts: Sequence[str], queries: Sequence[str], *, language: str, top_k: int
) -> Iterator[list[tuple[str, float]]]:
    """Rank passages for each query, best first; only passages that share a word with it.

    Equal scores are ordered by descending id, as trec_eval does, whatever the order of the passages.

    Args:
        ids: id of each passage.
        texts: text of each passage; the index over them is held in memory.
        queries: questions.
        language: ISO 639-1 code; stop words and stemming are left out where the libraries do not know it.
        top_k: longest ranking.
    """
    import numpy as np

    bm25s = import_bm25s()
    settings = _settings(language)
    words = bm25s.tokenize(list(texts), **settings)
    if not any(words.ids):
        yield from ([] for _ in queries)
        return
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index(words, show_progress=False)
    id_ranks = np.empty(len(ids), dtype=np.int64)
    id_ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    for query in queries:
        (asked,) = bm25s.tokenize([query], return_ids=False, **settings)
        known = index.get_tokens_ids(asked)
        if not known:
            yield []
            continue
        scores = index.get_scores_from_ids(known)
        yield [(ids[row], float(scores[row])) for row in _best(scores, id_ranks, top_k)]


def terms_of(texts: Sequence[str], *, language: str) -> list[list[str]]:
    """Return the terms by which `rank_with_bm25` finds each text: its words without stop words, stemmed."""
    return import_bm25s().tokenize(list(texts), return_ids=False, **_settings(language))


def import_bm25s() -> Any:
    """Import bm25s, and JAX, which it tries where it is installed, for the CPU alone.

    On a GPU JAX would take three quarters of the memory, in every Ray worker that knows what a stop word is.
    """
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import bm25s

    return bm25s


def _best(scores: np.ndarray, id_ranks: np.ndarray, top_k: int) -> np.ndarray:
    """Return the rows of the `top_k` highest scores above zero, ties at the cut included before it is made."""
    import numpy as np

    found = np.flatnonzero(scores > 0)
    if len(found) > top_k:
        lowest = np.partition(scores[found], -top_k)[-top_k]
        found = found[scores[found] >= lowest]
    return found[np.lexsort((-id_ranks[found], -scores[found]))][:top_k]


def _settings(language: str) -> dict[str, Any]:
    return {"stopwords": _stop_words(language), "stemmer": _stemmer(language), "show_progress": False}


def _stop_words(language: str) -> str | list[str]:
    try:
        import_bm25s().tokenize([""], stopwords=language, show_progress=False)
    except ValueError:
        return []
    return language


def _stemmer(language: str) -> object | None:
    import Stemmer

    try:
        return Stemmer.Stemmer(language)
    except KeyError:
        return None
