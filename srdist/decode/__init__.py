"""Retrieval with one model: constrained beam search, self-assessment, scores, answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srdist.decode.results import Candidate, FoundTitle, Retrieval
    from srdist.decode.retriever import SelfRetriever

__all__ = ["Candidate", "FoundTitle", "Retrieval", "SelfRetriever"]


def __getattr__(name: str) -> Any:
    """Import the public names on first use: they bring torch with them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from srdist.decode import results, retriever

    return getattr(retriever if name == "SelfRetriever" else results, name)
