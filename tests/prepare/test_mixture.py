"""What is drawn is drawn anew in every epoch, as a function of seed, phase, epoch and ids."""

import dataclasses
import shutil
from collections import Counter

import pytest

from srdist.baselines.passages import read_passages, read_questions
from srdist.config.schema import TemplatesConfig
from srdist.corpus.records import Query
from srdist.errors import UserError
from srdist.prepare.gold import GoldPassage, ResolvedQuery
from srdist.prepare.mixture import write_mixture_partition
from srdist.prepare.negatives import Negatives, mine_negatives, read_ranked
from srdist.prepare.passage_tables import PassageTables
from srdist.prepare.questions import QuestionWriter, write_questions
from srdist.prepare.questions import read_questions as read_written
from srdist.prepare.stage import prepare
from srdist.storage.manifest import Manifest, write_manifest
from srdist.storage.partitions import open_partitions
from srdist.storage.tables import TASKS, read_queries
from srdist.templates import load_tokenizer, writing_text
from tests.tiny_run import digests, tiny_config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_of_the_session")]
PHASES = [
    {"name": "fixed", "epochs": 3, "sentences": "all"},
    {"name": "asked", "epochs": 2, "questions": 2, "target_tokens": 0},
    {"name": "again", "questions": 1, "target_tokens": 0},
    {"name": "drawn", "epochs": 2, "windows": 3, "spans": 1, "dropped": 1, "target_tokens": 0},
    {"name": "sentence", "epochs": 3, "sentences": 1},
    {"name": "leading", "windows": 1, "passages_per_document": 1, "target_tokens": 0},
    {"name": "writer", "writings": 1},
    {"name": "queries", "epochs": 2, "retrievals": 1, "positives": 1, "negatives": 2},
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, ray_of_the_session):
    folder = tmp_path_factory.mktemp("mixture")
    views = {"lowercase": True, "question_model": str(folder / "base"), "question_tokens": 6}
    config = tiny_config(folder, mixture={"phases": PHASES, "negatives_from": "bm25", "views": views})
    return config, prepare(config)


def examples(config, phase, epoch):
    """Return (task, prompt, target) of the examples of an epoch, in the order of the corpus."""
    tokenizer = load_tokenizer(config.model.base)
    return [
        (TASKS[row["task"]], tokenizer.decode(row["tokens"][:prompt]), tokenizer.decode(row["tokens"][prompt:]))
        for part in open_partitions(config.run_dir / "mixture" / phase / f"epoch-{epoch}")
        for row in part.to_pylist()
        for prompt in [row["prompt_tokens"]]
    ]


def texts(config, phase, epoch):
    """Return the inputs without the template around them."""
    return [
        prompt.removeprefix("Question: ").removesuffix("\nTitle:") for _, prompt, _ in examples(config, phase, epoch)
    ]


def test_epochs_share_a_folder_only_where_nothing_is_drawn(prepared):
    config, _ = prepared
    folders = Counter(path.parent.name for path in config.run_dir.glob("mixture/*/epoch-*"))
    of_drawn = {"asked": 2, "drawn": 2, "sentence": 3, "queries": 2}
    assert folders == {"fixed": 1, "again": 1, "leading": 1, "writer": 1} | of_drawn


def test_counts_are_over_all_epochs(prepared):
    config, manifest = prepared
    passages = manifest.counts["passages"]
    assert manifest.counts["drawn/indexing"] == 2 * (3 + 1 + 1) * passages
    assert manifest.counts["sentence/indexing"] == 3 * passages
    assert manifest.counts["fixed/indexing"] == 3 * len(examples(config, "fixed", 0))
    tokens = sum(
        len(tokens)
        for phase in config.mixture.phases
        for epoch in range(phase.epochs)
        for part in open_partitions(config.run_dir / "mixture" / phase.folder(epoch))
        for tokens in part["tokens"].to_pylist()
    )
    assert manifest.counts["training_tokens"] == tokens


def test_a_writer_learns_to_write_the_query_after_the_prompt_of_a_question_model(prepared):
    config, _ = prepared
    queries = {row["text"]: row["gold_passages"] for row in read_queries(config.run_dir, "train")}
    tables = PassageTables(config.run_dir)
    prompts = {
        passage: writing_text(config.templates, partition.title(row), partition.texts[row].as_py())
        for partition in tables.partitions
        for row, passage in enumerate(partition.passages["id"].to_pylist())
    }
    written = examples(config, "writer", 0)
    assert len(written) == sum(map(len, queries.values())) > 0
    for task, prompt, target in written:
        query = target.removesuffix(load_tokenizer(config.model.base).eos_token)
        assert (task, query[0]) == ("writing", " ") and query != target
        assert prompt in [prompts[passage] for passage in queries[query[1:]]]


def test_a_writing_text_has_title_and_text_as_they_are():
    templates = TemplatesConfig(writing="{title}: {text}?")
    assert writing_text(templates, "On {text}", "a {title}") == "On {text}: a {title}?"


