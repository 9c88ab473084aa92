"""SQuAD 1.1 and 2.0: articles with paragraphs and questions in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from srdist.corpus import fields
from srdist.corpus.bad_records import BadRecords, RawRecord, RecordError
from srdist.corpus.json_files import DAMAGED, json_value
from srdist.corpus.records import Document, Gold, Query
from srdist.errors import UserError


def documents(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Document]]:
    """Give each article as a document; its id is the title with underscores, then `_2`, `_3` for the same again."""
    return bad.parsed(_articles(path), _document)


def queries(path: Path, bad: BadRecords) -> Iterator[tuple[RawRecord, Query]]:
    """Give each question with the paragraph it was asked about as gold; impossible questions are left out."""
    for record, query in bad.parsed(_questions(path, bad), _query):
        if query is not None:
            yield record, query


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the paragraph it was asked about; `impossible`: the paragraph does not answer it."""

    id: str
    question: str
    title: str
    text: str
    impossible: bool


def pairs(path: Path, bad: BadRecords) -> Iterator[Pair]:
    """Give every question of a SQuAD 2.0 file, impossible or not, with its paragraph."""
    articles = {document.id: document for _, document in documents(path, bad)}
    for _, pair in bad.parsed(_questions(path, bad), lambda item: _pair(item, articles)):
        yield pair


def _pair(item: tuple[Any, Gold], articles: dict[str, Document]) -> Pair:
    question, gold = fields.as_object(item[0], "the question"), item[1]
    if gold.document not in articles:
        raise RecordError("its article is one of the bad records", "correct the article")
    article, impossible = articles[gold.document], bool(question.get("is_impossible"))
    identifier, text = fields.identifier(question, "id"), fields.text(question, "question")
    return Pair(identifier, text, article.title, article.paragraphs[gold.paragraph], impossible)


def _articles(path: Path) -> Iterator[RawRecord]:
    """Give the articles, each with its document's id added; the ids do not depend on which articles are bad."""
    data = json_value(path)
    if not isinstance(data, dict) or not isinstance(data.get("data"), list):
        raise UserError("not SQuAD: there is no list `data` at its top", file=path, cure=DAMAGED)
    taken: set[str] = set()
    for number, article in enumerate(data["data"], start=1):
        name = f"article {number}"
        if isinstance(article, dict) and isinstance(article.get("title"), str):
            name += f" ({article['title']})"
            article = {**article, "id": _unused("_".join(article["title"].split()), taken)}
        yield RawRecord(article, path, name=name)


def _unused(slug: str, taken: set[str]) -> str:
    identifier, count = slug, 1
    while identifier in taken:
        count += 1
        identifier = f"{slug}_{count}"
    taken.add(identifier)
    return identifier


def _document(value: Any) -> Document:
    article = fields.as_object(value, "the article")
    title = unquote(fields.text(article, "title")).replace("_", " ").strip()
    return Document(fields.identifier(article, "id"), title, fields.with_text(_contexts(article), "the article"))


def _contexts(article: dict[str, Any]) -> tuple[str, ...]:
    return tuple(fields.as_text(fields.required(paragraph, "context"), "context") for paragraph in _paragraphs(article))


def _paragraphs(article: dict[str, Any]) -> list[dict[str, Any]]:
    items = fields.as_list(fields.required(article, "paragraphs"), "paragraphs")
    return [fields.as_object(item, "a paragraph") for item in items]


def _questions(path: Path, bad: BadRecords) -> Iterator[RawRecord]:
    for record, (identifier, paragraphs) in bad.parsed(_articles(path), _identified):
        for index, paragraph in enumerate(paragraphs):
            name = f"{record.name}, paragraph {index + 1}"
            try:
                items = fields.as_list(fields.required(paragraph, "qas"), "qas")
            except RecordError as error:
                bad.add(RawRecord(paragraph, path, name=name), error.reason, error.cure)
                continue
            gold = Gold(identifier, index)
            for number, item in enumerate(items, start=1):
                raw = json.dumps(item, ensure_ascii=False)
                yield RawRecord((item, gold), path, name=f"{name}, question {number}", raw=raw)


def _identified(value: Any) -> tuple[str, list[dict[str, Any]]]:
    article = fields.as_object(value, "the article")
    fields.text(article, "title")
    return fields.identifier(article, "id"), _paragraphs(article)


def _query(item: tuple[Any, Gold]) -> Query | None:
    question, gold = fields.as_object(item[0], "the question"), item[1]
    if question.get("is_impossible"):
        return None
    entries = fields.as_list(fields.find(question, "answers") or [], "answers")
    answers = [fields.optional_text(fields.as_object(entry, "an answer"), "text") for entry in entries]
    identifier, text = fields.identifier(question, "id"), fields.text(question, "question")
    return Query(identifier, text, "", fields.distinct(answers), (gold,))
