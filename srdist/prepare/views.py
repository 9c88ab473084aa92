"""Views of a passage: texts that look like queries about it, none of them twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property

from srdist.baselines.bm25 import import_bm25s
from srdist.config.mixture import ViewsConfig

WINDOW = 3
"""words of a window of the text for each content word that is wanted"""
DROPPED = 0.3
"""share of a sentence's words that is dropped"""
AROUND_WORDS = "\"'“”‘’«»„()[]{}<>.,;:!?…-–—*/|"
STOP_WORDS = {
    "da": "DANISH",
    "de": "GERMAN",
    "en": "EN_PLUS",
    "es": "SPANISH",
    "fr": "FRENCH",
    "it": "ITALIAN",
    "ko": "KOREAN",
    "nl": "DUTCH",
    "no": "NORWEGIAN",
    "pt": "PORTUGUESE",
    "ru": "RUSSIAN",
    "sv": "SWEDISH",
    "tr": "TURKISH",
    "zh": "CHINESE",
}
"""ISO 639-1 code -> name of a list of stop words in bm25s"""


def words_of(text: str) -> list[str]:
    """Return the words between white space, without punctuation around them; the text itself where none is left."""
    words = [word.strip(AROUND_WORDS) for word in text.split()]
    return [word for word in words if word] or [text.strip()]


def stop_words(language: str) -> frozenset[str]:
    """Return the words without content of a language, in lower case; none where bm25s has no list."""
    name = STOP_WORDS.get(language)
    return frozenset(getattr(import_bm25s().stopwords, f"STOPWORDS_{name}")) if name else frozenset()


class Views:
    """Makes views; what they are is a function of the text and the state of the generator.

    Args:
        config: how they look.
        language: ISO 639-1 code, for the stop words.
    """

    def __init__(self, config: ViewsConfig, language: str):
        self.config, self.language = config, language

    @cached_property
    def _stop_words(self) -> frozenset[str]:
        return stop_words(self.language)

    def window(self, words: Sequence[str], title: Sequence[str], generator: random.Random) -> str:
        """Return a question word and 3 to 7 content words of a window, in their order or shuffled.

        Args:
            words: of the passage.
            title: words of its title; some of them come into `title_share` of the windows.
        """
        count = generator.randint(*self.config.words)
        chosen = self._some(self._content(self._run(words, count, generator)), count, generator)
        if generator.random() < 0.5:
            generator.shuffle(chosen)
        if generator.random() < self.config.title_share:
            named = self._content(title)
            place = generator.randint(0, len(chosen))
            chosen[place:place] = self._some(named, generator.randint(1, len(named)), generator)
        if self.config.question_words:
            chosen.insert(0, generator.choice(self.config.question_words))
        return " ".join(chosen)

    def span(self, words: Sequence[str], generator: random.Random) -> str:
        """Return a window of the passage as it stands: 9 to 21 words."""
        return " ".join(self._run(words, generator.randint(*self.config.words), generator))

    def dropped(self, sentence: str, generator: random.Random) -> str:
        """Return a sentence without about a third of its words, the others in their order or shuffled."""
        words = words_of(sentence)
        kept = [word for word in words if generator.random() >= DROPPED] or words
        if generator.random() < 0.5:
            generator.shuffle(kept)
        return " ".join(kept)

    def _run(self, words: Sequence[str], count: int, generator: random.Random) -> Sequence[str]:
        start = generator.randint(0, max(0, len(words) - WINDOW * count))
        return words[start : start + WINDOW * count]

    def _content(self, words: Sequence[str]) -> Sequence[str]:
        return [word for word in words if word.lower() not in self._stop_words] or words

    @staticmethod
    def _some(words: Sequence[str], count: int, generator: random.Random) -> list[str]:
        """Draw `count` of the words, or all, and keep their order."""
        places = sorted(generator.sample(range(len(words)), min(count, len(words))))
        return [words[place] for place in places]
