"""The best passages are the same, whether all are assessed or only those that can still be among them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srdist.config.retrieve import RetrieveConfig
from srdist.decode.judge import Judge

FORMS = [
    {"title_score": title_score, "normalize_assessment": normalize, "score": score}
    for title_score, normalize, score in itertools.product(
        ("sum", "mean"), ("title", "query"), ("product", "title", "assessment", "likelihood")
    )
]


def judge_of(retrieve, titles, passages, k):
    """Return the judge of `titles` (logprob, length) and `passages` (title, logprob, copies)."""
    logprobs, lengths = zip(*titles, strict=True)
    groups, passage_logprobs, copies = zip(*passages, strict=True)
    return Judge(retrieve, logprobs, lengths, groups, passage_logprobs, copies, k)


def run(retrieve, titles, passages, rejections, k):
    """Assess what the judge asks for; return the judge and its ranking with scores."""
    judge = judge_of(retrieve, titles, passages, k)
    while wanted := judge.needed():
        assert np.isnan(judge.verdicts[wanted, 0]).all(), "asked for twice"
        for index in wanted:
            judge.note(index, np.array([rejections[index], 0.0]))
    ends = np.cumsum([copies for _, _, copies in passages])
    numbers = [list(range(end - copies, end)) for end, (_, _, copies) in zip(ends, passages, strict=True)]
    scores = judge.scores()[1]
    return judge, [(number, scores[index]) for index, number in judge.ranking(numbers)]


@st.composite
def queries(draw):
    titles = draw(st.lists(st.tuples(st.floats(-6, 0), st.integers(1, 9)), min_size=1, max_size=5))
    sizes = draw(st.lists(st.integers(1, 5), min_size=len(titles), max_size=len(titles)))
    groups = [title for title, size in enumerate(sizes) for _ in range(size)]
    # a few values each, so that there are ties
    passages = [(g, draw(st.sampled_from([0.0, -0.5, -3.0])), draw(st.integers(1, 2))) for g in groups]
    rejections = [draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]) | st.floats(0, 1)) for _ in groups]
    return titles, passages, rejections


@settings(max_examples=300)
@given(queries(), st.integers(1, 12), st.sampled_from(FORMS), st.sampled_from([0.05, 0.4, 3.0]))
def test_skipping_changes_nothing(query, k, form, temperature):
    both = []
    for assess in ("needed", "all"):
        retrieve = RetrieveConfig(assess=assess, tau=temperature, delta=temperature, **form)
        both.append(run(retrieve, *query, k)[1])
    assert both[0] == both[1]


TITLES = [(np.log(0.9), 2), (np.log(0.05), 2), (np.log(0.04), 2)]
PASSAGES = [(title, -1.0, 1) for title in range(3) for _ in range(10)]
REJECTIONS = [0.1] + [0.9] * 29


def test_a_sure_title_spares_the_others():
    judge, ((best, _),) = run(RetrieveConfig(), TITLES, PASSAGES, REJECTIONS, 1)
    assert best == 0 and judge.assessed == 10


def test_nothing_is_skipped_where_all_are_wanted():
    judge, found = run(RetrieveConfig(), TITLES, PASSAGES, REJECTIONS, 100)
    assert judge.assessed == len(found) == 30


def test_all_passages_are_asked_for_at_once_where_none_can_be_skipped():
    for retrieve, k in ((RetrieveConfig(), 30), (RetrieveConfig(assess="all"), 1)):
        assert judge_of(retrieve, TITLES, PASSAGES, k).needed() == list(range(30))


def test_no_bound_over_the_query():
    judge, _ = run(RetrieveConfig(normalize_assessment="query"), TITLES, PASSAGES, REJECTIONS, 1)
    assert judge.assessed == 30


def test_titles_alone_need_no_assessment():
    judge, found = run(RetrieveConfig(score="title"), TITLES, PASSAGES, REJECTIONS, 20)
    assert judge.assessed == 0
    assert [number for number, _ in found] == list(range(20))
    assert np.isnan(judge.scores()[0]).all()


def test_copies_count_as_candidates():
    """Three copies of the best passage fill the list, and nothing else is looked at."""
    passages = [(0, -1.0, 3), *((title, -1.0, 1) for title in (1, 2) for _ in range(10))]
    judge, found = run(RetrieveConfig(), TITLES, passages, [0.1] + [0.9] * 20, 3)
    assert [number for number, _ in found] == [0, 1, 2] and judge.assessed == 1


@pytest.mark.parametrize("delta", [1e-3, 1e3])
def test_extreme_temperatures(delta):
    _, found = run(RetrieveConfig(delta=delta), TITLES, PASSAGES, REJECTIONS, 30)
    assert np.isfinite([score for _, score in found]).all()


@pytest.mark.parametrize(("score", "titles"), [("assessment", [-9.0, -1.0, -5.0]), ("title", [-60.0, -38.0, -39.0])])
def test_of_equal_scores_the_more_probable_title_is_first(score, titles):
    """S_P of a title's only passage is 1; S_T of titles below 1e-16 is equal."""
    passages = [(title, 0.0, 1) for title in range(len(titles))]
    retrieve = RetrieveConfig(score=score)
    judge, ranking = run(retrieve, [(logprob, 3) for logprob in titles], passages, [0.5] * 3, 3)
    assert len(set(judge.scores()[1])) == 1
    assert [number for number, _ in ranking] == [1, 2, 0]
