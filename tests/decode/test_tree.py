"""Every token of a tree has the scores that a plain forward over its own path gives."""

import numpy as np
import pytest

from srdist.bench.reference.scorer import sequence_logprob
from srdist.config.schema import ModelConfig
from srdist.decode.model import LanguageModel
from srdist.decode.tree import TokenTree
from tests.tiny import make_tiny_model

PROMPTS = [[5, 6, 7], [9], [11, 12, 13, 14, 15, 16]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = make_tiny_model(tmp_path_factory.mktemp("model"), ["some text"], vocabulary=257)
    return LanguageModel.load(folder, ModelConfig(base=str(folder), dtype="float32"), "cpu")


def expected(model, path, tokens):
    return [sequence_logprob(model.network, path, [token]) for token in tokens]


def test_prompts_of_different_lengths_are_scored_in_the_first_forward(model):
    tree = TokenTree(model, PROMPTS)
    parts = [tree.ask(row, tree.root, np.array([20, 21])) for row in range(3)]
    scores = tree.run()
    for part, prompt in zip(parts, PROMPTS, strict=True):
        assert scores[part] == pytest.approx(expected(model, prompt, [20, 21]), abs=1e-5)


def test_branches_do_not_see_each_other(model):
    tree = TokenTree(model, PROMPTS)
    tree.ask(0, tree.root, np.array([1]))
    tree.run()
    left = tree.add(0, tree.root, [30, 31])
    right = tree.add(0, tree.root, [40])
    below = tree.add(0, left, [50])
    other = tree.add(2, tree.root, [60, 61, 62])
    paths = {(0, left + 1): [30, 31], (0, right): [40], (0, below): [30, 50], (2, other + 2): [60, 61, 62]}
    parts = {place: tree.ask(*place, np.array([70, 71, 72])) for place in paths}
    scores = tree.run()
    for (row, slot), path in paths.items():
        wanted = expected(model, PROMPTS[row] + path, [70, 71, 72])
        assert scores[parts[row, slot]] == pytest.approx(wanted, abs=1e-5)


def test_a_row_that_was_padded_goes_on(model):
    tree = TokenTree(model, PROMPTS)
    tree.ask(0, tree.root, np.array([1]))
    tree.run()
    tree.add(0, tree.root, [30, 31, 32])
    tree.ask(0, tree.root + 3, np.array([1]))
    tree.run()
    slot = tree.add(1, tree.root, [33])
    part = tree.ask(1, slot, np.array([2]))
    assert tree.run()[part] == pytest.approx(expected(model, [*PROMPTS[1], 33], [2]), abs=1e-5)


def test_many_slots_are_asked_in_one_forward(model):
    tree = TokenTree(model, [[5]])
    first = tree.add(0, tree.root, list(range(200)) * 2)
    for slot in range(first, first + 400):
        tree.ask(0, slot, np.array([slot % 256]))
    scores = tree.run()
    path = [5, *(list(range(200)) * 2)]
    for slot in (first, first + 255, first + 256, first + 399):
        assert scores[slot - first] == pytest.approx(expected(model, path[: slot + 1], [slot % 256])[0], abs=1e-5)
