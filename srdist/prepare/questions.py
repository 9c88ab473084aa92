"""Questions about each passage, written by a language model: indexing inputs for `questions`."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from srdist.config.mixture import ViewsConfig
from srdist.config.schema import Config, TemplatesConfig
from srdist.errors import UserError
from srdist.prepare.passage_tables import PassageTables
from srdist.storage.partitions import open_partition, write_partition
from srdist.templates import writing_text

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 16
"""texts that the model reads together"""
SCHEMA = pa.schema([("questions", pa.list_(pa.string()))])


def write_questions(run_dir: Path, path: Path, index: int, config: Config) -> dict[str, int]:
    """Have questions written for the passages of partition `index`, unless `path` is there; return their number.

    Question k of n is about the k-th of n runs of the passage's sentences, so that they differ; a passage with fewer
    sentences gets fewer. The model decodes greedily: the same passages, the same questions.

    Raises:
        UserError: the model cannot be loaded.
    """
    if not path.exists():
        wanted = max(phase.questions for phase in config.mixture.phases)
        partition = PassageTables(run_dir).partitions[index]
        pieces = [
            [(partition.title(row), piece) for piece in _pieces(text, partition.sentences[row].tolist(), wanted)]
            for row, text in enumerate(partition.texts.to_pylist())
        ]
        writer = _writer(config.mixture.views, config.templates)
        written = iter(writer.questions([piece for passage in pieces for piece in passage]))
        questions = [[next(written) for _ in passage] for passage in pieces]
        write_partition(path, [pa.table({"questions": questions}, schema=SCHEMA)], SCHEMA)
    return {"questions": sum(map(len, read_questions(path)))}


def read_questions(path: Path) -> list[list[str]]:
    """Return the questions of each passage of a partition."""
    return open_partition(path)["questions"].to_pylist()


def _pieces(text: str, starts: list[int], wanted: int) -> list[str]:
    """Cut a passage at sentences into `wanted` runs of about as many sentences each, or fewer."""
    count = min(wanted, len(starts))
    cuts = [*(starts[len(starts) * piece // count] for piece in range(count)), len(text)]
    return [text[start:end].strip() for start, end in itertools.pairwise(cuts)]


class QuestionWriter:
    """Asks a causal language model for questions.

    Args:
        config: names the model and the longest question.
        templates: the prompt.
    """

    def __init__(self, config: ViewsConfig, templates: TemplatesConfig):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.config, self.templates = config, templates
        name, in_folder = str(config.question_model), Path(str(config.question_model)).is_absolute()
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=in_folder, padding_side="left")
            model = AutoModelForCausalLM.from_pretrained(name, local_files_only=in_folder, dtype="auto")
        except (OSError, ValueError) as error:
            reason = (str(error).splitlines() or ["no reason given"])[0]
            cure = "set mixture.views.question_model to the folder or the hub name of a causal language model"
            raise UserError(f"cannot load the model of questions: {reason}", file=name, cure=cure) from None
        self.model: Any = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def questions(self, pieces: list[tuple[str, str]]) -> Iterator[str]:
        """Give a question for each (title, text): the first line of the model's answer, the text if it is empty."""
        for begin in range(0, len(pieces), BATCH):
            batch = pieces[begin : begin + BATCH]
            for (_, text), answer in zip(batch, self._generate(batch), strict=True):
                lines = answer.strip().splitlines()
                yield " ".join(lines[0].split()) if lines else text

    def _generate(self, pieces: list[tuple[str, str]]) -> list[str]:
        import torch

        prompts = [writing_text(self.templates, title, text) for title, text in pieces]
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
        with torch.inference_mode():
            output = self.model.generate(
                **inputs.to(self.model.device),
                do_sample=False,
                num_beams=1,
                max_new_tokens=self.config.question_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return self.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


_writer = functools.lru_cache(maxsize=1)(QuestionWriter)
