"""Where sentences begin and end, by the library `sentencex`."""

from __future__ import annotations

import sys

import sentencex

Span = tuple[int, int]
"""first character and the one after the last"""

PLAIN_SPACE = {code: " " for code in range(128, sys.maxunicode + 1) if chr(code).isspace()}
"""sentencex 1.0 panics at an initial before a wide space (`J\\u00a0.`); its length in characters stays"""


def sentence_spans(text: str, language: str) -> list[Span]:
    """Return the spans of a text's sentences in order, without white space at their ends.

    Every other character is in exactly one span. A language the library does not know is treated as
    English; a text that the library fails on is one sentence.

    Args:
        text: one paragraph; a text of white space has no sentences.
        language: ISO 639-1 code.
    """
    spans, start = [], 0
    for segment in _segments(text, language):
        end = start + len(segment)
        if span := _stripped(text, start, end):
            spans.append(span)
        start = end
    return spans


def _segments(text: str, language: str) -> list[str]:
    plain = text if text.isascii() else text.translate(PLAIN_SPACE)
    try:
        segments = sentencex.segment(language, plain)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's, no subclass of Exception
            raise
        return [text]
    return segments if "".join(segments) == plain else [text]


def _stripped(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    return (start + left, start + right) if right else None
