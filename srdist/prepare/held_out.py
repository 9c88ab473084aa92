"""Training queries that are set aside: they never train, and a training is validated on them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.prepare.gold import ResolvedQuery
from srdist.prepare.mixture import write_mixture


def hold_out(resolved: list[ResolvedQuery], config: Config) -> list[ResolvedQuery]:
    """Return the queries with `mixture.held_out_queries` of the training ones in the split `validation`.

    Which ones is a function of their texts alone. Queries of the same text go together, so that no held-out text is
    trained under another id; a run with another seed holds out the same, so that none is trained by the model that it
    goes on from. Test queries are never taken.

    Raises:
        UserError: no training query would be left.
    """
    count = config.mixture.held_out_queries
    texts = {query.query.text for query in resolved if query.query.split == "train" and query.passages}
    if count >= max(len(texts), 1):
        what = f"mixture.held_out_queries is {count}, but only {len(texts)} training queries have gold passages"
        raise UserError(what, cure="hold out fewer, or none")
    held_out = set(sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:count])
    return [
        _with_split(query, "validation") if query.query.split == "train" and query.query.text in held_out else query
        for query in resolved
    ]


def _with_split(resolved: ResolvedQuery, split: str) -> ResolvedQuery:
    return dataclasses.replace(resolved, query=dataclasses.replace(resolved.query, split=split))


def write_held_out(config: Config, resolved: list[ResolvedQuery]) -> Counter[str]:
    """Write the held-out queries' examples, one of each task per gold passage; return their counts."""
    phase = config.mixture.held_out_phase
    if not config.mixture.held_out_queries:
        return Counter()
    mixture = config.mixture.model_copy(update={"phases": [phase], "negatives_from": "random"})
    as_training = [_with_split(query, "train") for query in resolved if query.query.split == "validation"]
    counts = write_mixture(config.model_copy(update={"mixture": mixture}), as_training)
    return Counter({name: count for name, count in counts.items() if name.startswith(f"{phase.name}/")})
