"""Memory of a training, per rank: model states as DeepSpeed estimates them, and activations.

b is the bytes of a weight (2 in bfloat16, 4 in float32), P and T all and trained parameters, N the ranks, L the
parameters of the largest layer.

Model states: weights bP; gradients 4T in float32, and in bfloat16 below stage 3 a second copy of 2T; optimizer 12T:
AdamW's two moments and the weights in float32. ZeRO divides by N the optimizer (from stage 1), the gradients (from
stage 2) and the weights (stage 3); stage 3 also holds the largest layer gathered, with its gradients: 2bL. In bfloat16
that is what `deepspeed.runtime.zero` estimates: 2P + 18P/N at stage 2, 4L + 18P/N at stage 3.

Activations that a Llama-like layer keeps for the backward pass, in bytes per token (h hidden, k keys' size, i
intermediate, a heads): two norms, computed in float32, 2(4 + b)h + 8; inputs of the linear layers 2bh; queries, keys,
values and output of attention 2bh + 2bk; its statistics 4a; the gated feed-forward 4bi. Eager attention keeps the
probabilities of every pair of tokens instead, a x row x (4 + b, or 4 in float32), and repeats the keys. With
checkpointing a layer keeps its input, bh, and one layer at a time the rest. The logits of trained tokens take
(8 + b) x vocabulary while the loss is computed; all tokens of a row may be trained.
"""

from __future__ import annotations

from dataclasses import dataclass

from srdist.sizing.model import Dimensions

GIB = 1 << 30
REDUCE_BUCKET, GATHER_BUCKET, LIVE_PARAMETERS = 500_000_000, 500_000_000, 1_000_000_000
"""DeepSpeed's defaults, in parameters"""


@dataclass(frozen=True)
class Setup:
    """What decides the memory of a rank besides the model; the knobs of `advice` are its fields.

    Attributes:
        nodes, ranks_per_node: ranks that train together.
        stage: ZeRO stage, 0 to 3.
        offload_optimizer, offload_parameters: whether they are kept in the host's memory.
        value_bytes: bytes of a weight.
        row_tokens: tokens of a packed row, which is one forward.
        checkpointing: whether activations are computed again in the backward pass.
        eager: whether attention keeps the probabilities of all pairs.
        overlap: whether stages 1 and 2 reduce one bucket of gradients while they fill another.
        reduce_bucket, gather_bucket, live_parameters: DeepSpeed's buffers, in parameters.
    """

    nodes: int
    ranks_per_node: int
    stage: int
    value_bytes: int
    row_tokens: int
    checkpointing: bool
    offload_optimizer: bool = False
    offload_parameters: bool = False
    eager: bool = False
    overlap: bool = False
    reduce_bucket: int = REDUCE_BUCKET
    gather_bucket: int = GATHER_BUCKET
    live_parameters: int = LIVE_PARAMETERS

    @property
    def ranks(self) -> int:
        """Number of ranks on all nodes."""
        return self.nodes * self.ranks_per_node


def rank_memory(model: Dimensions, setup: Setup) -> dict[str, float]:
    """Return what a rank holds on its GPU at the peak of a step, in GiB: kind of memory -> size."""
    held = {
        **model_states(model, setup),
        "buffers of ZeRO": _buffers(model, setup),
        "activations": _activations(model, setup),
    }
    return {kind: size / GIB for kind, size in held.items()}


def model_states(model: Dimensions, setup: Setup) -> dict[str, float]:
    """Return weights, gradients and optimizer of a rank, in bytes."""
    b, parameters, trained, ranks = setup.value_bytes, model.parameters, model.trained, setup.ranks
    shares = [ranks if setup.stage >= stage else 1 for stage in (1, 2, 3)]  # of optimizer, gradients, weights
    optimizer = (12 if setup.stage else 8 if b == 4 else 12) * trained / shares[0]
    gradients = (4 if b == 4 or setup.stage == 3 else 6) * trained / shares[1]
    states = {
        "weights": 0.0 if setup.offload_parameters else b * parameters / shares[2],
        "gradients": 0.0 if setup.offload_optimizer else gradients,
        "optimizer": 0.0 if setup.offload_optimizer else optimizer,
    }
    if setup.stage == 3:
        states["largest layer"] = 2 * b * model.largest_layer
    return states


def _buffers(model: Dimensions, setup: Setup) -> float:
    """Return ZeRO's buckets, and at stage 3 the weights that are gathered ahead, in bytes."""
    b, trained = setup.value_bytes, model.trained
    if setup.stage == 0:
        return 0.0
    reduced = min(setup.reduce_bucket, trained) * b
    if setup.stage == 3:
        return reduced + min(setup.live_parameters, model.parameters) * b
    return reduced * (2 if setup.overlap else 1) + min(setup.gather_bucket, trained) * b


def layer_activations(model: Dimensions, setup: Setup) -> float:
    """Return what one layer keeps of a row for the backward pass, in bytes."""
    b, h = setup.value_bytes, model.hidden
    per_token = 2 * (4 + b) * h + 8 + 4 * b * h + 4 * b * model.intermediate
    if setup.eager:
        per_token += 2 * b * h + model.heads * setup.row_tokens * (4 if b == 4 else 4 + b)
    else:
        per_token += 2 * b * model.key_value_size + 4 * model.heads
    return per_token * setup.row_tokens


def _activations(model: Dimensions, setup: Setup) -> float:
    logits = (8 + setup.value_bytes) * model.vocabulary * setup.row_tokens
    layer = layer_activations(model, setup)
    if setup.checkpointing:
        return model.layers * setup.value_bytes * model.hidden * setup.row_tokens + max(layer, logits)
    return model.layers * layer + logits


def host_memory(model: Dimensions, setup: Setup) -> float:
    """Return what a node's main memory has to hold, in GiB: what is offloaded, and once the model to be exported."""
    b = setup.value_bytes
    offloaded = (16 if b == 4 else 18) * model.trained / setup.nodes if setup.offload_optimizer else 0.0
    offloaded += b * model.parameters / setup.nodes if setup.offload_parameters else 0.0
    return (offloaded + b * model.parameters) / GIB
