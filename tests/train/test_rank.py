"""What a rank does before it trains."""

import os
import signal

import pytest

from srdist.errors import REQUEUE
from srdist.train.rank import stop_before_training
from tests.train.ranks import end_ranks, fork


def get_signal(number):
    stop_before_training()
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stop_signal_before_the_training_listens_asks_to_be_started_again(number):
    assert end_ranks([fork(get_signal, number)]) == [REQUEUE]
