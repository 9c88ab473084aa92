"""The fields of an experiment's YAML file, one class per room, each with unit and meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from srdist.config.baselines import BaselinesConfig, EvaluateConfig
from srdist.config.cluster import ClusterConfig
from srdist.config.lora import LoraConfig
from srdist.config.mixture import MixtureConfig
from srdist.config.paths import ConfigPath, ModelName
from srdist.config.retrieve import RetrieveConfig
from srdist.config.section import BelowOne, Count, Positive, PositiveFloat, Section, Share
from srdist.config.tracking import TrackingConfig
from srdist.config.validation import ValidationConfig

Format = Literal["jsonl", "beir", "squad", "kilt", "self_retrieval", "msmarco", "vital_articles"]


class DocumentSource(Section):
    format: Format
    """layout of the file; see docs/data.md"""
    path: ConfigPath
    """file to read (`.gz` and `.zst` too), or `package:NAME/FILE` inside an installed Python package"""


class QuerySource(Section):
    format: Format
    """layout of the file; see docs/data.md"""
    path: ConfigPath
    """file of queries"""
    qrels: ConfigPath | None = None
    """TREC or BEIR qrels (beir, msmarco): query id, document id, relevance; only its queries are taken"""
    split: Literal["train", "test", "hash", "field"] = "test"
    """what the queries are for; `hash` divides them, `field` reads each record's own `split`"""
    test_share: Share = 0.2
    """with `split: hash`, share of the queries that become test queries"""


class SampleConfig(Section):
    documents: Positive
    """documents to keep: the gold documents of test queries, then of training queries, then others, each
    drawn by seed; a larger sample of the same seed contains every smaller one"""
    seed: int = 0
    """seed of the draw"""


class TitlesConfig(Section):
    lowercase: bool = True
    """lower-case titles, as the paper does"""
    words: Positive = 8
    """words of a title made from the text, for documents without one"""
    replace: bool = False
    """make titles from the text for all documents, whatever title they have"""
    constant: str | None = None
    """one title for all documents: the model then generates passages without a title of their own, under one trie
    over all of them (the ablation "without title"); null: every document has its title"""
    model: ModelName | None = None
    """model that writes titles for documents without one; null takes the text's first words"""
    prompt: str = "Text: {text}\nA short title for this text:"
    """prompt of that model; {text} is the beginning of the document's text"""

    @model_validator(mode="after")
    def _the_prompt_has_its_field(self) -> TitlesConfig:
        if "{text}" not in self.prompt:
            raise ValueError("corpus.titles.prompt must contain {text}")
        return self


class CorpusConfig(Section):
    documents: list[DocumentSource] = Field(min_length=1)
    """files of documents, read in this order"""
    queries: list[QuerySource] = []
    """files of queries with their gold documents"""
    sample: SampleConfig | None = None
    """keep only some of the documents; null keeps all"""
    titles: TitlesConfig = TitlesConfig()
    language: str = "en"
    """ISO 639-1 code: sentences, content words of windows, and BM25's stop words and stems follow from it"""
    passage_words: Positive = 200
    """largest number of words of a passage; passages end at sentence ends (the paper: 200)"""
    split_passages: bool = True
    """false keeps every paragraph as one passage, whatever its length"""
    on_bad_record: Literal["stop", "skip"] = "stop"
    """`skip` puts bad records into quarantine.jsonl, counts them and goes on"""
    max_missing_gold: Share = 0.0
    """share of queries whose gold document may be missing from the corpus before the command stops"""


class ModelConfig(Section):
    base: ModelName
    """pretrained causal language model: folder or hub name"""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """type of the weights in training and retrieval; `auto` is bfloat16 on GPUs and CPUs that have instructions for
    it, and float32 on others, which are many times slower in bfloat16; a training goes on in the type it began with"""
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    """attention kernel; `auto` takes flash attention where it is installed and a GPU is present; in training on a CPU
    it attends example by example"""


class TemplatesConfig(Section):
    sentence: str = "Question: {sentence}\nTitle:"
    """input of an indexing example"""
    query: str = "Question: {query}\nTitle:"
    """input of retrieval and assessment"""
    title: str = " {title}"
    """the title, generated"""
    passage_separator: str = "\nText:"
    """between title and passage; its first token ends a title"""
    passage: str = " {passage}"
    """the passage, generated"""
    verdict_separator: str = "\nThis text"
    """between passage and verdict; its first token ends a passage"""
    positive: str = " can answer the query"
    """verdict on a gold passage"""
    negative: str = " cannot answer the query"
    """verdict on any other passage: the rejection"""
    answer_separator: str = "\nAnswer:"
    """between positive verdict and answer"""
    answer: str = " {answer}"
    """the answer, generated"""
    writing: str = "Title: {title}\nText: {text}\nA question that this text answers:"
    """input of a writing example, whose output is a query; {text} is a passage, or some of its sentences, which alone
    may not tell what they are about: so {title}"""

    @model_validator(mode="after")
    def _fields_are_there(self) -> TemplatesConfig:
        fields = {name: name for name in ("sentence", "query", "title", "passage", "answer")}
        for name, field in (fields | {"writing": "text"}).items():
            if "{" + field + "}" not in getattr(self, name):
                raise ValueError(f"templates.{name} must contain {{{field}}}")
        for name in ("passage_separator", "verdict_separator", "positive", "negative", "answer_separator"):
            if not getattr(self, name):
                raise ValueError(f"templates.{name} must not be empty")
        return self


