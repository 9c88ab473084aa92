import pytest

from srdist.baselines.finetune import batches, make_triples
from srdist.baselines.passages import Passages, Question
from srdist.config.baselines import DenseConfig
from srdist.errors import UserError

TEXTS = {
    "nile": "the nile is the longest river of africa",
    "congo": "the congo is the deepest river of africa",
    "amazon": "the amazon river carries the most water",
    "whale": "the blue whale is the largest animal",
}
PASSAGES = Passages(list(TEXTS), list(TEXTS.values()))
CONFIG = DenseConfig(hard_negatives=1, batch_size=2)


def triples_of(*questions, config=CONFIG):
    return make_triples(PASSAGES, questions, "en", config, seed=0)


def test_hard_negatives_are_what_bm25_confuses_with_the_gold():
    question = Question("q", "longest river of africa", ["nile"], ["nile"])
    (triple,) = triples_of(question)
    assert PASSAGES.ids[triple.gold] == "nile"
    assert {PASSAGES.ids[row] for row in triple.negatives} <= {"congo", "amazon"}


def test_a_passage_that_holds_an_answer_is_no_negative():
    question = Question("q", "longest river of africa", ["Africa"], ["nile"])
    for seed in range(5):
        (triple,) = make_triples(PASSAGES, [question], "en", CONFIG, seed)
        assert PASSAGES.ids[triple.negatives[0]] == "amazon"


def test_where_bm25_finds_nothing_negatives_are_drawn_from_the_others():
    (triple,) = triples_of(Question("q", "xyzzy", [], ["whale"]))
    assert len(triple.negatives) == 1 and triple.gold not in triple.negatives


def test_every_gold_passage_gives_a_triple_and_queries_without_gold_none():
    triples = triples_of(Question("q", "river of africa", [], ["nile", "congo"]), Question("lost", "river", [], []))
    assert [PASSAGES.ids[triple.gold] for triple in triples] == ["nile", "congo"]


def test_gold_that_was_removed_from_the_corpus_is_left_out():
    triples = triples_of(
        Question("q", "river of africa", [], ["gone", "congo"]), Question("lost", "river", [], ["gone"])
    )
    assert [PASSAGES.ids[triple.gold] for triple in triples] == ["congo"]


def test_negatives_drawn_from_the_others_hold_no_answer_either():
    for seed in range(5):
        (triple,) = make_triples(PASSAGES, [Question("q", "xyzzy", ["river"], ["whale"])], "en", CONFIG, seed)
        assert triple.negatives == ()


def test_a_question_without_negatives_takes_them_from_no_other():
    ordinary = Question("q", "longest river of africa", [], ["nile"])
    assert triples_of(ordinary, Question("all", "the river", ["the"], ["whale"])) == triples_of(ordinary)
    assert len(triples_of(ordinary)[0].negatives) == 1


def test_without_training_queries_there_is_nothing_to_learn_from():
    with pytest.raises(UserError, match="no training query has a gold passage"):
        triples_of(Question("lost", "river", [], []))


def test_no_two_of_a_batch_share_their_gold_and_none_is_lost():
    questions = [Question(str(number), "river", [], ["nile" if number % 2 else "congo"]) for number in range(9)]
    triples = triples_of(*questions)
    epochs = [list(batches(triples, 2, seed=0, epoch=epoch)) for epoch in range(2)]
    for epoch in epochs:
        assert sum(map(len, epoch)) == 9
        assert all(len({triple.gold for triple in batch}) == len(batch) <= 2 for batch in epoch)
    assert epochs[0] == list(batches(triples, 2, seed=0, epoch=0))
    assert epochs[0] != epochs[1]
