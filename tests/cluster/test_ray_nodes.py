"""Ray on the nodes of a job, with a stand-in for Ray itself: who waits for whom, and who goes when."""

import signal
import sys
import threading

import pytest

from srdist.cluster import ray_nodes
from srdist.cluster.ray import _wait_for_nodes
from srdist.cluster.ray_nodes import NODE_FAILED, join, lead, main
from srdist.errors import REQUEUE, UserError
from tests.cluster.conftest import make_config

LISTENS = """
import re, socket, sys, time
port = next((int(text.split("=")[1]) for text in sys.argv if text.startswith("--port=")), 0)
server = socket.create_server(("127.0.0.1", port))
print("Ray runtime started.", flush=True)
time.sleep({seconds})
sys.exit("RuntimeError: no space left in /dev/shm")
"""


@pytest.fixture
def node(monkeypatch):
    """The environment of a task that srun started on the node n0; the signals' handlers are put back at the end."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    facts = {"SLURMD_NODENAME": "n0", "SLURM_JOB_ID": "31", "SLURM_PROCID": "0", "SLURM_NTASKS": "2"}
    for name, value in {**facts, "SRDIST_INTERFACE": "lo", "RAY_AUTH_MODE": "", "RAY_AUTH_TOKEN_PATH": ""}.items():
        monkeypatch.setenv(name, value)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def meeting(tmp_path):
    return tmp_path / "run/slurm/ray-31-0"


def ray_that_lives(monkeypatch, seconds):
    monkeypatch.setattr(ray_nodes, "RAY_START", (sys.executable, "-c", LISTENS.format(seconds=seconds)))
    monkeypatch.setattr(ray_nodes, "SIGNAL_SECONDS", 0.2)


def write_command(tmp_path, monkeypatch, text):
    """Let `python -m srdist.cli` be another program in the driver's process."""
    package = tmp_path / "path/srdist"
    (package / "cli").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli/__init__.py").touch()
    (package / "cli/__main__.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    monkeypatch.chdir(tmp_path)


def test_the_command_finds_address_token_and_number_of_nodes(tmp_path, node, meeting, monkeypatch):
    ray_that_lives(monkeypatch, 60)
    write_command(
        tmp_path,
        monkeypatch,
        "import os, stat, sys; names = ('RAY_ADDRESS', 'SRDIST_RAY_NODES', 'RAY_AUTH_MODE', 'RAY_AUTH_TOKEN_PATH')\n"
        "token = os.environ[names[3]]; mode = stat.S_IMODE(os.stat(token).st_mode)\n"
        "assert len(open(token).read()) == 64 and mode == 0o600, mode\n"
        "open('seen', 'w').write(' '.join([*sys.argv[1:], *(os.environ[name] for name in names[:3])])); sys.exit(3)",
    )
    assert lead(make_config(tmp_path, join_seconds=30), "prepare", tmp_path / "config.yaml", meeting) == 3
    command, config_file, address, nodes, mode = (tmp_path / "seen").read_text().split()
    assert (command, config_file, nodes, mode) == ("prepare", str(tmp_path / "config.yaml"), "2", "token")
    assert address.startswith("127.0.0.1:2")
    assert not meeting.exists()


def test_a_head_that_does_not_start_gives_its_reason(tmp_path, node, meeting, monkeypatch):
    monkeypatch.setattr(ray_nodes, "RAY_START", ("bash", "-c", "echo 'OSError: port in use' >&2; echo bye; exit 1"))
    monkeypatch.setattr(ray_nodes, "SIGNAL_SECONDS", 0)
    with pytest.raises(UserError, match="Ray on node n0 ended with code 1: OSError: port in use -- see .*n0.log"):
        lead(make_config(tmp_path), "prepare", tmp_path / "config.yaml", meeting)
    assert not meeting.exists()


def test_a_head_that_dies_first_ends_the_command(tmp_path, node, meeting, monkeypatch):
    ray_that_lives(monkeypatch, 1.5)
    write_command(tmp_path, monkeypatch, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    with pytest.raises(UserError, match="Ray on node n0 ended with code 1: RuntimeError: no space left"):
        lead(make_config(tmp_path), "prepare", tmp_path / "config.yaml", meeting)
    assert not (tmp_path / "pid").exists() or not _is_alive((tmp_path / "pid").read_text())
    assert not meeting.exists()


def test_a_head_that_no_longer_listens_ends_the_command(tmp_path, node, meeting, monkeypatch):
    listens = LISTENS.replace("time.sleep", "server.listen(); time.sleep(1.5); server.close(); time.sleep")
    monkeypatch.setattr(ray_nodes, "RAY_START", (sys.executable, "-c", listens.format(seconds=60)))
    monkeypatch.setattr(ray_nodes, "SIGNAL_SECONDS", 0)
    write_command(tmp_path, monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(UserError, match="Ray's head on node n0 has ended -- see .*n0.log"):
        lead(make_config(tmp_path), "prepare", tmp_path / "config.yaml", meeting)
    assert not meeting.exists()


def _is_alive(pid):
    from tests.slurm.local_slurm import runs

    return runs(int(pid))


def test_without_a_head_a_node_leaves_the_job_to_the_first_one(tmp_path, node, meeting, capsys):
    assert join(make_config(tmp_path, join_seconds=1), meeting) == 0
    assert "node n0 found no Ray head within 1 s: see the log of the first node" in capsys.readouterr().err


@pytest.mark.parametrize(("task", "code"), [("0", 2), ("1", NODE_FAILED)])
def test_a_mistake_on_any_node_fails_the_job(tmp_path, node, monkeypatch, task, code):
    monkeypatch.setenv("SLURM_PROCID", task)
    assert main([str(tmp_path / "config.yaml"), "prepare"]) == code
    assert NODE_FAILED > REQUEUE  # srun returns the highest code of its tasks


def test_a_node_leaves_when_the_address_is_removed(tmp_path, node, meeting, monkeypatch):
    ray_that_lives(monkeypatch, 60)
    meeting.mkdir(parents=True)
    (meeting / "address").write_text("127.0.0.1:20000")
    timer = threading.Timer(1.0, (meeting / "address").unlink)
    timer.start()
    assert join(make_config(tmp_path), meeting) == 0
    timer.join()


def test_a_node_whose_ray_keeps_ending_fails_after_three_starts(tmp_path, node, meeting, monkeypatch, capfd):
    ray_that_lives(monkeypatch, 0)
    meeting.mkdir(parents=True)
    (meeting / "address").write_text("127.0.0.1:20000")
    with pytest.raises(UserError, match="no space left"):
        join(make_config(tmp_path), meeting)
    assert capfd.readouterr().err.count("Ray on node n0 ended") == 2


@pytest.mark.slow
@pytest.mark.usefixtures("ray_of_the_session")
def test_a_node_that_never_comes_stops_the_driver():
    with pytest.raises(UserError, match="only 1 of 2 nodes joined the Ray cluster within 0.5 s"):
        _wait_for_nodes(2, 0.5)
