"""A run becomes a chain of jobs; what is finished, live or wrong is not submitted."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml

from srdist.cluster.jobs import read_jobs
from srdist.cluster.submit import is_finished, shown_scripts, submission, submit
from srdist.config.cluster import SCRIPTS
from srdist.errors import UserError
from tests.cluster.conftest import make_config
from tests.cluster.slurm_stub import write_finished

STAGES = ("prepare", "index", "train", "retrieve", "answer", "baselines", "evaluate", "report")


def test_four_jobs_each_after_the_one_before(config, slurm):
    jobs = submit(config, STAGES)
    assert [(job.name, job.id) for job in jobs] == [("prepare", 101), ("index", 102), ("train", 103), ("evaluate", 104)]
    calls = slurm.called("sbatch")
    assert "--dependency" not in calls[0]
    for call, before in zip(calls[1:], (101, 102, 103), strict=True):
        assert f"--dependency=afterok:{before} --kill-on-invalid-dep=yes" in call
    folder = config.run_dir / "slurm"
    assert calls[0].endswith(f"{folder}/prepare.sbatch {folder}/config.yaml prepare")
    assert calls[1].endswith(f"{folder}/prepare.sbatch {folder}/config.yaml index")
    assert jobs[2].log == f"{folder}/logs/train-103.log"
    assert read_jobs(folder) == jobs


def test_what_is_submitted_is_kept_with_the_run(config, slurm):
    submit(config, STAGES)
    folder = config.run_dir / "slurm"
    for path in SCRIPTS.iterdir():
        assert (folder / path.name).read_text() == path.read_text()
    assert yaml.safe_load((folder / "config.yaml").read_text())["output"] == str(config.run_dir)
    assert slurm.environment == {
        "SRDIST_SLURM": str(folder),
        "SRDIST_LOGS": str(folder / "logs"),
        "SRDIST_PYTHON": sys.executable,
        "SRDIST_REQUEUES": "20",
    }


def test_options_come_from_the_config_then_from_site_env(tmp_path, slurm):
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    (scripts / "site.env").write_text("ACCOUNT=lab\nCPU_PARTITION=cpu\nGPU_PARTITION=gpu # the good one\n")
    train = {"nodes": 4, "gpus_per_node": 8, "cpus_per_node": 96, "time": "1-00:00:00", "options": ["--exclusive"]}
    evaluate = {"partition": "inference"}
    submit(make_config(tmp_path, scripts=str(scripts), train=train, evaluate=evaluate, signal_seconds=600), STAGES)
    prepare, _, training, evaluation = slurm.called("sbatch")
    assert all("--account=lab" in call for call in (prepare, training, evaluation))
    assert "--partition=cpu" in prepare and "--nodes" not in prepare and "--signal" not in prepare
    for option in ("--partition=gpu", "--nodes=4", "--gpus-per-node=8", "--ntasks-per-node=8", "--cpus-per-task=12"):
        assert option in training.split()
    assert "--time=1-00:00:00" in training and "--signal=B:USR1@600" in training and "--exclusive" in training
    assert "--partition=inference" in evaluation and "--ntasks-per-node" not in evaluation


def test_cpus_of_a_training_are_divided_among_ranks(tmp_path, slurm):
    with pytest.raises(UserError, match="is divided among the ranks.*set cluster.slurm.train.gpus_per_node too"):
        submit(make_config(tmp_path, train={"cpus_per_node": 64}), STAGES)


def test_a_job_knows_nothing_of_the_job_that_it_was_submitted_in(config, slurm, monkeypatch):
    for name in ("SLURM_GPUS_PER_NODE", "SLURM_ARRAY_TASK_ID", "SLURM_CONF"):
        monkeypatch.setenv(name, "1")
    submit(config, STAGES)
    assert slurm.variables("SLURM_") == {"SLURM_CONF": "1"}
    assert all("--export=ALL" in call for call in slurm.called("sbatch"))


def test_training_without_gpus_starts_one_rank_a_node(tmp_path, slurm):
    submit(make_config(tmp_path, train={"gpus_per_node": 0, "cpus_per_node": 4}), STAGES)
    training = slurm.called("sbatch")[2]
    assert "--gpus-per-node=0 --ntasks-per-node=1 --cpus-per-task=4" in training


def test_finished_stages_are_not_submitted_again(config, slurm):
    for stage in ("prepare", "index"):
        write_finished(config.run_dir, stage, {"seed": 0})
    assert [job.name for job in submit(config, STAGES)] == ["train", "evaluate"]
    assert "--dependency" not in slurm.called("sbatch")[0]


def test_a_finished_run_submits_nothing(config, slurm):
    for stage in STAGES:
        write_finished(config.run_dir, stage, {})
    assert submit(config, STAGES) == []
    assert slurm.called("sbatch") == []


def test_a_stage_made_with_other_settings_is_refused_with_the_difference(config, slurm):
    recorded = {"seed": 7, "templates": {"query": "Question: {query}\nTitle:"}, "phases": ["not in the config"]}
    write_finished(config.run_dir, "prepare", recorded)
    with pytest.raises(UserError, match="holds a prepare stage made differently: seed was 7, is 0 --"):
        submit(config, STAGES)
    assert slurm.called("sbatch") == []


def test_a_stage_begun_with_other_settings_is_refused_and_with_the_same_submitted(config, slurm):
    path = config.run_dir / "manifests/.prepare.pending.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"settings": {"seed": 7}, "inputs": {"corpus": "abc"}, "seconds": 1.5}))
    with pytest.raises(UserError, match="holds a prepare stage made differently: seed was 7, is 0 --"):
        submit(config, STAGES)
    assert slurm.called("sbatch") == []
    assert submit(config.model_copy(update={"seed": 7}), STAGES)[0].name == "prepare"


def test_settings_in_lists_are_compared_without_what_the_stage_left_out(config):
    documents = [{"format": "beir"}]  # a stage records no paths
    write_finished(config.run_dir, "prepare", {"corpus": {"documents": documents}})
    with pytest.raises(UserError, match=r"corpus.documents.0.format was beir, is jsonl --"):
        is_finished(config, "prepare")


def test_paths_are_left_to_the_stage(config):
    write_finished(config.run_dir, "report", {"model": {"base": "base"}, "train": {"deepspeed": "deepspeed.json"}})
    assert is_finished(config, "report")


def test_live_jobs_refuse_a_second_submission(config, slurm):
    submit(config, STAGES)
    slurm.set(101, "COMPLETED")
    slurm.set(102, "RUNNING")
    with pytest.raises(UserError, match=r"waiting or running: 102 \(index\), 103 \(train\), 104 .*srdist cancel"):
        submit(config, STAGES)
    for job in (102, 103):
        slurm.set(job, "FAILED")
    slurm.forget(104)
    assert submit(config, STAGES)[0].id == 105


def test_two_submissions_at_once_refuse_each_other(config, slurm):
    with submission(config.run_dir), pytest.raises(UserError, match="being submitted by another process"):
        submit(config, STAGES)


def test_a_refused_job_cancels_those_before_it(tmp_path, slurm):
    config = make_config(tmp_path, train={"partition": "nowhere"})
    with pytest.raises(UserError, match=r"job train cannot be submitted: sbatch: invalid partition specified: nowhere"):
        submit(config, STAGES)
    assert slurm.called("scancel") == ["scancel 101 102"]
    assert [job.id for job in read_jobs(config.run_dir / "slurm")] == [101, 102]


def test_an_interrupted_submission_cancels_what_it_submitted(config, slurm, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("srdist.cluster.submit.write_jobs", interrupted)
        with pytest.raises(KeyboardInterrupt):
            submit(config, STAGES)
    assert slurm.called("scancel") == ["scancel 101"]
    assert [job.id for job in submit(config, STAGES)] == [102, 103, 104, 105]


def test_without_slurm_the_message_says_so(config, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bash").symlink_to(shutil.which("bash"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(UserError, match="no `sbatch` on PATH.*login node"):
        submit(config, STAGES)
    assert read_jobs(config.run_dir / "slurm") == []


def test_a_run_folder_that_cannot_be_written_to(tmp_path, slurm):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UserError, match="cannot write to the run's folder: Not a directory"):
        submit(make_config(tmp_path), STAGES)
    assert slurm.calls == []


def test_a_mistake_in_site_env_is_shown_with_its_line(tmp_path, slurm):
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    (tmp_path / "scripts/site.env").write_text("ACCOUNT=lab\nGPU PARTITION=gpu\n")
    with pytest.raises(UserError, match=r"site.env: line 2: GPU: command not found"):
        submit(make_config(tmp_path, scripts=str(tmp_path / "scripts")), STAGES)


def test_a_dry_run_shows_everything_and_touches_nothing(config, slurm):
    text = shown_scripts(config, STAGES)
    assert text.count("\nsbatch --parsable") == 4
    assert "'--dependency=afterok:<train>'" in text
    for name in ("site.env", "job.sh", "prepare.sbatch", "train.sbatch", "evaluate.sbatch"):
        assert (SCRIPTS / name).read_text().strip() in text
    assert slurm.calls == []
    assert not config.run_dir.exists()


@pytest.mark.parametrize("script", sorted(SCRIPTS.iterdir()), ids=lambda path: path.name)
def test_the_scripts_are_bash_and_say_nothing_of_ssh(script):
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "ssh " not in script.read_text().replace("No ssh.", "")


def test_jobs_are_remembered_as_json(config, slurm):
    submit(config, STAGES)
    facts = json.loads((config.run_dir / "slurm/jobs.json").read_text())
    assert facts[3]["stages"] == ["retrieve", "answer", "baselines", "evaluate", "report"]
