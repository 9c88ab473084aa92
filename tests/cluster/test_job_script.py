"""job.sh, which every script sources: set-up, signals, requeueing."""

import subprocess
import sys

import pytest

from srdist.config.cluster import SCRIPTS


@pytest.fixture
def job(tmp_path, slurm):
    """Run lines of bash after job.sh as a job of Slurm would; gives (exit code, all output)."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "job.sh").write_text((SCRIPTS / "job.sh").read_text())

    def run(lines, site="", **environment):
        names = "ACCOUNT CPU_PARTITION GPU_PARTITION INTERFACE MODULES CONTAINER PYTHON".split()
        (folder / "site.env").write_text("".join(f"{name}=\n" for name in names) + site)
        (folder / "test.sbatch").write_text(f'source "$SRDIST_SLURM/job.sh"\n{lines}\necho the end\n')
        facts = {
            "PATH": f"{slurm.bin}:/usr/bin:/bin",
            "SRDIST_SLURM": str(folder),
            "SRDIST_PYTHON": sys.executable,
            "SLURM_JOB_ID": "31",
            "SLURM_JOB_NAME": "tiny-train",
            "SLURM_JOB_NODELIST": "n[0-1]",
            "SLURMD_NODENAME": "n0",
            **environment,
        }
        done = subprocess.run(
            ["bash", str(folder / "test.sbatch"), "config.yaml"], env=facts, capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_step_that_succeeds_goes_on(job, slurm):
    code, output = job("step true")
    assert code == 0 and output.endswith("the end\n")
    assert "--- job 31 (tiny-train), start 1, on n[0-1], " in output
    assert slurm.calls == []


def test_a_step_that_fails_ends_the_job_with_its_code(job, slurm):
    code, output = job("step bash -c 'exit 3'")
    assert code == 3 and "error: ended with code 3; logs: ." in output and "the end" not in output
    assert slurm.calls == []


def test_code_85_requeues(job, slurm):
    code, output = job("step bash -c 'exit 85'", SLURM_RESTART_COUNT="2", SRDIST_REQUEUES="5")
    assert code == 85 and "requeue 3 of 5" in output
    assert slurm.called("scontrol") == ["scontrol requeue 31"]


def test_a_task_of_an_array_requeues_itself_alone(job, slurm):
    code, _ = job("step bash -c 'exit 85'", SLURM_ARRAY_JOB_ID="31", SLURM_ARRAY_TASK_ID="4")
    assert code == 85
    assert slurm.called("scontrol") == ["scontrol requeue 31_4"]


def test_requeues_are_limited(job, slurm):
    code, output = job("step bash -c 'exit 85'", SLURM_RESTART_COUNT="5", SRDIST_REQUEUES="5")
    assert code == 2 and "requeued 5 times before, the limit; `srdist submit` goes on" in output
    assert slurm.calls == []


def test_a_job_that_slurm_requeued_too_often_does_nothing(job):
    code, output = job("step true", SLURM_RESTART_COUNT="6", SRDIST_REQUEUES="5")
    assert code == 2 and "requeued 6 times, the limit" in output


@pytest.mark.parametrize("end", ["exit 85", "trap - TERM; kill -TERM $$"])
def test_the_signal_before_the_time_limit_reaches_the_step(job, slurm, end):
    rank = f"trap 'echo saved; {end}' USR1; (sleep 0.5; kill -USR1 $PPID) & while :; do sleep 0.1; done"
    code, output = job(f"step bash -c {_quoted(rank)}")
    assert code == 85 and "time is nearly up\nsaved\n" in output
    assert slurm.called("scontrol") == ["scontrol requeue 31"]


def test_the_signal_between_two_steps_requeues_before_the_next(job, slurm):
    code, output = job("kill -USR1 $$; step echo not this")
    assert code == 85 and "not this" not in output
    assert slurm.called("scontrol") == ["scontrol requeue 31"]


def test_the_signal_while_modules_are_loaded_requeues_before_the_first_step(job, slurm):
    code, output = job("step echo not this", site="MODULES=slow\nmodule() { kill -USR1 $$; }\n")
    assert code == 85 and "not this" not in output
    assert slurm.called("scontrol") == ["scontrol requeue 31"]


def test_modules_without_a_module_command(job):
    code, output = job("step true", site='MODULES="gcc/13 cuda/12.4"\n')
    assert code == 2 and "site.env asks for module gcc/13, but node n0 has no `module`" in output


def test_a_missing_module(job):
    site = 'MODULES="gcc/13 cuda/99"\nmodule() { [ "$2" = gcc/13 ]; }\n'
    code, output = job("step true", site=site)
    assert code == 2 and "error: module cuda/99 of site.env cannot be loaded on node n0" in output


def test_an_interpreter_without_srdist(job):
    code, output = job("step true", site="PYTHON=/usr/bin/false\n")
    assert code == 2 and "/usr/bin/false cannot import srdist on node n0; see site.env" in output


def test_variables_of_the_shell_that_submitted_do_not_reach_the_ranks(job):
    code, output = job("step bash -c 'echo \"rank=${RANK-none}\"'", RANK="3", WORLD_SIZE="4", RAY_ADDRESS="old:1")
    assert code == 0 and "rank=none" in output


def test_the_interface_is_told_to_nccl_gloo_and_ray(job):
    names = "$NCCL_SOCKET_IFNAME $GLOO_SOCKET_IFNAME $SRDIST_INTERFACE"
    _, output = job(f"step bash -c 'echo {names}'", site="INTERFACE=ib0\n")
    assert "ib0 ib0 ib0\n" in output


def _quoted(text):
    import shlex

    return shlex.quote(text)
