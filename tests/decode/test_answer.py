"""Answers are greedy, end at a line break, and need a passage."""

import pytest
import torch

from srdist.decode import Retrieval, SelfRetriever
from srdist.decode.answer import generate_answers, stop_tokens
from tests.decode.tiny_run import QUERIES_TEXT, make_run


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    config = make_run(tmp_path_factory.mktemp("run"), sharpness=3.0)
    return SelfRetriever.load(config.run_dir, config)


def greedy(retriever, retrieval):
    """One full forward a token."""
    segments, best = retriever.segments, retrieval.candidates[0]
    (title,), (passage,) = segments.titles([best.title]), segments.passages([best.text])
    tokens = [*segments.query_prompt(retrieval.query), *title, *segments.passage_separator, *passage]
    tokens += [*segments.verdict_separator, *segments.positive, *segments.answer_separator]
    start = len(tokens)
    for _ in range(retriever.config.retrieve.answer_tokens):
        with torch.no_grad():
            tokens.append(int(retriever.model.network(torch.tensor([tokens])).logits[0, -1].argmax()))
        if tokens[-1] == segments.end or "\n" in segments.tokenizer.decode([tokens[-1]]):
            break
    return segments.tokenizer.decode(tokens[start:], skip_special_tokens=True).split("\n")[0].strip()


def test_answers_equal_greedy_decoding_and_a_batch_equals_one_by_one(retriever):
    retrievals = retriever.search(QUERIES_TEXT, 3)
    expected = [greedy(retriever, retrieval) for retrieval in retrievals]
    assert any(expected)
    assert retriever.answers(retrievals) == expected
    assert [retriever.answer(retrieval) for retrieval in retrievals] == expected
    assert retriever.answer(QUERIES_TEXT[0]) == expected[0]


def test_an_answer_ends_at_the_end_token_and_at_line_breaks(retriever):
    tokenizer = retriever.segments.tokenizer
    stops = stop_tokens(tokenizer)
    assert stops[0] == tokenizer.eos_token_id
    assert tokenizer.encode("\n")[0] in stops and tokenizer.encode("a")[0] not in stops
    prompt = retriever.segments.query_prompt("why?")
    (whole,) = generate_answers(retriever.model, tokenizer, [prompt], stops[:1], 8)
    with torch.no_grad():
        first = int(retriever.model.network(torch.tensor([prompt])).logits[0, -1].argmax())
    (stopped,) = generate_answers(retriever.model, tokenizer, [prompt], [stops[0], first], 8)
    assert len(stopped) < len(whole)


def test_a_query_without_candidates_gets_the_empty_answer(retriever):
    (found,) = retriever.search(["old?"], 1)
    nothing = Retrieval("nothing", ())
    assert retriever.answers([nothing, found]) == ["", retriever.answer(found)]
