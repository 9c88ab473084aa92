import numpy as np
import pytest

from srdist.errors import UserError
from srdist.storage.partitions import open_partitions, partition_path, write_partition
from srdist.storage.tables import mixture_schema
from srdist.train.data import Examples, shuffled
from tests.train.tiny_run import write_mixture


def test_examples_are_the_rows_of_all_partitions_in_order(tmp_path):
    write_mixture(tmp_path, 53, seed=1, partitions=3)
    examples = Examples(tmp_path)
    rows = [row for table in open_partitions(tmp_path) for row in table.to_pylist()]
    assert len(examples) == 53
    assert [examples.tokens(index).tolist() for index in range(53)] == [row["tokens"] for row in rows]
    assert examples.lengths.tolist() == [len(row["tokens"]) for row in rows]
    assert examples.prompts.tolist() == [row["prompt_tokens"] for row in rows]
    assert examples.tasks.tolist() == [row["task"] for row in rows]


def test_tokens_are_read_from_the_file_when_asked_for(tmp_path):
    write_mixture(tmp_path, 10, seed=1)
    assert not Examples(tmp_path).tokens(3).flags.owndata


def test_a_phase_without_examples_is_an_error_of_the_user(tmp_path):
    schema = mixture_schema(np.dtype(np.uint16))
    write_partition(partition_path(tmp_path, 0, 1), [schema.empty_table()], schema)
    with pytest.raises(UserError, match="no examples"):
        Examples(tmp_path)


def test_the_order_is_a_permutation_that_depends_on_seed_phase_and_epoch_only():
    order = shuffled(100, seed=1, phase=0, epoch=0)
    assert sorted(order) == list(range(100))
    assert np.array_equal(order, shuffled(100, seed=1, phase=0, epoch=0))
    for other in ({"seed": 2}, {"phase": 1}, {"epoch": 1}):
        assert not np.array_equal(order, shuffled(100, **{"seed": 1, "phase": 0, "epoch": 0, **other}))
