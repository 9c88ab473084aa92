"""The stage `train`: mixture and base model in, `model/` and `train/` out."""

from __future__ import annotations

from srdist.config.schema import WITHOUT_INFLUENCE, Config
from srdist.errors import UserError
from srdist.storage.disk import refused_writes_told
from srdist.storage.manifest import Manifest, read_manifest, verified_inputs
from srdist.storage.models import is_folder, model_files
from srdist.storage.stage import Stage, input_digests
from srdist.storage.tables import MIXTURE, MODEL
from srdist.train.checkpoint import CHECKPOINTS
from srdist.train.journal import STAGE
from srdist.train.launch import launch
from srdist.train.settings import read_deepspeed_json


def train(config: Config, *, overwrite: bool = False) -> Manifest:
    """Train on this machine unless that is done; go on from the newest checkpoint where there is one.

    Args:
        overwrite: discard a training made with another config or from another mixture.

    Raises:
        UserError: an input is missing or damaged, the stage was made differently, or a rank failed.
        SystemExit: 85, after a stop signal and a checkpoint: the same command goes on from there.
    """
    with refused_writes_told(config.run_dir):
        return train_stage(config).run(lambda: launch(config), overwrite=overwrite)


def train_stage(config: Config, *, checksums: bool = True) -> Stage:
    """Return the stage; a change of its settings or inputs is refused by `Stage.run`.

    Args:
        checksums: whether to read the mixture to see that it is unchanged; its size is looked at in any case.

    Raises:
        UserError: prepare has not finished or had another config, the mixture is damaged, or base model or DeepSpeed
            file are missing.
    """
    model = config.model.model_dump(mode="json")
    if is_folder(config.model.base):
        model["base"] = None  # its files are inputs, wherever they lie
    settings = {
        "model": model,
        "train": config.train.model_dump(mode="json", exclude={*WITHOUT_INFLUENCE["train"], "deepspeed"}),
        "deepspeed": read_deepspeed_json(config.train.deepspeed),
        "seed": config.seed,
        "phases": [{"name": phase.name, "epochs": phase.epochs} for phase in config.mixture.phases],
    }
    base = input_digests(
        model_files(config.model.base, "base", "model.base"), config.run_dir / "manifests" / ".base.json"
    )
    inputs = {**verified_inputs(config.run_dir, "prepare", MIXTURE, checksums=checksums), **base}
    _check_mixture(config, base)
    return Stage(config.run_dir, STAGE, settings, inputs, outputs=(MODEL, STAGE), kept=(CHECKPOINTS,))


def _check_mixture(config: Config, base: dict[str, str]) -> None:
    """Refuse a config whose mixture or tokenizer is not what was prepared; models may lie elsewhere now."""
    manifest = read_manifest(config.run_dir, "prepare")
    for name, digest in manifest.inputs.items():
        if name.startswith("tokenizer/") and base.get(name.replace("tokenizer", "base", 1)) != digest:
            what = f"the mixture was prepared with another {name.removeprefix('tokenizer/')}"
            cure = "set model.base to the model it was prepared with, or run `srdist prepare --overwrite` first"
            raise UserError(what, file=config.model.base, cure=cure)
    prepared = manifest.settings.get("mixture", {})
    wanted = config.mixture.model_dump(mode="json")
    for before, now in ((prepared, wanted), (prepared.get("views", {}), wanted["views"])):
        for key in sorted(before.keys() - {"views", "question_model", "question_batch_tokens"}):
            if before[key] != now.get(key):
                what = f"the mixture was prepared with {key} {before[key]}, in the config it is {now.get(key)}"
                raise UserError(what, file=config.run_dir / MIXTURE, cure="run `srdist prepare --overwrite` first")
