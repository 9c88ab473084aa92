"""The evaluator with real processes: neither their number nor a SIGKILL at any moment changes a byte.

`SRDIST_KILLS=20` kills workers and the command itself at twenty random moments instead of two.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from srdist.config.load import save_config
from srdist.decode import evaluator, stage
from srdist.decode.results import RESULTS, read_results
from srdist.storage.runs import read_run
from tests.decode.tiny_run import make_run

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("SRDIST_KILLS", "2"))
SEED = int(os.environ.get("SRDIST_KILLS_SEED", "0"))
NARROW = {"titles": 3, "title_beams": 3, "passages": 2, "passage_beams": 2, "top_k": 5, "batch_queries": 2}
QUERIES = [f"query {'very ' * (number % 7)}{number}?" for number in range(80)]
COMMAND = (
    "import sys; from srdist.config import load_config; from srdist.decode.stage import retrieve; "
    "retrieve(load_config(sys.argv[1]))"
)


def make(folder, workers):
    config = make_run(folder, queries=QUERIES, sharpness=6.0, **NARROW)
    cluster = config.cluster.model_copy(update={"workers": workers, "object_store_mb": 100})
    config = config.model_copy(update={"cluster": cluster})
    save_config(config, folder / "config.yaml")
    return config


def start(config):
    return subprocess.Popen([sys.executable, "-c", COMMAND, str(config.run_dir / "config.yaml")])


def outputs(config):
    return [(config.run_dir / name).read_bytes() for name in (RESULTS, "retrieve/run.trec")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a plain loop in this process gives."""
    config = make(tmp_path_factory.mktemp("whole"), workers=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator, "run_on_actors", in_a_loop)
        patch.setattr(evaluator, "ray_cluster", lambda _: nullcontext())
        stage.retrieve(config)
    return outputs(config)


def in_a_loop(make, batches, **_):
    work = make()
    return ((index, work(*batch)) for index, batch in enumerate(batches))


def test_kills_at_random_moments_change_nothing(whole, tmp_path):
    generator, killed = random.Random(SEED), Counter()
    config, process = make(tmp_path / "run-0", workers=2), None
    while killed.total() < KILLS:
        process = process or start(config)
        victim = ("worker", "command")[killed.total() % 2]
        if kill_after(finished(config) + generator.randrange(12), config, process, victim, generator):
            killed[victim] += 1
        if process.poll() is not None and process.returncode != -signal.SIGKILL:
            finish(config, process, whole)
            config = make(tmp_path / f"run-{killed.total()}", workers=2)
        process = None if process.poll() is not None else process
    finish(config, process or start(config), whole)


def finish(config, process, whole):
    """The command comes to its end, with every query once."""
    assert process.wait() == 0
    assert outputs(config) == whole
    assert Counter(query for query, _ in read_results(config.run_dir)) == {f"q{n}": 1 for n in range(len(QUERIES))}
    assert len(read_run(config.run_dir / "retrieve/run.trec")) == len(QUERIES)
    assert not (config.run_dir / stage.BATCHES).exists()


def finished(config):
    return len(list((config.run_dir / stage.BATCHES).glob("batch-*.jsonl")))


def kill_after(goal, config, process, victim, generator):
    """Wait until some batches are finished, then kill the command or one of its workers; False: it was over before."""
    while process.poll() is None:
        family = descendants(process.pid)
        workers = [pid for pid in family if command_line(pid).startswith(b"ray::_Actor")]
        if finished(config) >= goal and (victim == "command" or workers):
            time.sleep(generator.random() * 0.2)
            if victim == "worker":
                return kill(generator.choice(sorted(workers)))
            kill(process.pid)
            process.wait()
            wait_until_gone(family)
            return True
        time.sleep(0.02)
    return False


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(processes, seconds=120):
    deadline = time.monotonic() + seconds
    while any(started(pid) == moment for pid, moment in processes.items()):
        assert time.monotonic() < deadline, "processes of a killed command are left behind"
        time.sleep(0.1)


def descendants(pid):
    """Return the process ids below a process, with the moment that each was started: a number may be used again."""
    parents = {int(path.name): parent_of(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    family, size = {pid}, 0
    while len(family) > size:
        size = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    return {child: started(child) for child in family - {pid} if started(child)}


def facts_of(pid):
    """Return what /proc says of a process after its name; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent_of(pid):
    return int((facts_of(pid) or ["", "0"])[1])


def started(pid):
    facts = facts_of(pid)
    return facts[19] if facts and facts[0] != "Z" else None


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
