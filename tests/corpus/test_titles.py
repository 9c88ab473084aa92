"""Titles: normalised, made from first words, or written by a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.config.schema import TitlesConfig
from srdist.corpus.records import Document
from srdist.corpus.titles import ModelTitler, first_words, normalise_title, title_of
from srdist.errors import UserError
from tests.tiny import make_tiny_model

TEXT = "Marie Curie won the Nobel Prize, twice. She was born in Warsaw."


@pytest.fixture(scope="module")
def tiny_model_folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("titles") / "model", [TEXT, "A short title for this text:"])


def titler(model, **settings):
    return ModelTitler(TitlesConfig(model=str(model), **settings))


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
        assert title_of(Document("d", "A  Title", ("Text.",)), TitlesConfig()) == "a title"

    def test_untitled_documents_get_one_from_their_text(self):
        untitled = Document("d", "", ("", "One two three four.", "Five."))
        assert title_of(untitled, TitlesConfig(words=3, lowercase=False)) == "One two three"

    def test_titles_are_replaced_or_the_same_for_all_where_the_config_says_so(self):
        titled = Document("d", "A Title", ("One two three four.",))
        assert title_of(titled, TitlesConfig(words=3, replace=True)) == "one two three"
        assert title_of(titled, TitlesConfig(constant="All  One")) == "all one"

    def test_no_model_is_loaded_for_documents_with_titles(self):
        settings = TitlesConfig(model="/nowhere")
        assert title_of(Document("d", "A Title", ("Text.",)), settings) == "a title"
        with pytest.raises(UserError, match="cannot load the model of titles"):
            title_of(Document("d", "", ("Text.",)), settings)


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
        monkeypatch.setattr(make, "_tokenizer", Recorder(tokenizer, seen))
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
    def test_the_first_line_is_the_title_or_else_the_first_words(
        self, tiny_model_folder, monkeypatch, generated, title
    ):
        make = titler(tiny_model_folder, words=3)
        monkeypatch.setattr(make, "_generate", lambda text: generated)
        assert make(TEXT) == title

    def test_a_model_that_is_not_there(self, tmp_path):
        with pytest.raises(UserError, match=r"gone: cannot load the model of titles: .* -- set corpus\.titles\.model"):
            titler(tmp_path / "gone")


class Recorder:
    """A tokenizer that notes what it is asked to encode."""

    def __init__(self, tokenizer, seen):
        self._tokenizer, self._seen = tokenizer, seen

    def __call__(self, text, **options):
        self._seen.append(text)
        return self._tokenizer(text, **options)

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)
