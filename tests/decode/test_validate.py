"""The retrieval that a training starts on its own weights."""

import json

import pytest

from srdist.decode.retriever import SelfRetriever
from srdist.decode.validate import main
from tests.decode.tiny_run import QUERIES_TEXT, make_run


@pytest.mark.slow
def test_the_figures_are_those_of_the_retriever(tmp_path, monkeypatch):
    config = make_run(tmp_path)
    retriever = SelfRetriever.load(tmp_path, config)
    found = [retriever.search([text], 5)[0].candidates for text in QUERIES_TEXT]
    gold = [found[0][0].passage_id, found[1][2].passage_id, "nowhere"]  # ranks 1 and 3, and none

    def queries(run_dir, split):
        assert split == "validation"
        return [{"text": text, "gold_passages": [id]} for text, id in zip(QUERIES_TEXT, gold, strict=True)]

    monkeypatch.setattr("srdist.decode.validate.read_queries", queries)
    from srdist.config.load import save_config

    save_config(config, tmp_path / "config.yaml")
    for count, hits, mrr in ((3, 1 / 3, (1 + 1 / 3) / 3), (1, 1.0, 1.0)):
        main(tmp_path, count)
        figures = json.loads((tmp_path / "figures.json").read_text())
        assert figures == {"queries": count, "hits_1": pytest.approx(hits), "mrr_5": pytest.approx(mrr)}
