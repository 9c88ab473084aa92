"""The records that all readers give, whatever the file's layout."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the corpus.

    Attributes:
        id: unique in the corpus, without white space.
        title: as in the source; empty where the source has none.
        paragraphs: its text, at the source's own positions, so that gold paragraphs keep their numbers;
            empty where there is nothing to index (a heading, say). At least one is not empty.
        ready: the paragraphs are passages already and must not be split.
    """

    id: str
    title: str
    paragraphs: tuple[str, ...]
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Gold:
    """Where a query's answer is: a document, or one of its paragraphs.

    Attributes:
        document: id of the document; None where only its title is known.
        paragraph: position in `Document.paragraphs`, counted from 0; None means the whole document.
        title: title of the document, where there is no id. Every document of that title is meant;
            compare titles with `titles.normalise_title(title)`.
    """

    document: str | None = None
    paragraph: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A query with what is known about it.

    Attributes:
        id: unique among the queries, without white space.
        text: the question.
        split: `train` or `test`.
        answers: accepted answers, best first; empty where none are known.
        gold: documents or paragraphs that answer it.
    """

    id: str
    text: str
    split: str
    answers: tuple[str, ...]
    gold: tuple[Gold, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage: a literal piece of one paragraph.

    Attributes:
        text: the piece, without white space at its ends.
        paragraph: index of its paragraph in the document.
        sentences: offset of each sentence's first character in `text`.
    """

    text: str
    paragraph: int
    sentences: tuple[int, ...]
