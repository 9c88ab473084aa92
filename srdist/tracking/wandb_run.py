"""Weights & Biases: one group per experiment, one run per stage, offline by default."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from srdist.config.schema import WITHOUT_INFLUENCE, Config
from srdist.errors import UserError
from srdist.tracking.lineage import Artifact
from srdist.tracking.origin import origin
from srdist.tracking.steps import AXES, VALIDATION, axis
from srdist.tracking.wandb_files import read_history, run_files

logger = logging.getLogger(__name__)


class WandbRun:
    """A stage's W&B run, in `<run>/wandb/`.

    W&B writes in a process of its own, which a signal to all of a job ends before the stage has obeyed it. The stage
    then goes on without W&B, and its next job logs what is missing. After the last job of a training that is the
    summary alone: the other records are in the run's own files.

    Its id follows from the run's folder, the stage and the config, so that a resumed stage goes on in the same
    run (offline: in a new folder with the same id, which W&B joins when they are sent).

    Raises:
        UserError: W&B cannot start, for example online without a login.
    """

    def __init__(self, config: Config, stage: str):
        import wandb

        name = run_id(config, stage)
        config.run_dir.mkdir(parents=True, exist_ok=True)
        rows = [row for path in run_files(config.run_dir, name) for row in read_history(path)]
        settings = wandb.Settings(
            silent=True,
            console="off",
            x_disable_stats=True,
            x_save_requirements=False,
            disable_git=True,
            disable_code=True,
            save_code=False,
        )
        online = config.tracking.wandb == "online"
        try:
            self._run = wandb.init(
                project=config.tracking.project,
                group=config.name,
                name=f"{config.name}-{stage}",
                job_type=stage,
                id=name,
                resume="allow" if online else None,
                mode=config.tracking.wandb,
                dir=str(config.run_dir),
                config={**config.model_dump(mode="json"), "origin": origin()},
                settings=settings,
            )
        except wandb.errors.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"Weights & Biases cannot start ({reason})", cure="set tracking.wandb: offline") from None
        self._experiment, self._is_lost = config.name, False
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")
        self._run.define_metric(f"{VALIDATION}*", step_metric=f"{VALIDATION}step")
        if online:
            rows.append({key: value for key in AXES if (value := self._run.summary.get(key)) is not None})
        self._logged = {key: max((row.get(key, -1) for row in rows), default=-1) for key in AXES}
        self._row = max([int(row["_step"]) + 1 for row in rows if "_step" in row] + [self._run.step])

    def log(self, record: Mapping[str, Any]) -> None:
        """Log a record as the next row, unless a row of its step is in the history."""
        if record[axis(record)] > self._logged[axis(record)]:
            self._logged[axis(record)] = record[axis(record)]
            self._tell(self._run.log, dict(record), step=self._row, commit=True)
            self._row += 1

    def summarize(self, figures: Mapping[str, Any], used: Sequence[Artifact], made: Sequence[Artifact]) -> None:
        """Put the figures into the run's summary, and log the artifacts by reference."""
        self._tell(self._run.summary.update, dict(figures))
        for artifact in map(self._reference, used):
            # `use_artifact` asks the server; logging the same content "for use" draws the same edge, offline too
            self._tell(self._run._log_artifact, artifact, is_user_created=True, use_after_commit=True)
        for artifact in map(self._reference, made):
            self._tell(self._run.log_artifact, artifact)

    def close(self) -> bool:
        """Finish the run; tell whether W&B was there to the end."""
        self._tell(self._run.finish)
        return not self._is_lost

    def _tell(self, tell: Callable[..., object], *values: object, **options: object) -> None:
        import wandb

        if self._is_lost:
            return
        try:
            tell(*values, **options)
        except Exception as error:  # of many kinds: none is worth a training
            self._is_lost = True
            what = f"{type(error).__name__}: {error}"
            logger.warning("Weights & Biases is lost (%s); this job goes on without it", what)
            with suppress(Exception):  # it takes leave of the process that has ended, then forgets it
                wandb.teardown()

    def _reference(self, artifact: Artifact) -> Any:
        """Return the W&B artifact: paths and checksums, no copy; W&B tells versions by the names of its entries."""
        import wandb

        reference = wandb.Artifact(
            f"{self._experiment}-{artifact.kind}",
            artifact.kind.split(".")[0],
            metadata={"sha256": artifact.digest, **artifact.facts},
        )
        for path in artifact.paths:
            reference.add_reference(path.as_uri(), name=f"{path.name}@{artifact.digest[:16]}", checksum=False)
        return reference


def run_id(config: Config, stage: str) -> str:
    """Return the id of a stage's W&B run: the same for the same folder, stage and settings that matter."""
    settings = json.dumps(config.model_dump(mode="json", exclude=WITHOUT_INFLUENCE), sort_keys=True)
    return hashlib.sha256(f"{config.run_dir}\n{stage}\n{settings}".encode()).hexdigest()[:16]
