"""The public API: a trained run as a search engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from srdist.config import Config, load_config
from srdist.decode.answer import generate_answers, stop_tokens
from srdist.decode.assess import assess_texts
from srdist.decode.corpus import PassageTable, longest_sequence
from srdist.decode.judge import Judge
from srdist.decode.model import LanguageModel
from srdist.decode.results import Retrieval
from srdist.decode.search import Found
from srdist.decode.steps import FoundPassage, Steps
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level
from srdist.errors import UserError
from srdist.storage.manifest import manifest_path, read_manifest
from srdist.storage.tables import MODEL
from srdist.templates import Segments, load_tokenizer
from srdist.trie import Trie

Item = TypeVar("Item")


def _check_templates(config: Config) -> None:
    """Refuse a config whose templates are not those that the model was trained with."""
    if not manifest_path(config.run_dir, "prepare").exists():
        return
    prepared, wanted = read_manifest(config.run_dir, "prepare").settings.get("templates", {}), config.templates
    for name, text in prepared.items():
        if text != (now := getattr(wanted, name, text)):
            what = f"the mixture was prepared with templates.{name} {text!r}, in the config it is {now!r}"
            raise UserError(what, file=config.run_dir, cure="give the run's folder instead of a config")


class SelfRetriever:
    """A language model that is a search engine: it generates titles and passages, and judges them.

    Use `SelfRetriever.load(run_dir)`.
    """

    def __init__(self, config: Config, model: LanguageModel, segments: Segments, trie: Trie, passages: PassageTable):
        self.config, self.model, self.segments, self.trie, self.passages = config, model, segments, trie, passages
        self.longest = longest_sequence(config.run_dir)
        if model.vocabulary < segments.vocabulary:
            what = f"the model scores {model.vocabulary} token ids, its tokenizer has {segments.vocabulary}"
            raise UserError(what, file=config.run_dir / MODEL, cure="run `srdist train --overwrite`")
        if trie.vocabulary != segments.vocabulary or trie.title_end != segments.passage_separator[0]:
            raise UserError(
                f"the trie was built for {trie.vocabulary} token ids and the end token {trie.title_end}, the model's "
                f"tokenizer has {segments.vocabulary} and {segments.passage_separator[0]}",
                file=config.run_dir,
                cure="run `srdist prepare`, `index` and `train` with the same model.base and templates",
            )

    @classmethod
    def load(cls, run_dir: Path | str, config: Config | None = None) -> SelfRetriever:
        """Open a trained run.

        Args:
            run_dir: the run's folder, with `model/`, `trie/`, `passages/`, `titles/` and `tokens/`.
            config: None reads `config.yaml` there.

        Raises:
            UserError: a stage is missing, or the trie was built for another tokenizer than the model's.
        """
        run_dir = Path(run_dir).resolve()
        config = (config or load_config(run_dir)).model_copy(update={"output": run_dir})
        _check_templates(config)
        trie = Trie.open(run_dir)
        model = LanguageModel.load(run_dir / MODEL, config.model, config.retrieve.device)
        segments = Segments(config.templates, load_tokenizer(str(run_dir / MODEL)))
        return cls(config, model, segments, trie, PassageTable(run_dir))

    def search(self, queries: Sequence[str], k: int = 10) -> list[Retrieval]:
        """Find the `k` best passages of each query; `retrieve.batch_queries` of them are decoded together, and
        `retrieve.batches_asked` times as many asked about together.

        Raises:
            UserError: a query is empty, no text, or too long for the model's context; or `k` is below 1.
        """
        if k < 1:
            raise UserError(f"cannot find {k} passages", cure="ask for one or more")
        started, size = time.monotonic(), self.config.retrieve.batch_queries * self.config.retrieve.batches_asked
        retrievals: list[Retrieval] = []
        for begin in range(0, len(queries), size):
            retrievals += self._search(queries[begin : begin + size], k)
        seconds = (time.monotonic() - started) / max(1, len(queries))
        return [replace(retrieval, seconds=seconds) for retrieval in retrievals]

    def _search(self, queries: Sequence[str], k: int) -> list[Retrieval]:
        """Search queries of which many may ask about the same passage, which is then read once."""
        steps = self.steps
        parts: list[tuple[str, list[Found], list[FoundPassage], Judge, int]] = []
        for batch in self._batches(queries):
            tree = self.tree(batch)
            titles, expansions = steps.find_titles(tree, len(batch), Level.titles(self.trie))
            found = steps.find_passages(tree, titles)
            judges = [steps.judge(*pair, k) for pair in zip(titles, found, strict=True)]
            steps.assess(tree, judges, found)
            parts += zip(batch, titles, found, judges, expansions, strict=True)
        steps.ask(self.model, queries, [part[3] for part in parts], [part[2] for part in parts])
        return [steps.retrieval(*part) for part in parts]

    def _batches(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Give items that share a forward, in order."""
        size = self.config.retrieve.batch_queries
        return (items[begin : begin + size] for begin in range(0, len(items), size))

    @property
    def steps(self) -> Steps:
        """The steps of a search, with the config's values."""
        return Steps(self.config.retrieve, self.segments, self.trie, self.passages)

    def tree(self, queries: Sequence[str]) -> TokenTree:
        """Return a token tree with the prompts of some queries, which the model has not read yet.

        Raises:
            UserError: a query is empty or too long for the model's context.
        """
        return TokenTree(self.model, [self.prompt(query) for query in queries])

    def answer(self, question: str | Retrieval) -> str:
        """Answer a query from its best passage; "" where nothing was found."""
        retrieval = self.search([question], 1)[0] if isinstance(question, str) else question
        return self.answers([retrieval])[0]

    def answers(self, retrievals: Sequence[Retrieval]) -> list[str]:
        """Answer queries, each from its best passage, by greedy generation; "" where nothing was found."""
        found = [index for index, retrieval in enumerate(retrievals) if retrieval.candidates]
        answers = [""] * len(retrievals)
        texts = self._continue([self._answer_prompt(retrievals[index]) for index in found])
        for index, text in zip(found, texts, strict=True):
            answers[index] = text
        return answers

    def answers_alone(self, queries: Sequence[str]) -> list[str]:
        """Answer queries from what the model knows, without a passage."""
        segments = self.segments
        return self._continue([[*segments.question_alone(query), *segments.answer_separator] for query in queries])

    def _continue(self, prompts: Sequence[Sequence[int]]) -> list[str]:
        limit, texts = self.config.retrieve.answer_tokens, []
        for batch in self._batches(prompts):
            texts += generate_answers(self.model, self.segments.tokenizer, batch, self._stops, limit)
        return texts

    def verdicts(self, pairs: Sequence[tuple[str, str, str]]) -> np.ndarray:
        """Return P(rejection) and P(acceptance) of (query, title, passage), whether the corpus has them or not.

        Raises:
            UserError: a pair is too long for the model's context.
        """
        contexts = [self._verdict_context(*pair) for pair in pairs]
        return assess_texts(self.model, contexts, self.segments)

    def _verdict_context(self, query: str, title: str, passage: str) -> list[int]:
        segments = self.segments
        (title_tokens,), (tokens,) = segments.titles([title]), segments.passages([passage])
        start = [*segments.query_prompt(query), *title_tokens, *segments.passage_separator]
        context = [*start, *tokens, *segments.verdict_separator]
        if len(context) + max(len(segments.negative), len(segments.positive)) > self.model.context:
            raise UserError(f"question and passage have {len(context)} tokens; the model's context is shorter")
        return context

    @cached_property
    def _stops(self) -> list[int]:
        return stop_tokens(self.segments.tokenizer)

    def prompt(self, query: str) -> list[int]:
        """Return the tokens of a query's prompt.

        Raises:
            UserError: it is empty, or too long for the model's context with the longest passage after it.
        """
        if not query.strip():
            raise UserError("the query is empty")
        if any("\ud800" <= character <= "\udfff" for character in query):
            raise UserError("the query is not valid UTF-8")
        prompt = self.segments.query_prompt(query)
        segments = self.segments
        verdict = max(len(segments.negative), len(segments.positive) + len(segments.answer_separator))
        after = len(segments.passage_separator) + len(segments.verdict_separator) + verdict
        room = self.model.context - self.longest - after - self.config.retrieve.answer_tokens
        if len(prompt) > room:
            raise self._too_long(query, len(prompt), room)
        if self.config.retrieve.score == "query_likelihood":
            written = segments.written(query)
            room = self.model.context - self.longest - len(segments.writing_prompt("", ""))
            if len(written) > room:
                raise self._too_long(query, len(written), room)
        return prompt

    @staticmethod
    def _too_long(query: str, tokens: int, room: int) -> UserError:
        shown = query if len(query) <= 60 else query[:57] + "..."
        what = f"the query {shown!r} has {tokens} tokens; the model's context has room for {room}"
        return UserError(what, cure="shorten the query, or prepare the corpus with shorter passages")

    def _answer_prompt(self, retrieval: Retrieval) -> list[int]:
        segments, best = self.segments, retrieval.candidates[0]
        (title,), (passage,) = segments.titles([best.title]), segments.passages([best.text])
        start = [*self.prompt(retrieval.query), *title, *segments.passage_separator, *passage]
        return [*start, *segments.verdict_separator, *segments.positive, *segments.answer_separator]

    def title_logprobs(self, queries: Sequence[str], titles: Sequence[Sequence[str]]) -> list[list[float]]:
        """Return log P(t|q) of some titles of each query, whether a search finds them or not."""
        logprobs: list[list[float]] = [[] for _ in titles]
        for rows in self._batches([row for row, texts in enumerate(titles) if texts]):
            tokens = [self.segments.titles(list(titles[row])) for row in rows]
            for row, found in zip(
                rows, self.add_titles(self.tree([queries[row] for row in rows]), tokens), strict=True
            ):
                logprobs[row] = [logprob for _, logprob in found]
        return logprobs

    def add_titles(self, tree: TokenTree, titles: Sequence[Sequence[Sequence[int]]]) -> list[list[tuple[int, float]]]:
        """Add titles' tokens to the rows of a tree; return the last slot of each title and log P(t|q)."""
        end, added = self.trie.title_end, []
        for row, found in enumerate(titles):
            for tokens in found:
                first = tree.add(row, tree.root, tokens)
                slots = [tree.root, *range(first, first + len(tokens))]
                added.append((row, slots[-1], tree.ask_chain(row, slots, [*tokens, end])))
        logprobs, result = tree.run(), [[] for _ in titles]
        for row, slot, part in added:
            result[row].append((slot, float(logprobs[part].sum(dtype=np.float64))))
        return result
