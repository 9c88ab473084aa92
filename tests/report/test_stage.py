import re
from html.parser import HTMLParser

import pytest

from srdist.errors import UserError
from srdist.evaluate.stage import evaluate
from srdist.report.figures import duration, figure, signed
from srdist.report.stage import STAGES, report
from srdist.storage.manifest import manifest_path
from tests.evaluate import hand_made
from tests.evaluate.hand_made import make_config, make_run, make_trained

VOID = {"meta", "line", "circle", "polyline", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order; keeps tags and visible text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


@pytest.fixture
def run(tmp_path):
    make_run(tmp_path)
    make_trained(tmp_path)
    config = make_config(tmp_path, evaluate={"measures": ["Success@1", "RR@5"]})
    evaluate(config)
    return config


def page_of(config):
    report(config)
    return (config.run_dir / "report.html").read_text(encoding="utf-8")


def test_page_holds_the_numbers_of_the_run(run):
    text = Page(page_of(run)).text
    assert "hand-made" in text
    assert "Hits@1 over passages: Self-Retrieval 0.250 , BM25 0.500 , Hybrid 0.750 ." in text
    for figures in (
        "Self-Retrieval 0.250 0.375",
        "BM25 0.500 0.625",
        "answers, exact match 0.333",
        "answers, F1 0.556",
        "3 unnamed, Self-Retrieval 0.333 3 unnamed, BM25 0.667",
    ):
        assert figures in text
    assert "1 without gold in the corpus, 1 without a prediction of Self-Retrieval, 0 without a prediction" in text
    assert "passages 4" in text and "trie bytes per passage 7.2" in text
    assert "seconds per query 1.25" in text
    assert "train 1.5 min" in text and "optimizer steps 100" in text


def test_page_shows_what_was_found_and_whether_it_is_right(run):
    text = Page(page_of(run)).text
    assert (
        "which river is longest Self-Retrieval: rank 2 BM25: rank 1 Hybrid: rank 1 answer The Nile. right accepted Nile"
        in text
    )
    assert "log P(t|q) −0.25 P(rejection) 0.125 S T 0.500 S P 0.250 S 0.1250" in text
    assert "which mountain is highest Self-Retrieval: not found" in text and "No passage was found." in text


def test_page_shows_the_query_likelihood(tmp_path, monkeypatch):
    asked = {"query_logprob": -7.5, "rejection": None, "acceptance": None, "passage_score": None, "score": -7.75}
    monkeypatch.setattr(hand_made, "SCORES", hand_made.SCORES | asked)
    make_run(tmp_path)
    make_trained(tmp_path)
    config = make_config(tmp_path, retrieve={"score": "query_likelihood"})
    evaluate(config)
    text = Page(page_of(config)).text
    assert (
        "log P(t|q) of the title, log P(q|t,p) of the query as a question about the passage, and their sum S." in text
    )
    assert "log P(t|q) −0.25 log P(q|t,p) −7.50 S −7.7500" in text


@pytest.mark.parametrize(
    ("score", "formula"),
    [
        ("product", "S T · S P ."),
        ("title", "S T ."),
        ("assessment", "S P ."),
        ("likelihood", "S T · S P · P(p|q,t)."),
    ],
)
def test_page_says_what_the_score_is(tmp_path, score, formula):
    make_run(tmp_path)
    make_trained(tmp_path)
    config = make_config(tmp_path, retrieve={"score": score})
    evaluate(config)
    text = Page(page_of(config)).text
    assert f"log P(t|q) of the title, P(rejection) of the passage, and S = {formula}" in text


def test_page_needs_nothing_from_outside(run):
    page = page_of(run)
    assert not re.search(r"""(src|href|action|data)\s*=|url\(|@import|//[a-z]""", page)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in Page(page).tags}


def test_markup_in_a_question_is_shown_as_text(run):
    page = page_of(run)
    assert "<script" not in page
    assert "which animal <script>alert(1)</script> is big" in Page(page).text


def test_page_without_records_of_the_training(run):
    (run.run_dir / "train" / "metrics.jsonl").unlink()
    assert "No records of the training were found." in Page(page_of(run)).text


def test_running_again_changes_nothing_and_two_pages_are_identical(run):
    first = page_of(run)
    written = (run.run_dir / "report.html").stat().st_mtime_ns
    assert page_of(run) == first
    assert (run.run_dir / "report.html").stat().st_mtime_ns == written
    (run.run_dir / "report.html").unlink()
    manifest_path(run.run_dir, "report").unlink()
    assert page_of(run) == first


def test_folders_of_this_machine_neither_show_nor_matter(run):
    page = page_of(run)
    assert str(run.run_dir) not in page and "/models" not in page
    moved = run.model_copy(update={"model": run.model.model_copy(update={"base": "/elsewhere/tiny"})})
    assert page_of(moved) == page


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_was_not_run_is_named(run, stage):
    manifest_path(run.run_dir, stage).unlink()
    with pytest.raises(UserError, match=f"stage {stage} has not finished"):
        report(run)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (duration(4.24), "4.2 s"),
        (duration(90), "1.5 min"),
        (duration(9000), "2.5 h"),
        (figure(1234567), "1,234,567"),
        (figure(10.56), "10.6"),
        (figure(None), "–"),
        (signed(-0.256), "−0.26"),
        (signed(0), "0.00"),
        (signed(None), "–"),
    ],
)
def test_figures_are_written_for_people(written, shown):
    assert written == shown
