"""The section `tracking` of an experiment's YAML file."""

from __future__ import annotations

from typing import Literal

from srdist.config.section import Section


class TrackingConfig(Section):
    backend: Literal["jsonl", "wandb", "tensorboard"] = "wandb"
    """where records, figures and lineage go besides the run's own files (metrics.jsonl, validation.jsonl and the
    manifests, which are written in any case): `jsonl`, nowhere; `wandb`, Weights & Biases; `tensorboard`"""
    wandb: Literal["offline", "online"] = "offline"
    """write W&B's runs to the run's folder, for `srdist track sync` to send later, or send them at once"""
    project: str = "srdist"
    """W&B project"""
