"""The steps of a search, for a batch of queries in one token tree (paper, "Inference", steps 1 to 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from srdist.config.retrieve import RetrieveConfig
from srdist.decode.assess import Context, assess, chunks
from srdist.decode.corpus import PassageTable
from srdist.decode.exact import exact_search
from srdist.decode.judge import Judge, known
from srdist.decode.model import LanguageModel
from srdist.decode.query_likelihood import query_logprobs
from srdist.decode.results import Candidate, FoundTitle, Retrieval
from srdist.decode.search import Found, beam_search, most_probable
from srdist.decode.tree import TokenTree
from srdist.decode.walk import Level, Start
from srdist.templates import Segments
from srdist.trie import Trie


@dataclass(frozen=True)
class FoundPassage:
    """A passage that was generated for a query.

    Attributes:
        title: index of its title among the query's titles.
        passage: its number.
        logprob: log P(p|q,t), of its tokens until no other passage of the title begins alike, or of all.
        copies: numbers of all passages with this title and text.
        context: what its verdict follows.
    """

    title: int
    passage: int
    logprob: float
    copies: list[int]
    context: Context


@dataclass(frozen=True)
class Steps:
    """What a search needs besides the model: how much to find, the constraint, the texts."""

    retrieve: RetrieveConfig
    segments: Segments
    trie: Trie
    passages: PassageTable

    def find_titles(self, tree: TokenTree, rows: int, level: Level) -> tuple[list[list[Found]], list[int]]:
        """Return the titles of each query, the most probable first, and the expansions of an exact search."""
        starts = [Start(row, tree.root, [], self.trie.title_root) for row in range(rows)]
        keep, margin = self.retrieve.titles, self.retrieve.title_margin
        if self.retrieve.search == "exact":
            return exact_search(tree, level, starts, keep, margin)
        searched = beam_search(tree, level, starts, self.retrieve.title_beams, keep)
        return [most_probable(found, keep, margin) for found in searched], [0] * rows

    def find_passages(
        self, tree: TokenTree, titles: Sequence[Sequence[Found]], own: range | None = None
    ) -> list[list[FoundPassage]]:
        """Return the passages below the titles of each query; all searches share their forwards.

        Args:
            own: search below titles with these numbers only; None: below all.
        """
        retrieve, trie, separator = self.retrieve, self.trie, self.segments.passage_separator
        places = [
            (row, index)
            for row, found in enumerate(titles)
            for index, title in enumerate(found)
            if own is None or title.number in own
        ]
        roots = {place: trie.passage_root(titles[place[0]][place[1]].number) for place in places}
        below = [place for place in places if roots[place] >= 0]  # the others have one distinct passage
        starts = [Start(row, titles[row][index].slot, separator, roots[row, index]) for row, index in below]
        leaves = beam_search(tree, Level.passages(trie), starts, retrieve.passage_beams, retrieve.passages)
        searched = dict(zip(below, leaves, strict=True))
        found: list[list[FoundPassage]] = [[] for _ in titles]
        for row, index in places:
            for leaf in searched.get((row, index), []):
                context = Context(row, leaf.slot, self._until_verdict(leaf.number, leaf.fed))
                found[row].append(self._found(index, leaf.number, leaf.logprob, context))
            if (row, index) not in searched:
                passage = ~roots[row, index]
                context = Context(row, titles[row][index].slot, [*separator, *self._until_verdict(passage, 0)])
                found[row].append(self._found(index, passage, 0.0, context))
        return found if retrieve.complete else self._scored_to_the_end(tree, titles, found)

    def _scored_to_the_end(
        self, tree: TokenTree, titles: Sequence[Sequence[Found]], found: Sequence[Sequence[FoundPassage]]
    ) -> list[list[FoundPassage]]:
        """Return the passages with log P(p|q,t) of all their tokens, those of each title the most probable first.

        Each is read in a row of its own, as in `assess`: in the tree its tokens would be masked from all others', at a
        price.
        """
        separator, trie = self.segments.passage_separator, self.trie
        items = [item for below in found for item in below]
        slots = [(item.context.row, titles[item.context.row][item.title].slot) for item in items]
        texts = [[*trie.passage_tokens(item.passage).tolist(), trie.passage_end] for item in items]
        scored: list[list[FoundPassage]] = [[] for _ in found]
        for chunk in chunks([len(separator) + len(text) for text in texts], self.retrieve.forward_tokens):
            rows = tree.paths([slots[index] for index in chunk])
            parts = []
            for row, index in enumerate(chunk):
                last = rows.add(row, rows.root, separator) + len(separator) - 1
                parts.append(rows.add_asked(row, last, texts[index]))
            logprobs = rows.run()
            for index, part in zip(chunk, parts, strict=True):
                logprob = float(logprobs[part].sum(dtype=np.float64))
                scored[items[index].context.row].append(replace(items[index], logprob=logprob))
        return [sorted(below, key=lambda item: (item.title, -item.logprob, item.passage)) for below in scored]

    def judge(self, titles: Sequence[Found], found: Sequence[FoundPassage], k: int) -> Judge:
        """Return the judge of a query's passages."""
        return Judge(
            self.retrieve,
            titles=[title.logprob for title in titles],
            lengths=[len(self.trie.title_tokens(title.number)) + 1 for title in titles],
            groups=[item.title for item in found],
            logprobs=[item.logprob for item in found],
            copies=[len(item.copies) for item in found],
            k=k,
        )

    def assess(self, tree: TokenTree, judges: Sequence[Judge], found: Sequence[Sequence[FoundPassage]]) -> None:
        """Assess what the judges need, the passages of all queries together."""
        while wanted := [(row, index) for row, judge in enumerate(judges) for index in judge.needed()]:
            contexts = [found[row][index].context for row, index in wanted]
            verdicts = assess(tree, contexts, self.segments, self.retrieve.forward_tokens)
            for (row, index), pair in zip(wanted, verdicts, strict=True):
                judges[row].note(index, pair)

    def ask(
        self,
        model: LanguageModel,
        queries: Sequence[str],
        judges: Sequence[Judge],
        found: Sequence[Sequence[FoundPassage]],
    ) -> None:
        """Find the query likelihoods that the judges need; each passage is read once for all queries."""
        places: dict[int, list[tuple[int, int]]] = {}
        for row, judge in enumerate(judges):
            for index in judge.unasked():
                places.setdefault(found[row][index].passage, []).append((row, index))
        if not places:
            return
        tokens = [self.segments.written(query) for query in queries]
        passages = [self.passages[number] for number in places]
        prompts = [self.segments.writing_prompt(passage.title, passage.text) for passage in passages]
        asked = [[tokens[row] for row, _ in below] for below in places.values()]
        logprobs = query_logprobs(model, prompts, asked, self.retrieve.forward_tokens)
        for below, values in zip(places.values(), logprobs, strict=True):
            for (row, index), value in zip(below, values, strict=True):
                judges[row].note_query(index, value)

    def candidates(self, titles: Sequence[Found], found: Sequence[FoundPassage], judge: Judge) -> list[Candidate]:
        """Return the best candidates of a query, best first."""
        s_t, (s_p, scores) = judge.title_scores[judge.groups], judge.scores()
        candidates = []
        for i, number in judge.ranking([item.copies for item in found]):
            passage, (rejection, acceptance) = self.passages[number], judge.verdicts[i]
            candidate = Candidate(
                passage_id=passage.id,
                document=passage.document,
                title=passage.title,
                text=passage.text,
                title_logprob=titles[found[i].title].logprob,
                passage_logprob=found[i].logprob,
                rejection=known(rejection),
                acceptance=known(acceptance),
                query_logprob=known(judge.query_logprobs[i]),
                title_score=float(s_t[i]),
                passage_score=known(s_p[i]),
                score=float(scores[i]),
            )
            candidates.append(candidate)
        return candidates

    def titles(self, titles: Sequence[Found], found: Sequence[FoundPassage], judge: Judge) -> list[FoundTitle]:
        """Return the titles of a query with the passages found below each."""
        below: list[list[str]] = [[] for _ in titles]
        for item in found:
            below[item.title] += [self.passages[number].id for number in item.copies]
        texts = [self.passages[self.trie.passages_of(title.number)[0]].title for title in titles]
        return [
            FoundTitle(text, title.logprob, float(score), tuple(ids))
            for text, title, score, ids in zip(texts, titles, judge.title_scores, below, strict=True)
        ]

    def retrieval(
        self, query: str, titles: Sequence[Found], found: Sequence[FoundPassage], judge: Judge, expansions: int
    ) -> Retrieval:
        """Return what was found for a query; without its time."""
        assessed = judge.assessed
        return Retrieval(
            query,
            candidates=tuple(self.candidates(titles, found, judge)),
            titles=tuple(self.titles(titles, found, judge)),
            assessed=assessed,
            skipped=len(found) - assessed,
            expansions=expansions,
        )

    def _until_verdict(self, passage: int, fed: int) -> list[int]:
        return [*self.trie.passage_tokens(passage)[fed:].tolist(), *self.segments.verdict_separator]

    def _found(self, title: int, passage: int, logprob: float, context: Context) -> FoundPassage:
        return FoundPassage(title, passage, logprob, self.trie.same_text(passage), context)
