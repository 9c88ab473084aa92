"""The text of every example and prompt, as segments that are tokenized each on its own.

One sequence holds everything that is ever generated or asked about a query:

    query prompt | title | passage separator | passage | verdict separator | verdict | answer separator | answer

Indexing and retrieval train its title and passage, assessment its verdict and answer. The trie holds the
tokens of the title and passage segments, the decoder walks along the same sequence. As no segment is ever
tokenized together with its neighbour, token boundaries agree everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from srdist.config.schema import TemplatesConfig
from srdist.errors import UserError
from srdist.storage.models import is_folder
from srdist.storage.tables import token_type

if TYPE_CHECKING:
    import tokenizers
    from transformers import PreTrainedTokenizerBase

BATCH = 256
"""texts tokenized together: the tokenizer keeps some hundred bytes for each token until their ids are taken"""


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes:
        tokens: token ids; the trained ones stand at the end.
        prompt_tokens: number of leading tokens that are not trained.
    """

    tokens: list[int]
    prompt_tokens: int


class Segments:
    """Renders segments to token ids.

    Args:
        templates: the texts.
        tokenizer: a fast tokenizer of `transformers`.
    """

    def __init__(self, templates: TemplatesConfig, tokenizer: PreTrainedTokenizerBase):
        self.templates, self.tokenizer = templates, tokenizer
        if tokenizer.eos_token_id is None:
            cure = "choose a model.base whose tokenizer has one"
            raise UserError("the tokenizer has no end-of-sequence token", cure=cure)

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Tokenize each text on its own, without special tokens."""
        batches = (texts[begin : begin + BATCH] for begin in range(0, len(texts), BATCH))
        encoded = (self._backend.encode_batch_fast(batch, add_special_tokens=False) for batch in batches)
        return [encoding.ids for batch in encoded for encoding in batch]

    @cached_property
    def _backend(self) -> tokenizers.Tokenizer:
        """The Rust tokenizer alone: `transformers` makes masks and dicts of every text besides, a fifth of the time."""
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        return backend

    def _encode(self, text: str) -> list[int]:
        return self.encode([text])[0]

    @cached_property
    def vocabulary(self) -> int:
        """Number of token ids, special ones included."""
        return len(self.tokenizer)

    @cached_property
    def token_type(self) -> np.dtype:
        """Type of the token ids in tables."""
        return token_type(self.vocabulary)

    @cached_property
    def start(self) -> list[int]:
        """Tokens before every prompt: the beginning-of-sequence token, where the tokenizer adds one itself."""
        beginning = self.tokenizer.bos_token_id
        first = self.tokenizer("a")["input_ids"][:1]
        return [beginning] if beginning is not None and first == [beginning] else []

    @cached_property
    def end(self) -> int:
        """The end-of-sequence token."""
        return self.tokenizer.eos_token_id

    @cached_property
    def passage_separator(self) -> list[int]:
        """Between title and passage; the first token ends a title."""
        return self._encode(self.templates.passage_separator)

    @cached_property
    def verdict_separator(self) -> list[int]:
        """Between passage and verdict; the first token ends a passage."""
        return self._encode(self.templates.verdict_separator)

    @cached_property
    def positive(self) -> list[int]:
        """The verdict on a gold passage."""
        return self._encode(self.templates.positive)

    @cached_property
    def negative(self) -> list[int]:
        """The verdict on any other passage."""
        return self._encode(self.templates.negative)

    @cached_property
    def answer_separator(self) -> list[int]:
        """Between positive verdict and answer."""
        return self._encode(self.templates.answer_separator)

    def titles(self, titles: list[str]) -> list[list[int]]:
        """Tokenize title segments."""
        return self.encode([self.templates.title.replace("{title}", title) for title in titles])

    def passages(self, passages: list[str]) -> list[list[int]]:
        """Tokenize passage segments."""
        return self.encode([self.templates.passage.replace("{passage}", passage) for passage in passages])

    def query_prompt(self, query: str) -> list[int]:
        """Tokens before the title, for a query."""
        return self.start + self._encode(self.templates.query.replace("{query}", query))

    def question_alone(self, query: str) -> list[int]:
        """Tokens of a query's prompt up to the end of the query: nothing asks for a title."""
        before, _, _ = self.templates.query.partition("{query}")
        return self.start + self._encode(before + query)

    def sentence_prompts(self, sentences: list[str]) -> list[list[int]]:
        """Tokens before the title, for sentences of the corpus."""
        texts = [self.templates.sentence.replace("{sentence}", sentence) for sentence in sentences]
        return [self.start + tokens for tokens in self.encode(texts)]

    def writing_prompt(self, title: str, text: str) -> list[int]:
        """Tokens before the query that is asked about a text."""
        return self.tokenizer(writing_text(self.templates, title, text))["input_ids"]

    def written(self, query: str) -> list[int]:
        """Tokens of a query that is asked about a text, with its end."""
        return [*self._encode(f" {query}"), self.end]

    def generation(self, prompt: list[int], title: list[int], passage: list[int], limit: int | None) -> Example:
        """Return an indexing or retrieval example: prompt -> title, passage.

        Args:
            limit: train only this many leading tokens of the passage; None: all, and the token after it.
        """
        whole = limit is None or len(passage) <= limit
        target = [*passage, self.verdict_separator[0]] if whole else passage[:limit]
        return Example([*prompt, *title, *self.passage_separator, *target], len(prompt))

    def writing(self, title: str, text: str, query: str) -> Example:
        """Return an example of writing a query about a text of a title, for a model that is asked as any other one."""
        prompt = self.writing_prompt(title, text)
        return Example([*prompt, *self.written(query)], len(prompt))

    def assessment(self, prompt: list[int], title: list[int], passage: list[int], answer: str | None) -> Example:
        """Return an assessment example: prompt, title, passage -> verdict.

        Args:
            answer: None for the rejection; else the gold answer (may be empty: no answer is trained).
        """
        context = [*prompt, *title, *self.passage_separator, *passage, *self.verdict_separator]
        if answer is None:
            verdict = [*self.negative, self.end]
        elif answer:
            text = self.templates.answer.replace("{answer}", answer)
            verdict = [*self.positive, *self.answer_separator, *self._encode(text), self.end]
        else:
            verdict = [*self.positive, self.end]
        return Example([*context, *verdict], len(context))


def writing_text(templates: TemplatesConfig, title: str, text: str) -> str:
    """Return the prompt to write a question about a text of that title."""
    return re.sub(r"\{(title|text)\}", lambda name: {"title": title, "text": text}[name[1]], templates.writing)


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """Load a model's fast tokenizer from a folder, or from the hub where `base` names a hub model.

    Raises:
        UserError: there is none, or it has no fast form.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=is_folder(base))
    except (OSError, ValueError) as error:
        cure = "check model.base; launch/quickstart.sh makes the quickstart's base model"
        raise UserError(f"cannot load a tokenizer ({str(error).splitlines()[0]})", file=base, cure=cure) from None
    if not tokenizer.is_fast:
        what = f"a fast tokenizer is needed, {type(tokenizer).__name__} is none"
        raise UserError(what, file=base, cure="choose a model.base whose tokenizer has a tokenizer.json")
    return tokenizer
