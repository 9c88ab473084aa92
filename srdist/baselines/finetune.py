"""A bi-encoder fine-tuned on the run's training queries, with in-batch and mined hard negatives."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srdist.baselines.bm25 import rank_with_bm25
from srdist.baselines.passages import Passages, Question
from srdist.config.baselines import DenseConfig
from srdist.corpus.answers import contains_answer
from srdist.errors import UserError
from srdist.progress import progress_bar

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEPTH = 30
"""Ranks of BM25's ranking that hard negatives are taken from."""
DRAWN = 100
"""Passages drawn at random where BM25 gives too few negatives; some of them hold an answer."""
SCALE = 20.0
"""Factor on the cosines in the loss: sentence-transformers' default."""
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Triple:
    """A training query, a gold passage and hard negatives: rows of the corpus."""

    query: str
    gold: int
    negatives: tuple[int, ...]


def make_triples(
    passages: Passages, questions: Sequence[Question], language: str, config: DenseConfig, seed: int
) -> list[Triple]:
    """Return one triple per query and gold passage, with negatives that BM25 ranks high.

    A passage that holds an accepted answer is no negative. A query for which BM25 finds too few gets others at random.
    Gold that was removed from the corpus is left out.

    Raises:
        UserError: no training query has a gold passage.
    """
    row_of = {identifier: row for row, identifier in enumerate(passages.ids)}

    def negatives(rows: Iterable[int], known: Collection[int], question: Question) -> list[int]:
        return [r for r in rows if r not in known and not contains_answer(passages.texts[r], question.answers)]

    asked = [question for question in questions if not row_of.keys().isdisjoint(question.gold)]
    if not asked:
        cure = "add a train split under corpus.queries, or leave dense_finetuned out"
        raise UserError("no training query has a gold passage to fine-tune on", cure=cure)
    texts = [question.text for question in asked]
    rankings = rank_with_bm25(passages.ids, passages.texts, texts, language=language, top_k=DEPTH)
    triples = []
    for question, ranking in zip(asked, rankings, strict=True):
        generator = random.Random(f"{seed}\0{question.id}")
        gold = [row_of[identifier] for identifier in question.gold if identifier in row_of]
        hard = negatives((row_of[identifier] for identifier, _ in ranking), gold, question)
        few = min(DRAWN, len(passages.ids)) if len(hard) < config.hard_negatives else 0
        others = negatives(generator.sample(range(len(passages.ids)), few), {*gold, *hard}, question)
        for row in gold:
            chosen = generator.sample(hard, min(config.hard_negatives, len(hard)))
            chosen += generator.sample(others, min(config.hard_negatives - len(chosen), len(others)))
            triples.append(Triple(question.text, row, tuple(chosen)))
    width = max(len(triple.negatives) for triple in triples)
    return [triple for triple in triples if len(triple.negatives) == width]  # a batch has as many for each


def batches(triples: Sequence[Triple], size: int, seed: int, epoch: int) -> Iterator[list[Triple]]:
    """Give the triples in an order of the epoch's own; no two of a batch share a gold passage.

    In the loss every other passage of the batch is a negative: a second query of one passage would be pushed away.
    """
    shuffled = list(triples)
    random.Random(f"{seed}\0{epoch}").shuffle(shuffled)
    waiting = deque(shuffled)
    while waiting:
        batch: dict[int, Triple] = {}
        passed_over = []
        while waiting and len(batch) < size:
            triple = waiting.popleft()
            if triple.gold in batch:
                passed_over.append(triple)
            else:
                batch[triple.gold] = triple
        waiting.extendleft(reversed(passed_over))
        yield list(batch.values())


def finetune(
    encoder: SentenceTransformer, passages: Passages, triples: Sequence[Triple], config: DenseConfig, seed: int
) -> None:
    """Train the encoder with the multiple negatives ranking loss.

    The loop is our own: sentence-transformers' trainer would bring the package `datasets` along.
    """
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.util import batch_to_device

    torch.manual_seed(seed)
    loss_of = MultipleNegativesRankingLoss(encoder, scale=SCALE)
    plan = [list(batches(triples, config.batch_size, seed, epoch)) for epoch in range(config.epochs)]
    steps = sum(map(len, plan))
    warmup = max(1, int(WARMUP * steps))
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))
    )
    encoder.train()
    with progress_bar() as progress:
        bar = progress.add_task("fine-tune the encoder", total=steps, note="")
        for epoch in plan:
            for batch in epoch:
                rows = zip(*((triple.gold, *triple.negatives) for triple in batch), strict=True)
                columns = [
                    [triple.query for triple in batch],
                    *([passages.texts[row] for row in column] for column in rows),
                ]
                features = [batch_to_device(encoder.preprocess(texts), encoder.device) for texts in columns]
                loss = loss_of(features, None)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                progress.update(bar, advance=1, note=f"loss {float(loss.detach()):.3f}")
    encoder.eval()
