"""A corpus of real titles at any size up to some 320,000: an encyclopedia's documents and dictionaries' entries.

    python -m srdist.bench.dictionaries --enwiki documents.jsonl.gz --documents 200000 corpus.jsonl.gz

The dictionaries are those of Debian's packages dict-gcide, dict-wn and dict-foldoc; the encyclopedia is in the
format `jsonl`, and so is the result.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from srdist.errors import UserError
from srdist.storage.files import written_aside

DICTIONARIES = ("gcide", "wn", "foldoc")
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ABOUT = ("00-database", "00database")
_UNREADABLE = (OSError, EOFError, zlib.error)
"""what reading a gzip file raises: it is missing or none, ends too early, or is damaged"""


def entries(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the entries of a dictionary in dictd's format, each as a document of format `jsonl`.

    An entry under several headwords is one document; its title is the headword that its text begins with.

    Args:
        folder: has `name.index` (headword, offset and length in digits of base 64) and `name.dict.dz` (gzip).
        name: name of the dictionary.

    Raises:
        UserError: a file is missing or not in this format.
    """
    index, texts = folder / f"{name}.index", folder / f"{name}.dict.dz"
    try:
        lines = index.read_text(encoding="utf-8").splitlines()
        data = gzip.decompress(texts.read_bytes())
    except _UNREADABLE as error:
        cure = f"install Debian's dict-{name}, or name the folder with --dictd"
        raise UserError(f"cannot read a dictionary ({error})", file=folder, cure=cure) from None
    headwords: dict[tuple[int, int], list[str]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            headword, offset, length = line.split("\t")[:3]
            place = _number(offset), _number(length)
        except ValueError:
            raise UserError("not a line of a dictd index", file=index, line=number) from None
        if not headword.startswith(_ABOUT):
            headwords.setdefault(place, []).append(headword)
    found = []
    for (offset, length), words in headwords.items():
        text = data[offset : offset + length].decode("utf-8", errors="replace")
        title = max(words, key=lambda word: (text.casefold().startswith(word.casefold()), len(word)))
        found.append({"id": f"{name}-{offset}", "title": title, "text": _paragraphs(text)})
    return found


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 64 + _DIGITS.index(digit)
    return number


def _paragraphs(text: str) -> str:
    """Join the lines of each paragraph: what blank lines part."""
    return "\n".join(" ".join(block.split()) for block in re.split(r"\n\s*\n", text) if block.strip())


def corpus(enwiki: Path, dictd: Path, documents: int) -> Iterator[str]:
    """Give the lines of a corpus: the encyclopedia's documents, then entries from all over the dictionaries.

    The dictionaries are read only where the encyclopedia has too few documents.

    Raises:
        UserError: a file cannot be read, or there are not as many documents.
    """
    try:
        with gzip.open(enwiki, "rt", encoding="utf-8") as file:
            articles = [line.rstrip("\n") for line in file][:documents]
    except _UNREADABLE as error:
        raise UserError(f"not a gzip file of documents ({error})", file=enwiki) from None
    yield from articles
    wanted = documents - len(articles)
    if not wanted:
        return
    found = [entry for name in DICTIONARIES for entry in entries(dictd, name)]
    if wanted > len(found):
        what = f"{documents} documents wanted, but only {len(articles) + len(found)} found"
        raise UserError(what, file=dictd, cure="ask for fewer --documents")
    for number, entry in enumerate(found):
        if number * wanted // len(found) < (number + 1) * wanted // len(found):
            yield json.dumps(entry, ensure_ascii=False)


def main(
    output: Annotated[Path, typer.Argument(help="File to write: JSON lines, compressed where it ends in .gz.")],
    enwiki: Annotated[Path, typer.Option(help="Documents of an encyclopedia: gzip of JSON lines.")],
    dictd: Annotated[Path, typer.Option(help="Folder of the dictionaries.")] = Path("/usr/share/dictd"),
    documents: Annotated[int, typer.Option(min=1, help="Number of documents.")] = 200_000,
) -> None:
    """Write a corpus of real titles."""
    opened = gzip.open if output.suffix == ".gz" else open
    try:
        with written_aside(output) as aside, opened(aside, "wt", encoding="utf-8") as file:
            for line in corpus(enwiki, dictd, documents):
                file.write(line + "\n")
    except UserError as error:
        raise typer.Exit(typer.echo(error, err=True) or 1) from None


if __name__ == "__main__":
    typer.run(main)
