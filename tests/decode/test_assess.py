"""A verdict has the probability that a plain forward over its whole sequence gives."""

import numpy as np
import pytest

from srdist.bench.reference.scorer import sequence_logprob
from srdist.config.schema import ModelConfig, TemplatesConfig
from srdist.decode.assess import Context, assess
from srdist.decode.model import LanguageModel
from srdist.decode.tree import TokenTree
from srdist.templates import Segments, load_tokenizer
from tests.tiny import make_tiny_model

PROMPTS = [[5, 6, 7], [9, 10, 11, 12, 13, 14]]
WAYS = {(0, "a"): [30, 31], (0, "b"): [40], (1, "a"): [50, 51, 52]}
"""(row, name) -> tokens between the prompt and where contexts begin"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = make_tiny_model(tmp_path_factory.mktemp("model"), ["some text"], vocabulary=257)
    return LanguageModel.load(folder, ModelConfig(base=str(folder), dtype="float32"), "cpu")


@pytest.fixture(scope="module")
def segments(model):
    return Segments(TemplatesConfig(), load_tokenizer(str(model.network.config._name_or_path)))


def grown_tree(model):
    """Return a tree with the ways of both rows, and their last slots."""
    tree = TokenTree(model, PROMPTS)
    slots = {(row, name): tree.add(row, tree.root, way) + len(way) - 1 for (row, name), way in WAYS.items()}
    tree.ask(0, tree.root, np.array([1]))
    tree.run()
    return tree, slots


@pytest.mark.parametrize("forward_tokens", [1, 60, 4096])
def test_verdicts_equal_plain_forwards(model, segments, forward_tokens):
    tree, slots = grown_tree(model)
    passages = [(place, list(range(60, 60 + size))) for place in WAYS for size in (1, 7, 3)]
    contexts = [Context(place[0], slots[place], tokens) for place, tokens in passages]
    found = assess(tree, contexts, segments, forward_tokens)
    for (place, tokens), pair in zip(passages, found, strict=True):
        whole = [*PROMPTS[place[0]], *WAYS[place], *tokens]
        wanted = [sequence_logprob(model.network, whole, verdict) for verdict in (segments.negative, segments.positive)]
        assert np.log(pair) == pytest.approx(wanted, abs=1e-4)


def test_a_chunk_holds_no_more_tokens_than_allowed(model, segments, monkeypatch):
    tree, slots = grown_tree(model)
    contexts = [Context(0, slots[0, "a"], [60] * size) for size in (1, 2, 30, 3, 4)]
    shapes, score = [], model.score
    monkeypatch.setattr(model, "score", lambda tokens, *rest: shapes.append(tokens.shape) or score(tokens, *rest))
    branches = len(segments.negative) + len(segments.positive) - 2
    assess(tree, contexts, segments, 2 * (2 + branches))
    assert all(rows == 1 or rows * new <= 2 * (2 + branches) for rows, new in shapes)
    assert sum(rows for rows, _ in shapes) == len(contexts)


def test_a_path_goes_on_without_touching_the_tree(model):
    tree, slots = grown_tree(model)
    before = tree.length
    rows = tree.paths([(0, slots[0, "b"]), (1, slots[1, "a"])])
    parts = [rows.ask(row, rows.add(row, rows.root, [70, 71]) + 1, np.array([72, 73])) for row in range(2)]
    scores = rows.run()
    for part, path in zip(parts, ([*PROMPTS[0], 40, 70, 71], [*PROMPTS[1], 50, 51, 52, 70, 71]), strict=True):
        assert scores[part] == pytest.approx([sequence_logprob(model.network, path, [t]) for t in (72, 73)], abs=1e-5)
    assert tree.length == before
    slot = tree.add(0, slots[0, "a"], [80])
    part = tree.ask(0, slot, np.array([3]))
    wanted = sequence_logprob(model.network, [*PROMPTS[0], 30, 31, 80], [3])
    assert tree.run()[part] == pytest.approx([wanted], abs=1e-5)
