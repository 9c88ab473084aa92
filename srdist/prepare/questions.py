"""Questions about each passage, written by a language model: indexing inputs for `questions`."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from srdist.config.mixture import ViewsConfig
from srdist.config.schema import Config, TemplatesConfig
from srdist.prepare.passage_tables import PassageTables
from srdist.storage.models import load_language_model
from srdist.storage.partitions import open_partition, write_partition
from srdist.templates import writing_text

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = pa.schema([("questions", pa.list_(pa.string()))])


def write_questions(run_dir: Path, path: Path, index: int, config: Config) -> dict[str, int]:
    """Have questions written for the passages of partition `index`, unless `path` is there; return their number.

    Each passage gets as many as the phases take in all their epochs (docTTTTTquery, Nogueira and Lin, 2019; for
    generative retrieval Zhuang et al., 2022). They are drawn by seed: the same partition, the same questions.

    Raises:
        UserError: the model cannot be loaded.
    """
    if not path.exists():
        partition = PassageTables(run_dir).partitions[index]
        passages = [(partition.title(row), text) for row, text in enumerate(partition.texts.to_pylist())]
        writer = _writer(config.mixture.views, config.templates)
        seed = f"questions\0{config.seed}\0{index}"
        questions = writer.questions(passages, config.mixture.questions, seed)
        write_partition(path, [pa.table({"questions": questions}, schema=SCHEMA)], SCHEMA)
    return {"questions": sum(map(len, read_questions(path)))}


def read_questions(path: Path) -> list[list[str]]:
    """Return the questions of each passage of a partition."""
    return open_partition(path)["questions"].to_pylist()


class QuestionWriter:
    """Asks a causal language model for questions.

    Args:
        config: names the model and the longest question.
        templates: the prompt.
    """

    def __init__(self, config: ViewsConfig, templates: TemplatesConfig):
        self.config, self.templates = config, templates
        self.model, self.tokenizer = load_language_model(
            str(config.question_model), "the model of questions", "mixture.views.question_model", padding_side="left"
        )
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def questions(self, passages: Sequence[tuple[str, str]], count: int, seed: str) -> list[list[str]]:
        """Give `count` questions about each (title, text): the first line of an answer, the title if it is empty.

        Passages of about the same length are read together, so that little is padded; of long ones fewer.

        Args:
            seed: what is drawn is a function of it, of the passages and of `question_batch_tokens`.
        """
        prompts = [writing_text(self.templates, title, text) for title, text in passages]
        lengths = [len(self.tokenizer(prompt)["input_ids"]) + self.config.question_tokens for prompt in prompts]
        waiting = sorted(range(len(prompts)), key=lambda number: -lengths[number])
        written: dict[int, list[str]] = {}
        while waiting:
            together = max(1, self.config.question_batch_tokens // (lengths[waiting[0]] * count))
            numbers, waiting = waiting[:together], waiting[together:]
            answers = self._generate([prompts[number] for number in numbers], count, f"{seed}\0{len(written)}")
            for place, number in enumerate(numbers):
                own, title = answers[place * count : (place + 1) * count], passages[number][0]
                written[number] = [" ".join(answer.strip().partition("\n")[0].split()) or title for answer in own]
        return [written[number] for number in range(len(passages))]

    def _generate(self, prompts: list[str], count: int, seed: str) -> list[str]:
        """Return `count` answers to each prompt, side by side; it is read once."""
        import torch
        from transformers import DynamicCache

        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
        tokens, seen = inputs["input_ids"].to(self.model.device), inputs["attention_mask"].to(self.model.device)
        cache = DynamicCache(config=self.model.config)
        torch.manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little", signed=True))
        with torch.inference_mode():
            places = (seen.cumsum(1) - 1).clamp(min=0)
            self.model.base_model(
                tokens[:, :-1], attention_mask=seen[:, :-1], position_ids=places[:, :-1], past_key_values=cache
            )
            cache.batch_repeat_interleave(count)
            output = self.model.generate(
                tokens.repeat_interleave(count, 0),
                attention_mask=seen.repeat_interleave(count, 0),
                past_key_values=cache,
                do_sample=True,
                temperature=1.0,
                top_k=self.config.question_top_k,
                top_p=1.0,
                num_beams=1,
                max_new_tokens=self.config.question_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return self.tokenizer.batch_decode(output[:, tokens.shape[1] :], skip_special_tokens=True)


_writer = functools.lru_cache(maxsize=1)(QuestionWriter)
