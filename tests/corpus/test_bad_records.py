"""One place decides what happens to bad records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from srdist.corpus.bad_records import BadRecords, RawRecord
from srdist.errors import UserError

RECORD = RawRecord({"a": "ö"}, Path("corpus.jsonl"), 3, raw='{"a":"ö"}')
OTHER = RawRecord("text", Path("corpus.jsonl"), 4, raw="text")
ARTICLE = RawRecord({"a": "ö"}, Path("dev.json"), name="article 2")


def test_stop_names_file_line_reason_and_cure():
    with pytest.raises(UserError) as caught:
        BadRecords().add(RECORD, "lacks the field id", "add it")
    assert str(caught.value) == (
        "corpus.jsonl, line 3: lacks the field id -- add it, or set corpus.on_bad_record: skip"
    )


def test_a_record_without_a_line_is_named():
    with pytest.raises(UserError, match=r"^dev\.json: article 2: lacks the field id -- add it"):
        BadRecords().add(ARTICLE, "lacks the field id", "add it")


def test_skip_writes_the_quarantine_and_counts(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    with BadRecords("skip", path) as bad:
        bad.add(RECORD, "first", "")
        bad.add(ARTICLE, "second", "")
        bad.add(OTHER, "third", "")
        assert not path.exists()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert entries[0] == {"file": "corpus.jsonl", "line": 3, "reason": "first", "raw": '{"a":"ö"}'}
    assert entries[1] == {"file": "dev.json", "line": None, "reason": "article 2: second", "raw": '{"a": "ö"}'}
    assert bad.count == 3
    assert bad.by_file == {"corpus.jsonl": 2, "dev.json": 1}


def test_a_record_read_twice_counts_once(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    with BadRecords("skip", path) as bad:
        bad.add(RECORD, "as a training query", "")
        bad.add(RECORD, "as a test query", "")
    assert bad.count == len(path.read_text().splitlines()) == 1


def test_without_bad_records_there_is_no_quarantine_not_even_an_old_one(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    path.write_text("old")
    with BadRecords("skip", path):
        pass
    assert not path.exists()


def test_an_error_leaves_no_half_quarantine(tmp_path):
    with pytest.raises(ZeroDivisionError), BadRecords("skip", tmp_path / "quarantine.jsonl") as bad:
        bad.add(RECORD, "reason", "")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_quarantine_needs_a_with_block(tmp_path):
    with pytest.raises(RuntimeError, match="with"):
        BadRecords("skip", tmp_path / "quarantine.jsonl").add(RECORD, "reason", "")


def test_a_quiet_copy_has_the_policy_and_counts_for_itself(tmp_path):
    with BadRecords("skip", tmp_path / "quarantine.jsonl") as bad:
        quiet = bad.quiet()
        quiet.add(RECORD, "reason", "")
    assert (quiet.count, bad.count) == (1, 0)
    with pytest.raises(UserError):
        BadRecords("stop").quiet().add(RECORD, "reason", "")
