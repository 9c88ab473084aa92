"""The section `train.validation` of an experiment's YAML file."""

from __future__ import annotations

from srdist.config.section import Count, Positive, PositiveFloat, Section


class ValidationConfig(Section):
    """Measurements on the queries that `mixture.held_out_queries` sets aside; they do not change the training."""

    loss_steps: Count = 0
    """optimizer steps between two measurements of the held-out queries' loss per task; 0: none"""
    retrieval_steps: Count = 0
    """optimizer steps between two retrievals with the weights of that step; 0: none; needs the run's trie; none
    before the first step, as a model without training finds next to nothing and an exact search takes the longest"""
    queries: Positive = 50
    """held-out queries of one retrieval"""
    minutes: PositiveFloat = 20.0
    """longest time of one retrieval; a longer one is ended and recorded as failed, and training goes on"""