class PrepareConfig(Section):
    partitions: Positive = 8
    """Arrow partitions of each table; documents of one title share a partition"""
    chunk_documents: Positive = 256
    """documents a Ray task splits and tokenizes at once"""


class TrainConfig(Section):
    deepspeed: ConfigPath
    """DeepSpeed JSON file: ZeRO stage, offload, communication; batch sizes and data types are set by this config"""
    learning_rate: PositiveFloat = 2e-5
    """peak of the schedule (the paper: 2e-5)"""
    warmup_share: Share = 0.03
    """share of all steps in which the rate rises linearly from zero"""
    final_rate_share: Share = 0.0
    """rate at the end of the cosine, as a share of the peak"""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's decay, on matrices only (never on norms and biases)"""
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    """AdamW's moment decay rates"""
    max_gradient_norm: PositiveFloat = 1.0
    """gradients are scaled down to this global norm"""
    row_tokens: Positive = 2048
    """tokens of a packed row; a longer example is cut at its end and counted"""
    rows_per_step: Positive = 8
    """packed rows of one optimizer step, over all ranks"""
    lora: LoraConfig | None = None
    """train low-rank adapters and merge them into the exported model; null trains all weights"""
    gradient_checkpointing: bool = True
    """recompute activations in the backward pass to save memory"""
    processes: Positive | Literal["auto"] = "auto"
    """ranks that `srdist train` starts on this machine; `auto`: one per GPU, or one"""
    checkpoint_steps: Count = 500
    """optimizer steps between two checkpoints; 0: none by steps"""
    checkpoint_minutes: float = Field(default=30.0, ge=0)
    """minutes between two checkpoints; 0: none by time"""
    keep_checkpoints: Positive = 2
    """newest checkpoints to keep"""
    log_steps: Positive = 1
    """optimizer steps between two log records"""
    validation: ValidationConfig = ValidationConfig()
    """what is measured on held-out queries while training"""
    peak_tflops: PositiveFloat | None = None
    """peak of one rank's device, in 10^12 operations per second, for the model FLOPs utilisation; null: that of the
    GPU, where it is known"""


class Config(Section):
    """An experiment: everything that `srdist run` needs to know."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """name of the experiment, shown in tables, the report and W&B"""
    output: ConfigPath
    """folder of the run: every stage writes below it"""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """seed of every random choice"""
    corpus: CorpusConfig
    model: ModelConfig
    templates: TemplatesConfig = TemplatesConfig()
    prepare: PrepareConfig = PrepareConfig()
    mixture: MixtureConfig = MixtureConfig()
    train: TrainConfig
    retrieve: RetrieveConfig = RetrieveConfig()
    baselines: BaselinesConfig = BaselinesConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    tracking: TrackingConfig = TrackingConfig()
    cluster: ClusterConfig = ClusterConfig()

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""
        return self.output

    def with_dtype(self, dtype: str) -> Config:
        """Return the same experiment with another `model.dtype`."""
        return self.model_copy(update={"model": self.model.model_copy(update={"dtype": dtype})})

    @model_validator(mode="after")
    def _baselines_are_run(self) -> Config:
        missing = {self.evaluate.against, self.evaluate.fuse_with} - {None, *self.baselines.systems}
        if missing:
            raise ValueError(f"evaluate.against or fuse_with names {min(missing)}, which baselines.systems lacks")
        return self

    @model_validator(mode="after")
    def _validation_has_queries(self) -> Config:
        validation = self.train.validation
        if (validation.loss_steps or validation.retrieval_steps) and not self.mixture.held_out_queries:
            raise ValueError("train.validation measures held-out queries: set mixture.held_out_queries")
        return self


WITHOUT_INFLUENCE = {
    "output": True,
    "tracking": True,
    "cluster": True,
    "train": {
        "processes",
        "log_steps",
        "validation",
        "peak_tflops",
        "checkpoint_steps",
        "checkpoint_minutes",
        "keep_checkpoints",
    },
    "retrieve": {"device"},
}
"""Fields that change how a run is made, but not what comes out: stages leave them out of what they compare."""
