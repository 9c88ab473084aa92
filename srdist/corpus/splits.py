"""Which queries are for training and which for testing."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from srdist.config.schema import QuerySource
from srdist.corpus.bad_records import RecordError
from srdist.corpus.records import Query


def with_split(query: Query, source: QuerySource) -> Query:
    """Return the query with the split that its source gives it.

    Raises:
        RecordError: the source says `field` and the record has no `split` of `train` or `test`.
    """
    if source.split == "hash":
        return replace(query, split=hashed_split(query.id, source.test_share))
    if source.split != "field":
        return replace(query, split=source.split)
    if query.split not in ("train", "test"):
        reason = f"split is {query.split!r}, it should be train or test" if query.split else "lacks the field split"
        raise RecordError(reason, "correct the record, or set the source's `split` to train, test or hash")
    return query


def hashed_split(identifier: str, test_share: float) -> str:
    """Return `test` for about `test_share` of all ids, `train` for the others; depends on nothing but the id."""
    digest = hashlib.blake2b(identifier.encode(), digest_size=8).digest()
    return "test" if int.from_bytes(digest, "big") < test_share * 2.0**64 else "train"
