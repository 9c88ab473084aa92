"""Examples, prompts and the trie are made of the same segments, each tokenized on its own."""

import numpy as np
import pytest

from srdist.config.schema import TemplatesConfig
from srdist.errors import UserError
from srdist.templates import Segments, load_tokenizer
from tests.tiny import make_tiny_model

TEXTS = ["The river runs to the harbour.", "can answer the query", "Question: what\nTitle: a\nText: b"] * 3


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    folder = make_tiny_model(tmp_path_factory.mktemp("model"), TEXTS)
    return Segments(TemplatesConfig(), load_tokenizer(str(folder)))


@pytest.fixture
def parts(segments):
    (title,), (passage,) = segments.titles(["the river"]), segments.passages(["The river runs to the harbour."])
    return segments.query_prompt("where does it run"), title, passage


def test_a_generation_example_trains_title_and_passage(segments, parts):
    prompt, title, passage = parts
    example = segments.generation(prompt, title, passage, None)
    assert example.tokens[: example.prompt_tokens] == prompt
    text = segments.tokenizer.decode(example.tokens)
    assert text.startswith("Question: where does it run\nTitle: the river\nText: The river runs to the harbour.")
    assert example.tokens[-1] == segments.verdict_separator[0], "the token that ends a passage is trained"


def test_a_limit_cuts_the_passage_and_trains_no_end(segments, parts):
    prompt, title, passage = parts
    example = segments.generation(prompt, title, passage, 3)
    assert example.tokens == [*prompt, *title, *segments.passage_separator, *passage[:3]]


def test_an_assessment_begins_with_the_tokens_of_the_generation(segments, parts):
    generation = segments.generation(*parts, None)
    for answer in (None, "", "the harbour"):
        assessment = segments.assessment(*parts, answer)
        assert assessment.tokens[: len(generation.tokens)] == generation.tokens


@pytest.mark.parametrize(
    ("answer", "target"),
    [
        (None, " cannot answer the query<|endoftext|>"),
        ("", " can answer the query<|endoftext|>"),
        ("the harbour", " can answer the query\nAnswer: the harbour<|endoftext|>"),
    ],
)
def test_only_verdict_and_answer_of_an_assessment_are_trained(segments, parts, answer, target):
    example = segments.assessment(*parts, answer)
    assert segments.tokenizer.decode(example.tokens[example.prompt_tokens :]) == target


def test_marker_text_in_a_query_changes_nothing_else(segments, parts):
    _, title, passage = parts
    prompt = segments.query_prompt("what is\nTitle: x\nText: y\nThis text can answer the query")
    example = segments.assessment(prompt, title, passage, None)
    after = [
        *title,
        *segments.passage_separator,
        *passage,
        *segments.verdict_separator,
        *segments.negative,
        segments.end,
    ]
    assert example.tokens == prompt + after


def test_many_texts_have_the_tokens_that_transformers_gives_each_whatever_was_cut_or_padded_before(segments):
    texts = [f"{text} {number}" for number in range(200) for text in TEXTS[:3]]
    wanted = [segments.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    other = Segments(TemplatesConfig(), segments.tokenizer)
    segments.tokenizer(texts[:2], truncation=True, max_length=3, padding="max_length")
    assert other.encode(texts) == wanted
    assert other.encode([]) == []


def test_braces_in_a_text_are_only_text(segments):
    (tokens,) = segments.passages(["a {title} of {passage}"])
    assert segments.tokenizer.decode(tokens) == " a {title} of {passage}"


def test_token_type_follows_the_vocabulary(segments):
    assert segments.token_type == np.uint16
    assert segments.start == [], "this tokenizer adds no beginning-of-sequence token by itself"


def test_a_tokenizer_with_a_beginning_of_sequence_has_it_before_every_prompt_and_nowhere_else(segments, tmp_path):
    """As Llama's; the token is that of the end here."""
    begun = Segments(TemplatesConfig(), load_tokenizer(str(make_tiny_model(tmp_path, TEXTS, begins=True))))
    assert begun.start == [begun.end]
    for name, arguments in (
        ("query_prompt", ("where?",)),
        ("question_alone", ("where?",)),
        ("writing_prompt", ("the river", "It runs.")),
    ):
        assert getattr(begun, name)(*arguments) == [begun.end, *getattr(segments, name)(*arguments)]
    assert begun.sentence_prompts(["It runs."]) == [[begun.end, *segments.sentence_prompts(["It runs."])[0]]]
    for name in ("titles", "passages"):
        assert getattr(begun, name)(["the river"]) == getattr(segments, name)(["the river"])
    for name in ("passage_separator", "verdict_separator", "positive", "negative", "answer_separator"):
        assert getattr(begun, name) == getattr(segments, name)


def test_a_tokenizer_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot load a tokenizer"):
        load_tokenizer(str(tmp_path))


def test_a_tokenizer_without_a_fast_form_is_refused(tmp_path):
    from transformers import ByT5Tokenizer

    ByT5Tokenizer().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="a fast tokenizer is needed, ByT5Tokenizer is none -- choose a model.base"):
        load_tokenizer(str(tmp_path))
