import os
import subprocess
import sys

import pytest

from srdist.errors import UserError
from srdist.train.device import Rank, find_rank
from srdist.train.launch import _last_error


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({}, Rank(0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, Rank(3, 4, 1)),
        ({"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"}, Rank(5, 8, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, Rank(0, 1, 0)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, Rank(0, 1, 0)),
    ],
)
def test_the_rank_comes_from_torchrun_or_slurm(environment, rank):
    assert find_rank(environment) == rank


def test_an_incomplete_environment_is_an_error_of_the_user():
    with pytest.raises(UserError, match="WORLD_SIZE"):
        find_rank({"RANK": "0"})


@pytest.mark.parametrize(
    ("printed", "code", "error"),
    [
        ("noise\nUserError: no such file -- look\nRuntimeError: gloo\n", 2, "no such file -- look"),
        (
            "Traceback\n  File\ntorch.OutOfMemoryError: too big\nRuntimeError: gloo\n",
            1,
            "torch.OutOfMemoryError: too big",
        ),
        (
            "[rank1]: Traceback\n[rank1]: torch.OutOfMemoryError: too big\n[rank1]:[W1107 Warning: x\n",
            1,
            "torch.OutOfMemoryError: too big",
        ),
        ("loading\n", -9, "a rank was killed by SIGKILL, perhaps for memory"),
        ("", 3, "a rank ended with code 3"),
    ],
)
def test_the_error_that_the_user_sees_is_the_first_cause(tmp_path, printed, code, error):
    log = tmp_path / "log.txt"
    log.write_text("UserError: of an earlier start\n" + printed)
    assert _last_error(log, len(f"UserError: of an earlier start{os.linesep}"), code) == error


def test_a_rank_that_leaves_prints_all_and_runs_nothing_more():
    code = (
        "import atexit; from srdist.train.rank import leave; atexit.register(print, 'late'); print('in time'); leave(3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "in time\n")
