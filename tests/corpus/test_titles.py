"""Titles: normalised, made from first words, or written by a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.config.schema import TitlesConfig
from srdist.corpus.records import Document
from srdist.corpus.titles import first_words, make_titler, normalise_title, title_of
from srdist.errors import UserError
from tests.tiny import make_tiny_model

TEXT = "Marie Curie won the Nobel Prize, twice. She was born in Warsaw."


@pytest.fixture(scope="module")
def tiny_model_folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("titles") / "model", [TEXT, "A short title for this text:"])


def titler(model, **settings):
    return make_titler(TitlesConfig(model=str(model), **settings))


class TestNormalise:
    def test_white_space_collapses_and_case_is_kept_unless_asked(self):
        assert normalise_title(" List\u00a0of \n Nobel  laureates ") == "List of Nobel laureates"
        assert normalise_title("ÄRZTE Ohne", lowercase=True) == "ärzte ohne"

    @given(title=st.text(), lowercase=st.booleans())
    def test_white_space_is_single_and_inside(self, title, lowercase):
        result = normalise_title(title, lowercase)
        assert result.split(" ") == (result.split() or [""])


class TestFirstWords:
    def test_the_first_sentence_without_its_last_punctuation(self):
        assert first_words(TEXT, 20) == "Marie Curie won the Nobel Prize, twice"
        assert first_words(TEXT, 6) == "Marie Curie won the Nobel Prize"

    def test_sentences_of_punctuation_are_passed_over(self):
        assert first_words("... \n\n !!! One. Two.", 5) == "One"
        assert first_words("?!", 5) == "?!"
        assert first_words("  ", 5) == ""

    @given(text=st.text(), words=st.integers(1, 6))
    def test_it_is_short_and_there_where_there_is_text(self, text, words):
        title = first_words(text, words)
        assert len(title.split()) <= words
        assert bool(title) == bool(text.strip())


class TestTitleOf:
    def test_documents_keep_their_own_title(self):
        assert title_of(Document("d", "A  Title", ("Text.",)), None, lowercase=True) == "a title"

    def test_untitled_documents_get_one_from_their_text(self):
        make = make_titler(TitlesConfig(words=3))
        assert (
            title_of(Document("d", "", ("", "One two three four.", "Five.")), make, lowercase=False) == "One two three"
        )


class TestModelTitler:
    def test_the_same_text_gives_the_same_title_in_every_process(self, tiny_model_folder):
        first, second = titler(tiny_model_folder), titler(tiny_model_folder)
        texts = [TEXT, "Something else.", TEXT]
        titles = [first(text) for text in texts]
        assert titles[0] == titles[2] == second(TEXT)
        assert all(title and len(title.split()) <= 8 and "\n" not in title for title in titles)

    def test_the_prompt_holds_the_text_cut_to_what_the_model_reads(self, tiny_model_folder, monkeypatch):
        make = titler(tiny_model_folder, prompt="Title {text}:")
        seen = []
        tokenizer = make._tokenizer
        monkeypatch.setitem(make.__dict__, "_tokenizer", Recorder(tokenizer, seen))
        make("word  \n" * 300)
        assert seen == ["Title " + " ".join(["word"] * 256) + ":"]

    @pytest.mark.parametrize(
        ("generated", "title"),
        [
            (' "Marie Curie."\nAnother line', "Marie Curie"),
            ("\n\n  **Two  Nobel prizes**\n", "Two Nobel prizes"),
            ("one two three four five", "one two three"),
            ("", "Marie Curie won"),
            ('"..."', "Marie Curie won"),
        ],
    )
    def test_the_first_line_is_the_title_or_else_the_first_words(self, monkeypatch, generated, title):
        make = titler("/nowhere", words=3)
        monkeypatch.setattr(make, "_generate", lambda text: generated)
        assert make(TEXT) == title

    def test_nothing_is_loaded_before_the_first_title(self, tmp_path):
        make = titler(tmp_path / "gone")
        with pytest.raises(UserError, match=r"gone: cannot load the model of titles: .* -- set corpus\.titles\.model"):
            make(TEXT)


class Recorder:
    """A tokenizer that notes what it is asked to encode."""

    def __init__(self, tokenizer, seen):
        self._tokenizer, self._seen = tokenizer, seen

    def __call__(self, text, **options):
        self._seen.append(text)
        return self._tokenizer(text, **options)

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)
