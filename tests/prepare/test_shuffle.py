"""What the first half of the shuffle refuses to begin with."""

from collections import Counter

import pytest

from srdist.corpus.bad_records import BadRecords
from srdist.errors import UserError
from srdist.prepare import shuffle
from tests.tiny_run import tiny_config


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"prepare": {"partitions": 2}},
            "20 characters of text are too many for 2 partitions -- raise prepare.partitions",
        ),
        ({"corpus": {"titles": {"constant": "any"}}}, "10 characters .* for 1 partitions -- .* take a smaller corpus"),
    ],
)
def test_more_text_than_the_partitions_can_hold(tmp_path, monkeypatch, settings, told):
    monkeypatch.setattr(shuffle, "MOST_CHARACTERS", 10)
    config = tiny_config(tmp_path, **settings)
    with pytest.raises(UserError, match=told):
        shuffle.write_chunks(config, BadRecords("stop"), Counter(), run=lambda _, arguments, gpu: list(arguments))
