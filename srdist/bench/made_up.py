"""A made-up corpus with its trie, and a model with random weights: what the decoder can be measured with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from srdist.bench.corpora import CorpusSize, write_corpus
from srdist.decode.model import LanguageModel
from srdist.decode.tree import TokenTree
from srdist.storage.corpus import corpus_digests
from srdist.storage.manifest import read_manifest
from srdist.trie import Trie
from srdist.trie.passage_level import build_passages
from srdist.trie.stage import describe
from srdist.trie.title_level import build_titles

SHARPNESS = 5.0
"""factor on the output of a random model, which is nearly indifferent between tokens otherwise"""

SHORT, LONG = 4, 8
"""how often a prompt says its title: as long as a question, and so often that a model is sure of it"""
CANDIDATES = 16
"""prompts to choose one from"""


def made_up_trie(folder: Path, size: CorpusSize) -> Trie:
    """Write a made-up corpus and its trie to a folder; return the trie."""
    write_corpus(folder, size)
    corpus = corpus_digests(read_manifest(folder, "prepare"))
    about = describe(size.vocabulary - 2, size.vocabulary - 1, size.vocabulary, corpus)
    for partition in range(size.partitions):
        build_passages(folder, partition, size.partitions, about)
    build_titles(folder, about)
    return Trie(folder)


def tiny_model(vocabulary: int) -> LanguageModel:
    """Return a Llama with two layers of 32 and random weights, always the same, on the CPU."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LlamaForCausalLM(config)
    with torch.no_grad():
        network.model.norm.weight.mul_(SHARPNESS)
    return LanguageModel(network)


def made_up_prompts(trie: Trie, queries: int, times: int = SHORT) -> list[list[int]]:
    """Return prompts that say some title again and again."""
    generator = np.random.default_rng(0)
    titles = [trie.title_tokens(title).tolist() for title in generator.choice(trie.n_titles, queries).tolist()]
    return [[*[trie.title_end, *title] * times, trie.title_end] for title in titles]


def sure_prompts(model: LanguageModel, trie: Trie, queries: int) -> list[list[int]]:
    """Return those of many prompts after which the title is the most probable.

    A model that was not trained on the corpus is then about as sure of a title as one that was.
    """
    prompts = made_up_prompts(trie, CANDIDATES * queries, LONG)
    tree = TokenTree(model, prompts)
    asked = []
    for row, prompt in enumerate(prompts):
        title = prompt[1 : len(prompt) // LONG]
        first = tree.add(row, tree.root, title)
        asked.append(tree.ask_chain(row, [tree.root, *range(first, first + len(title))], [*title, trie.title_end]))
    scores = tree.run()
    best = sorted(range(len(prompts)), key=lambda row: -scores[asked[row]].sum())
    return [prompts[row] for row in best[:queries]]
