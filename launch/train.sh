#!/usr/bin/env bash
# Train on this machine: launch/train.sh CONFIG [RANKS] [options of `srdist train`]
set -euo pipefail
config=${1:?usage: launch/train.sh CONFIG [RANKS] [options of srdist train]}
shift
ranks=()
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    ranks=(--set "train.processes=$1")
    shift
fi
"$(dirname "$0")/setup.sh"
exec "$(dirname "$0")/../.venv/bin/srdist" train "$config" "${ranks[@]}" "$@"
