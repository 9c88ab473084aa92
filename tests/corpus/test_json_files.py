"""A JSON array is read item by item and still read right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdist.corpus import json_files, lines
from srdist.corpus.json_files import json_array, json_value
from srdist.errors import UserError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    items=st.lists(VALUES, max_size=6),
    indent=st.sampled_from([None, 0, 3]),
    block=st.integers(1, 40),
    ascii_only=st.booleans(),
)
def test_items_are_those_of_the_whole_file(tmp_path_factory, items, indent, block, ascii_only):
    path = tmp_path_factory.mktemp("array") / "array.json"
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only)
    path.write_bytes(text.encode("utf-8", "surrogatepass") if ascii_only else text.encode("utf-8", "replace"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", block)
        assert [record.value for record in json_array(path)] == json.loads(path.read_text("utf-8"))


def test_items_know_their_line_and_number(tmp_path):
    path = tmp_path / "array.json"
    path.write_text('\n[\n  {"a":\n 1},\n\n {"a": 2} , 3\n]\n')
    assert [(record.line, record.name, record.value) for record in json_array(path)] == [
        (3, "record 1", {"a": 1}),
        (6, "record 2", {"a": 2}),
        (6, "record 3", 3),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: not a valid JSON array \(\[ is missing here\)"),
        ('{"a": 1}', r"line 1: not a valid JSON array \(\[ is missing here\)"),
        ("[1,\n2,\n]", "line 3: not a valid JSON array"),
        ("[1,\n2", r"line 2: not a valid JSON array \(\] is missing here\)"),
        ('[1,\n{"a": "b', "line 2: not a valid JSON array"),
        ("[1 2]", r"line 1: not a valid JSON array \(\] is missing here\)"),
        ("[1]\n[2]", r"line 2: not a valid JSON array \(there is more after the array\)"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_one_array_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "array.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        list(json_array(path))
    assert caught.value.cure == json_files.DAMAGED


def test_one_value_that_is_not_json_is_named_with_its_line(tmp_path):
    path = tmp_path / "value.json"
    path.write_text('{\n"a": 1,\n"b" 2}')
    with pytest.raises(UserError, match=r"value\.json, line 3: not valid JSON .* -- correct the file"):
        json_value(path)
