from srdist.corpus.words import stop_words, words_of


def test_words_stand_without_the_punctuation_around_them():
    words = words_of("The red fox (a small canid) eats mice, birds and 'berries'.")
    assert words == ["The", "red", "fox", "a", "small", "canid", "eats", "mice", "birds", "and", "berries"]
    assert words_of("?!") == ["?!"], "a text without words is a word"


def test_stop_words_are_those_of_the_language():
    assert {"the", "and"} <= stop_words("en")
    assert "und" in stop_words("de")
    assert stop_words("xx") == frozenset()
