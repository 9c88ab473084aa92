"""Every kind of broken input stops with one line that names file, line and cure, or goes into quarantine."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from srdist.corpus.bad_records import BadRecords
from srdist.errors import UserError
from tests.corpus.files import documents_of, queries_of


@pytest.fixture(autouse=True)
def no_garbage_collection() -> Iterator[None]:
    """What other tests left must not be finalised in the depth of a recursion, where that fails."""
    gc.disable()
    yield
    gc.enable()


class Broken(NamedTuple):
    """A file with one bad record.

    Attributes:
        format: of the file.
        content: of the file; bytes, or a value to write as JSON.
        line: of the bad record, or None.
        reason: part of the message.
        good: ids of the good records.
        kind: what is read, documents or queries.
        source: other settings of the source of queries.
        qrels: content of its qrels, where the bad record is there.
    """

    format: str
    content: bytes | dict[str, Any] | list[Any]
    line: int | None
    reason: str
    good: list[str]
    kind: str = "documents"
    source: dict[str, Any] | None = None
    qrels: bytes | None = None


def bad_line(line: bytes) -> bytes:
    return b'{"id": "a", "text": "A."}\n' + line + b'\n{"id": "b", "text": "B."}\n'


def jsonl(line: bytes, reason: str, **more: Any) -> Broken:
    return Broken("jsonl", bad_line(line), 2, reason, ["a", "b"], **more)


def query(line: bytes, reason: str, **more: Any) -> Broken:
    return jsonl(line, reason, kind="queries", **more)


def article(title: Any, context: Any = "Text.", **question: Any) -> dict[str, Any]:
    question = {"question": "Who?", "answers": [], **question}
    return {"title": title, "paragraphs": [{"context": context, "qas": [question] if "id" in question else []}]}


def squad(reason: str, *bad: Any, kind: str = "documents") -> Broken:
    data = [article("A", id="q1"), *bad, article("B", id="q2")]
    return Broken("squad", {"data": data}, None, reason, ["A", "B"] if kind == "documents" else ["q1", "q2"], kind)


def qrels(line: bytes, reason: str) -> Broken:
    judgements = b"query-id\tcorpus-id\tscore\na\td1\t1\n" + line + b"\nb\td1\t1\n"
    queries = b'{"_id": "a", "text": "A?"}\n{"_id": "b", "text": "B?"}\n'
    return Broken("beir", queries, 3, reason, ["a", "b"], "queries", qrels=judgements)


CASES = {
    "not JSON": jsonl(b"{'id': 1}", "not valid JSON"),
    "JSON that ends too early": jsonl(b'{"id": "c", "text": "C', "not valid JSON"),
    "JSON nested without end": jsonl(b"[" * 100_000, "nested too deeply"),
    "a number too long for Python": jsonl(b'{"id": ' + b"9" * 5000 + b"}", "not valid JSON"),
    "bad UTF-8": jsonl(b'{"id": "c", "text": "R\xf6ntgen"}', "not valid UTF-8 (byte 0xf6 at 23)"),
    "half a surrogate pair": jsonl(b'{"id": "c", "text": "\\ud800"}', "text contains half a surrogate pair"),
    "a list, no object": jsonl(b'["c", "C."]', "the record is a list, it should be an object"),
    "no id": jsonl(b'{"text": "C."}', "lacks the field id or _id"),
    "null for an id": jsonl(b'{"id": null, "text": "C."}', "lacks the field id or _id"),
    "an empty id": jsonl(b'{"id": " ", "text": "C."}', "id is empty"),
    "white space in an id": jsonl(b'{"id": "c d", "text": "C."}', "id 'c d' contains white space"),
    "true for an id": jsonl(b'{"id": true, "text": "C."}', "id is true or false, it should be text"),
    "a second time the same id": jsonl(b'{"id": "a", "text": "C."}', "id 'a' occurs a second time"),
    "no text": jsonl(b'{"id": "c"}', "lacks the field text, paragraphs or passages"),
    "an empty text": jsonl(b'{"id": "c", "text": " \\n"}', "text is empty"),
    "a number for the text": jsonl(b'{"id": "c", "text": 5}', "text is a number, it should be text"),
    "a list for the title": jsonl(b'{"id": "c", "title": [], "text": "C."}', "title is a list, it should be text"),
    "text for the paragraphs": jsonl(b'{"id": "c", "paragraphs": "C."}', "paragraphs is text, it should be a list"),
    "a null paragraph": jsonl(b'{"id": "c", "paragraphs": [null]}', "an item of paragraphs is null"),
    "only empty paragraphs": jsonl(b'{"id": "c", "paragraphs": [""]}', "paragraphs is empty"),
    "no passages": jsonl(b'{"id": "c", "passages": []}', "passages is empty"),
    "a query without text": query(b'{"id": "c"}', "lacks the field text or question or query"),
    "an empty query": query(b'{"id": "c", "text": ""}', "text is empty"),
    "a query id twice": query(b'{"id": "a", "text": "A?"}', "query id 'a' occurs a second time"),
    "text for the answers": query(b'{"id": "c", "text": "C?", "answers": "no"}', "answers is text"),
    "a number among the answers": query(b'{"id": "c", "text": "C?", "answers": [1]}', "an item of answers is a number"),
    "gold of the wrong kind": query(b'{"id": "c", "text": "C?", "gold": ["d"]}', "an item of gold is text"),
    "gold that names no document": query(
        b'{"id": "c", "text": "C?", "gold": [{"paragraph": 1}]}', "lacks the field document"
    ),
    "a negative paragraph": query(
        b'{"id": "c", "text": "C?", "gold": [{"document": "d", "paragraph": -1}]}', "paragraph is -1"
    ),
    "an unknown split": Broken(
        "jsonl",
        b'{"id": "a", "text": "A?", "split": "train"}\n{"id": "b", "text": "B?", "split": "dev"}\n',
        2,
        "split is 'dev', it should be train or test",
        ["a"],
        "queries",
        {"split": "field"},
    ),
    "no split": Broken(
        "jsonl",
        b'{"id": "a", "text": "A?", "split": "test"}\n{"id": "b", "text": "B?"}\n',
        2,
        "lacks the field split",
        ["a"],
        "queries",
        {"split": "field"},
    ),
    "a judged query that is not there": qrels(b"c\td1\t1", "unknown query 'c'"),
    "a judgement with two columns": qrels(b"a\td1", "2 columns, there should be 3 or 4"),
    "a judgement without a number": qrels(b"a\td1\tyes", "the relevance 'yes' is not a number"),
    "metadata of the wrong kind": Broken(
        "beir",
        b'{"_id": "a", "text": "A?"}\n{"_id": "b", "text": "B?", "metadata": [1]}\n',
        2,
        "metadata is a list",
        ["a"],
        "queries",
        qrels=b"a\td1\t1\n",
    ),
    "a BEIR document without text": Broken(
        "beir", b'{"_id": "a", "text": "A."}\n{"_id": "b", "title": "B"}\n', 2, "lacks the field text", ["a"]
    ),
    "an article without title": squad("article 2: lacks the field title", {"paragraphs": []}),
    "an article with an empty title": squad("article 2 (): title is empty", article("")),
    "an article without paragraphs": squad("article 2 (C): lacks the field paragraphs", {"title": "C"}),
    "an article without text": squad("article 2 (C): the article is empty", article("C", " ")),
    "a paragraph that is text": squad("article 2 (C): a paragraph is text", {"title": "C", "paragraphs": ["C."]}),
    "a paragraph without questions": squad(
        "article 2 (C), paragraph 1: lacks the field qas",
        {"title": "C", "paragraphs": [{"context": "C."}]},
        kind="queries",
    ),
    "a question without text": squad(
        "article 2 (C), paragraph 1, question 1: question is empty", article("C", id="q3", question=""), kind="queries"
    ),
    "an answer that is text": squad(
        "article 2 (C), paragraph 1, question 1: an answer is text",
        article("C", id="q3", answers=["he"]),
        kind="queries",
    ),
    "a KILT page that is only a title": Broken(
        "kilt",
        b'{"wikipedia_id": "1", "text": ["A", "Text."]}\n{"wikipedia_id": "2", "text": ["B", "Section::::C."]}\n',
        2,
        "text is empty",
        ["1"],
    ),
    "a KILT query without input": Broken(
        "kilt", b'{"id": "a", "input": "A?"}\n{"id": "b", "output": []}\n', 2, "lacks the field input", ["a"], "queries"
    ),
    "KILT provenance with a text for a number": Broken(
        "kilt",
        b'{"id": "a", "input": "A?"}\n{"id": "b", "input": "B?", "output": '
        b'[{"provenance": [{"wikipedia_id": "1", "start_paragraph_id": "x"}]}]}\n',
        2,
        "start_paragraph_id is 'x'",
        ["a"],
        "queries",
    ),
    "chunks of the wrong kind": Broken(
        "self_retrieval",
        b'[{"wikipedia_id": "1", "chunks": ["A."]},\n{"wikipedia_id": "2", "chunks": "B."}]',
        2,
        "record 2: chunks is text",
        ["1"],
    ),
    "a context without chunk": Broken(
        "self_retrieval",
        b'{"id": "a", "query": "A?", "answers": []}\n'
        b'{"id": "b", "query": "B?", "answers": [{"answer": "b", "context": [{"wikipedia_id": "1"}]}]}\n',
        2,
        "lacks the field chunk_id",
        ["a"],
        "queries",
    ),
    "a TSV line with a column missing": Broken(
        "msmarco", b"D1\turl\tA\tText.\nD2\turl\tB\n", 2, "3 columns, there should be 4 (id, url, title, body)", ["D1"]
    ),
    "a TSV document without text": Broken("msmarco", b"D1\turl\tA\tText.\nD2\turl\tB\t\n", 2, "body is empty", ["D1"]),
    "a TSV query with a tab": Broken(
        "msmarco", b"1\twho\n2\twho\tis\n", 2, "3 columns, there should be 2", ["1"], "queries", qrels=b"1 0 D1 1\n"
    ),
    "a vital article without extract": Broken(
        "vital_articles",
        {"A b": {"extract": "Text."}, "C": {"extract": ""}},
        None,
        "article 2 (C): extract is empty",
        ["A_b"],
    ),
}


def read(case: Broken, folder, bad: BadRecords) -> list[str]:
    path = folder / "input"
    content = case.content if isinstance(case.content, bytes) else json.dumps(case.content).encode()
    path.write_bytes(content)
    if case.kind == "documents":
        return [document.id for document in documents_of(case.format, path, bad=bad)]
    source = dict(case.source or {})
    if case.qrels is not None:
        source["qrels"] = folder / "qrels"
        source["qrels"].write_bytes(case.qrels)
    return [query.id for query in queries_of(case.format, path, bad=bad, **source)]


@pytest.mark.parametrize("name", CASES)
def test_stop_says_where_what_and_how_to_mend_it(tmp_path, name):
    case = CASES[name]
    with pytest.raises(UserError) as caught:
        read(case, tmp_path, BadRecords("stop"))
    message, error = str(caught.value), caught.value
    assert "\n" not in message
    assert error.file.parent == tmp_path and str(error.file) in message
    assert error.line == case.line and (case.line is None or f", line {case.line}: " in message)
    assert case.reason in message
    repair, _, way_out = error.cure.rpartition(", or ")
    assert repair and way_out == "set corpus.on_bad_record: skip"


@pytest.mark.parametrize("name", CASES)
def test_skip_puts_it_into_quarantine_and_keeps_the_good_ones(tmp_path, name):
    case = CASES[name]
    quarantine = tmp_path / "quarantine.jsonl"
    with BadRecords("skip", quarantine) as bad:
        assert read(case, tmp_path, bad) == case.good
    (entry,) = [json.loads(line) for line in quarantine.read_text().splitlines()]
    assert bad.count == 1
    assert entry["line"] == case.line and entry["file"].startswith(str(tmp_path))
    assert case.reason in entry["reason"]
    if case.line is not None and case.format != "self_retrieval" and b"\xf6" not in case.content:
        content = case.content if entry["file"].endswith("input") else case.qrels
        assert entry["raw"].encode() == content.split(b"\n")[case.line - 1]


WHOLE_FILES = {
    "squad that is not JSON": ("squad", b'{"data": [\n1,,2]}', "line 2: not valid JSON"),
    "squad without data": ("squad", b"[]", "not SQuAD"),
    "squad that is not UTF-8": ("squad", b'{"data":\n"\xff"}', "line 2: not valid UTF-8"),
    "vital articles in a list": ("vital_articles", b"[]", "not an object of titles"),
    "docs.json in lines": ("self_retrieval", b'{"wikipedia_id": 1}\n', "line 1: not a valid JSON array"),
    "docs.json cut off": ("self_retrieval", b'[\n{"wikipedia_id": "1", "ch', "line 2: not a valid JSON array"),
}


@pytest.mark.parametrize("policy", ["stop", "skip"])
@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_file_without_readable_records_stops_whatever_the_policy(tmp_path, name, policy):
    format, content, message = WHOLE_FILES[name]
    path = tmp_path / "input"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        documents_of(format, path, bad=BadRecords(policy))
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert caught.value.cure
