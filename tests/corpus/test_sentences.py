"""Sentences cover every character that is not white space once, in order."""

from __future__ import annotations

import pytest
import sentencex
from hypothesis import example, given
from hypothesis import strategies as st

from srdist.corpus.sentences import sentence_spans

WIDE = ["¿", "”", "。", "日本", "\u00a0", "\u2009", "𝒳", "é"]
PIECES = st.sampled_from([*"ab.!?\"'() \t\n\r", "Dr. ", "J", "U.S. ", *WIDE])
TEXTS = st.text() | st.lists(PIECES, max_size=40).map("".join)
LANGUAGES = st.sampled_from(["en", "de", "fr", "ja", "hi", "zz", ""])


def texts_of(text, language="en"):
    return [text[start:end] for start, end in sentence_spans(text, language)]


@given(text=TEXTS, language=LANGUAGES)
@example(text="J\u00a0.", language="en")
@example(text="J \u2009. K", language="en")
def test_every_character_is_covered_once_in_order(text, language):
    spans = sentence_spans(text, language)
    position = 0
    for start, end in spans:
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


def test_abbreviations_do_not_end_sentences():
    text = "Dr. Smith came from the U.S. in 1901.  He stayed! Did he?"
    assert texts_of(text) == ["Dr. Smith came from the U.S. in 1901.", "He stayed!", "Did he?"]


def test_the_language_matters():
    text = "彼は来た。そして去った。"
    assert texts_of(text, "ja") == ["彼は来た。", "そして去った。"]


def test_white_space_alone_has_no_sentences():
    assert sentence_spans("", "en") == sentence_spans(" \n\u3000 ", "en") == []


def test_a_text_that_the_library_fails_on_is_one_sentence(monkeypatch):
    panic = type("PanicException", (BaseException,), {})

    def fail(language, text):
        raise panic

    monkeypatch.setattr(sentencex, "segment", fail)
    assert texts_of(" One. Two. ") == ["One. Two."]
    monkeypatch.setattr(sentencex, "segment", lambda language, text: ["something else"])
    assert texts_of(" One. Two. ") == ["One. Two."]
    monkeypatch.setattr(sentencex, "segment", lambda language, text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sentence_spans("One.", "en")
