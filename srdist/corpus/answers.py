"""Whether a text holds one of a query's answers."""

from __future__ import annotations

import re
from collections.abc import Iterable


def words(text: str) -> str:
    """Return the text's words, lower-cased, each between two spaces."""
    return " " + " ".join(re.findall(r"\w+", text.casefold())) + " "


def contains_answer(text: str, answers: Iterable[str]) -> bool:
    """Tell whether one of the answers occurs in the text, as whole words, whatever the case and punctuation."""
    text = words(text)
    return any(words(answer) in text for answer in answers if words(answer).strip())
