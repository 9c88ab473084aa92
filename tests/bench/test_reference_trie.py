"""The dict of dicts on an example small enough to check by eye."""

from srdist.bench.reference.trie import ReferenceTrie

TRIE = ReferenceTrie(
    titles=[[5], [5, 0, 7], [6]],
    passages=[[[8, 2, 3], [8, 2], [9, 4], [9, 4]], [[8]], [[3, 3], [3, 3]]],
    title_end=0,
    passage_end=1,
)


def test_choices_are_symbols_with_the_numbers_behind_them():
    assert TRIE.title_choices([]) == {(5, False): [0, 1], (6, False): [2]}
    assert TRIE.title_choices([5]) == {(0, True): [0], (0, False): [1]}
    assert TRIE.passage_choices(0, []) == {(8, False): [0, 1], (9, False): [2, 3]}
    assert TRIE.passage_choices(0, [8, 2]) == {(3, False): [0], (1, True): [1]}


def test_a_prefix_is_unique_when_one_text_begins_with_it():
    assert not TRIE.passage_is_unique(0, [8, 2])
    assert TRIE.passage_is_unique(0, [9])
    assert TRIE.passage_is_unique(2, [])


def test_titles_are_whole_and_passages_are_cut_where_they_are_alone():
    assert TRIE.title_paths() == [((5, 0), [0]), ((5, 0, 7, 0), [1]), ((6, 0), [2])]
    assert TRIE.passage_paths(0) == [((8, 2, 1), [1]), ((8, 2, 3), [0]), ((9,), [2, 3])]
    assert TRIE.passage_paths(2) == [((), [5, 6])]
