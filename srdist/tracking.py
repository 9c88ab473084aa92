"""Weights & Biases: one run per stage, offline by default."""

from __future__ import annotations

import hashlib
from typing import Any

from srdist.config.schema import Config
from srdist.errors import UserError


class Tracker:
    """Logs a stage's records to W&B; does nothing where `tracking.wandb` is `disabled`.

    The run's id follows from the run's folder and the stage, so that a resumed stage goes on in the same run
    (offline: in a new folder with the same id). Its files lie in `<run>/wandb/`.

    Args:
        config: the experiment; logged whole.
        stage: name of the stage, W&B's job type.

    Raises:
        UserError: W&B cannot start, for example online without a login.
    """

    def __init__(self, config: Config, stage: str):
        self._run = None
        if config.tracking.wandb == "disabled":
            return
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            x_disable_stats=True,
            x_save_requirements=False,
            disable_git=True,
            disable_code=True,
            save_code=False,
        )
        config.run_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._run = wandb.init(
                project=config.tracking.project,
                group=config.name,
                name=f"{config.name}-{stage}",
                job_type=stage,
                id=run_id(config, stage),
                resume="allow" if config.tracking.wandb == "online" else None,
                mode=config.tracking.wandb,
                dir=str(config.run_dir),
                config=config.model_dump(mode="json"),
                settings=settings,
            )
        except wandb.errors.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"Weights & Biases cannot start ({reason})", cure="set tracking.wandb: offline") from None
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def log(self, record: dict[str, Any]) -> None:
        """Log one record; its key `step` is the horizontal axis."""
        if self._run is not None:
            self._run.log(record)

    def close(self) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish()


def run_id(config: Config, stage: str) -> str:
    """Return the id of a stage's W&B run: the same for the same run folder and stage."""
    return hashlib.sha256(f"{config.run_dir}\n{stage}".encode()).hexdigest()[:16]
