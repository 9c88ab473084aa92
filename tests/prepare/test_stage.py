"""`prepare` on a small corpus, with real Ray."""

import json
import signal
import subprocess
import sys
import time
from collections import defaultdict

import pytest

from srdist.corpus.answers import contains_answer
from srdist.errors import UserError
from srdist.prepare.stage import prepare
from srdist.storage.corpus import live_passages
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TASKS
from srdist.templates import load_tokenizer
from tests.tiny_run import digests, make_documents, make_experiment, tiny_config, write_lines

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_of_the_session")]
TABLES = ("titles", "passages", "tokens", "queries", "mixture")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, ray_of_the_session):
    config = tiny_config(tmp_path_factory.mktemp("prepare"))
    return config, prepare(config)


def rows(config, table):
    return [row for part in open_partitions(config.run_dir / table) for row in part.to_pylist()]


def examples(config, phase, task):
    tokenizer = load_tokenizer(config.model.base)
    for row in rows(config, f"mixture/{phase}/epoch-0"):
        if TASKS[row["task"]] == task:
            split = row["prompt_tokens"]
            yield tokenizer.decode(row["tokens"][:split]), tokenizer.decode(row["tokens"][split:])


def test_passages_are_literal_pieces_of_the_corpus(prepared):
    config, manifest = prepared
    texts = {document["id"]: document["text"] for document in make_documents(24)}
    passages = rows(config, "passages")
    assert manifest.counts["passages"] == len(passages) > 24
    assert all(row["text"] in texts[row["document"]] for row in passages)
    assert {row["document"] for row in passages} == texts.keys()
    assert len({row["id"] for row in passages}) == len(passages)
    for row in passages:
        assert all(row["text"][start:].startswith("The ") for start in row["sentences"])


def test_titles_own_consecutive_passages(prepared):
    config, _ = prepared
    titles = {document["title"].lower() for document in make_documents(24)}
    seen = []
    for title_part, passage_part in zip(*(open_partitions(config.run_dir / t) for t in TABLES[:2]), strict=True):
        start = 0
        assert title_part["title"].to_pylist() == sorted(title_part["title"].to_pylist())
        for number, title in enumerate(title_part.to_pylist()):
            assert title["first_passage"] == start
            start += title["passages"]
            owned = passage_part["title"].to_pylist()[title["first_passage"] : start]
            assert owned == [number] * title["passages"]
            seen.append(title["title"])
        assert start == passage_part.num_rows
    assert sorted(seen) == sorted(titles)
    assert len(titles) < 24, "the corpus should have documents that share a title"


def test_tokens_decode_to_the_passage_segment(prepared):
    config, _ = prepared
    tokenizer = load_tokenizer(config.model.base)
    for passage, tokens in zip(rows(config, "passages"), rows(config, "tokens"), strict=True):
        assert tokenizer.decode(tokens["tokens"]) == f" {passage['text']}"


def test_gold_is_the_passage_with_the_answer(prepared):
    config, _ = prepared
    texts = {row["id"]: row["text"] for row in rows(config, "passages")}
    titles = {document["id"]: document["title"].lower() for document in make_documents(24)}
    for query in rows(config, "queries"):
        assert query["gold_documents"] == [f"d{query['id'][1:]}"]
        assert query["gold_passages"]
        assert query["gold_titles"] == [titles[query["gold_documents"][0]]]
        assert all(contains_answer(texts[gold], query["answers"]) for gold in query["gold_passages"])


def test_the_mixture_has_the_tasks_of_the_config(prepared):
    config, manifest = prepared
    golds = sum(len(query["gold_passages"]) for query in rows(config, "queries") if query["split"] == "train")
    assert manifest.counts["mixture/retrieval"] == 2 * golds
    assert manifest.counts["mixture/positive"] == golds
    assert manifest.counts["mixture/negative"] == 2 * golds
    assert manifest.counts["mixture/indexing"] == manifest.counts["passages"]
    sentences = sum(len(row["sentences"]) for row in rows(config, "passages"))
    assert manifest.counts["indexing/indexing"] == sentences


def test_examples_read_as_the_templates_say(prepared):
    config, _ = prepared
    for prompt, _ in examples(config, "indexing", "indexing"):
        sentence = prompt.removeprefix("Question: ").removesuffix("\nTitle:")
        assert sentence.startswith("The ") and sentence.endswith("here.")
    for prompt, target in examples(config, "mixture", "positive"):
        assert prompt.endswith("\nThis text")
        answer = target.removeprefix(" can answer the query\nAnswer: ").removesuffix("<|endoftext|>")
        assert contains_answer(prompt, [answer])
    for prompt, target in examples(config, "mixture", "negative"):
        assert target == " cannot answer the query<|endoftext|>"
        assert prompt.startswith("Question: where is")


def test_indexing_trains_the_title_and_the_passage_that_the_input_is_from(prepared):
    config, _ = prepared
    known = [row for table in live_passages(config.run_dir, ("title", "text")) for row in table.to_pylist()]
    for prompt, target in examples(config, "indexing", "indexing"):
        sentence = prompt.removeprefix("Question: ").removesuffix("\nTitle:")
        (own,) = [row for row in known if sentence in row["text"]]
        title, text = target.split("\nText: ")
        assert title == f" {own['title']}" and own["text"].startswith(text)


