"""Documents are split into passages that end where sentences end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from srdist.corpus.records import Document, Passage
from srdist.corpus.sentences import Span, sentence_spans

WORD = re.compile(r"\S+")


def split_document(document: Document, words: int, split: bool, language: str) -> list[Passage]:
    """Split a document into passages, in order.

    Sentences are packed greedily into passages of at most `words` words. A passage never crosses a
    paragraph; a sentence that is longer by itself is cut between words, and each piece counts as a sentence.
    Ready documents, and all where `split` is false, keep each paragraph as one passage.

    Args:
        document: the document; its empty paragraphs give no passage.
        words: largest number of words of a passage; words are what white space separates.
        split: `corpus.split_passages`.
        language: ISO 639-1 code, for the sentence splitter.
    """
    passages = []
    for index, paragraph in enumerate(document.paragraphs):
        spans = sentence_spans(paragraph, language)
        if not spans:
            continue
        groups = _packed(paragraph, spans, words) if split and not document.ready else [spans]
        passages.extend(_passage(paragraph, index, group) for group in groups)
    return passages


def _passage(paragraph: str, index: int, spans: list[Span]) -> Passage:
    first, last = spans[0][0], spans[-1][1]
    return Passage(paragraph[first:last], index, tuple(start - first for start, _ in spans))


def _packed(paragraph: str, spans: list[Span], words: int) -> Iterator[list[Span]]:
    group: list[Span] = []
    size = 0
    for span, length in _cut(paragraph, spans, words):
        shared = bool(group) and not paragraph[span[0] - 1].isspace()  # "end.Next" is one word, two sentences
        if group and size + length - shared > words:
            yield group
            group, size, shared = [], 0, False
        group.append(span)
        size += length - shared
    yield group


def _cut(paragraph: str, spans: list[Span], words: int) -> Iterator[tuple[Span, int]]:
    """Give each sentence, or its pieces of `words` words, with the number of its words."""
    for start, end in spans:
        if (length := len(paragraph[start:end].split())) <= words:
            yield (start, end), length
            continue
        found = [match.span() for match in WORD.finditer(paragraph, start, end)]
        for first in range(0, len(found), words):
            piece = found[first : first + words]
            yield (piece[0][0], piece[-1][1]), len(piece)
