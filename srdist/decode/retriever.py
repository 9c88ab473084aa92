"""The public API: a trained run as a search engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from srdist.config import Config, load_config
from srdist.decode.answer import generate_answers, stop_tokens
from srdist.decode.assess import Context, assess
from srdist.decode.corpus import PassageTable, longest_sequence
from srdist.decode.model import LanguageModel
from srdist.decode.score import passage_scores, ranking, title_scores
from srdist.decode.search import Found, beam_search
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Start
from srdist.errors import UserError
from srdist.storage.tables import MODEL
from srdist.templates import Segments, load_tokenizer
from srdist.trie import Trie


@dataclass(frozen=True)
class Candidate:
    """A passage that was found for a query.

    Attributes:
        passage_id: id of the passage; `document` is that of its document.
        title: title of the document, as the model generates it.
        text: the passage, byte for byte as in the corpus.
        title_logprob: log P(t|q), natural logarithm.
        passage_logprob: log-probability of the passage's tokens until no other passage of the title begins alike.
        rejection: P("cannot answer" | q, t, p).
        acceptance: P("can answer" | q, t, p).
        title_score: S_T; passage_score: S_P; score: S = S_T * S_P, higher is better.
    """

    passage_id: str
    document: str
    title: str
    text: str
    title_logprob: float
    passage_logprob: float
    rejection: float
    acceptance: float
    title_score: float
    passage_score: float
    score: float


@dataclass(frozen=True)
class Retrieval:
    """What was found for a query: candidates, best first; seconds of its share in the batch."""

    query: str
    candidates: tuple[Candidate, ...]
    seconds: float


@dataclass(frozen=True)
class _FoundPassage:
    title: Found
    passage: int
    logprob: float
    context: Context


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
        config = (config or load_config(run_dir / "config.yaml")).model_copy(update={"output": run_dir})
        trie = Trie.open(run_dir)
        model = LanguageModel.load(run_dir / MODEL, config.model, config.retrieve.device)
        segments = Segments(config.templates, load_tokenizer(str(run_dir / MODEL)))
        return cls(config, model, segments, trie, PassageTable(run_dir))

    def search(self, queries: Sequence[str], k: int = 10) -> list[Retrieval]:
        """Find the `k` best passages of each query; all queries are decoded together.

        Raises:
            UserError: a query is empty or too long for the model's context.
        """
        if not queries:
            return []
        started = time.monotonic()
        prompts = [self.prompt(query) for query in queries]
        tree = TokenTree(self.model, prompts)
        titles = self._find_titles(tree, len(prompts))
        found = self._find_passages(tree, titles)
        candidates = [self._judge(tree.row(row), passages)[:k] for row, passages in enumerate(found)]
        seconds = (time.monotonic() - started) / len(queries)
        return [Retrieval(query, tuple(best), seconds) for query, best in zip(queries, candidates, strict=True)]

    def answer(self, question: str | Retrieval) -> str:
        """Answer a query from its best passage; "" where nothing was found."""
        retrieval = self.search([question], 1)[0] if isinstance(question, str) else question
        return self.answers([retrieval])[0]

    def answers(self, retrievals: Sequence[Retrieval]) -> list[str]:
        """Answer queries, each from its best passage, by greedy generation; "" where nothing was found."""
        found = [index for index, retrieval in enumerate(retrievals) if retrieval.candidates]
        prompts = [self._answer_prompt(retrievals[index]) for index in found]
        limit = self.config.retrieve.answer_tokens
        texts = generate_answers(self.model, self.segments.tokenizer, prompts, self._stops, limit)
        answers = [""] * len(retrievals)
        for index, text in zip(found, texts, strict=True):
            answers[index] = text
        return answers

    @cached_property
    def _stops(self) -> list[int]:
        return stop_tokens(self.segments.tokenizer)

    def prompt(self, query: str) -> list[int]:
        """Return the tokens of a query's prompt.

        Raises:
            UserError: it is empty, or too long for the model's context with the longest title and passage after it.
        """
        if not query.strip():
            raise UserError("the query is empty")
        prompt = self.segments.query_prompt(query)
        segments = self.segments
        verdict = max(len(segments.negative), len(segments.positive) + len(segments.answer_separator))
        after = len(segments.passage_separator) + len(segments.verdict_separator) + verdict
        room = self.model.context - self.longest - after - self.config.retrieve.answer_tokens
        if len(prompt) > room:
            shown = query if len(query) <= 60 else query[:57] + "..."
            what = f"the query {shown!r} has {len(prompt)} tokens; the model's context has room for {room}"
            raise UserError(what, cure="shorten the query, or prepare the corpus with shorter passages")
        return prompt

    def _answer_prompt(self, retrieval: Retrieval) -> list[int]:
        segments, best = self.segments, retrieval.candidates[0]
        (title,), (passage,) = segments.titles([best.title]), segments.passages([best.text])
        start = [*self.prompt(retrieval.query), *title, *segments.passage_separator, *passage]
        return [*start, *segments.verdict_separator, *segments.positive, *segments.answer_separator]

    def _find_titles(self, tree: TokenTree, rows: int) -> list[list[Found]]:
        starts = [Start(row, tree.root, [], self.trie.title_root) for row in range(rows)]
        retrieve = self.config.retrieve
        return beam_search(tree, Level.titles(self.trie), starts, retrieve.title_beams, retrieve.titles)

    def _find_passages(self, tree: TokenTree, titles: list[list[Found]]) -> list[list[_FoundPassage]]:
        """Search below all titles together; a title with one distinct passage needs no search."""
        retrieve, trie, separator = self.config.retrieve, self.trie, self.segments.passage_separator
        pairs = [(row, title, trie.passage_root(title.number)) for row, found in enumerate(titles) for title in found]
        starts = [Start(row, title.slot, separator, node) for row, title, node in pairs if node >= 0]
        level = Level.passages(trie)
        searched = iter(beam_search(tree, level, starts, retrieve.passage_beams, retrieve.passages))
        found: list[list[_FoundPassage]] = [[] for _ in titles]
        for row, title, node in pairs:
            if node < 0:
                context = Context(title.slot, [*separator, *self._until_verdict(~node, 0)])
                found[row].append(_FoundPassage(title, ~node, 0.0, context))
                continue
            for leaf in next(searched):
                context = Context(leaf.slot, self._until_verdict(leaf.number, leaf.fed))
                found[row].append(_FoundPassage(title, leaf.number, leaf.logprob, context))
        return found

    def _until_verdict(self, passage: int, fed: int) -> list[int]:
        return [*self.trie.passage_tokens(passage)[fed:].tolist(), *self.segments.verdict_separator]

    def _judge(self, tree: TokenTree, found: list[_FoundPassage]) -> list[Candidate]:
        """Assess and score the passages of one query; return its ranking, same texts expanded."""
        retrieve = self.config.retrieve
        verdicts = assess(tree, [item.context for item in found], self.segments, retrieve.forward_tokens)
        titles = {item.title.number: item.title for item in found}
        place = {number: index for index, number in enumerate(titles)}
        groups = np.array([place[item.title.number] for item in found], dtype=np.int64)
        s_t = title_scores(np.array([title.logprob for title in titles.values()]), retrieve.tau)[groups]
        per_title = retrieve.normalize_assessment == "title"
        s_p = passage_scores(verdicts[:, 0], retrieve.delta, groups if per_title else None)
        candidates: list[Candidate] = []
        numbers: list[int] = []
        for index, item in enumerate(found):
            for number in sorted({item.passage, *map(int, self.trie.same_text(item.passage))}):
                numbers.append(number)
                candidates.append(self._candidate(number, item, verdicts[index], float(s_t[index]), float(s_p[index])))
        order = ranking([candidate.score for candidate in candidates], numbers)
        return [candidates[index] for index in order]

    def _candidate(self, number: int, item: _FoundPassage, verdicts: np.ndarray, s_t: float, s_p: float) -> Candidate:
        passage = self.passages[number]
        return Candidate(
            passage_id=passage.id,
            document=passage.document,
            title=passage.title,
            text=passage.text,
            title_logprob=item.title.logprob,
            passage_logprob=item.logprob,
            rejection=float(verdicts[0]),
            acceptance=float(verdicts[1]),
            title_score=s_t,
            passage_score=s_p,
            score=s_t * s_p,
        )
