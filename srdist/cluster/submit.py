"""Submit a run to Slurm: a chain of jobs, each after the success of the one before."""

from __future__ import annotations

import fcntl
import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from srdist.cluster.jobs import Job, job_folder, read_jobs, write_jobs
from srdist.cluster.sbatch import SHARED, SITE, PlannedJob, copy_scripts, job_environment, read_site, sbatch_command
from srdist.cluster.slurm import call, job_state
from srdist.config.load import save_config
from srdist.config.schema import Config
from srdist.config.study import StudyConfig
from srdist.errors import UserError
from srdist.storage.manifest import manifest_path, read_manifest
from srdist.storage.stage import Stage


def chain(stages: Sequence[str]) -> tuple[PlannedJob, ...]:
    """Return the jobs that run all stages of the pipeline, in order."""
    first = ("prepare", "index", "train")
    return (
        PlannedJob("prepare", "prepare.sbatch", "prepare", ("prepare",), ("prepare",)),
        PlannedJob("index", "prepare.sbatch", "prepare", ("index",), ("index",), after="prepare"),
        PlannedJob("train", "train.sbatch", "train", ("train",), after="index"),
        PlannedJob(
            "evaluate",
            "evaluate.sbatch",
            "evaluate",
            tuple(stage for stage in stages if stage not in first),
            after="train",
        ),
    )


def unfinished(config: Config, stages: Sequence[str]) -> tuple[PlannedJob, ...]:
    """Return the jobs that still have something to do: the first with an unfinished stage, and all after it.

    Raises:
        UserError: a stage was made or begun with other settings.
    """
    jobs = chain(stages)
    for number, job in enumerate(jobs):
        finished = [is_finished(config, stage) for stage in job.stages]
        if not all(finished):
            return jobs[number:]
    return ()


def is_finished(config: Config, stage: str) -> bool:
    """Tell whether a stage has finished with the config's settings; its inputs are checked by the stage itself.

    Raises:
        UserError: it was made or begun with other settings.
    """
    pending = manifest_path(config.run_dir, f".{stage}.pending")
    if manifest_path(config.run_dir, stage).exists():
        manifest = read_manifest(config.run_dir, stage)
        recorded, inputs = manifest.settings, manifest.inputs
    elif pending.exists():
        begun = json.loads(pending.read_text(encoding="utf-8"))
        recorded, inputs = begun["settings"], begun["inputs"]
    else:
        return False
    settings = _updated(recorded, config.model_dump(mode="json"))
    same = Stage(config.run_dir, stage, settings, inputs, ())
    same.check()
    return same.is_done()


def _updated(recorded: Any, config: Any) -> Any:
    """Return the settings that a stage recorded, with the values that the config has now where it has them.

    Paths stay as they were recorded: what lies there matters, and a stage looks there itself.
    """
    if isinstance(recorded, dict) and isinstance(config, dict):
        return {key: _updated(value, config[key]) if key in config else value for key, value in recorded.items()}
    if isinstance(recorded, list) and isinstance(config, list) and len(recorded) == len(config):
        return [_updated(before, now) for before, now in zip(recorded, config, strict=True)]
    return recorded if isinstance(config, str) and config.startswith("/") else config


@contextmanager
def submission(run_dir: Path) -> Iterator[Path]:
    """Hold the folder of a run, or of a study, for one submission; give the folder of its jobs.

    Raises:
        UserError: jobs of the run are live, it is being submitted right now, or its folder is not writable.
    """
    folder = job_folder(run_dir)
    try:
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        lock = open(folder / ".lock", "a")
    except OSError as error:
        what = f"cannot write to the run's folder: {error.strerror}"
        raise UserError(what, file=run_dir, cure="choose another `output`") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{run_dir} is being submitted by another process") from None
        live = [job for job in read_jobs(folder) if job_state(job.id).is_live]
        if live:
            named = ", ".join(f"{job.id} ({job.name})" for job in live)
            what = f"jobs of this run are waiting or running: {named}"
            raise UserError(what, cure=f"wait for them, or `srdist cancel {run_dir}`")
        yield folder


def submit(config: Config, stages: Sequence[str]) -> list[Job]:
    """Submit what is not finished of a run; return the jobs, none where all is.

    Raises:
        UserError: there is no Slurm, it refuses a job, the run's jobs are live, or a stage was made differently.
    """
    planned = [(config, job) for job in unfinished(config, stages)]
    return submit_jobs(config.run_dir, config, config.cluster.slurm.scripts, planned)


def submit_jobs(
    run_dir: Path, settings: Config | StudyConfig, scripts: Path, planned: Sequence[tuple[Config, PlannedJob]]
) -> list[Job]:
    """Submit jobs with the configs that they follow; each after the one it names, where that is among them.

    The scripts and the settings are copied below the folder: what is changed later does not reach waiting jobs. When
    Slurm refuses one of the jobs, or the user interrupts, those before it are cancelled.

    Args:
        run_dir: folder of the run, or of the study.
        settings: what the scripts are given as config.

    Raises:
        UserError: there is no Slurm, it refuses a job, or jobs of the folder are live.
    """
    site = read_site(scripts)
    with submission(run_dir) as folder:
        copy_scripts(scripts, folder)
        save_config(settings, folder / "config.yaml")
        submitted: dict[str, Job] = {}
        try:
            for config, job in planned:
                before = submitted.get(job.after or "")
                submitted[job.name] = _submit(config, job, folder, site, before.id if before else None)
                write_jobs(folder, list(submitted.values()))
        except BaseException:
            if submitted:
                call("scancel", *(str(job.id) for job in submitted.values()))
            raise
        return list(submitted.values())


def _submit(config: Config, job: PlannedJob, folder: Path, site: dict[str, str], after: int | None) -> Job:
    command = sbatch_command(config, job, folder, site, after)
    try:
        printed = call(*command, environment=job_environment(config, folder, site))
        number = int(printed.splitlines()[-1].split(";")[0])  # a site's own words may stand before it
    except UserError as error:
        cure = f"correct {SITE} and the scripts in {config.cluster.slurm.scripts}, or cluster.slurm.{job.section}"
        raise UserError(f"the job {job.name} cannot be submitted: {error.what}", cure=error.cure or cure) from None
    return Job(job.name, number, job.stages, str(folder / "logs" / f"{job.name}-{number}.log"))


def shown_scripts(config: Config, stages: Sequence[str]) -> str:
    """Return what `submit` would do, as text: every sbatch command, and site.env, job.sh and the scripts used."""
    planned, folder, scripts = unfinished(config, stages), job_folder(config.run_dir), config.cluster.slurm.scripts
    site = read_site(scripts)
    environment = job_environment(config, folder, site)
    parts = [" ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())]
    for number, job in enumerate(planned):
        after = f"<{job.after}>" if number else None
        parts.append(shlex.join(sbatch_command(config, job, folder, site, after)))
    for name in dict.fromkeys([SITE, SHARED, *(job.script for job in planned)]) if planned else ():
        parts.append(f"# ---- {name}\n{(scripts / name).read_text().strip()}")
    return "\n\n".join(parts)
