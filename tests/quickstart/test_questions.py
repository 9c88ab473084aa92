"""The quickstart's questions keep their promises."""

import importlib.resources
import json
from collections import Counter

import pytest

from srdist.config import load_config
from srdist.config.paths import locate
from srdist.corpus.answers import contains_answer
from tests.config.test_load import CONFIGS

QUESTIONS = [
    json.loads(line)
    for line in importlib.resources.files("srdist.quickstart").joinpath("questions.jsonl").read_text().splitlines()
]


@pytest.fixture(scope="module")
def articles():
    path = load_config(CONFIGS / "quickstart.yaml").corpus.documents[0].path
    return json.loads(locate(path).read_text())


def test_there_are_at_least_300_different_questions():
    assert len(QUESTIONS) >= 300
    assert len({question["question"].lower() for question in QUESTIONS}) == len(QUESTIONS)
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)


def test_the_split_leaves_enough_of_both():
    splits = Counter(question["split"] for question in QUESTIONS)
    assert splits.keys() == {"train", "test"}
    assert min(splits.values()) >= 100


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_the_answer_stands_in_the_gold_article(question, articles):
    extract = articles[question["title"]]["extract"]
    assert question["answers"][0].lower() in extract.lower()
    assert not contains_answer(question["question"], question["answers"])
    assert 5 <= len(question["question"].split()) <= 20


def test_the_questions_are_spread_over_all_topics(articles):
    topics = Counter(articles[question["title"]]["topic"] for question in QUESTIONS)
    known = {article["topic"] for article in articles.values()} - {"Uncategorized"}
    assert topics.keys() == known
    assert min(topics.values()) >= 20


def test_half_of_the_questions_do_not_name_their_article():
    def names_it(question):
        words = {word for word in question["title"].lower().split() if len(word) > 3}
        return any(word in question["question"].lower() for word in words)

    share = sum(map(names_it, QUESTIONS)) / len(QUESTIONS)
    assert 0.35 < share < 0.65
