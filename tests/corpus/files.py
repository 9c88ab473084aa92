"""What the tests of this room share: small files to read, the real data, shorthands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from srdist.config.schema import CorpusConfig
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents, read_queries
from srdist.corpus.records import Document, Query

DATA = Path(os.environ.get("SRDIST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def real(name: str) -> Path:
    """Return a file of the real data, or skip the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data is absent: {path} (set SRDIST_DATA to its folder)")
    return path


def write_jsonl(path: Path, records: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def corpus(documents: list[dict[str, Any]], queries: list[dict[str, Any]] = (), **settings: Any) -> CorpusConfig:
    return CorpusConfig.model_validate({"documents": documents, "queries": list(queries), **settings})


def documents_of(format: str, *paths: Path, bad: BadRecords | None = None, **settings: Any) -> list[Document]:
    config = corpus([{"format": format, "path": path} for path in paths], **settings)
    return list(read_documents(config, bad or BadRecords()))


def queries_of(format: str, path: Path, bad: BadRecords | None = None, **source: Any) -> list[Query]:
    config = corpus([{"format": "jsonl", "path": "unused"}], [{"format": format, "path": path, **source}])
    return list(read_queries(config, bad or BadRecords()))
