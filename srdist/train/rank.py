"""Entry point of one rank: `python -m srdist.train.rank CONFIG [--set KEY=VALUE]`, for srdist, torchrun and srun."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import NoReturn

from srdist.cluster.children import end_with_parent
from srdist.config.load import load_config
from srdist.config.schema import Config
from srdist.errors import REQUEUE, UserError
from srdist.storage.disk import refused_writes_told
from srdist.tracking import track_stage
from srdist.train.device import find_rank, join_ranks, leave_ranks
from srdist.train.launch import PARENT
from srdist.train.loop import train_rank
from srdist.train.stage import train_stage
from srdist.train.stop import STOP_SIGNALS


def main(arguments: list[str]) -> int:
    """Train one rank; return its exit code: 0, 2 for a mistake of the user, 85 after a stop with a checkpoint.

    A rank that srdist itself started only trains. Among ranks that torchrun or srun started, rank 0 also
    keeps the stage's manifest, so that the same command goes on, or does nothing when all is done.
    """
    parser = argparse.ArgumentParser(prog="python -m srdist.train.rank", description="Train as one of several ranks.")
    parser.add_argument("config", help="the experiment's YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a value")
    options = parser.parse_args(arguments)
    if "SLURM_JOB_ID" in os.environ:  # the log goes on at every start of a job
        print(f"--- job {os.environ['SLURM_JOB_ID']}, start", file=sys.stderr, flush=True)
    try:
        config = load_config(options.config, options.set)
        if PARENT in os.environ:
            die_with(int(os.environ[PARENT]))
            _train(config)
            return 0
        stop_before_training()
        rank = find_rank()
        stage = train_stage(config, checksums=rank.is_first)
        stage.check()
        if rank.is_first:
            track_stage(config, stage.run(lambda: _train(config)))
        elif not stage.is_done():
            _train(config)
        return 0
    except UserError as error:
        print(f"UserError: {error}", file=sys.stderr, flush=True)
        return 2


def _train(config: Config) -> dict[str, object]:
    rank = find_rank()
    join_ranks(rank)
    try:
        with refused_writes_told(config.run_dir):
            facts = train_rank(config, rank)
    except SystemExit:
        leave_ranks()
        raise
    leave_ranks()
    return facts


def stop_before_training() -> None:
    """Until the training listens for stop signals, end at one with code 85: there is nothing to save, only to go on."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: leave(REQUEUE))


def die_with(parent: int) -> None:
    """Be killed when the process that started this rank is: two trainings must not write to one folder."""
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)


def leave(code: int) -> NoReturn:
    """End a rank whose files are closed, without taking the interpreter down.

    Process groups that DeepSpeed still holds keep gloo's threads alive after `destroy_process_group`; beside them a
    rank was seen to abort at its end, when its model was written.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except SystemExit as stop:
        code = stop.code
    if code in (0, REQUEUE):
        leave(code)
    sys.exit(code)  # trackers may be open: what they do at exit matters
