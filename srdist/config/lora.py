"""The section `train.lora`."""

from __future__ import annotations

from typing import Literal

from srdist.config.section import BelowOne, Positive, PositiveFloat, Section


class LoraConfig(Section):
    rank: Positive = 16
    """inner dimension of the adapters"""
    alpha: PositiveFloat = 32.0
    """the adapters' output is multiplied by alpha / rank"""
    dropout: BelowOne = 0.0
    """share of the adapters' inputs that is dropped in training"""
    targets: Literal["all-linear"] | list[str] = "all-linear"
    """modules that get an adapter: all linear ones but the output layer, or the ends of their names"""
