"""Tasks on a real Ray."""

import os
import signal
from pathlib import Path

import pytest

from srdist.cluster.ray import check_address, run_tasks
from srdist.errors import UserError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_of_the_session")]


def double(number):
    return 2 * number


def user_error(number):
    raise UserError("bad record", file="corpus.jsonl", line=number, cure="mend it")


def full_disk(number):
    raise OSError(28, "Error", "chunk.arrow")


def dies_once(marker: str):
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_every_argument_gives_a_result_with_its_index():
    assert dict(run_tasks(double, ((number,) for number in range(20)))) == {n: 2 * n for n in range(20)}


def test_arguments_are_read_no_faster_than_they_are_used():
    read = []

    def arguments():
        for number in range(50):
            read.append(number)
            yield (number,)

    results = run_tasks(double, arguments(), in_flight=3)
    next(results)
    assert len(read) <= 4
    assert len(list(results)) == 49


def test_a_users_mistake_in_a_task_arrives_whole():
    with pytest.raises(UserError) as error:
        list(run_tasks(user_error, [(7,)]))
    assert str(error.value) == "corpus.jsonl, line 7: bad record -- mend it"
    assert error.value.line == 7


def test_a_refused_write_in_a_task_arrives_whole():
    with pytest.raises(OSError) as error:
        list(run_tasks(full_disk, [(7,)]))
    assert (error.value.errno, error.value.filename) == (28, "chunk.arrow")


def test_a_killed_worker_is_replaced(tmp_path):
    assert list(run_tasks(dies_once, [(str(tmp_path / "marker"),)])) == [(0, "done")]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-such-host.invalid:6379"])
def test_an_address_where_nothing_listens_is_named_at_once(address):
    with pytest.raises(UserError, match=f"cannot reach Ray at RAY_ADDRESS={address}"):
        check_address(address)
