"""Titles: how they are written for generation, and where untitled documents get one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from srdist.config.schema import TitlesConfig
from srdist.corpus.records import Document
from srdist.corpus.sentences import sentence_spans
from srdist.errors import UserError

Titler = Callable[[str], str]
"""text of a document -> a title for it"""

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


def make_titler(config: TitlesConfig, language: str = "en") -> Titler:
    """Return what writes titles for untitled documents: a model where the config names one, else first words.

    Raises:
        UserError: the model cannot be loaded (at the first title, not before).
    """
    if config.model is None:
        return lambda text: first_words(text, config.words, language)
    return ModelTitler(config, language)


def title_of(document: Document, titler: Titler, lowercase: bool) -> str:
    """Return the document's title for generation: its own, or one that the titler makes from its paragraphs."""
    title = document.title or titler("\n".join(filter(None, document.paragraphs)))
    return normalise_title(title, lowercase)


class ModelTitler:
    """Asks a causal language model for a title, greedily and one document at a time: the same text, the same title.

    The model is loaded at the first title. Its first line that is not blank is the title, at most
    `config.words` words of it; where that leaves nothing, the text's first words are taken.

    Args:
        config: names the model (a folder, or a name on the Hugging Face hub), the prompt and the words.
        language: ISO 639-1 code, for the first words.
    """

    def __init__(self, config: TitlesConfig, language: str = "en"):
        self.config, self.language = config, language

    def __call__(self, text: str) -> str:
        """Return a title for the text of a document.

        Raises:
            UserError: the model cannot be loaded.
        """
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

    @cached_property
    def _model(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return self._load(AutoModelForCausalLM, dtype="auto").to(device).eval()

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return self._load(AutoTokenizer)

    def _load(self, kind: Any, **options: Any) -> Any:
        name = str(self.config.model)
        in_folder = Path(name).is_absolute()
        try:
            return kind.from_pretrained(name, local_files_only=in_folder, **options)
        except (OSError, ValueError) as error:
            reason = (str(error).splitlines() or ["no reason given"])[0]
            cure = "set corpus.titles.model to the folder or the hub name of a causal language model"
            raise UserError(f"cannot load the model of titles: {reason}", file=name, cure=cure) from None
