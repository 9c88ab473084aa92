"""Fixtures of all tests."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def ray_of_the_session():
    """One Ray for all tests that do not care how it was started: a start costs ten seconds."""
    from srdist.cluster.ray import ray_cluster
    from srdist.config.schema import ClusterConfig

    with ray_cluster(ClusterConfig(workers=2, object_store_mb=100)):
        yield
