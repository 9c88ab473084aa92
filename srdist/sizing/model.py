"""The dimensions of a base model, from its config.json alone: no weights are read, nothing is downloaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdist.config.schema import Config
from srdist.errors import UserError
from srdist.storage.models import is_folder
from srdist.train.flops import ModelSize, model_size

KNOWN = Path(__file__).parent / "models"
"""config.json of models whose hub names configs may use; `/` in a name is `--` in its file's"""


@dataclass(frozen=True)
class Dimensions:
    """A model as memory sees it.

    Attributes:
        parameters: all of them, tied ones once.
        trained: those that the optimizer changes: all, or the adapters of `train.lora`.
        largest_layer: most parameters that one module holds itself.
        size: what decides the operations of a step.
        layers, hidden, heads, key_value_size, intermediate, vocabulary: of the transformer; `key_value_size` is
            heads of keys x their size.
    """

    parameters: int
    trained: int
    largest_layer: int
    size: ModelSize
    layers: int
    hidden: int
    heads: int
    key_value_size: int
    intermediate: int
    vocabulary: int


def read_dimensions(config: Config) -> Dimensions:
    """Build the base model without its weights and measure it.

    Raises:
        UserError: the model's dimensions are not known here, or no causal language model has them.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    base = config.model.base
    values = dict(_model_config(base))
    try:
        settings = AutoConfig.for_model(values.pop("model_type"), **values)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(settings)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"not the dimensions of a causal language model ({error})", file=base) from None
    text = model.config.get_text_config(decoder=True)
    heads = text.num_attention_heads
    head_size = getattr(text, "head_dim", None) or text.hidden_size // heads
    size, parameters = model_size(model), sum(parameter.numel() for parameter in model.parameters())
    largest = max(sum(own.numel() for own in module.parameters(recurse=False)) for module in model.modules())
    return Dimensions(
        parameters=parameters,
        trained=_trained(model, config) if config.train.lora else parameters,
        largest_layer=largest,
        size=size,
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        heads=heads,
        key_value_size=(getattr(text, "num_key_value_heads", None) or heads) * head_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        vocabulary=model.get_output_embeddings().weight.shape[0],
    )


def _trained(model: Any, config: Config) -> int:
    from srdist.train.lora import with_adapters

    adapted = with_adapters(model, config.train.lora)
    return sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)


def _model_config(base: str) -> dict[str, Any]:
    """Read config.json from a model's folder, from the dimensions kept here, or from the hub's cache on this disk."""
    if is_folder(base):
        path = Path(base) / "config.json"
        cure = "correct model.base; launch/quickstart.sh makes the quickstart's base model"
    else:
        path = KNOWN / f"{base.replace('/', '--')}.json"
        known = ", ".join(sorted(file.stem.replace("--", "/") for file in KNOWN.glob("*.json")))
        cure = f"put its config.json into a folder and set model.base to that; known by name: {known}"
        path = path if path.exists() else _cached(base) or path
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"the dimensions of the model {base} are not known here", cure=cure) from None
    except ValueError as error:
        raise UserError(f"not valid JSON ({error})", file=path) from None


def _cached(base: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(base, "config.json")
    return Path(found) if isinstance(found, str) else None
