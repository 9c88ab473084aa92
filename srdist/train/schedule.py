"""The learning rate of every step."""

from __future__ import annotations

import math

from srdist.config.schema import TrainConfig


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Return the rate of a step (from 0): linear warm-up, then half a cosine down to the final rate.

    The first step already trains (at `peak / warm-up steps`), the last warm-up step has the peak.
    """
    warmup = round(config.warmup_share * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    final = config.learning_rate * config.final_rate_share
    return final + (config.learning_rate - final) * (1 + math.cos(math.pi * progress)) / 2
