"""The cells of a study as jobs, by stand-ins for Slurm's commands."""

import pytest
import yaml

from srdist.cluster.jobs import read_jobs
from srdist.config.load import load_study
from srdist.errors import UserError
from srdist.prepare.stage import prepare_stage
from srdist.report.stage import REPORT, STAGES, report_stage
from srdist.study.grid import make_cells
from srdist.study.submit import submit_cells
from srdist.train.stage import train_stage
from tests.cluster.conftest import slurm  # noqa: F401
from tests.cluster.slurm_stub import write_finished

BASE = {
    "name": "base",
    "output": "run",
    "corpus": {"documents": [{"format": "jsonl", "path": "d.jsonl"}]},
    "model": {"base": "./tiny"},
    "train": {"deepspeed": "z.json"},
    "cluster": {"slurm": {"cell": {"gpus_per_node": 4, "cpus_per_node": 16, "time": "60"}, "signal_seconds": 90}},
}
VARIANTS = [
    {"name": "full"},
    {"name": "one-title", "model_of": "full", "documents": [10], "set": ["retrieve.titles=1"]},
]


@pytest.fixture
def study(tmp_path):
    for path, text in (
        ("base.yaml", yaml.safe_dump(BASE)),
        ("d.jsonl", ""),
        ("z.json", "{}"),
        ("tiny/config.json", "{}"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    facts = {"name": "s", "output": "out", "base": "base.yaml", "documents": [10, 20], "variants": VARIANTS}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(facts))
    return load_study(tmp_path / "study.yaml")


def finish(cell):
    for stage in STAGES:
        write_finished(cell.run_dir, stage, {})
    for make_stage in (prepare_stage, train_stage):
        stage = make_stage(cell.config)
        write_finished(cell.run_dir, stage.name, stage.settings, stage.inputs)
    report_stage(cell.config).run(lambda: (cell.run_dir / REPORT).touch() or {})


def test_each_cell_is_a_job_after_the_one_whose_model_it_takes(study, slurm):  # noqa: F811
    jobs = submit_cells(study, make_cells(study, ["seed=7"]), ["seed=7"])
    assert [(job.name, job.id) for job in jobs] == [("full-10-0", 101), ("one-title-10-0", 102), ("full-20-0", 103)]
    first, second, third = slurm.called("sbatch")
    folder = study.output / "slurm"
    assert second.endswith(f"{folder}/study.sbatch {folder}/config.yaml 1 --set seed=7")
    assert "--dependency=afterok:101 --kill-on-invalid-dep=yes" in second
    assert "--dependency" not in first and "--dependency" not in third
    for option in (
        "--gpus-per-node=4",
        "--cpus-per-task=16",
        "--time=60",
        "--signal=B:USR1@90",
        "--job-name=s-full-10-0",
    ):
        assert option in first.split()
    assert "--ntasks-per-node" not in first
    assert load_study(folder / "config.yaml") == study
    assert read_jobs(folder) == jobs


def test_finished_cells_are_not_submitted_and_nobody_waits_for_them(study, slurm):  # noqa: F811
    cells = make_cells(study)
    finish(cells[0])
    assert [job.name for job in submit_cells(study, cells, [])] == ["one-title-10-0", "full-20-0"]
    assert all("--dependency" not in call for call in slurm.called("sbatch"))
    for cell in cells:
        finish(cell)
    for job in (101, 102):
        slurm.set(job, "COMPLETED")
    assert submit_cells(study, cells, []) == []
    (study.base.parent / "d.jsonl").write_text("changed")
    assert len(submit_cells(study, cells, [])) == len(cells)


def test_paths_of_a_variant_start_at_the_study_in_its_jobs_too(tmp_path, slurm):  # noqa: F811
    folder = tmp_path / "müll 🌊"
    folder.mkdir()
    (folder / "base.yaml").write_text(yaml.safe_dump(BASE))
    variants = [{"name": "other", "set": ["model.base=./other"]}]
    facts = {"name": "s", "output": "out", "base": "base.yaml", "documents": [10], "variants": variants}
    (folder / "study.yaml").write_text(yaml.safe_dump(facts, allow_unicode=True))
    study = load_study(folder / "study.yaml")
    submit_cells(study, make_cells(study), [])
    (cell,) = make_cells(load_study(study.output / "slurm" / "config.yaml"))
    assert cell.config == make_cells(study)[0].config
    assert (cell.config.model.base, cell.run_dir) == (str(folder / "other"), folder / "out" / "cells" / "other-10-0")


def test_live_jobs_refuse_a_second_submission(study, slurm):  # noqa: F811
    submit_cells(study, make_cells(study), [])
    with pytest.raises(UserError, match=r"waiting or running: 101 \(full-10-0\), .*srdist cancel .*out"):
        submit_cells(study, make_cells(study), [])
