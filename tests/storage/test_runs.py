"""TREC run files."""

import pytest

from srdist.errors import UserError
from srdist.storage.runs import read_run, write_run


def test_a_run_reads_back(tmp_path):
    path = tmp_path / "run.trec"
    write_run(path, [("q1", [("p2", 0.5), ("p1", 0.25)]), ("q2", [])], "test")
    assert path.read_text().splitlines()[0] == "q1 Q0 p2 1 0.5 test"
    assert read_run(path) == {"q1": {"p2": 0.5, "p1": 0.25}}


def test_an_id_with_white_space_is_refused(tmp_path):
    with pytest.raises(UserError, match="white space"):
        write_run(tmp_path / "run.trec", [("q 1", [("p", 1.0)])], "test")


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "run.trec"
    path.write_text("q Q0 p 1 0.5 tag\nq Q0 p\n")
    with pytest.raises(UserError, match=r"run\.trec, line 2: not a line of a TREC run"):
        read_run(path)


@pytest.mark.parametrize("score", [1 / 3, 1.0, 0.0, -17.5, 9.99999999e-20, 12345678.9])
def test_equal_scores_are_written_in_falling_order(tmp_path, score):
    ranking = [(f"p{rank:02}", score) for rank in range(50)]
    write_run(tmp_path / "run.trec", [("q", [("first", score + 1), *ranking, ("last", score)])], "test")
    written = read_run(tmp_path / "run.trec")["q"]
    assert list(written.values()) == sorted(set(written.values()), reverse=True)
    assert list(written) == ["first", *(name for name, _ in ranking), "last"]
    assert all(abs(written[name] - score) <= 1e-6 * abs(score) + 1e-30 for name, _ in ranking)