def test_retrieval_trains_a_gold_passage_of_the_query(prepared):
    config, _ = prepared
    columns = ("id", "title", "text")
    known = {row["id"]: row for table in live_passages(config.run_dir, columns) for row in table.to_pylist()}
    gold_of = defaultdict(set)
    for query in rows(config, "queries"):
        gold_of[query["text"]].update(query["gold_passages"])
    trained = set()
    for prompt, target in examples(config, "mixture", "retrieval"):
        question = prompt.removeprefix("Question: ").removesuffix("\nTitle:")
        title, text = target.split("\nText: ")
        gold = {
            name
            for name in gold_of[question]
            if title == f" {known[name]['title']}" and known[name]["text"].startswith(text)
        }
        assert gold
        trained |= gold
    training = [query for query in rows(config, "queries") if query["split"] == "train"]
    assert trained >= {name for query in training for name in query["gold_passages"]}


def test_a_share_of_the_negatives_is_of_the_gold_document(prepared):
    config, _ = prepared
    document_of = {query["text"]: query["gold_documents"] for query in rows(config, "queries")}
    texts = {row["text"]: row["document"] for row in rows(config, "passages")}
    near = []
    for prompt, _ in examples(config, "mixture", "negative"):
        question, text = prompt.removeprefix("Question: ").removesuffix("\nThis text").split("\nTitle:")
        near.append(texts[text.split("\nText: ")[1]] in document_of[question])
    assert 0.1 < sum(near) / len(near) < 0.5, "half of them where the gold document has another passage"


def test_no_test_query_is_trained_on(prepared):
    config, _ = prepared
    test = {query["text"] for query in rows(config, "queries") if query["split"] == "test"}
    for task in ("retrieval", "positive", "negative"):
        for prompt, _ in examples(config, "mixture", task):
            assert not any(f"Question: {question}\n" in prompt for question in test)


def command(path, *options):
    """Return the command line of the stage in a process, and a Ray, of its own."""
    return [sys.executable, "-c", "from srdist.cli import main; main()", "prepare", str(path), *options]


def test_again_changes_no_file(prepared):
    config, manifest = prepared
    before = {path: path.stat().st_mtime_ns for path in config.run_dir.rglob("*")}
    assert prepare(config) == manifest
    assert {path: path.stat().st_mtime_ns for path in config.run_dir.rglob("*")} == before


def test_kill_and_again_with_fewer_workers_gives_the_same_bytes(prepared, tmp_path):
    config, _ = prepared
    path = make_experiment(tmp_path)
    work = tmp_path / "run/prepare.work"
    with subprocess.Popen(command(path, "--set", "cluster.workers=4"), stderr=subprocess.DEVNULL) as process:
        while not list(work.glob("chunk-*.arrow")):
            assert process.poll() is None, "the stage ended before it could be killed"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "run/manifests/prepare.json").exists()
    subprocess.run(command(path, "--set", "cluster.workers=1"), check=True)
    assert digests(tmp_path / "run", *TABLES) == digests(config.run_dir, *TABLES)
    assert not work.exists()


def test_a_missing_gold_document_stops_unless_allowed(tmp_path):
    config = tiny_config(tmp_path)
    write_lines(tmp_path / "documents.jsonl", make_documents(24)[1:])
    with pytest.raises(UserError, match="1 of 24 queries have no gold passage in the corpus: q0"):
        prepare(config)
    allowed = config.model_copy(update={"corpus": config.corpus.model_copy(update={"max_missing_gold": 0.1})})
    assert prepare(allowed, overwrite=True).counts["queries_without_gold"] == 1


def test_a_sample_may_leave_out_gold_of_training_queries_only(tmp_path):
    config = tiny_config(tmp_path, corpus={"sample": {"documents": 10, "seed": 1}})
    manifest = prepare(config)
    assert manifest.counts["documents"] == 10
    queries = rows(config, "queries")
    assert all(query["gold_passages"] for query in queries if query["split"] == "test")
    assert sum(not query["gold_passages"] for query in queries) == 14


def test_a_bad_record_reaches_the_user_from_the_middle_of_the_stage(tmp_path):
    config = tiny_config(tmp_path)
    lines = (tmp_path / "documents.jsonl").read_text().splitlines()
    lines[20] = json.dumps({"id": "d20", "title": "no text"})
    (tmp_path / "documents.jsonl").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"documents\.jsonl, line 21: "):
        prepare(config)


def test_a_passage_longer_than_the_context_is_named_before_anything_is_trained(tmp_path):
    config = tiny_config(tmp_path)
    documents = make_documents(24)
    documents[3]["text"] = "字" * 3000
    write_lines(tmp_path / "documents.jsonl", documents)
    with pytest.raises(
        UserError, match=r"passage d3-0 and its title have \d+ tokens; the model's context has room for"
    ):
        prepare(config)


def test_a_passage_without_room_for_the_longest_test_query_is_named_too(tmp_path):
    config = tiny_config(tmp_path)
    path = tmp_path / "queries.jsonl"
    queries = [json.loads(line) for line in path.read_text().splitlines()]
    queries[0]["text"] = "字" * 3000
    write_lines(path, queries)
    with pytest.raises(UserError, match="has room for -[0-9]+ beside the longest test query"):
        prepare(config)


def test_tasks_of_training_queries_without_any(tmp_path):
    config = tiny_config(tmp_path)
    queries = (tmp_path / "queries.jsonl").read_text().replace('"train"', '"test"')
    (tmp_path / "queries.jsonl").write_text(queries)
    with pytest.raises(UserError, match="retrievals of phase mixture are made of training queries, and there are none"):
        prepare(config)


def test_ids_that_look_like_markup_are_shown_as_they_are(tmp_path, capsys):
    config = tiny_config(tmp_path, corpus={"max_missing_gold": 1.0})
    queries = (tmp_path / "queries.jsonl").read_text().replace('"q0"', '"q[/b]0"')
    (tmp_path / "queries.jsonl").write_text(queries)
    write_lines(tmp_path / "documents.jsonl", make_documents(24)[1:])
    assert prepare(config).counts["queries_without_gold"] == 1
    assert "q[/b]0" in "".join(capsys.readouterr())
