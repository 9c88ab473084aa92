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
        ("Cafe\u0301 Noir", ["café noir"], True),
        ("東京は日本の首都である。", ["東京"], True),
        ("東京は日本の首都である。", ["京東"], False),
        ("서울은 대한민국의 수도이다.", ["서울"], True),
        ("two answers", ["none", "answers"], True),
    ],
)
def test_contains_answer_compares_whole_words(text, answers, expected):
    assert contains_answer(text, answers) is expected
