"""Views look like queries about the passage: its own words, few of them, never the same twice."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.config.mixture import ViewsConfig
from srdist.prepare.views import Views, stop_words, words_of

TEXT = "The red fox (a small canid) lives in Europe, Asia and North Africa; it eats mice, birds and 'berries'."
WORDS = words_of(TEXT)
TITLE = ["red", "fox"]
texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1).filter(str.strip)


def views(**changes):
    return Views(ViewsConfig(**changes), "en")


def many(make, count=200):
    return [make(random.Random(seed)) for seed in range(count)]


def test_words_stand_without_the_punctuation_around_them():
    assert WORDS[:8] == ["The", "red", "fox", "a", "small", "canid", "lives", "in"]
    assert WORDS[-1] == "berries"
    assert words_of("?!") == ["?!"], "a text without words is a word"


def test_a_window_is_a_question_word_and_content_words_of_the_passage():
    without_title = views(title_share=0.0)
    for view in many(lambda generator: without_title.window(WORDS, TITLE, generator)):
        question, *content = view.split()
        assert question in ViewsConfig().question_words
        assert 3 <= len(content) <= 7
        assert set(content) <= set(WORDS) - {"The", "a", "in", "and", "it"}
        places = sorted(WORDS.index(word) for word in content)
        assert places[-1] - places[0] < 3 * 7


def test_half_of_the_windows_keep_the_order_of_the_text():
    without_title = views(title_share=0.0, question_words=[])
    places = [
        [WORDS.index(word) for word in view.split()]
        for view in many(lambda generator: without_title.window(WORDS, TITLE, generator))
    ]
    assert 0.4 < sum(found == sorted(found) for found in places) / len(places) < 0.7


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.0, 0.0), (0.3, 0.2, 0.4), (1.0, 1.0, 1.0)])
def test_a_share_of_the_windows_has_words_of_the_title(share, least, most):
    maker = views(title_share=share)
    made = many(lambda generator: maker.window(["mice", "eat", "cheese"] * 9, ["Vulpes"], generator))
    assert least <= sum("Vulpes" in view.split() for view in made) / len(made) <= most


def test_windows_hardly_ever_repeat():
    made = many(lambda generator: views().window(WORDS * 3, TITLE, generator))
    assert len(set(made)) > 0.98 * len(made)


def test_a_span_is_a_run_of_the_words():
    text = " ".join(WORDS)
    for view in many(lambda generator: views().span(WORDS, generator)):
        assert view in text
        assert min(len(WORDS), 9) <= len(view.split()) <= 21


def test_about_a_third_of_a_sentence_is_dropped():
    sentence = "The quick brown fox jumps over one lazy dog, then sleeps until noon."
    words = words_of(sentence)
    kept = [view.split() for view in many(lambda generator: views().dropped(sentence, generator))]
    assert all(set(left) <= set(words) for left in kept)
    assert 0.6 < sum(map(len, kept)) / (len(kept) * len(words)) < 0.8
    assert 0.4 < sum(left == sorted(left, key=words.index) for left in kept) / len(kept) < 0.6


@given(texts, texts, st.integers(0, 99))
def test_any_text_has_views(text, title, seed):
    maker, generator = Views(ViewsConfig(), "xx"), random.Random(seed)
    words = words_of(text)
    for view in (
        maker.window(words, words_of(title), generator),
        maker.span(words, generator),
        maker.dropped(text, generator),
    ):
        assert view.strip()


def test_the_same_state_gives_the_same_view():
    one, other = (many(lambda generator: views().window(WORDS, TITLE, generator), 20) for _ in range(2))
    assert one == other


def test_stop_words_are_those_of_the_language():
    assert {"the", "and"} <= stop_words("en")
    assert "und" in stop_words("de")
    assert stop_words("xx") == frozenset()
