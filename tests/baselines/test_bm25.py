import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from srdist.baselines.bm25 import rank_with_bm25, terms_of

IDS = ["nile", "whale", "everest", "nile-copy"]
TEXTS = [
    "the nile the longest river floods every summer",
    "blue whale the largest animal",
    "mount everest the highest mountain, above every river",
    "the nile the longest river floods every summer",
]


def rank(query, *, language="en", top_k=10, ids=IDS, texts=TEXTS):
    (ranking,) = rank_with_bm25(ids, texts, [query], language=language, top_k=top_k)
    return ranking


def test_the_obvious_passage_comes_first():
    assert rank("Which animal is the largest?")[0][0] == "whale"


def test_scores_fall_and_passages_without_a_common_word_are_left_out():
    ranking = rank("longest river")
    assert [identifier for identifier, _ in ranking] == ["nile-copy", "nile", "everest"]
    scores = [score for _, score in ranking]
    assert scores == sorted(scores, reverse=True) and scores[-1] > 0


def test_query_of_unknown_or_stop_words_finds_nothing():
    assert rank("the of and") == rank("zebra") == rank("") == []


def test_terms_are_stems_of_words_with_content():
    assert terms_of(["The rivers' floods", "of the", ""], language="en") == [["river", "flood"], [], []]


def test_stop_words_are_those_of_the_language():
    assert rank("the") == []
    assert len(rank("the", language="fi")) == 4


def test_cut_keeps_the_best_also_among_equal_scores():
    assert [identifier for identifier, _ in rank("longest river", top_k=1)] == ["nile-copy"]
    assert rank("longest river", top_k=2) == rank("longest river")[:2]


def test_corpus_without_words():
    assert rank("anything", ids=["a"], texts=["?"]) == []


@given(st.permutations(range(4)))
def test_order_of_the_passages_does_not_matter(order):
    shuffled = rank("longest river of every mountain", ids=[IDS[i] for i in order], texts=[TEXTS[i] for i in order])
    assert shuffled == rank("longest river of every mountain")


def test_jax_where_it_is_installed_leaves_the_gpu_alone(tmp_path):
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("import os\nprint('JAX on', os.environ.get('JAX_PLATFORMS'))\n")
    (tmp_path / "jax" / "lax.py").write_text("def top_k(values, k): pass\n")
    code = "from srdist.prepare.views import stop_words; stop_words('en')"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "JAX on cpu\n"
