"""Batch files are whole or not there, and belong to one piece of work."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.decode.batches import BatchFiles, longest_first


@given(st.lists(st.text(max_size=5), max_size=20), st.integers(1, 6))
def test_every_text_is_in_one_batch_and_the_longest_come_first(texts, size):
    batches = longest_first(texts, size)
    order = [index for batch in batches for index in batch]
    assert sorted(order) == list(range(len(texts)))
    assert [len(texts[index]) for index in order] == sorted(map(len, texts), reverse=True)
    assert all(len(batch) == size for batch in batches[:-1])


def test_texts_of_one_length_keep_their_order():
    assert longest_first(["aa", "b", "cc", "dd"], 2) == [[0, 2], [3, 1]]


@pytest.fixture
def files(tmp_path):
    return BatchFiles(tmp_path, "this work")


def test_records_come_back(files):
    records = [{"text": "a\u2028b"}, {"score": 0.1}]
    files.write(3, records, {"seconds": 1.5})
    assert files.read(3) == records
    assert files.finished() == {3: {"seconds": 1.5}}


DAMAGES = [lambda b: b[:-5], lambda b: b.replace(b"0.1", b"0.2"), lambda b: b"", lambda b: b"[]\n"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_batch_is_removed(files, damage):
    files.write(0, [{"score": 0.1}], {})
    files.write(1, [{"score": 0.1}], {})
    path = files.path(0)
    path.write_bytes(damage(path.read_bytes()))
    assert list(files.finished()) == [1]
    assert not path.exists()


def test_a_batch_of_other_work_is_removed(files):
    BatchFiles(files.folder, "other work").write(0, [{}], {})
    assert files.finished() == {}


def test_lines_are_given_in_the_order_of_the_items(files):
    batches = longest_first(["a", "bbb", "cc", "dddd"], 3)
    for number, batch in enumerate(batches):
        files.write(number, [{"item": index} for index in batch], {})
    assert [json.loads(line)["item"] for line in files.in_order(batches)] == [0, 1, 2, 3]


@pytest.mark.parametrize("records", [[{}], [{}] * 3], ids=["one too few", "one too many"])
def test_a_batch_with_too_few_or_too_many_records_is_an_error(files, records):
    files.write(0, records, {})
    with pytest.raises(ValueError):
        list(files.in_order([[1, 0]]))