def test_leading_passages_give_an_example_a_document(prepared):
    config, manifest = prepared
    passages = [row for part in open_partitions(config.run_dir / "passages") for row in part.to_pylist()]
    first = [row["text"] for row in passages if row["id"] == f"{row['document']}-0"]
    inputs = texts(config, "leading", 0)
    assert len(inputs) == len(first) == manifest.counts["documents"] < len(passages)
    assert manifest.counts["leading/indexing"] == len(first)
    numbers = [{word for word in text.lower().split() if word.startswith(("number", "place"))} for text in first]
    seen = [{word for word in text.split() if word.startswith(("number", "place"))} for text in inputs]
    assert any(seen) and all(words <= known for words, known in zip(seen, numbers, strict=True))


def test_views_are_new_in_every_epoch(prepared):
    config, _ = prepared
    first, second = texts(config, "drawn", 0), texts(config, "drawn", 1)
    assert len(first) == len(second)
    assert len(set(first) & set(second)) < 0.05 * len(first)
    assert len(set(first)) > 0.95 * len(first)


def test_views_are_of_the_passage_in_lower_case(prepared):
    config, _ = prepared
    views, passages = texts(config, "drawn", 0), read_passages(config.run_dir).texts
    assert views == [view.lower() for view in views]
    questions = set(config.mixture.views.question_words)
    for number, passage in enumerate(passages):
        words = set(passage.lower().replace(".", " ").split()) | questions
        assert all(set(view.split()) <= words for view in views[5 * number : 5 * number + 5])
    assert len(views) == 5 * len(passages)


def test_without_target_tokens_the_title_alone_is_trained(prepared):
    config, _ = prepared
    assert all(target.endswith("\nText:") for _, _, target in examples(config, "drawn", 0))


def test_an_epoch_takes_other_sentences_than_the_one_before(prepared):
    config, _ = prepared
    epochs = [texts(config, "sentence", epoch) for epoch in range(3)]
    everything = set(texts(config, "fixed", 0))
    assert all(set(epoch) <= everything for epoch in epochs)
    lengths = [
        len(row) for part in open_partitions(config.run_dir / "passages") for row in part["sentences"].to_pylist()
    ]
    for count, *sentences in zip(lengths, *epochs, strict=True):
        assert len(set(sentences)) == min(3, count)


def test_negatives_are_drawn_anew(prepared):
    config, _ = prepared
    first, second = (
        Counter(example for example in examples(config, "queries", epoch) if example[0] == "negative")
        for epoch in range(2)
    )
    assert first != second
    retrievals = [
        [example for example in examples(config, "queries", epoch) if example[0] != "negative"] for epoch in range(2)
    ]
    assert retrievals[0] == retrievals[1]


def test_a_partition_written_again_has_the_same_bytes(prepared, tmp_path):
    config, _ = prepared
    run = config.run_dir
    moved = config.model_copy(update={"output": tmp_path})
    for table in ("titles", "passages", "tokens"):
        (tmp_path / table).symlink_to(run / table)
    (tmp_path / "prepare.work").mkdir()
    write_questions(tmp_path, tmp_path / "prepare.work" / "questions-00001.arrow", 1, moved)
    counts = write_mixture_partition(tmp_path, 1, moved, [])
    again = digests(tmp_path, "mixture")
    made = digests(run, "mixture")
    indexing = [name for name in again if not {"queries", "writer"} & set(name.split("/"))]
    assert len(indexing) == 10
    assert all(again[name] == made[name] for name in indexing)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("mixture/*/*/*")}
    assert write_mixture_partition(tmp_path, 1, moved, []) == counts, "what is there is counted, not written again"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("mixture/*/*/*")} == before


def test_no_epoch_takes_the_questions_of_another(prepared, tmp_path):
    config, _ = prepared
    questions = []
    for index in range(config.prepare.partitions):
        write_questions(config.run_dir, tmp_path / f"{index}.arrow", index, config)
        questions += read_written(tmp_path / f"{index}.arrow")
    assert {len(own) for own in questions} == {5}
    for (phase, epoch), own in {("asked", 0): slice(2), ("asked", 1): slice(2, 4), ("again", 0): slice(4, 5)}.items():
        assert texts(config, phase, epoch) == [question.lower() for asked in questions for question in asked[own]]


def test_a_prompt_that_is_read_once_gives_the_questions_of_a_plain_generation(prepared):
    """The most probable token each time: nothing is left to chance."""
    config, _ = prepared
    writer = QuestionWriter(config.mixture.views.model_copy(update={"question_top_k": 1}), config.templates)
    passages = [("salt", "Salt is a mineral."), ("tea", "Tea is made of leaves, and of much water besides.")] * 5
    for passage, questions in zip(passages, writer.questions(passages, 3, "seed"), strict=True):
        prompt = writer.tokenizer(writing_text(config.templates, *passage), return_tensors="pt")["input_ids"]
        whole = writer.model.generate(prompt, do_sample=False, max_new_tokens=6, pad_token_id=0)
        lines = writer.tokenizer.decode(whole[0, prompt.shape[1] :], skip_special_tokens=True).strip().splitlines()
        assert questions == [" ".join(lines[0].split()) if lines else passage[0]] * 3


