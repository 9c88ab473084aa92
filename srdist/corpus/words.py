"""Words of a text, and which of them have no content."""

from __future__ import annotations

from srdist.baselines.bm25 import import_bm25s

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
