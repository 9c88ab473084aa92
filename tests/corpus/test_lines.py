"""Lines come out the same from plain, gzip and zstandard files; damage is named."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from srdist.corpus.bad_records import BadRecords
from srdist.corpus.lines import read_lines, text_blocks
from srdist.errors import UserError

TEXT = "first\n\nthird: Röntgen\u2028still third\r\n  \nlast without an end"
LINES = [(1, "first"), (3, "third: Röntgen\u2028still third"), (5, "last without an end")]


def packed(folder, ending, data):
    path = folder / f"file.txt{ending}"
    compress = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[ending]
    path.write_bytes(compress(data))
    return path


def lines(path):
    return [(record.line, record.value) for record in read_lines(path, BadRecords())]


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_lines_have_their_numbers_and_blank_ones_are_left_out(tmp_path, ending):
    path = packed(tmp_path, ending, TEXT.encode())
    assert lines(path) == LINES
    assert "".join(text_blocks(path)) == TEXT


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_a_byte_order_mark_and_an_empty_file_are_fine(tmp_path, ending):
    path = packed(tmp_path, ending, b"\xef\xbb\xbffirst")
    assert lines(path) == [(1, "first")]
    assert "".join(text_blocks(path)) == "first"
    empty = packed(tmp_path, ending, b"")
    assert lines(empty) == [] and "".join(text_blocks(empty)) == ""


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_lines_and_characters_may_cross_blocks(tmp_path, monkeypatch, ending):
    monkeypatch.setattr("srdist.corpus.lines.BLOCK", 3)
    path = packed(tmp_path, ending, TEXT.encode())
    assert lines(path) == LINES
    assert "".join(text_blocks(path)) == TEXT


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_several_compressed_parts_in_one_file_are_all_read(tmp_path, ending):
    path = packed(tmp_path, ending, b"one\n")
    path.write_bytes(path.read_bytes() + packed(tmp_path.parent, ending, b"two\n").read_bytes())
    assert lines(path) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "overwritten", "not compressed"])
def test_damaged_compression_stops_whatever_the_policy(tmp_path, ending, damage):
    path = packed(tmp_path, ending, b"".join(b"line %d %d\n" % (i, i * i) for i in range(5000)))
    data = path.read_bytes()
    middle = len(data) // 2
    wrong = {
        "cut": data[:middle],
        "overwritten": data[:middle] + bytes(200) + data[middle + 200 :],
        "not compressed": b"plain text\n",
    }
    path.write_bytes(wrong[damage])
    with pytest.raises(UserError, match=r"file\.txt.*: not a whole .* -- copy or download it again"):
        list(read_lines(path, BadRecords("skip")))


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(UserError, match="this is a folder -- name a file in it"):
        list(read_lines(tmp_path, BadRecords()))
    with pytest.raises(UserError, match=r"gone\.txt: cannot read it: No such file"):
        list(read_lines(tmp_path / "gone.txt", BadRecords()))


def test_bad_utf8_in_a_whole_text_names_its_line(tmp_path):
    path = packed(tmp_path, "", b"good\ngood\nb\xffd")
    with pytest.raises(UserError, match=r"file\.txt, line 3: not valid UTF-8 -- convert it"):
        list(text_blocks(path))
    path.write_bytes("cut ö".encode()[:-1])
    with pytest.raises(UserError, match="line 1: not valid UTF-8"):
        list(text_blocks(path))
