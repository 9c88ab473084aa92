"""A Ray of several nodes on this machine loses one of them in the middle of a stage: the bytes stay the same."""

import os
import shutil
import subprocess
import sys

import pytest

from srdist.config import load_config
from srdist.decode.stage import retrieve
from srdist.prepare.stage import prepare
from srdist.storage.manifest import Manifest, write_manifest
from srdist.trie.stage import build_index
from tests.slurm.local_slurm import wait_until
from tests.tiny_run import digests, make_experiment

pytestmark = pytest.mark.slow
STAGES = {
    "prepare": ("prepare.work/*", ("passages", "tokens", "titles", "queries", "mixture")),
    "retrieve": ("retrieve/batches/*", ("retrieve",)),
}
"""stage -> files that show that it is at work, folders that it makes"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    changes = {"prepare": {"partitions": 12, "chunk_documents": 1}, "retrieve": {"batch_queries": 1}}
    return make_experiment(tmp_path_factory.mktemp("lost-nodes"), documents=60, **changes)


@pytest.fixture(scope="module")
def undisturbed(config, ray_of_the_session):
    """The same stages on one node; the folder of the run."""
    run_dir = config.parent / "undisturbed"
    settings = load_config(config, [f"output={run_dir}"])
    prepare(settings)
    build_index(settings)
    pretend_to_train(config, run_dir)
    retrieve(settings)
    return run_dir


def pretend_to_train(config, run_dir):
    """Take the base model for the trained one."""
    shutil.copytree(config.parent / "base", run_dir / "model", dirs_exist_ok=True)
    write_manifest(run_dir, Manifest("train", settings={}, inputs={}), ["model"])


@pytest.fixture(scope="module")
def nodes():
    """A cluster whose head has no workers, so that all work is on the node that is lost."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield cluster
    finally:
        cluster.shutdown()


@pytest.mark.parametrize("stage", STAGES)
def test_a_node_is_killed_and_the_bytes_are_the_same(stage, config, undisturbed, nodes):
    run_dir = config.parent / "run"
    at_work, folders = STAGES[stage]
    if stage == "retrieve":
        build_index(load_config(config))
        pretend_to_train(config, run_dir)
    doomed = nodes.add_node(num_cpus=2, object_store_memory=100 << 20)
    environment = {**os.environ, "RAY_ADDRESS": nodes.address}
    command = [sys.executable, "-m", "srdist.cli", stage, str(config)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: process.poll() is not None or any(run_dir.glob(at_work)), f"{stage} is at work", 300)
        nodes.remove_node(doomed, allow_graceful=False)
        unfinished = not (run_dir / "manifests" / f"{stage}.json").exists()
        replacement = nodes.add_node(num_cpus=2, object_store_memory=100 << 20)
        _, said = process.communicate(timeout=300)
    nodes.remove_node(replacement)
    assert process.returncode == 0, said
    assert unfinished
    assert digests(run_dir, *folders) == digests(undisturbed, *folders)
