"""Titles: how they are written for generation, and where untitled documents get one."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable

from srdist.config.schema import TitlesConfig
from srdist.corpus.records import Document, Gold
from srdist.corpus.sentences import sentence_spans
from srdist.storage.models import load_language_model

Titler = Callable[[str], str]
"""text of a document -> a title for it"""
Key = tuple[str, str]
"""`id` and a document's id, or `title` and a normalised title"""

OPENING_PER_WORD = 100
"""characters of the text that are looked at for each word of a title made of first words"""
TEXT_WORDS = 256
"""words of the document that the model reads"""
TOKENS_PER_WORD = 4
"""tokens that the model may spend on each word of the title"""
QUOTES = "\"'“”‘’«»„*#"


def normalise_title(title: str, lowercase: bool = False) -> str:
    """Return the title with single spaces, none at its ends, in lower case if asked for."""
    title = " ".join(title.split())
    return title.lower() if lowercase else title


def gold_key(gold: Gold, lowercase: bool) -> Key:
    """Return that one of its `document_keys` by which a gold document is named."""
    if gold.document is not None:
        return "id", gold.document
    return "title", normalise_title(gold.title or "", lowercase)


def document_keys(document: Document, lowercase: bool) -> set[Key]:
    """Return the names by which queries may call a document: its id and its title."""
    return {("id", document.id), ("title", normalise_title(document.title, lowercase))}


def first_words(text: str, words: int, language: str = "en") -> str:
    """Return the first words of the text's first sentence, without punctuation at the end.

    Args:
        text: the text of a document; an empty one gives an empty title.
        words: largest number of words.
        language: ISO 639-1 code, for the sentence splitter.
    """
    opening = text.lstrip()[: OPENING_PER_WORD * words]
    for start, end in sentence_spans(opening, language):
        chosen = opening[start:end].split()[:words]
        if title := without_last_punctuation(" ".join(chosen)):
            return title
    return " ".join(text.split()[:words])


def without_last_punctuation(text: str) -> str:
    """Return the text up to its last character that is neither punctuation nor white space."""
    end = len(text)
    while end and (text[end - 1].isspace() or unicodedata.category(text[end - 1]).startswith("P")):
        end -= 1
    return text[:end]


@functools.lru_cache(maxsize=2)
def make_titler(config: TitlesConfig, language: str = "en") -> Titler:
    """Return what makes titles of texts: a model where the config names one, else first words.

    Raises:
        UserError: the model cannot be loaded.
    """
    if config.model is None:
        return lambda text: first_words(text, config.words, language)
    return ModelTitler(config, language)


def title_of(document: Document, config: TitlesConfig, language: str = "en") -> str:
    """Return the document's title for generation: the same for all, its own, or one that is made of its paragraphs.

    Raises:
        UserError: a model has to make it, and cannot be loaded.
    """
    title = document.title
    if config.constant is not None:
        title = config.constant
    elif config.replace or not title:
        title = make_titler(config, language)("\n".join(filter(None, document.paragraphs)))
    return normalise_title(title, config.lowercase)


class ModelTitler:
    """Asks a causal language model for a title, greedily and one document at a time: the same text, the same title.

    Its first line that is not blank is the title, at most `config.words` words of it; where that leaves nothing, the
    text's first words are taken.

    Args:
        config: names the model (a folder, or a name on the Hugging Face hub), the prompt and the words.
        language: ISO 639-1 code, for the first words.

    Raises:
        UserError: the model cannot be loaded.
    """

    def __init__(self, config: TitlesConfig, language: str = "en"):
        self.config, self.language = config, language
        self._model, self._tokenizer = load_language_model(
            str(config.model), "the model of titles", "corpus.titles.model"
        )

    def __call__(self, text: str) -> str:
        """Return a title for the text of a document."""
        lines = self._generate(text).strip().splitlines()
        words = normalise_title(lines[0].strip(QUOTES + " ") if lines else "").split()[: self.config.words]
        title = without_last_punctuation(" ".join(words))
        return title or first_words(text, self.config.words, self.language)

    def _generate(self, text: str) -> str:
        import torch

        model, tokenizer = self._model, self._tokenizer
        prompt = self.config.prompt.replace("{text}", " ".join(text.split()[:TEXT_WORDS]))
        inputs = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False).to(model.device)
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=TOKENS_PER_WORD * self.config.words,
                pad_token_id=tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
            )
        return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
