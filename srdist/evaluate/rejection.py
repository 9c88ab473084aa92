"""How well self-assessment rejects passages that do not answer: questions of SQuAD 2.0, some of them impossible."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srdist.config.schema import Config
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.readers.squad import Pair, pairs
from srdist.corpus.titles import normalise_title
from srdist.decode.stage import judge_pairs
from srdist.errors import UserError
from srdist.storage.files import write_json

POINTS = 100
"""points of a ROC curve that are kept, at most"""


def measure_rejection(config: Config, path: Path, count: int | None, *, overwrite: bool = False) -> dict[str, Any]:
    """Assess each question with its paragraph; write `assess.<name>/metrics.json` and return its content.

    `rejected_impossible` and `rejected_possible` are the shares of both kinds with P(rejection) > P(acceptance);
    `auc` and `roc` take the log-odds of the two as the score: [false positive rate, true positive rate, threshold].

    Args:
        path: SQuAD 2.0.
        count: questions to take, drawn by the config's seed; None: all.

    Raises:
        UserError: the file cannot be read, or has questions of one kind only.
    """
    with BadRecords(config.corpus.on_bad_record) as bad:
        chosen = list(pairs(path, bad))
    if count is not None and count < len(chosen):
        chosen = random.Random(config.seed).sample(chosen, count)
    if len({pair.impossible for pair in chosen}) < 2:
        raise UserError("questions of one kind only", file=path, cure="take SQuAD 2.0, with impossible ones")
    name = path.name.partition(".")[0]
    verdicts = judge_pairs(config, name, [_as_trained(pair, config) for pair in chosen], overwrite=overwrite)
    records = [json.loads(line) for line in verdicts.read_text(encoding="utf-8").splitlines()]
    impossible = np.array([pair.impossible for pair in chosen])
    metrics = rejection_metrics(
        impossible, [record["rejection"] for record in records], [record["acceptance"] for record in records]
    )
    write_json(verdicts.parent / "metrics.json", metrics)
    return metrics


def _as_trained(pair: Pair, config: Config) -> tuple[str, str, str, str]:
    title = normalise_title(pair.title, config.corpus.titles.lowercase)
    question = pair.question.lower() if config.mixture.views.lowercase else pair.question
    return pair.id, question, title, pair.text


def rejection_metrics(
    impossible: np.ndarray, rejections: Sequence[float], acceptances: Sequence[float]
) -> dict[str, Any]:
    """Return shares rejected, area under the ROC curve and its points; all arguments [pairs]."""
    tiny = np.finfo(float).tiny
    scores = np.log(np.maximum(rejections, tiny)) - np.log(np.maximum(acceptances, tiny))
    curve = roc(impossible, scores)
    kept = np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))
    return {
        "pairs": len(scores),
        "impossible": int(impossible.sum()),
        "rejected_impossible": float((scores[impossible] > 0).mean()),
        "rejected_possible": float((scores[~impossible] > 0).mean()),
        "auc": _area(curve),
        "roc": curve[kept].tolist(),
    }


def roc(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return [false positive rate, true positive rate, lowest score taken], from (0, 0) to (1, 1); float64 [points, 3].

    Equal scores are one point, so that the area under the curve counts a tie as a half.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, taken = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    true, false = np.cumsum(taken)[last] / taken.sum(), np.cumsum(~taken)[last] / (~taken).sum()
    points = np.column_stack([false, true, ordered[last]])
    return np.vstack([[0.0, 0.0, ordered[0]], points])


def _area(curve: np.ndarray) -> float:
    """Return the area under a ROC curve."""
    return float((np.diff(curve[:, 0]) * (curve[1:, 1] + curve[:-1, 1])).sum() / 2)
