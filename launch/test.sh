#!/usr/bin/env bash
# Lint and test. Further arguments go to pytest: launch/test.sh -m 'not slow'
set -euo pipefail
cd "$(dirname "$0")/.."
launch/setup.sh
.venv/bin/ruff check .
.venv/bin/ruff format --check .
export OMP_NUM_THREADS=1 WANDB_MODE=offline
exec .venv/bin/python -m pytest "$@"
