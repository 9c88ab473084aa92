"""Disk that a run will take, in bytes."""

from __future__ import annotations

from srdist.config.schema import Config
from srdist.sizing.memory import Setup
from srdist.sizing.model import Dimensions
from srdist.sizing.work import Corpus, PhaseWork
from srdist.storage.manifest import manifest_path, read_manifest
from srdist.storage.tables import MIXTURE, TRIE, token_type

TRIE_BYTES = 60
"""of a passage's share of the trie, before it is built: between 10 and 75 were seen"""
PASSAGE_BYTES = 60
"""of a passage's ids, offsets and place, besides its text and tokens"""


def disk_needs(
    config: Config, model: Dimensions, setup: Setup, phases: list[PhaseWork] | None, corpus: Corpus | None
) -> dict[str, float | None]:
    """Return what lies on the shared disk at the worst moment: part -> bytes, None where it cannot be known yet.

    A checkpoint holds 12 bytes per trained parameter (weights in float32 and AdamW's moments), and below ZeRO stage 3
    the weights once more. While one is converted to another number of ranks, there is room for two besides
    `train.keep_checkpoints`; one of them while another is written.
    """
    weights = setup.value_bytes * model.parameters
    checkpoint = 12 * model.trained + (setup.value_bytes * model.trained if setup.stage < 3 else 0)
    return {
        "checkpoints": float(checkpoint * (config.train.keep_checkpoints + 2)),
        "model": float(2 * weights if config.train.validation.retrieval_steps else weights),
        "corpus tables": _made(config, "prepare", without=MIXTURE) or _tables(model, corpus),
        "mixture": _made(config, "prepare", only=MIXTURE) or _mixture(config, model, phases),
        "trie": _made(config, "index", only=TRIE) or (float(TRIE_BYTES * corpus.passages) if corpus else None),
    }


def _made(config: Config, stage: str, only: str = "", without: str = "/") -> float:
    """Return the bytes of a finished stage's files; 0 where it has not finished."""
    if not manifest_path(config.run_dir, stage).exists():
        return 0.0
    files = read_manifest(config.run_dir, stage).files
    return float(sum(f["bytes"] for name, f in files.items() if name.startswith(only) and not name.startswith(without)))


def _tables(model: Dimensions, corpus: Corpus | None) -> float | None:
    if corpus is None:
        return None
    tokens = token_type(model.vocabulary).itemsize * corpus.passage
    return corpus.text_bytes + corpus.passages * (tokens + PASSAGE_BYTES)


def _mixture(config: Config, model: Dimensions, phases: list[PhaseWork] | None) -> float | None:
    if phases is None:
        return None
    drawn = zip(config.mixture.phases, phases, strict=True)
    token = token_type(model.vocabulary).itemsize
    return float(sum(token * work.tokens * phase.draws / phase.epochs for phase, work in drawn))
