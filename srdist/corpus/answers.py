"""Whether a text holds one of a query's answers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Kana, Han and Hangul: text without spaces, or with particles on its words; each character is a word"""
WORD = re.compile(f"[{UNSPACED}]|[^\\W{UNSPACED}]+")


def words(text: str) -> str:
    """Return the text's words, lower-cased, each between two spaces."""
    return " " + " ".join(WORD.findall(unicodedata.normalize("NFC", text).casefold())) + " "


def contains_answer(text: str, answers: Iterable[str]) -> bool:
    """Tell whether one of the answers occurs in the text, as whole words, whatever the case and punctuation."""
    text = words(text)
    return any(words(answer) in text for answer in answers if words(answer).strip())
