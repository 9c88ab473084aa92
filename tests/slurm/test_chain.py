"""The whole chain on a real Slurm of two nodes: what a user submits is what the laptop makes."""

import pytest

from srdist.cluster.slurm import job_state
from srdist.config import load_config
from srdist.prepare.stage import prepare
from srdist.storage.manifest import manifest_path
from srdist.tracking.wandb_files import read_records, run_files
from srdist.tracking.wandb_run import run_id
from srdist.train.stage import train
from srdist.trie.stage import build_index
from tests.slurm.local_slurm import processes_naming, srdist
from tests.slurm.runs import metrics, submit
from tests.tiny_run import digests

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
STAGES = ("prepare", "index", "train", "retrieve", "answer", "baselines", "evaluate", "report")


@pytest.fixture(scope="module")
def on_the_laptop(finished, ray_of_the_session):
    """The same corpus and model by one process; the folder of the run."""
    config, _ = finished
    settings = load_config(config, [f"output={config.parent / 'laptop'}", "tracking.backend=jsonl"])
    for stage in (prepare, build_index, train):
        stage(settings)
    return settings.run_dir


def test_every_stage_is_done(finished):
    config, jobs = finished
    run_dir = config.parent / "run"
    assert all(manifest_path(run_dir, stage).exists() for stage in STAGES)
    assert all(job_state(job).nodes == "n[0-1]" for job in jobs.values())
    assert (run_dir / "slurm/logs" / f"train-{jobs['train']}-rank1.log").exists()


def test_the_bytes_are_those_of_the_laptop(finished, on_the_laptop):
    folders = ("passages", "tokens", "titles", "queries", "mixture", "trie")
    made = digests(finished[0].parent / "run", *folders)
    assert made
    assert made == digests(on_the_laptop, *folders)


def test_the_curve_of_two_nodes_is_that_of_one_process(finished, on_the_laptop):
    two, one = metrics(finished[0].parent / "run"), metrics(on_the_laptop)
    assert len(two) == len(one) == one[-1]["steps"]
    assert [record["loss"] for record in two] == pytest.approx([record["loss"] for record in one], abs=1e-5)


def test_wandb_has_one_group_with_one_run_a_stage(finished):
    settings = load_config(finished[0])
    records = [record for path in run_files(settings.run_dir) for record in read_records(path)]
    runs = {(r.run.run_group, r.run.job_type, r.run.run_id) for r in records if r.HasField("run")}
    assert runs == {(settings.name, stage, run_id(settings, stage)) for stage in STAGES}


def test_nothing_is_submitted_again(finished):
    config, _ = finished
    assert submit(config) == {}
    assert "all is finished" in srdist("submit", config).stderr


def test_status_shows_stages_jobs_and_the_last_loss(finished):
    config, jobs = finished
    shown = srdist("status", config.parent / "run").stdout
    last = metrics(config.parent / "run")[-1]
    assert "report done" in shown
    assert f"step {last['step']} of {last['steps']} (100%), loss {last['loss']:.5f}" in shown
    assert f"train     job {jobs['train']} completed on n[0-1]" in shown


def test_ray_leaves_nothing_behind(finished):
    config, jobs = finished
    assert processes_naming(str(config.parent), *(f"srdist-ray-{job}-" for job in jobs.values())) == []
    assert not list((config.parent / "run/slurm").glob("ray-*/token"))
