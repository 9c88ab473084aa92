"""The fields of a study's YAML file."""

from __future__ import annotations

from pydantic import Field, model_validator

from srdist.config.paths import ConfigPath, Override
from srdist.config.section import Count, Positive, Section


class VariantConfig(Section):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """name of the variant, in tables and of its folders"""
    set: list[Override] = []
    """`section.key=value` texts: what differs from the base config"""
    model_of: str | None = None
    """an earlier variant whose prepared corpus, index, baselines and model this one takes over: for variants that
    differ in retrieval only, and set what that one sets besides; null: everything is made anew"""
    documents: list[Positive] | None = None
    """sizes this variant is run at; null: all of the study's"""


class StudyConfig(Section):
    """A grid of experiments: corpus sizes, seeds and variants of one base config."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """name of the study, shown on its page and W&B's group"""
    output: ConfigPath
    """folder of the study; each cell's run lies below it"""
    base: ConfigPath
    """the experiment's YAML file that every cell starts from"""
    documents: list[Positive] = Field(min_length=1)
    """corpus sizes in documents; the smaller corpus is inside the larger"""
    seeds: list[Count] = Field(default=[0], min_length=1)
    """seeds of training and of the draw of the documents"""
    variants: list[VariantConfig] = Field(default=[VariantConfig(name="full")], min_length=1)
    """what is varied besides the size: ablations, numbers of beams"""
    measure: str = "Hits@1"
    """measure of the tables and figures, by the name that tables show"""

    @model_validator(mode="after")
    def _variants_fit(self) -> StudyConfig:
        known: dict[str, VariantConfig] = {}
        for variant in self.variants:
            if variant.name in known:
                raise ValueError(f"variants: two have the name {variant.name}")
            sizes = set(variant.documents or self.documents)
            if not sizes <= set(self.documents):
                raise ValueError(f"variants: {variant.name} names a size that `documents` lacks")
            if variant.model_of is not None:
                source = known.get(variant.model_of)
                if source is None or not sizes <= set(source.documents or self.documents):
                    what = f"{variant.name} takes the model of {variant.model_of}"
                    raise ValueError(f"variants: {what}, which is not an earlier variant with the same sizes")
            known[variant.name] = variant
        return self
