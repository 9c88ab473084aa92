"""The benchmark of the decoder: its reference finds what the decoder finds, and every figure is there."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from srdist.bench import decode, step
from srdist.bench.made_up import made_up_prompts, made_up_trie, sure_prompts, tiny_model
from srdist.bench.pipeline import assess_in_stages, retrieve, segments_of
from srdist.bench.reference.scorer import sequence_logprob
from srdist.bench.search import agreement, staged
from srdist.cli.bench import bench
from srdist.config.load import save_config
from tests.decode.tiny_run import make_run

VOCABULARY = 500


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    trie = made_up_trie(tmp_path_factory.mktemp("corpus"), decode.corpus_size(200, 6, VOCABULARY))
    return decode.setting(tiny_model(VOCABULARY), trie, made_up_prompts(trie, 3), beams=10)


@pytest.fixture(scope="module")
def found(setting):
    return staged(setting.reference(), setting.prompts)


def test_by_the_rules_of_transformers_the_results_are_the_same(setting, found):
    assert agreement(setting.ours(as_transformers=True), found) == 1.0
    assert all(len(titles) == 5 for titles in found)


def test_another_result_does_not_agree(found):
    shifted = [[((title, logprob + 0.001), passages) for (title, logprob), passages in titles] for titles in found[:1]]
    assert agreement([*shifted, *found[1:]], found) == pytest.approx(2 / 3)
    assert agreement([found[0][::-1], *found[1:]], found) == pytest.approx(2 / 3)


def test_assessment_in_stages_scores_every_passage_alone(setting, found):
    segments = segments_of(setting)
    rejections = assess_in_stages(setting, segments, found)
    (title, _), passages = found[1][2]
    before = sum(len(others) for _, others in found[1][:2])
    tokens = setting.trie.title_tokens(title).tolist(), setting.trie.passage_tokens(passages[0][0]).tolist()
    context = [*setting.prompts[1], *tokens[0], *segments.passage_separator, *tokens[1], *segments.verdict_separator]
    expected = sequence_logprob(setting.model.network, context, segments.negative)
    assert rejections[1][before] == pytest.approx(expected, abs=1e-4)


def test_the_best_passage_alone_is_the_best_of_all(setting):
    segments = segments_of(setting)
    every, best = retrieve(setting, segments, "all", 100), retrieve(setting, segments, "needed", 1)
    assert [ranking[:1] for ranking in every] == best


def test_prompts_are_those_that_make_their_title_the_most_probable(setting):
    model, trie = setting.model, setting.trie
    (best,) = sure_prompts(model, trie, 1)
    prompts = made_up_prompts(trie, 16, 8)
    titles = [[*prompt[1 : len(prompt) // 8], trie.title_end] for prompt in prompts]
    scores = [sequence_logprob(model.network, *pair) for pair in zip(prompts, titles, strict=True)]
    assert best == prompts[int(np.argmax(scores))]


@pytest.mark.slow
def test_the_command_gives_every_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(step, "REPEATS", 2)
    monkeypatch.setattr(step, "BEAMS", (160,))
    monkeypatch.setattr(decode, "VOCABULARY", VOCABULARY)
    monkeypatch.setattr(decode, "SLOW_TITLES", 60)
    model = tiny_model(VOCABULARY).network
    model.save_pretrained(tmp_path / "Smol-1M")
    config = make_run(tmp_path / "run")
    save_config(config, config.run_dir / "config.yaml")
    options = ["--titles", "2000", "--queries", "2", "--model", str(tmp_path / "Smol-1M"), "--run", str(config.run_dir)]
    result = CliRunner().invoke(bench, ["decode", *options, "--json", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {key for key in figures if "160" not in key} == {
        *(f"search_{what}.{name}" for what in ("speedup", "ms", "same") for name in ("tiny", "smol", "run")),
        *("growth", "pipeline_speedup", "pipeline_over_forward", "pipeline_seconds"),
        *("best_passage_speedup.sure", "best_passage_speedup.run"),
    }
    assert {"step_over_log_softmax.160", "title_step_over_log_softmax.160"} <= figures.keys()
    assert figures["search_same.tiny"] == figures["search_same.smol"] == figures["search_same.run"] == 1.0
    assert all(value > 0 for value in figures.values())
