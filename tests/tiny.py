"""A causal language model small enough for a test: random weights, a tokenizer trained on the spot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

END_OF_TEXT = "<|endoftext|>"


def make_tiny_model(
    folder: Path,
    texts: Iterable[str],
    vocabulary: int = 384,
    seed: int = 0,
    context: int = 2048,
    begins: bool = False,
) -> Path:
    """Save a random 2-layer Llama and a byte-level BPE tokenizer trained on `texts`; return the folder.

    Any text can be encoded. `vocabulary` counts the 256 bytes, the end of text and the learned merges, so it
    is at least 257; the model's vocabulary is the tokenizer's, which may be smaller where `texts` are few.
    `context` is its longest sequence, in tokens. With `begins` the tokenizer puts the end of text in front of every
    text, as a beginning-of-sequence token like Llama's. The same arguments give the same weights; torch's global
    generator is left as it was.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _train_tokenizer(texts, vocabulary, begins)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Path(folder)


def _train_tokenizer(texts: Iterable[str], vocabulary: int, begins: bool):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    special = {"eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT}
    if begins:
        special["bos_token"] = END_OF_TEXT
        ids = [(END_OF_TEXT, tokenizer.token_to_id(END_OF_TEXT))]
        tokenizer.post_processor = processors.TemplateProcessing(f"{END_OF_TEXT} $A", special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special)
