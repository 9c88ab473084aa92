"""The cells of a study: which run is made from which config."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srdist.config.load import as_override, load_config
from srdist.config.schema import Config
from srdist.config.study import StudyConfig, VariantConfig


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        name: `<variant>-<documents>-<seed>`, also of its folder below `cells/`.
        variant: name of its variant.
        documents: size of its corpus.
        seed: of training and of the draw of the documents.
        config: what it runs.
        model_of: the cell whose prepared corpus, index, baselines and model it takes over; None: its own.
    """

    name: str
    variant: str
    documents: int
    seed: int
    config: Config
    model_of: Cell | None

    @property
    def run_dir(self) -> Path:
        """Folder of its run."""
        return self.config.run_dir

    @property
    def config_file(self) -> Path:
        """The YAML file that the run is started with."""
        return self.run_dir.with_suffix(".yaml")

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.run_dir.with_suffix(".log")


def make_cells(study: StudyConfig, overrides: Sequence[str] = ()) -> list[Cell]:
    """Return the cells in the order they are run: small corpora first, a cell after the one it takes its model of.

    Args:
        overrides: `section.key=value` texts for the base config of every cell.

    Raises:
        UserError: the base config or a variant's overrides are wrong.
    """
    cells: dict[str, Cell] = {}
    for documents in sorted(study.documents):
        for seed in study.seeds:
            for variant in study.variants:
                if documents in (variant.documents or study.documents):
                    cell = _cell(study, variant, documents, seed, overrides, cells)
                    cells[cell.name] = cell
    return list(cells.values())


def _cell(
    study: StudyConfig,
    variant: VariantConfig,
    documents: int,
    seed: int,
    overrides: Sequence[str],
    cells: dict[str, Cell],
) -> Cell:
    def name_of(other: str) -> str:
        return f"{other}-{documents}-{seed}"

    name = name_of(variant.name)
    chosen = [
        f"name={json.dumps(study.name)}",
        as_override("output", study.output / "cells" / name),
        f"seed={seed}",
        f"corpus.sample={{documents: {documents}, seed: {seed}}}",
    ]
    config = load_config(study.base, [*overrides, *_settings(study, variant), *chosen])
    model_of = cells[name_of(variant.model_of)] if variant.model_of else None
    return Cell(name, variant.name, documents, seed, config, model_of)


def _settings(study: StudyConfig, variant: VariantConfig) -> list[str]:
    """Return what a variant sets, after what the one sets that it takes the model of."""
    source = next((other for other in study.variants if other.name == variant.model_of), None)
    return [*(_settings(study, source) if source else []), *variant.set]
