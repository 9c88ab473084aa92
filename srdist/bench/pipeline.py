"""The whole retrieval, as `srdist bench decode` measures it: search and assessment, against the authors' stages."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from srdist.bench.figures import Figure
from srdist.bench.reference.scorer import batch_logprobs
from srdist.bench.search import Results, Setting, staged
from srdist.bench.timing import least_seconds
from srdist.config.retrieve import RetrieveConfig
from srdist.decode.steps import Steps
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level
from srdist.templates import Segments

KINDS = {"sure": "sure of its title", "run": "a trained run's own test queries"}
"""how sure of a title the model is: what exact skipping saves depends on it"""


@dataclass(frozen=True)
class MadeUpSegments:
    """What the assessment needs of `templates.Segments`, for a corpus of made-up tokens."""

    passage_separator: list[int]
    verdict_separator: list[int]
    negative: tuple[int, ...] = (1, 2, 3, 4)
    positive: tuple[int, ...] = (5, 2, 3, 4)


def measure_pipeline(setting: Setting, repeats: int) -> list[Figure]:
    """Compare retrieval of 5 titles and 10 passages each, all of them assessed, on a made-up corpus."""
    segments, reference = segments_of(setting), setting.reference()
    found = staged(reference, setting.prompts)
    works = (
        lambda: assess_in_stages(setting, segments, staged(reference, setting.prompts)),
        lambda: retrieve(setting, segments, "all", 100),
        lambda: read_passages(setting, found),
    )
    theirs, ours, bare = least_seconds(works, repeats)
    queries = len(setting.prompts)
    return [
        Figure("pipeline_speedup", f"retrieval, all candidates assessed, {queries} queries at once", theirs / ours),
        Figure("pipeline_over_forward", "that retrieval, ours, over a bare forward of the passages", ours / bare),
        Figure("pipeline_seconds", "that retrieval, ours, a query", ours / queries, "s"),
    ]


def measure_best(setting: Setting, segments: Segments | MadeUpSegments, repeats: int, kind: str) -> Figure:
    """Compare retrieval of the best passage only, where titles that cannot have it are not assessed."""
    reference = setting.reference()
    reference.titles(setting.prompts[:1])  # makes its dicts
    works = (
        lambda: assess_in_stages(setting, segments, staged(reference, setting.prompts)),
        lambda: retrieve(setting, segments, "needed", 1),
    )
    theirs, ours = least_seconds(works, repeats)
    what = f"retrieval of the best passage only, {KINDS[kind]}"
    return Figure(f"best_passage_speedup.{kind}", what, theirs / ours)


def segments_of(setting: Setting) -> MadeUpSegments:
    """Return the segments around the passages of a setting."""
    return MadeUpSegments(list(setting.separator), [setting.trie.passage_end])


def retrieve(setting: Setting, segments: Segments | MadeUpSegments, assess: str, k: int) -> list[list[tuple[int, int]]]:
    """Return the `k` best candidates of each query, as `SelfRetriever.search` does, without their texts."""
    titles, passages = setting.found
    config = RetrieveConfig(
        titles=titles, passages=passages, title_beams=setting.beams, passage_beams=setting.beams, assess=assess
    )
    steps = Steps(config, segments, setting.trie, None)
    tree = TokenTree(setting.model, setting.prompts)
    found_titles, _ = steps.find_titles(tree, len(setting.prompts), Level.titles(setting.trie))
    found = steps.find_passages(tree, found_titles)
    judges = [steps.judge(*pair, k) for pair in zip(found_titles, found, strict=True)]
    steps.assess(tree, judges, found)
    rankings = zip(judges, found, strict=True)
    return [judge.ranking([item.copies for item in items]) for judge, items in rankings]


def assess_in_stages(setting: Setting, segments: Segments | MadeUpSegments, found: Results) -> list[list[float]]:
    """Return log P(rejection) of the passages of each query, each in a sequence of its own, a title a batch."""
    trie, network = setting.trie, setting.model.network
    rejections: list[list[float]] = []
    for prompt, titles in zip(setting.prompts, found, strict=True):
        rejections.append([])
        for (title, _), passages in titles:
            start = [*prompt, *trie.title_tokens(title).tolist(), *segments.passage_separator]
            tokens = [trie.passage_tokens(passage).tolist() for passage, _ in passages]
            contexts = [[*start, *passage, *segments.verdict_separator] for passage in tokens]
            rejections[-1] += batch_logprobs(network, contexts, segments.negative, setting.end)
    return rejections


@torch.no_grad()
def read_passages(setting: Setting, found: Results) -> None:
    """Send all passages through the model, a few of like length together, with nothing before or after them."""
    numbers = [passage for titles in found for _, passages in titles for passage, _ in passages]
    texts = sorted((setting.trie.passage_tokens(number).tolist() for number in numbers), key=len)
    for begin in range(0, len(texts), 4):
        rows = texts[begin : begin + 4]
        padded = torch.tensor([row + [setting.end] * (len(rows[-1]) - len(row)) for row in rows])
        setting.model.network(input_ids=padded.to(setting.model.device), logits_to_keep=1, use_cache=False)