def test_of_long_passages_fewer_are_read_together(prepared, monkeypatch):
    config, _ = prepared
    writer = QuestionWriter(config.mixture.views.model_copy(update={"question_batch_tokens": 1000}), config.templates)
    read = []

    def answer(prompts, count, _):
        read.append(prompts)
        return [f"{prompt} {number}" for prompt in prompts for number in range(count)]

    monkeypatch.setattr(writer, "_generate", answer)
    passages = [(f"title {number}", "Salt is a mineral. " * (200 if number == 3 else 1)) for number in range(12)]
    questions = writer.questions(passages, 2, "seed")
    titles = [first.partition(" Text:")[0] for first, _ in questions]
    assert titles == [f"Title: title {number}" for number in range(12)]
    longest = [max(len(writer.tokenizer(prompt)["input_ids"]) for prompt in prompts) for prompts in read]
    held = [2 * len(prompts) * (6 + tokens) for prompts, tokens in zip(read, longest, strict=True)]
    assert len(read[0]) == 1 and held[0] > 1000
    assert all(500 < tokens <= 1000 for tokens in held[1:-1]) and held[-1] <= 1000


def test_questions_are_drawn_by_seed(prepared):
    config, _ = prepared
    writer = QuestionWriter(config.mixture.views, config.templates)
    passages = [("salt", "Salt is a mineral."), ("tea", "Tea is made of leaves.")]
    first, again, other = (writer.questions(passages, 8, seed) for seed in ("a", "a", "b"))
    assert first == again != other
    assert all(len(set(questions)) > 1 for questions in first)


def test_another_model_of_questions_is_noticed_and_the_same_elsewhere_is_not(prepared, tmp_path):
    config, manifest = prepared
    folder = tmp_path / "moved"
    shutil.copytree(config.mixture.views.question_model, folder)
    views = config.mixture.views.model_copy(update={"question_model": str(folder)})
    moved = config.model_copy(update={"mixture": config.mixture.model_copy(update={"views": views})})
    assert prepare(moved) == manifest
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(UserError, match="input question_model/tokenizer_config.json changed"):
        prepare(moved)


def gold_of(config, tables):
    """Return the first training query, resolved to its first gold passage, and that passage's place."""
    question = read_questions(config.run_dir, "train")[0]
    ids = read_passages(config.run_dir).ids
    place = tables.locate(ids.index(question.gold[0]))
    query = Query(question.id, question.text, "train", tuple(question.answers), ())
    gold = GoldPassage(*place, question.gold[0], tables.document(place), "title", True)
    return ResolvedQuery(query, [gold]), place


def test_hard_negatives_are_those_that_bm25_ranks_first(prepared, tmp_path):
    config, _ = prepared
    tables = PassageTables(config.run_dir)
    resolved, place = gold_of(config, tables)
    assert mine_negatives(config.run_dir, tmp_path / "ranked.arrow", config, [resolved]) == 1
    ranked = read_ranked(tmp_path / "ranked.arrow", [resolved.query.id])[resolved.query.id]
    phase = config.mixture.phases[-1]
    far_only = config.model_copy(update={"mixture": config.mixture.model_copy(update={"same_document_negatives": 0})})
    few = {resolved.query.id: ranked[:6]}
    for epoch in range(3):
        chosen = Negatives(far_only, tables, few).choose(resolved, place, phase, epoch)
        assert set(chosen) <= {tables.locate(number) for number in ranked[:6]}
        assert len(chosen) == 2 and place not in chosen
    unranked = [Negatives(far_only, tables, {}).choose(resolved, place, phase, epoch) for epoch in range(8)]
    assert len({tuple(chosen) for chosen in unranked}) > 1


def test_bm25_ranks_the_tables_that_are_being_made_and_no_corpus_that_grew_from_others(prepared, tmp_path):
    config, _ = prepared
    resolved, _ = gold_of(config, PassageTables(config.run_dir))
    for table in ("titles", "passages", "tokens"):
        (tmp_path / table).symlink_to(config.run_dir / table)
    write_manifest(tmp_path / "growth", Manifest("index", {"folder": "000001", "corpus": {}}, {}), ())
    for run_dir, name in ((config.run_dir, "first"), (tmp_path, "again")):
        mine_negatives(run_dir, tmp_path / name, config, [resolved])
    assert (tmp_path / "again").read_bytes() == (tmp_path / "first").read_bytes()


def test_a_passage_with_an_answer_is_no_negative(prepared):
    """Every passage ends with "is here."."""
    config, _ = prepared
    tables = PassageTables(config.run_dir)
    resolved, place = gold_of(config, tables)
    phase = config.mixture.phases[-1]
    assert len(Negatives(config, tables, {}).choose(resolved, place, phase, 0)) == phase.negatives
    answered_by_all = dataclasses.replace(resolved, query=dataclasses.replace(resolved.query, answers=("here",)))
    assert Negatives(config, tables, {}).choose(answered_by_all, place, phase, 0) == []
