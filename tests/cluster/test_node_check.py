"""What is told of a node before a job starts on it."""

import shutil
from collections import namedtuple

import pytest

from srdist.cluster.node_check import check_folder, check_gpus, check_node, load_submitted
from srdist.errors import UserError


def test_fewer_gpus_than_asked_for():
    environment = {"SLURM_GPUS_PER_NODE": "a100:8", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    with pytest.raises(UserError, match="node g7 shows 4 GPUs, the job asked for 8"):
        check_gpus("g7", environment)


def test_more_ranks_than_gpus():
    environment = {"SLURM_GPUS_PER_NODE": "4", "CUDA_VISIBLE_DEVICES": "0,1,2,3", "SRDIST_RANKS_PER_NODE": "8"}
    with pytest.raises(UserError, match="8 tasks on node g7 for 4 GPUs"):
        check_gpus("g7", environment)


@pytest.mark.parametrize("environment", [{}, {"SLURM_GPUS_PER_NODE": "0"}])
def test_no_gpus_were_asked_for(environment):
    check_gpus("c1", environment)


def test_a_folder_that_nodes_do_not_share(tmp_path):
    (tmp_path / "n0/slurm").mkdir(parents=True)
    (tmp_path / "n1").mkdir()
    check_folder(tmp_path / "n0/slurm/seen-1", "n0", "start 0", is_first=True)
    with pytest.raises(UserError, match="node n1 does not see what the first node.*file system that all nodes share"):
        check_folder(tmp_path / "n1/slurm/seen-1", "n1", "start 0", is_first=False, seconds=0.1)


def test_a_config_that_a_node_does_not_see(tmp_path):
    with pytest.raises(UserError, match="config.yaml: node n1 does not see the job's config -- .* all nodes share"):
        load_submitted(tmp_path / "config.yaml", {"SLURMD_NODENAME": "n1"})


def test_the_note_of_an_earlier_start_does_not_count(tmp_path):
    note = tmp_path / "run/slurm/seen-1"
    check_folder(note, "n0", "start 0", is_first=True)
    check_folder(note, "n1", "start 0", is_first=False)
    with pytest.raises(UserError, match="does not see"):
        check_folder(note, "n1", "start 1", is_first=False, seconds=0.1)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UserError, match="node n0 cannot write to the run's folder"):
        check_folder(tmp_path / "run/slurm/seen-1", "n0", "start 0", is_first=True)


def test_a_full_disk(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 2 * 10**6))
    with pytest.raises(UserError, match=r"only 0.002 GB are free"):
        check_folder(tmp_path / "run/slurm/seen-1", "n0", "start 0", is_first=True)


def test_a_good_node(config):
    check_node(config, {"SLURMD_NODENAME": "n0", "SLURM_JOB_ID": "12", "SLURM_RESTART_COUNT": "1"})
    assert (config.run_dir / "slurm/seen-12").read_text() == "start 1"
