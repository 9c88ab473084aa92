"""Dense retrieval: a sentence-transformers bi-encoder, and exact inner products with faiss."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from srdist.baselines.passages import Passages
from srdist.config.baselines import DenseConfig
from srdist.config.paths import PACKAGE, locate
from srdist.errors import UserError
from srdist.progress import progress_bar
from srdist.storage.files import ASIDE, written_aside

if TYPE_CHECKING:
    import numpy as np
    from sentence_transformers import SentenceTransformer

CHUNK = 4096
"""Passages whose embeddings share a file: what a killed stage has to encode again at most."""


def load_encoder(model: str) -> SentenceTransformer:
    """Load a bi-encoder in float32, on the GPU where there is one.

    Args:
        model: folder, `package:NAME/FOLDER`, or name of a hub model.

    Raises:
        UserError: sentence-transformers or the model is not there.
    """
    check_encoder(model)
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    local = _is_local(model)
    folder = str(locate(Path(model))) if local else model
    try:
        return SentenceTransformer(folder, local_files_only=local)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        what = f"cannot load the dense baseline's model ({reason})"
        raise UserError(what, file=model, cure="correct baselines.dense.model") from None


def check_encoder(model: str) -> None:
    """Refuse missing packages and a local model that is not there; a hub model is taken to be there."""
    for package in ("faiss", "sentence_transformers"):
        if find_spec(package) is None:
            cure = 'pip install "srdist[dense]"'
            raise UserError(f"dense baselines need the Python package {package}", cure=cure)
    if not _is_local(model):
        return
    folder = locate(Path(model))
    if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
        what = "the dense baseline's model is not here: neither modules.json nor config.json"
        raise UserError(what, file=model, cure="correct baselines.dense.model")


def _is_local(model: str) -> bool:
    return model.startswith(("/", PACKAGE))


def save_encoder(encoder: SentenceTransformer, folder: Path) -> None:
    """Save a bi-encoder as a folder that is there whole or not at all."""
    aside = folder.with_name(folder.name + ASIDE)
    shutil.rmtree(aside, ignore_errors=True)
    encoder.save(str(aside), create_model_card=False)
    os.replace(aside, folder)


def rank_with_encoder(
    encoder: SentenceTransformer,
    passages: Passages,
    queries: Sequence[str],
    config: DenseConfig,
    *,
    top_k: int,
    folder: Path,
) -> list[list[tuple[str, float]]]:
    """Rank all passages for each query by the cosine of the embeddings; equal ones by descending id.

    Args:
        folder: keeps the passages' embeddings, a file for every `CHUNK` of them; those that are there are read.

    Returns:
        for each query at most `top_k` (id, cosine), best first.
    """
    import faiss
    import numpy as np

    index = faiss.IndexFlatIP(encoder.get_embedding_dimension())
    with progress_bar() as progress:
        bar = progress.add_task("encode the passages", total=len(passages.ids), note="")
        for start in range(0, len(passages.ids), CHUNK):
            path = folder / f"embeddings-{start // CHUNK:05d}.npy"
            texts = passages.texts[start : start + CHUNK]
            if not path.exists():
                with written_aside(path) as aside, open(aside, "wb") as file:
                    np.save(file, encode(encoder, texts, config.batch_size))
            index.add(np.load(path))
            progress.advance(bar, len(texts))
    scores, rows = index.search(encode(encoder, queries, config.batch_size), min(top_k, len(passages.ids)))
    rankings = [
        zip((passages.ids[row] for row in found), map(float, near), strict=True)
        for found, near in zip(rows, scores, strict=True)
    ]
    return [sorted(sorted(ranking, reverse=True), key=lambda item: -item[1]) for ranking in rankings]


def encode(encoder: SentenceTransformer, texts: Sequence[str], batch_size: int) -> np.ndarray:
    """Return embeddings of length one, float32 [texts, dimension]."""
    return encoder.encode(list(texts), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
