import pytest

from srdist.corpus.answers import contains_answer


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("It was built in 1889.", ["1889"], True),
        ("It was built in 18891.", ["1889"], False),
        ("The Eiffel-Tower, in Paris", ["eiffel tower"], True),
        ("The Eiffel Tower", ["tower eiffel"], False),
        ("Straße", ["STRASSE"], True),
        ("anything", [], False),
        ("anything", ["?!"], False),
        ("two answers", ["none", "answers"], True),
    ],
)
def test_contains_answer_compares_whole_words(text, answers, expected):
    assert contains_answer(text, answers) is expected
