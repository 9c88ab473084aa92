"""Passages are literal pieces of one paragraph that end at sentence ends."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from srdist.corpus.passages import split_document
from srdist.corpus.records import Document, Passage
from srdist.corpus.sentences import sentence_spans

WORDS = st.sampled_from(["a", "Röntgen", "won.", "it", "Really?", "Dr.", '"Yes."', "\n", "\u00a0", "end.Next", "1901"])
PARAGRAPHS = st.lists(st.lists(WORDS, max_size=30).map(" ".join), max_size=4)


def document(*paragraphs, ready=False):
    return Document("d", "Title", tuple(paragraphs), ready)


def split(*paragraphs, words=5, split=True, ready=False):
    return split_document(document(*paragraphs, ready=ready), words, split, "en")


@given(paragraphs=PARAGRAPHS, words=st.integers(1, 12))
def test_passages_hold_everything_once_in_order_within_the_limit(paragraphs, words):
    passages = split(*paragraphs, words=words)
    for index, paragraph in enumerate(paragraphs):
        own = [passage for passage in passages if passage.paragraph == index]
        assert "".join("".join(passage.text for passage in own).split()) == "".join(paragraph.split())
        position = 0
        for passage in own:
            assert 1 <= len(passage.text.split()) <= words
            assert passage.text == passage.text.strip()
            position = paragraph.index(passage.text, position) + len(passage.text)
    assert [passage.paragraph for passage in passages] == sorted(passage.paragraph for passage in passages)


@given(paragraphs=PARAGRAPHS, words=st.integers(1, 12))
def test_passages_end_at_sentence_ends_unless_a_sentence_is_too_long(paragraphs, words):
    for passage in split(*paragraphs, words=words):
        paragraph = paragraphs[passage.paragraph]
        sentences = [paragraph[start:end] for start, end in sentence_spans(paragraph, "en")]
        if all(len(sentence.split()) <= words for sentence in sentences):
            assert any(passage.text.endswith(sentence) for sentence in sentences)


@given(paragraphs=PARAGRAPHS, words=st.integers(1, 12), ready=st.booleans(), whole=st.booleans())
def test_sentence_offsets_start_at_zero_and_point_at_words(paragraphs, words, ready, whole):
    for passage in split(*paragraphs, words=words, split=not whole, ready=ready):
        assert passage.sentences[0] == 0
        assert list(passage.sentences) == sorted(set(passage.sentences))
        assert all(not passage.text[offset].isspace() for offset in passage.sentences)


@given(paragraphs=PARAGRAPHS, words=st.integers(2, 12))
def test_packing_is_greedy(paragraphs, words):
    passages = split(*paragraphs, words=words)
    for passage, following in pairwise(passages):
        if passage.paragraph == following.paragraph:
            paragraph = paragraphs[passage.paragraph]
            start = _start(paragraph, passages, passage)
            after = _start(paragraph, passages, following)
            first_sentence_end = [*following.sentences[1:], len(following.text)][0]
            assert len(paragraph[start : after + first_sentence_end].split()) > words


def _start(paragraph, passages, wanted):
    """Return where a passage starts in its paragraph."""
    position = 0
    for passage in passages:
        if passage.paragraph == wanted.paragraph:
            position = paragraph.index(passage.text, position)
            if passage is wanted:
                return position
            position += len(passage.text)
    raise AssertionError("no such passage")


def test_sentences_are_packed_up_to_the_limit():
    passages = split("One two. Three four five. Six. Seven eight nine ten.", "Eleven. Twelve.")
    assert passages == [
        Passage("One two. Three four five.", 0, (0, 9)),
        Passage("Six. Seven eight nine ten.", 0, (0, 5)),
        Passage("Eleven. Twelve.", 1, (0, 8)),
    ]


def test_a_sentence_over_the_limit_is_cut_between_words():
    passages = split("Short one. A b c d e f g h i j k last. End.")
    assert [passage.text for passage in passages] == ["Short one.", "A b c d e", "f g h i j", "k last. End."]
    assert passages[-1].sentences == (0, 8)


def test_empty_paragraphs_give_no_passage_and_keep_the_numbers_of_the_others():
    assert [passage.paragraph for passage in split("", "One.", " ", "Two.")] == [1, 3]


def test_ready_documents_and_unsplit_corpora_keep_their_paragraphs():
    long = "One two three four. Five six seven eight."
    whole = [Passage(long, 0, (0, 20))]
    assert split(f" {long}\n", ready=True) == split(f" {long}\n", split=False) == whole
